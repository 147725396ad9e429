"""Which e-mail addresses Mailchimp takes."""

from __future__ import annotations

import re

from connectors.sandbox.mailchimp import problems

SYNTAX = re.compile(
    r"[^\s@,;<>()\[\]\\\"]{1,64}@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE
)
FAKE_DOMAINS = ("example.com", "example.org", "example.net", "test.com", "domain.com", "email.com")
MALFORMED = "Please provide a valid email address."
FAKE_ENDINGS = (".invalid", ".localhost", ".local")


def check_address(address: str) -> None:
    """Refuse what is no address, and what looks like a made-up one.

    Names under .test and .example stay usable: they are what invented people have.
    """
    local = address.partition("@")[0]
    if not SYNTAX.fullmatch(address) or ".." in address or local.startswith(".") or local.endswith("."):
        raise problems.invalid_resource(MALFORMED)
    domain = address.lower().rpartition("@")[2]
    fake = domain in FAKE_DOMAINS or any(domain.endswith("." + known) for known in FAKE_DOMAINS[:3])
    if fake or domain.endswith(FAKE_ENDINGS):
        message = f"{address} looks fake or invalid, please enter a real email address."
        raise problems.invalid_resource(message)
