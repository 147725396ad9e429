"""Writing to HubSpot: by id, in batches, halved to the bad record; lists and definitions that stay people's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from connectors.errors import CredentialError, FixSettingsError, PersonasyncError
from connectors.hubspot import operations
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.operations import Operation
from connectors.records import Change, FieldDefinition, Outcome
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.server import Sandbox
from tests.connectors.hubspot.test_reading import CONTACTS, add, call

Open = Callable[..., HubSpot]
PERSONA = FieldDefinition("personasync_persona", "Persona", "enumeration", (("a", "A"), ("b", "B")))
REASON = FieldDefinition("personasync_reason", "Reason", "text")


def field(contact: str, value: str | None, name: str = "personasync_persona") -> Change:
    return Change("crm", contact, "p", None, "field", name, None, value)


def group(contact: str, after: str | None = "member") -> Change:
    return Change("crm", contact, "p", None, "group", "champions", None, after)


def pushed(hubspot: HubSpot, *changes: Change) -> list[Outcome]:
    return [outcome for batch in hubspot.push(changes) for outcome in batch]


@pytest.fixture(params=["v3", "2026-03", "2026-09"])
def hubspot(open_hubspot: Open, request: pytest.FixtureRequest) -> HubSpot:
    ready = open_hubspot(api_version=request.param)
    for step in ready.missing([PERSONA, REASON], ["champions"]):
        ready.create(step)
    return ready


def shown(sandbox: Sandbox, contact: str, name: str = "personasync_persona") -> str | None:
    row = HubSpotState.of(sandbox.world).contact(contact)
    assert row is not None
    value: str | None = row["properties"].get(name)
    return value


def test_fields_are_written_by_id_a_hundred_at_a_time(sandbox: Sandbox, hubspot: HubSpot) -> None:
    """Traps H7 and H9: an id once a batch, and never an address in its place."""
    ids = [add(sandbox, f"p{number}@people.test") for number in range(250)]
    changes = [change for key in ids for change in (field(key, "a"), field(key, "because", "personasync_reason"))]
    wanted = hubspot.requests_for(changes)
    before = hubspot.traffic.requests.copy()
    outcomes = pushed(hubspot, *changes)

    assert Counter(outcome.state for outcome in outcomes) == {"applied": 500}
    assert wanted == {"POST contacts/batch/update": 3, "POST contacts/batch/read": 1}
    assert hubspot.traffic.requests["POST contacts/batch/update"] == 3
    assert before.get("POST contacts/batch/update") is None
    assert {shown(sandbox, key) for key in ids} == {"a"}


def test_none_clears_a_field(sandbox: Sandbox, hubspot: HubSpot) -> None:
    contact = add(sandbox, "ada@people.test", personasync_persona="a")

    assert [outcome.state for outcome in pushed(hubspot, field(contact, None))] == ["applied"]
    assert not shown(sandbox, contact)


def test_a_contact_that_is_gone_is_told_and_the_others_are_written(sandbox: Sandbox, hubspot: HubSpot) -> None:
    here = add(sandbox, "ada@people.test")

    outcomes = {o.change.platform_id: o for o in pushed(hubspot, field(here, "a"), field("999999", "a"))}

    assert (outcomes[here].state, outcomes["999999"].state) == ("applied", "rejected")
    assert outcomes["999999"].reason
    assert shown(sandbox, here) == "a"


def test_a_batch_that_is_refused_is_halved_to_the_bad_record(sandbox: Sandbox, hubspot: HubSpot) -> None:
    ids = [add(sandbox, f"p{number}@people.test") for number in range(60)]
    values = ["a"] * 60
    values[17] = "no such option"

    outcomes = pushed(hubspot, *(field(key, value) for key, value in zip(ids, values, strict=True)))

    assert [o.change.platform_id for o in outcomes if o.state == "rejected"] == [ids[17]]
    assert all(shown(sandbox, key) == "a" for place, key in enumerate(ids) if place != 17)


def test_a_success_that_shows_another_value_is_none(sandbox: Sandbox, hubspot: HubSpot) -> None:
    contact = add(sandbox, "ada@people.test")
    body = {"status": "COMPLETE", "results": [{"id": contact, "properties": {"personasync_persona": "b"}}]}
    sandbox.journal.faults[:] = [InjectedFault(kind="status", match="batch/update", status=200, body=body)]

    assert [(o.state, o.code) for o in pushed(hubspot, field(contact, "a"))] == [("rejected", "not_kept")]


def test_a_field_that_is_not_ours_is_never_written(sandbox: Sandbox, hubspot: HubSpot) -> None:
    contact = add(sandbox, "ada@people.test")

    with pytest.raises(FixSettingsError, match="Not owned by personasync: lifecyclestage"):
        pushed(hubspot, field(contact, "customer", "lifecyclestage"))


def test_lists_are_joined_and_left(sandbox: Sandbox, hubspot: HubSpot) -> None:
    ids = [add(sandbox, f"p{number}@people.test") for number in range(3)]
    joined = pushed(hubspot, group(ids[0]), group(ids[1]), group("999999"))
    again = pushed(hubspot, group(ids[0]))
    left = pushed(hubspot, group(ids[1], None))
    members = [row["platform_id"] for page in hubspot.read("memberships", {}) for row in page.rows.to_pylist()]

    assert [outcome.state for outcome in joined] == ["applied", "applied", "rejected"]
    assert [outcome.state for outcome in [*again, *left]] == ["unchanged", "applied"]
    assert members == [ids[0]]


def test_more_members_than_a_page_are_all_read(sandbox: Sandbox, hubspot: HubSpot) -> None:
    ids = [add(sandbox, f"p{number}@people.test") for number in range(600)]
    pushed(hubspot, *(group(key) for key in ids))

    members = {row["platform_id"] for page in hubspot.read("memberships", {}) for row in page.rows.to_pylist()}

    assert members == set(ids)


def test_a_list_that_fills_itself_is_not_touched(sandbox: Sandbox, open_hubspot: Open) -> None:
    body = {"list": {"listId": "7", "name": "personasync: champions", "processingType": "DYNAMIC"}}
    sandbox.journal.faults[:] = [InjectedFault(kind="status", match="/name/", status=200, body=body)]

    with pytest.raises(FixSettingsError, match="is an active list"):
        open_hubspot().missing([], ["champions"])


def test_options_that_people_added_are_kept(sandbox: Sandbox, hubspot: HubSpot) -> None:
    state = HubSpotState.of(sandbox.world)
    option = {"value": "own", "label": "Their own", "displayOrder": 9, "hidden": False}
    path = "/crm/v3/properties/contacts/personasync_persona"
    present = state.properties["contacts/personasync_persona"]["options"]
    call(sandbox, "PATCH", path, {"options": [*present, option]})
    wider = FieldDefinition("personasync_persona", "Persona", "enumeration", (("a", "A"), ("b", "B"), ("c", "C")))
    steps = hubspot.missing([wider], ["champions"])
    for step in steps:
        hubspot.create(step)

    assert [(step.action, step.detail) for step in steps] == [("extend_field", "options c")]
    values = [choice["value"] for choice in state.properties["contacts/personasync_persona"]["options"]]
    assert values == ["a", "b", "own", "c"]
    assert hubspot.missing([wider], ["champions"]) == []


def test_a_label_that_moves_to_a_new_option_is_taken_from_the_one_that_had_it(
    sandbox: Sandbox, hubspot: HubSpot
) -> None:
    renamed = FieldDefinition("personasync_persona", "Persona", "enumeration", (("a", "B"), ("b", "Bee"), ("c", "A")))
    for step in hubspot.missing([renamed], ["champions"]):
        hubspot.create(step)

    shown = HubSpotState.of(sandbox.world).properties["contacts/personasync_persona"]["options"]
    assert [(option["value"], option["label"]) for option in shown] == [("a", "B"), ("b", "Bee"), ("c", "A")]


def test_two_options_of_one_label_are_refused_as_on_the_platform(sandbox: Sandbox, hubspot: HubSpot) -> None:
    twice = FieldDefinition("personasync_kind", "Kind", "enumeration", (("a", "Same"), ("b", "Same")))
    step = next(step for step in hubspot.missing([twice], ["champions"]) if step.action == "create_field")

    with pytest.raises(PersonasyncError, match="labels must be unique"):
        hubspot.create(step)
    assert "contacts/personasync_kind" not in HubSpotState.of(sandbox.world).properties


def test_a_property_of_another_type_is_told_and_left(hubspot: HubSpot) -> None:
    with pytest.raises(FixSettingsError, match="has type enumeration, expected number"):
        hubspot.missing([FieldDefinition("personasync_persona", "P", "number")], [])


def test_somebody_who_was_faster_is_no_error(hubspot: HubSpot, open_hubspot: Open) -> None:
    fresh = FieldDefinition("personasync_confidence", "C", "number")
    steps = open_hubspot().missing([fresh], [])
    hubspot.create(steps[0])

    hubspot.create(steps[0])  # 409: it is there already

    assert hubspot.missing([fresh], []) == []


def test_a_person_behind_two_addresses_is_one_record(sandbox: Sandbox, hubspot: HubSpot) -> None:
    """Trap H10: the secondary address leads to the same record, and both stand in its row."""
    contact = add(sandbox, "ada@people.test", hs_additional_emails="ada@work.test")

    rows = [row for page in hubspot.read("contacts", {}) for row in page.rows.to_pylist()]

    assert [(row["platform_id"], row["additional_emails"]) for row in rows] == [(contact, ["ada@work.test"])]


def test_no_operation_can_delete_archive_merge_subscribe_or_send() -> None:
    known = [var for var in vars(operations).values() if isinstance(var, Operation)]
    reads = operations.SUBSCRIPTIONS_READ  # the one that has to do with subscriptions: it reads their statuses
    paths = " ".join(
        path for operation in known for path in (operation.numbered, operation.dated) if operation != reads
    )

    assert {operation.method for operation in known} == {"GET", "POST", "PATCH", "PUT"}
    for word in ("archive", "merge", "gdpr", "subscri", "publish", "communication", "send", "batch/create", "upsert"):
        assert word not in paths
    assert reads.numbered.endswith("/statuses/batch/read")


def test_what_is_wrong_with_the_token_is_found(sandbox: Sandbox, open_hubspot: Open) -> None:
    with pytest.raises(CredentialError, match="has no access token"):
        open_hubspot(access_token="")
    with pytest.raises(FixSettingsError, match="Unknown HubSpot API version 'v9'"):
        open_hubspot(api_version="v9")

    wrong = open_hubspot(access_token="pat-wrong").check()
    fine = open_hubspot(api_version="2026-09").check()

    assert [(finding.check, finding.state) for finding in wrong] == [("credentials", "fail")]
    assert {finding.state for finding in fine} == {"ok"}
    assert [entry.path for entry in sandbox.journal.entries if entry.write] == []


def test_limits_are_kept_without_a_refusal(sandbox: Sandbox, open_hubspot: Open) -> None:
    """Trap H4: the window and the search lane are paced by us; the platform never has to say no."""
    sandbox.world.settings.burst_requests = 30
    for number in range(900):
        add(sandbox, f"p{number}@people.test", sandbox.world.clock.now())
    hubspot = open_hubspot(limits={"burst_seconds": 1, "search_page": 100})
    list(hubspot.read("contacts", {"since": "0"}))

    assert 429 not in {entry.status for entry in sandbox.journal.entries}
    assert CONTACTS.startswith("/crm")


def test_an_older_answer_about_others_leaves_lists_unknown(
    sandbox: Sandbox, hubspot: HubSpot, open_hubspot: Open
) -> None:
    writer = open_hubspot(limits={"memberships_batch": 2, "connections": 1})
    ids = [add(sandbox, f"p{number}@people.test") for number in range(4)]
    sandbox.journal.faults[:] = [InjectedFault(kind="again", match="memberships/add", method="PUT", skip=1)]

    states = {outcome.change.platform_id: outcome.state for outcome in pushed(writer, *map(group, ids))}

    members = {row["platform_id"] for page in hubspot.read("memberships", {}) for row in page.rows.to_pylist()}
    assert Counter(states.values()) == {"applied": 2, "unknown": 2}
    assert {key for key, state in states.items() if state == "applied"} == members


def test_a_contact_that_a_read_of_lists_leaves_out_is_not_taken_for_one_on_none(
    sandbox: Sandbox, hubspot: HubSpot
) -> None:
    ids = [add(sandbox, f"p{number}@people.test") for number in range(3)]
    changes = [group(key) for key in ids]
    pushed(hubspot, *changes)
    sandbox.journal.faults[:] = [InjectedFault(kind="idle", match="memberships/batch/read", method="POST")]

    assert set(hubspot.read_back(changes).values()) == {"member"}
