"""What is assumed of Klaviyo and Brevo: what happens where it does not hold."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from connectors.base.derived import REREAD_HOURS
from connectors.connector import Connector, nobody
from connectors.evidence import load_evidence
from connectors.records import MEMBER, Change, Outcome
from tests.described import klaviyo_platform
from tests.described.brevo_description import brevo_operations
from tests.described.brevo_stand import BrevoStand
from tests.described.conftest import opened, rows, sent_to_two
from tests.described.klaviyo_description import klaviyo_operations
from tests.described.klaviyo_stand import KlaviyoStand
from tests.described.stand_in import RefusedError

pytestmark = pytest.mark.outside


def written(connector: Connector, keys: Sequence[str], name: str, after: str | None = "x") -> list[Outcome]:
    changes = [Change("email", key, key, None, "field", name, None, after) for key in keys]
    return [outcome for batch in connector.push(changes) for outcome in batch]


def entered(connector: Connector, keys: Sequence[str]) -> list[Outcome]:
    changes = [Change("email", key, key, None, "group", "buyers", None, MEMBER) for key in keys]
    return [outcome for batch in connector.push(changes) for outcome in batch]


def ignoring(action: Callable[..., Any], known: Callable[[Any], bool], where: str) -> Callable[..., Any]:
    """The same action of a platform, which leaves entries of the body out that it does not know."""

    def act(*arguments: Any) -> Any:
        *before, body = arguments
        return action(*before, {**body, where: [entry for entry in body[where] if known(entry)]})

    return act


def test_the_operations_of_their_assumptions_are_described() -> None:
    described = {f"{o.method} {o.path}" for o in (*klaviyo_operations(), *brevo_operations())}
    assumed = [a for a in load_evidence().assumptions if a.platform in {"klaviyo", "brevo"}]
    tests = {name for name, value in globals().items() if inspect.isfunction(value)}

    assert len(assumed) == 16
    assert {assumption.operation for assumption in assumed} <= described
    assert {assumption.test.rpartition("::")[2] for assumption in assumed} <= tests


# ----------------------------------------------------------------------------------------------------- Klaviyo
def test_a_limit_that_is_told_in_another_form_changes_nothing(
    klaviyo: KlaviyoStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = opened(klaviyo)
    connector.fetch(["01P1"], [])
    told = connector.traffic.budget
    monkeypatch.setattr(klaviyo.platform, "told", lambda *_: {"RateLimit-Limit": "75, 75;w=1, 750;w=60"})
    other = opened(klaviyo)
    other.fetch(["01P1"], [])

    assert told.endswith("of 750 requests in 60 s")
    assert other.traffic.budget.endswith("of 700 requests in 60 s")


def consents_after(stand: BrevoStand | KlaviyoStand, silently: Callable[[str], None]) -> list[list[str]]:
    """Let somebody opt out without a change of time: what is told soon, after a day, and where all are always read."""
    key, connector = stand.add("ada@people.test"), opened(stand)
    stand.clock.move(3600)
    cursor = list(connector.read("contacts", {}))[-1].cursor
    stand.clock.move(3600)
    silently(key)
    connector.check()  # an answer tells the time
    told = [rows(connector.read("contacts", cursor), "contacts")]
    stand.clock.move(timedelta(hours=REREAD_HOURS).total_seconds())
    connector.check()
    told += [rows(each.read("contacts", cursor), "contacts") for each in (connector, opened(stand, reread_hours=0))]
    return [[row["consent"] for row in some] for some in told]


def test_an_opt_out_that_moves_no_time_is_read_where_everybody_is(klaviyo: KlaviyoStand) -> None:
    def opt_out(key: str) -> None:
        klaviyo.platform.profiles[key].suppressed = ["UNSUBSCRIBE"]

    assert consents_after(klaviyo, opt_out) == [[], ["unsubscribed"], ["unsubscribed"]]


def test_a_property_that_is_not_unset_is_reported(klaviyo: KlaviyoStand, monkeypatch: pytest.MonkeyPatch) -> None:
    key = klaviyo.add("ada@people.test")
    connector = opened(klaviyo)
    assert [outcome.state for outcome in written(connector, [key], "ps_segment")] == ["applied"]
    patched = klaviyo.platform._actions["PATCH /api/profiles/{id}"]

    def forgetful(operation: Any, places: Any, query: Any, body: Any) -> Any:
        return patched(operation, places, query, {"data": {**body["data"], "meta": {}}})

    monkeypatch.setitem(klaviyo.platform._actions, "PATCH /api/profiles/{id}", forgetful)
    assert [outcome.code for outcome in written(connector, [key], "ps_segment", None)] == ["not_kept"]


def test_somebody_gone_whom_a_list_takes_in_silence_is_reported(
    klaviyo: KlaviyoStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = "POST /api/lists/{id}/relationships/profiles"
    keys = [klaviyo.add("ada@people.test"), "01P99999999"]
    listed = klaviyo.platform.list_named("ps:buyers")
    loud = {outcome.change.platform_id: outcome.state for outcome in entered(opened(klaviyo), keys)}
    klaviyo.platform.members[listed].clear()
    deaf = ignoring(klaviyo.platform._actions[endpoint], lambda e: e["id"] in klaviyo.platform.profiles, "data")
    monkeypatch.setitem(klaviyo.platform._actions, endpoint, deaf)
    quiet = {outcome.change.platform_id: outcome.state for outcome in entered(opened(klaviyo), keys)}

    assert loud == quiet == {keys[0]: "applied", keys[1]: "rejected"}
    assert klaviyo.count() == 1


def test_smaller_batches_ask_for_fewer_at_once(klaviyo: KlaviyoStand, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [klaviyo.add(f"person{number}@people.test") for number in range(12)]
    seen = klaviyo.platform._actions["GET /api/profiles"]

    def narrow(operation: Any, places: Any, query: Any, body: Any) -> Any:
        if query.get("filter", "").count('"') > 10:
            raise RefusedError(400, "five values at most")
        return seen(operation, places, query, body)

    monkeypatch.setitem(klaviyo.platform._actions, "GET /api/profiles", narrow)
    assert opened(klaviyo, batch=5).fetch(keys, []).contacts.num_rows == 12


def test_a_mail_without_a_message_is_no_delivery(klaviyo: KlaviyoStand) -> None:
    key, letter = klaviyo.add("ada@people.test"), klaviyo.platform.message("November")
    klaviyo.platform.happened("Received Email", key, **{"$message": letter})
    klaviyo.platform.happened("Received Email", key)
    klaviyo.platform.happened("Clicked Email", key, URL="https://shop.test/")
    klaviyo.platform.happened("Somebody's Own", key)
    pages = list(opened(klaviyo).read("activity", {}))
    [campaign] = rows(opened(klaviyo).read("campaigns", {}), "campaigns")

    assert [row["campaign_id"] for row in rows(pages, "deliveries")] == [letter]
    assert [(row["kind"], row["campaign_id"], row["url"]) for row in rows(pages, "engagements")] == [
        ("click", None, "https://shop.test/")
    ]
    assert (campaign["campaign_id"], campaign["name"], campaign["sent"]) == (letter, "November", 1)


def test_an_order_without_a_value_counts_with_nothing(klaviyo: KlaviyoStand) -> None:
    key = klaviyo.add("ada@people.test")
    klaviyo.platform.happened("Placed Order", key, **{"$value": "12.5", "$event_id": 7, "$currency_code": "SEK"})
    event = klaviyo.platform.happened("Placed Order", key)
    pages = list(opened(klaviyo).read("orders", {}))
    told = [(row["order_id"], row["amount"], row["currency"]) for row in rows(pages, "orders")]

    assert told == [("7", 12.5, "SEK"), (event, 0.0, "EUR")]
    assert rows(opened(klaviyo).read("orders", pages[-1].cursor), "orders") == rows(pages, "orders")  # of the last hour


def test_a_message_without_a_time_is_dated_by_its_change(
    klaviyo: KlaviyoStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    klaviyo.platform.happened("Received Email", klaviyo.add("a@people.test"))
    klaviyo.platform.message("November")
    shown = klaviyo_platform._message

    def without(key: str, message: Any) -> Any:
        told = shown(key, message)
        told["attributes"]["definition"]["send_options"] = None
        return told

    monkeypatch.setattr(klaviyo_platform, "_message", without)
    [campaign] = rows(opened(klaviyo).read("campaigns", {}), "campaigns")

    assert campaign["sent_at"] == klaviyo.platform.messages[campaign["campaign_id"]]["at"]


# ------------------------------------------------------------------------------------------------------- Brevo
def test_somebody_gone_whom_a_batch_leaves_out_is_reported(brevo: BrevoStand, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, endpoint = [brevo.add("ada@people.test"), "999999"], "POST /v3/contacts/batch"
    loud = {outcome.change.platform_id: outcome.state for outcome in written(opened(brevo), keys, "PS_SEGMENT")}
    deaf = ignoring(brevo.platform._actions[endpoint], lambda e: e["id"] in brevo.platform.contacts, "contacts")
    monkeypatch.setitem(brevo.platform._actions, endpoint, deaf)
    quiet = {outcome.change.platform_id: outcome.state for outcome in written(opened(brevo), keys, "PS_SEGMENT", "y")}

    assert loud == quiet == {keys[0]: "applied", keys[1]: "rejected"}
    assert brevo.count() == 1


def test_a_batch_that_is_too_long_is_halved(brevo: BrevoStand, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [brevo.add(f"person{number}@people.test") for number in range(12)]
    batch = brevo.platform._actions["POST /v3/contacts/batch"]

    def narrow(places: Any, query: Any, body: Any) -> Any:
        if len(body["contacts"]) > 5:
            raise RefusedError(400, "five contacts at most", "out_of_range")
        return batch(places, query, body)

    monkeypatch.setitem(brevo.platform._actions, "POST /v3/contacts/batch", narrow)
    assert {outcome.state for outcome in written(opened(brevo), keys, "PS_SEGMENT")} == {"applied"}


def test_an_attribute_that_is_not_cleared_is_reported(brevo: BrevoStand, monkeypatch: pytest.MonkeyPatch) -> None:
    key, batch = brevo.add("ada@people.test"), brevo.platform._actions["POST /v3/contacts/batch"]
    connector = opened(brevo)
    assert [outcome.state for outcome in written(connector, [key], "PS_SEGMENT")] == ["applied"]

    def stubborn(places: Any, query: Any, body: Any) -> Any:
        kept = [{**c, "attributes": {n: v for n, v in c["attributes"].items() if v != ""}} for c in body["contacts"]]
        return batch(places, query, {"contacts": kept})

    monkeypatch.setitem(brevo.platform._actions, "POST /v3/contacts/batch", stubborn)
    assert [outcome.code for outcome in written(connector, [key], "PS_SEGMENT", None)] == ["not_kept"]


def test_a_blocklisting_that_moves_no_time_is_read_where_everybody_is(brevo: BrevoStand) -> None:
    def block(key: str) -> None:
        brevo.platform.contacts[int(key)].blocklisted = True

    assert consents_after(brevo, block) == [[], ["unsubscribed"], ["unsubscribed"]]


@pytest.mark.parametrize("left", [1, 4, 9, 14])
def test_nobody_is_missed_where_many_leave_while_everybody_is_read(brevo: BrevoStand, left: int) -> None:
    keys = [brevo.add(f"person{number}@people.test") for number in range(40)]
    brevo.clock.move(86_400)
    pages = opened(brevo, page=10).read("contacts", {}, nobody)
    held = [next(pages), next(pages), next(pages)]
    for key in keys[:left]:
        brevo.delete(key)
    held += list(pages)
    told = {row["platform_id"] for row in rows(held, "contacts")}

    assert told >= set(keys[left:])


def test_a_blocklisted_address_is_unsubscribed_and_others_are_subscribed(brevo: BrevoStand) -> None:
    first, second = brevo.add("ada@people.test"), brevo.add("bo@people.test")
    brevo.opt_out(second)
    told = {row["platform_id"]: row["consent"] for row in rows(opened(brevo).read("contacts", {}), "contacts")}

    assert told == {first: "subscribed", second: "unsubscribed"}


def test_every_act_of_a_contact_is_told_once(brevo: BrevoStand) -> None:
    letter, (ada, bo) = sent_to_two(brevo)
    brevo.platform.happened("opened", letter, ada, count=3, ip="192.0.2.1")
    brevo.platform.clicked(letter, ada, "https://shop.test/")
    brevo.platform.happened("hardBounces", letter, bo)
    pages = list(opened(brevo).read("activity", {}))
    again = list(opened(brevo).read("activity", pages[-1].cursor or {}))
    kinds = sorted((row["kind"], row["campaign_id"]) for row in rows(pages, "engagements"))

    assert kinds == [("bounce", str(letter)), ("click", str(letter)), ("open", str(letter))]
    assert sorted(row["status"] for row in rows(pages, "deliveries")) == ["hard", "sent"]
    assert len({row["event_id"] for row in rows(pages, "engagements")}) == 3
    assert rows(again, "engagements") == []  # nothing was counted since


def test_who_left_the_list_of_a_campaign_is_not_told(brevo: BrevoStand) -> None:
    letter, (_, bo) = sent_to_two(brevo)
    bo.lists.clear()
    pages = list(opened(brevo).read("activity", {}))
    [campaign] = rows(opened(brevo).read("campaigns", {}), "campaigns")

    assert len(rows(pages, "deliveries")) == 1
    assert (campaign["campaign_id"], campaign["sent"]) == (str(letter), 2)
