"""Probes of Klaviyo and Brevo, their consents, and what changes while it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.base.derived import DerivedConnector
from connectors.connector import HasProbes
from connectors.evidence import load_evidence
from tests.described import klaviyo_platform
from tests.described.brevo_stand import BrevoStand
from tests.described.conftest import opened, rows, sent_to_two
from tests.described.klaviyo_stand import KlaviyoStand

pytestmark = pytest.mark.outside


# ------------------------------------------------------------------------------------------------------ probes
def probed(stand: BrevoStand | KlaviyoStand) -> Mapping[str, str]:
    """Return the state of each assumption by its number; a probe writes nothing."""
    connector = opened(stand)
    assert isinstance(connector, HasProbes)
    assert isinstance(connector, DerivedConnector)
    states = {number: result.state for number, result in connector.probe(address="", watch=lambda _: None)}
    assert connector.traffic.writes == 0
    return states


def with_everything(klaviyo: KlaviyoStand) -> None:
    """Let there be what probes look at."""
    key, letter = klaviyo.add("ada@people.test"), klaviyo.platform.message("November")
    klaviyo.platform.happened("Received Email", key, **{"$message": letter})
    klaviyo.platform.happened("Clicked Email", key, **{"$message": letter, "URL": "https://shop.test/"})
    klaviyo.platform.happened("Placed Order", key, **{"$value": 12.5, "$event_id": "7"})


def test_what_can_be_read_of_klaviyo_holds_on_the_stand_in(klaviyo: KlaviyoStand) -> None:
    empty = probed(klaviyo)
    with_everything(klaviyo)
    full = probed(klaviyo)

    assert list(full) == [a.id for a in load_evidence().assumptions if a.platform == "klaviyo"]
    assert {number for number, state in empty.items() if state == "held"} == {"A33", "A37"}
    assert {number for number, state in full.items() if state == "held"} == {"A33", "A37", "A38", "A39", "A40"}
    assert "broken" not in {*empty.values(), *full.values()}
    assert opened(klaviyo).production() == ""


def test_what_is_otherwise_at_klaviyo_is_noticed(klaviyo: KlaviyoStand, monkeypatch: pytest.MonkeyPatch) -> None:
    with_everything(klaviyo)
    for event in klaviyo.platform.events:
        event["properties"].clear()
    monkeypatch.setattr(klaviyo.platform, "told", lambda *_: {"RateLimit-Limit": "75, 750;w=60"})
    message = klaviyo_platform._message
    monkeypatch.setattr(
        klaviyo_platform,
        "_message",
        lambda k, m: {**message(k, m), "attributes": {**message(k, m)["attributes"], "definition": {}}},
    )
    states = probed(klaviyo)

    assert {number for number, state in states.items() if state == "broken"} == {"A33", "A38", "A39", "A40"}


def test_what_can_be_read_of_brevo_holds_on_the_stand_in(brevo: BrevoStand, monkeypatch: pytest.MonkeyPatch) -> None:
    few = probed(brevo)
    sent_to_two(brevo)
    brevo.clock.move(60 * 86_400)
    for number in range(30):
        brevo.add(f"person{number}@people.test")
    many = probed(brevo)
    for contact in brevo.platform.contacts.values():
        contact.statistics.clear()
    listed = brevo.platform._actions["GET /v3/contacts"]

    def shuffled(places: Any, query: Any, body: Any) -> Any:
        page = listed(places, query, body)
        return {**page, "contacts": page["contacts"][::-1]}

    monkeypatch.setitem(brevo.platform._actions, "GET /v3/contacts", shuffled)
    broken = probed(brevo)

    assert list(many) == [a.id for a in load_evidence().assumptions if a.platform == "brevo"]
    assert set(few.values()) == {"untestable"}
    assert {number for number, state in many.items() if state == "held"} == {"A45", "A47"}
    assert {number for number, state in broken.items() if state == "broken"} == {"A45", "A47"}


# ------------------------------------------------------------------------------- what changes while it is read
@pytest.mark.parametrize("stand", [BrevoStand, KlaviyoStand])
def test_who_changes_while_changes_are_read_is_not_lost(stand: type[BrevoStand | KlaviyoStand]) -> None:
    """However long the reading takes, and though others change after them."""
    made = stand()
    with made.platform:
        keys = [made.add(f"person{number}@people.test") for number in range(20)]
        connector = opened(made, page=5)
        cursor = list(connector.read("contacts", {}))[-1].cursor
        made.clock.move(3600)
        for key in keys:
            made.edit(key, made.text_property, "once")
        pages = connector.read("contacts", cursor)
        held = [next(pages), next(pages)]
        made.clock.move(1800)
        made.edit(keys[0], made.text_property, "twice")  # was read already
        made.clock.move(1800)
        made.edit(keys[-1], made.text_property, "twice")  # comes still
        held += list(pages)
        made.clock.move(3600)
        held += list(connector.read("contacts", held[-1].cursor))
    values = {row["platform_id"]: row["properties"] for row in rows(held, "contacts")}

    assert set(values) == set(keys)
    assert all('"twice"' in values[key] for key in (keys[0], keys[-1]))


@pytest.mark.parametrize(
    ("consent", "suppressed", "means"),
    [
        ("SUBSCRIBED", [], "subscribed"),
        ("UNSUBSCRIBED", [], "unsubscribed"),
        ("NEVER_SUBSCRIBED", [], "none"),
        ("SUBSCRIBED", ["USER_SUPPRESSED"], "unsubscribed"),
        ("NEVER_SUBSCRIBED", ["SPAM_COMPLAINT"], "unsubscribed"),
        ("SUBSCRIBED", ["UNSUBSCRIBE", "HARD_BOUNCE"], "cleaned"),
        ("SUBSCRIBED", ["INVALID_EMAIL"], "cleaned"),
    ],
)
def test_a_suppressed_address_gets_nothing_whatever_its_consent(
    klaviyo: KlaviyoStand, consent: str, suppressed: list[str], means: str
) -> None:
    profile = klaviyo.platform.profiles[klaviyo.add("ada@people.test")]
    profile.consent, profile.suppressed = consent, suppressed

    assert [row["consent"] for row in rows(opened(klaviyo).read("contacts", {}), "contacts")] == [means]
