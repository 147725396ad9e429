"""The root of the API and its ping."""

from __future__ import annotations

from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.links import link
from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()


@ROUTES.on("GET", "/ping", "Ping/Instance")
def ping(_call: MailchimpCall) -> Document:
    """Say that all is well."""
    return {"health_status": "Everything's Chimpy!"}


@ROUTES.on("GET", "/", "Root")
def root(call: MailchimpCall) -> Document:
    """Describe the account."""
    state = call.state
    subscribers = sum(len(state.members(list_id)) for list_id in state.audiences)
    return {
        "account_id": "8d3a3db4d97663a9074efcc16",
        "login_id": "100001",
        "account_name": "Sandbox",
        "email": "owner@sandbox.test",
        "first_name": "Sandbox",
        "last_name": "Owner",
        "username": "sandbox",
        "avatar_url": "",
        "role": "owner",
        "member_since": "2020-01-01T00:00:00+00:00",
        "pricing_plan_type": "monthly",
        "first_payment": "",
        "account_timezone": "UTC",
        "account_industry": "Software",
        "contact": {"company": "Sandbox", "addr1": "", "addr2": "", "city": "", "state": "", "zip": "", "country": ""},
        "pro_enabled": False,
        "last_login": state.now(),
        "total_subscribers": subscribers,
        "industry_stats": {"open_rate": 0.2, "bounce_rate": 0.01, "click_rate": 0.02},
        "_links": [link("self", f"{call.url}/", target="Definitions/Root/Response")],
    }
