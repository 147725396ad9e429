"""What can be wrong outside: each gets one clear sentence with its fix, and the rest goes on where it safely can."""

from __future__ import annotations

import json

import pytest

from connectors.sandbox.door import InjectedFault
from connectors.sandbox.fill import AUDIENCE
from tests.sync.conftest import Platforms, Run, edit


def test_an_unknown_key_is_told_with_file_line_and_the_likely_word(platforms: Platforms, say: Run) -> None:
    edit(platforms, "[guardrails]", "[guardrails]\nmax_chnged = 0.5")

    status, _, error = say("pull")

    assert status == 2
    assert "personasync.toml, line" in error
    assert "max_chnged" in error
    assert "max_changed" in error


def test_a_missing_token_is_told_with_the_variable(say: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUBSPOT_TOKEN")

    status, _, error = say("pull")

    assert status == 2
    assert "environment variable HUBSPOT_TOKEN is not set" in error


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("HUBSPOT_TOKEN", "HubSpot rejected the access token. Create an access token"),
        ("MAILCHIMP_API_KEY", "Mailchimp rejected the API key. Create an API key"),
    ],
)
def test_a_wrong_token_is_told_and_never_printed(
    say: Run, monkeypatch: pytest.MonkeyPatch, variable: str, told: str
) -> None:
    monkeypatch.setenv(variable, "not-the-one-us1")

    status, out, error = say("pull")

    assert status == 2
    assert told in error
    assert "not-the-one" not in out + error


def test_an_audience_that_does_not_exist_is_told_and_the_other_platform_was_read(
    platforms: Platforms, say: Run
) -> None:
    edit(platforms, AUDIENCE, "0000000000")

    status, _, error = say("pull")
    _, shown, _ = say("status", "--json")

    assert status == 2
    assert "Mailchimp has no audience '0000000000'. Fix `audience` in [connections.email]" in error
    rows = {(stream["connection"], stream["stream"]): stream["rows"] for stream in json.loads(shown)["streams"]}
    assert rows["crm", "contacts"] > 0


def test_no_room_for_merge_fields_is_told_before_anything_is_made(platforms: Platforms, say: Run) -> None:
    for number in range(27):
        platforms.email.add_merge_field(AUDIENCE, f"X{number}", name=f"X {number}")

    status, _, error = say("setup", "--yes")

    assert status == 2
    assert "30 of 30 merge fields: no room for PERSONA, PS_HEAD, PS_OFFER" in error
    assert 'On a Premium plan, write plan = "premium" into [connections.email].' in error
    assert platforms.writes() == []


@pytest.mark.parametrize(("fields", "plan"), [(27, "premium"), (28, "")])
def test_premium_has_room_for_eighty_merge_fields_where_it_is_named_or_seen(
    platforms: Platforms, say: Run, fields: int, plan: str
) -> None:
    platforms.sandbox.world.settings.merge_field_limit = 80
    for number in range(fields):
        platforms.email.add_merge_field(AUDIENCE, f"X{number}", name=f"X {number}")
    if plan:
        edit(platforms, 'connector = "mailchimp"', f'connector = "mailchimp"\nplan = "{plan}"')

    status, _, error = say("setup", "--yes")
    for number in range(fields, 80):
        platforms.email.add_merge_field(AUDIENCE, f"X{number}", name=f"X {number}")
    edit(platforms, 'email = "PS_HEAD"', 'email = "PS_HEADER"', "personas.toml")
    full, _, said = say("setup", "--yes")

    assert (status, full) == (0, 2), error
    assert "of 80 merge fields: no room for PS_HEADER" in said
    assert "On a Premium plan" not in said


def test_setup_shows_what_it_would_make_and_makes_nothing_unasked(platforms: Platforms, say: Run) -> None:
    status, _, error = say("setup")

    assert status == 2
    assert "personasync_persona" in error
    assert "Run `personasync setup --yes` to create them." in error
    assert platforms.writes() == []


