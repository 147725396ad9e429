"""A value of people's own, from orders to both platforms: by plan for everybody, by webhook for a newcomer."""

from __future__ import annotations

from collections import Counter

import pytest

from connectors.sandbox.fill import STORE
from sync.apply.job import apply
from sync.assign.job import assign
from sync.ops.setup import create_missing, missing_steps
from sync.plan.job import plan
from sync.pull.job import pull
from tests.sync.conftest import Platforms
from tests.sync.hubspot_personas import switch_on
from tests.sync.webhooks.conftest import serving, session_on

FIELDS = """
[fields.kind]
fallback = "our favourites"
trait = "favourite_category"
email = "PS_KIND"
crm = "personasync_kind"

[fields.bought]
fallback = "what is new"
trait = "last_product"
email = "PS_LAST"
crm = "personasync_last"
"""
LIMITS = """[personalize]
creepy = "fallback"
min_times = 1
max_age_days = 9000
recent_days = 8999     # every order is too fresh to be named
"""


def favourites(platforms: Platforms) -> dict[str, str]:
    """Address -> the category of most pieces, straight from the shop's orders, where one leads."""
    kinds = {key: product["type"] for key, product in platforms.email.shop(STORE, "products").items()}
    pieces: dict[str, Counter[str]] = {}
    for order in platforms.email.shop(STORE, "orders").values():
        for line in order["lines"]:
            mine = pieces.setdefault(order["customer"]["email_address"].lower(), Counter())
            mine[kinds[line["product_id"]]] += line["quantity"]
    leading = {address: counted.most_common(2) for address, counted in pieces.items()}
    return {address: top[0][0] for address, top in leading.items() if len(top) == 1 or top[0][1] > top[1][1]}


@pytest.mark.long
def test_a_favourite_category_comes_from_orders_to_both_platforms_by_plan_and_by_webhook(looped: Platforms) -> None:
    path = looped.folder / "personas.toml"
    path.write_text(path.read_text("utf-8") + FIELDS, "utf-8")
    path = looped.folder / "personasync.toml"
    path.write_text(path.read_text("utf-8").replace("[personalize]\n", LIMITS), "utf-8")
    with session_on(looped) as session:
        switch_on(looped, session)
        create_missing(session, missing_steps(session))
        pull(session)
        assign(session, as_of=session.now())
        apply(session, plan(session).path, override=frozenset({"max_changed"}))
        pull(session)
        second = plan(session)
    wanted = favourites(looped)
    members = {
        member["email_address"].lower(): member for member in looped.members() if member["status"] == "subscribed"
    }
    mail = {address: member["merge_fields"] for address, member in members.items()}
    crm = looped.crm
    both = [address for address in mail if address in wanted and address in crm.by_email]
    only_mail = next(address for address in mail if address in wanted and address not in crm.by_email)

    assert len(both) >= 3
    assert {address: mail[address]["PS_KIND"] for address in mail if address in wanted} == {
        address: wanted[address] for address in mail if address in wanted
    }
    assert {address: crm.contacts[crm.by_email[address]]["properties"]["personasync_kind"] for address in both} == {
        address: wanted[address] for address in both
    }
    assert {fields.get("PS_LAST") for fields in mail.values()} - {None} == {"what is new"}
    assert second.plan.changes == []

    with serving(looped) as served:
        contact = served.newcomer(only_mail)
        theirs = served.newcomer("zoe@new.test", hs_persona="persona_1")
        assert served.hubspot([served.created(contact), served.created(theirs, number=9)]).ok
        served.idle()

        assert served.property(contact, "personasync_kind") == wanted[only_mail]
        assert served.property(contact, "personasync_last") == "what is new"
        persona = served.property(contact, "personasync_persona")
        labels = {option["value"]: option["label"] for option in crm.properties["contacts/hs_persona"]["options"]}
        assert labels[served.property(contact, "hs_persona")].lower().replace(" ", "_") == persona
        assert served.property(theirs, "hs_persona") == "persona_1"
        assert served.property(theirs, "personasync_persona") != ""
        assert served.property(theirs, "personasync_kind") == "our favourites"
