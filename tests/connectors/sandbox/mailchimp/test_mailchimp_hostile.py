"""Whatever a stranger sends ends in a problem document, never in a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from connectors.sandbox.mailchimp.endpoints import ROUTES
from tests.examples import examples

if TYPE_CHECKING:
    from tests.connectors.sandbox.mailchimp.conftest import Platform, Script

EVERY = sorted({(route.method, route.template) for known in ROUTES.by_length.values() for route in known})
KEYS = [
    "email_address",
    "status",
    "status_if_new",
    "merge_fields",
    "tags",
    "members",
    "marketing_permissions",
    "timestamp_opt",
    "name",
    "type",
    "options",
    "static_segment",
    "members_to_add",
    "operations",
    "recipients",
    "settings",
    "variate_settings",
    "variate_contents",
    "html",
    "schedule_time",
    "id",
    "customer",
    "lines",
    "order_total",
    "currency_code",
    "list_id",
    "title",
    "variants",
    "url",
    "events",
    "properties",
    "occurred_at",
    "vip",
]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 600) | st.sampled_from(["", "x", "ada@people.test", "subscribed"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def places(platform: Platform, script: Script) -> dict[str, str]:
    """Make one of everything and return the values of all placeholders."""
    assert not script.acts  # nobody reacts to what a test sends
    listed, hook = platform.list_id, {"url": "https://hooks.people.test/x"}
    platform.state.add_store(listed, "s", "Shop")
    platform.state.add_product("s", {"id": "p", "title": "Pot"})
    customer = {"id": "c", "email_address": "ada@people.test"}
    platform.state.add_order("s", {"id": "o", "customer": customer, "order_total": 5, "lines": []})
    operations = [{"method": "GET", "path": "/ping"}]
    return {
        "list_id": listed,
        "member": platform.add("ada")[0],
        "merge_id": "1",
        "segment_id": str(platform.state.tag(listed, "ps:a")),
        "webhook_id": platform.post(f"/lists/{listed}/webhooks", hook)["id"],
        "batch_id": platform.post("/batches", {"operations": operations})["id"],
        "campaign_id": platform.post("/campaigns", {"type": "regular", "recipients": {"list_id": listed}})["id"],
        "store_id": "s",
        "product_id": "p",
        "customer_id": "c",
        "order_id": "o",
        "link_id": "none",
        "interest_category_id": "none",
    }


@pytest.mark.parametrize(("method", "template"), EVERY)
def test_every_endpoint_answers_with_sense_to_an_empty_body(
    platform: Platform, places: dict[str, str], method: str, template: str
) -> None:
    answer = platform.call(method, template.format(**places), json={})

    assert answer.status_code in {200, 204, 400, 404, 405}
    assert answer.status_code < 400 or answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.long
@given(data=st.data())
@examples(300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_makes_an_endpoint_crash(platform: Platform, places: dict[str, str], data: st.DataObject) -> None:
    method, template = data.draw(st.sampled_from([pair for pair in EVERY if pair[0] in {"POST", "PUT", "PATCH"}]))
    body: Any = data.draw(st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=6) | JUNK)

    answer = platform.call(method, template.format(**places), json=body)

    assert answer.status_code < 500, (method, template, body)