@pytest.mark.long
def test_run_makes_no_field_that_nobody_was_shown(platforms: Platforms, say: Run) -> None:
    status, _, error = say("run")

    assert status == 2
    assert "Run `personasync setup` to review and create them." in error
    assert platforms.writes() == []


@pytest.mark.long
def test_contacts_without_an_address_are_kept_and_written_where_that_works(platforms: Platforms, say: Run) -> None:
    visitor = platforms.crm.add_contact({"firstname": "Visitor"}, created_at=platforms.sandbox.world.clock.now())
    assert say("setup", "--yes")[0] == 0
    status, _, error = say("run")

    assert (status, error.count("Error")) == (0, 0)
    row = platforms.crm.contact(visitor)
    assert row is not None
    assert row["properties"]["personasync_persona"] == "nora_new"


@pytest.mark.long
def test_a_member_in_compliance_state_is_left_alone_and_told(platforms: Platforms, say: Run) -> None:
    platforms.email.add_member(AUDIENCE, "left@people.test", status="unsubscribed")
    assert say("setup", "--yes")[0] == 0
    status, out, _ = say("run", "--json")
    member = platforms.email.directory(AUDIENCE).find("left@people.test")

    assert status == 0
    assert member is not None
    assert (member["status"], member["merge_fields"].get("PERSONA")) == ("unsubscribed", None)
    assert json.loads(out)["plan"]["skipped"]["email: consent: unsubscribed"] >= 1


def test_a_platform_that_answers_pages_is_told_and_nothing_is_lost(
    platforms: Platforms, say: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.transport.transport.FIRST_WAIT", 0.001)
    platforms.sandbox.journal.faults[:] = [InjectedFault(kind="html", platform="mailchimp", status=502, times=10_000)]

    status, _, error = say("pull")
    platforms.sandbox.journal.faults[:] = []

    assert status == 1
    assert (
        "the platform is temporarily unavailable (HTTP 502). Nothing is lost; run the command again in a few minutes."
        in error
    )
    assert say("pull")[0] == 0


def test_a_page_with_status_200_is_no_answer(platforms: Platforms, say: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.transport.transport.FIRST_WAIT", 0.001)
    platforms.sandbox.journal.faults[:] = [InjectedFault(kind="html", platform="hubspot", status=200, times=10_000)]

    status, _, error = say("pull")

    assert status == 1
    assert "returned a web page (HTTP 200)" in error


def test_a_wrong_rule_points_at_its_place(platforms: Platforms, say: Run) -> None:
    edit(platforms, "orders_365d >= 3", "order_365d >= 3", file="segments.toml")

    status, _, error = say("assign")

    assert status == 2
    assert "segments.toml, line" in error
    assert "orders_365d" in error


def test_json_is_one_document_even_when_it_fails(say: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "wrong")

    status, out, _ = say("pull", "--json")

    assert status == json.loads(out)["error"]["status"] == 2


@pytest.mark.parametrize(
    ("endpoint", "what"),
    [
        ("/crm/properties/2026-09/contacts", "property"),
        ("/crm/lists/2026-09", "list"),
        (f"/3.0/lists/{AUDIENCE}/merge-fields", "merge field"),
        (f"/3.0/lists/{AUDIENCE}/segments", "tag"),
    ],
)
def test_an_answer_about_something_else_is_not_taken_for_something_made(
    platforms: Platforms, say: Run, endpoint: str, what: str
) -> None:
    stale = InjectedFault(kind="again", match=endpoint, method="POST", skip=1, times=2)
    platforms.sandbox.journal.faults[:] = [stale]
    status, _, error = say("setup", "--yes")
    platforms.sandbox.journal.faults.clear()
    again, _, _ = say("setup", "--yes")
    _, out, _ = say("setup", "--yes")

    assert status == 1
    assert f"The response to creating {what}" in error
    assert again == 0
    assert "exist already" in out
