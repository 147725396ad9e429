"""Writing to Mailchimp: merge fields without a status, tags through segment batches; nobody is subscribed by it."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import FixSettingsError, PlatformDownError
from connectors.mailchimp import batches
from connectors.mailchimp.api import endpoint_of
from connectors.mailchimp.connector import Mailchimp
from connectors.records import Change, FieldDefinition, Outcome
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.mailchimp import batch_runs
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox

Open = Callable[..., Mailchimp]
FIELDS = [
    FieldDefinition("PERSONA", "Persona", "text", default="unclassified"),
    FieldDefinition("PS_HEAD", "Headline", "text", default="Hello"),
]
STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")


@pytest.fixture
def state(sandbox: Sandbox) -> MailchimpState:
    return MailchimpState.of(sandbox.world)


@pytest.fixture
def mailchimp(open_mailchimp: Open) -> Mailchimp:
    ready = open_mailchimp()
    for step in ready.missing(FIELDS, ["champions"]):
        ready.create(step)
    return ready


def people(mailchimp: Mailchimp) -> list[dict[str, Any]]:
    contacts = (row for page in mailchimp.read("contacts", {}) for row in page.rows.to_pylist())
    return list({row["platform_id"]: row for row in contacts}.values())


def field(row: dict[str, Any], value: str | None, name: str = "PERSONA") -> Change:
    return Change("email", row["platform_id"], "p", row["email"], "field", name, None, value)


def tag(row: dict[str, Any], after: str | None = "member") -> Change:
    return Change("email", row["platform_id"], "p", row["email"], "group", "champions", None, after)


def pushed(mailchimp: Mailchimp, *changes: Change) -> list[Outcome]:
    return [outcome for batch in mailchimp.push(changes) for outcome in batch]


@pytest.mark.parametrize("batches_from", [1, 10_000])
def test_a_push_changes_no_status_whatever_it_is(
    state: MailchimpState, mailchimp: Mailchimp, open_mailchimp: Open, batches_from: int
) -> None:
    """Trap M1: a compliance state refuses subscribing, and an update without a status is no subscribing."""
    for number in range(60):
        status = STATUSES[number % len(STATUSES)]
        state.add_member(AUDIENCE, f"p{number}@people.test", status=status)
    for member in state.members(AUDIENCE).values():
        member["compliance"] = member["status"] in {"unsubscribed", "cleaned"}
    before = {key: member["status"] for key, member in state.members(AUDIENCE).items()}
    writer = open_mailchimp(limits={"batches_from": batches_from})

    outcomes = pushed(writer, *(change for row in people(writer) for change in (field(row, "a"), tag(row))))

    assert {key: member["status"] for key, member in state.members(AUDIENCE).items()} == before
    assert Counter(o.state for o in outcomes if o.change.kind == "field") == {"applied": 60}
    assert {m["merge_fields"]["PERSONA"] for m in state.members(AUDIENCE).values()} == {"a"}


@pytest.mark.parametrize("batches_from", [1, 10_000])
def test_the_requests_are_those_that_were_told_before(
    sandbox: Sandbox, state: MailchimpState, mailchimp: Mailchimp, open_mailchimp: Open, batches_from: int
) -> None:
    for number in range(620):
        state.add_member(AUDIENCE, f"p{number}@people.test")
    writer = open_mailchimp(limits={"batches_from": batches_from})
    changes = [change for row in people(writer) for change in (field(row, "a"), tag(row))]
    wanted = writer.requests_for(changes)
    first = len(sandbox.journal.entries)
    writer.traffic.requests.clear()
    outcomes = pushed(writer, *changes)
    assert writer.read_back_sample(changes)
    seen = [entry for entry in sandbox.journal.entries if entry.number >= first]
    sent = {name: count for name, count in writer.traffic.requests.items() if name in wanted}

    assert Counter(outcome.state for outcome in outcomes) == {"applied": 1240}
    assert {name: count for name, count in sent.items() if name != "GET batches/{batch}"} == {
        name: count for name, count in wanted.items() if name != "GET batches/{batch}"
    }
    assert {request.status for request in seen} == {200}  # ten connections at most: no 429


def test_somebody_elses_required_field_does_not_block_ours(state: MailchimpState, mailchimp: Mailchimp) -> None:
    """Trap M3."""
    state.add_merge_field(AUDIENCE, "SHOE", name="Shoe size", required=True)
    state.add_member(AUDIENCE, "ada@people.test")

    assert [outcome.state for outcome in pushed(mailchimp, field(people(mailchimp)[0], "a"))] == ["applied"]


def test_a_member_who_is_gone_is_told(state: MailchimpState, mailchimp: Mailchimp, open_mailchimp: Open) -> None:
    """Trap M9: nobody is added again."""
    for name in ("ada", "bob"):
        state.add_member(AUDIENCE, f"{name}@people.test")
    rows = people(mailchimp)
    gone = state.directory(AUDIENCE).find("ada@people.test")
    assert gone is not None
    state.remove_member(AUDIENCE, gone)
    for writer in (mailchimp, open_mailchimp(limits={"batches_from": 1})):
        outcomes = {o.change.email: o for o in pushed(writer, *(field(row, "x") for row in rows))}
        assert (outcomes["ada@people.test"].state, outcomes["ada@people.test"].code) == ("rejected", "not_found")
        assert outcomes["bob@people.test"].state == "applied"
    assert len(state.members(AUDIENCE)) == 1


def test_text_that_is_cut_is_no_success(state: MailchimpState, mailchimp: Mailchimp) -> None:
    """Trap M4, its second half: 255 bytes are kept, without a word."""
    state.add_member(AUDIENCE, "ada@people.test")

    outcome = pushed(mailchimp, field(people(mailchimp)[0], "ü" * 200))[0]

    assert (outcome.state, outcome.code) == ("rejected", "not_kept")


def test_a_full_audience_and_a_long_tag_are_told_before_anything_is_made(
    sandbox: Sandbox, state: MailchimpState, open_mailchimp: Open
) -> None:
    """Trap M4: a thirty-first field is dropped silently, a tag is cut at ten characters."""
    with pytest.raises(FixSettingsError, match="a merge tag can have 10 characters"):
        open_mailchimp().missing([FieldDefinition("PERSONALITY", "P", "text")], [])
    for number in range(26):
        state.add_merge_field(AUDIENCE, f"X{number}", name=f"X {number}")
    with pytest.raises(FixSettingsError, match="29 of 30 merge fields: no room for PERSONA, PS_HEAD"):
        open_mailchimp().missing(FIELDS, [])

    assert [entry for entry in sandbox.journal.entries if entry.write] == []


def test_fields_beyond_the_first_ten_are_known(state: MailchimpState, mailchimp: Mailchimp) -> None:
    """Trap M5 again: a field on the second page would be made twice."""
    for number in range(20):
        state.add_merge_field(AUDIENCE, f"X{number}", name=f"X {number}")

    assert mailchimp.missing(FIELDS, ["champions"]) == []


def test_a_tag_that_exists_is_never_emptied_and_others_stay(
    sandbox: Sandbox, state: MailchimpState, open_mailchimp: Open, mailchimp: Mailchimp
) -> None:
    """Trap M11: an empty list of members given to an existing tag takes it from everybody."""
    for name in ("ada", "bob"):
        state.add_member(AUDIENCE, f"{name}@people.test")
    ada, bob = people(mailchimp)
    pushed(mailchimp, tag(ada), tag(bob))
    theirs = state.tag(AUDIENCE, "vip")
    member = state.directory(AUDIENCE).find("ada@people.test")
    assert member is not None
    assert theirs is not None
    state.put_tag(AUDIENCE, member, theirs)
    again = open_mailchimp()
    for step in again.missing(FIELDS, ["champions"]):
        again.create(step)
    outcomes = pushed(again, tag(bob, None), tag(ada))

    assert [outcome.state for outcome in outcomes] == ["unchanged", "applied"]
    names = {state.segments(AUDIENCE)[key]["name"] for key in member["tags"]}
    assert names == {"vip", "ps:champions"}
    member_ids = [row["platform_id"] for page in again.read("memberships", {}) for row in page.rows.to_pylist()]
    assert member_ids == [ada["platform_id"]]
    assert "PATCH" not in {entry.method for entry in sandbox.journal.entries if "segments" in entry.path}


def test_a_result_file_whose_time_is_up_is_asked_for_again(
    sandbox: Sandbox, state: MailchimpState, mailchimp: Mailchimp, open_mailchimp: Open
) -> None:
    state.add_member(AUDIENCE, "ada@people.test")
    writer = open_mailchimp(limits={"batches_from": 1})
    sandbox.journal.faults[:] = [InjectedFault(kind="status", match="_files", status=403, body={"title": "Expired"})]
    writer._transport.wait = lambda _seconds: sandbox.world.clock.advance(timedelta(minutes=11))

    assert [outcome.state for outcome in pushed(writer, field(people(writer)[0], "a"))] == ["applied"]


def test_a_job_is_looked_at_when_it_should_be_done(sandbox: Sandbox, open_mailchimp: Open) -> None:
    """Two looks are the least: the local platform shows nobody a finished job at the first one."""
    connector = open_mailchimp()
    ping = {"method": "GET", "path": "/ping", "params": {"count": "1"}}
    jobs = batches.Jobs(connector._api, lambda seconds: sandbox.world.clock.advance(timedelta(seconds=seconds)))
    counts = (1_000, 200, 1_000)
    answers = [jobs.run([{**ping, "operation_id": str(number)} for number in range(count)]) for count in counts]

    assert [len(answer) for answer in answers] == list(counts)
    looks = Counter(entry.path for entry in sandbox.journal.entries if "batches/" in entry.path)
    assert list(looks.values()) == [2, 2, 2]


def test_a_job_that_is_slower_than_thought_is_looked_at_by_its_own_progress(
    sandbox: Sandbox, open_mailchimp: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_runs, "SPEED", 40)
    connector = open_mailchimp()
    ping = {"method": "GET", "path": "/ping", "params": {"count": "1"}}
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        sandbox.world.clock.advance(timedelta(seconds=seconds))

    jobs = batches.Jobs(connector._api, wait)
    for _ in range(2):
        jobs.run([{**ping, "operation_id": str(number)} for number in range(200)])

    looks = Counter(entry.path for entry in sandbox.journal.entries if "batches/" in entry.path)
    assert [count <= most for count, most in zip(looks.values(), (6, 3), strict=True)] == [True, True], (looks, waits)


def test_a_broken_result_file_leaves_outcomes_unknown(
    sandbox: Sandbox, state: MailchimpState, mailchimp: Mailchimp, open_mailchimp: Open
) -> None:
    state.add_member(AUDIENCE, "ada@people.test")
    writer = open_mailchimp(limits={"batches_from": 1})
    sandbox.journal.faults[:] = [InjectedFault(kind="status", match="_files", status=200, body={"no": "archive"})]
    outcomes: list[Outcome] = []
    with pytest.raises(PlatformDownError, match="damaged"):
        outcomes.extend(outcome for batch in writer.push([field(people(writer)[0], "a")]) for outcome in batch)

    assert [outcome.state for outcome in outcomes] == ["unknown"]


def test_every_operation_of_a_job_counts_by_itself() -> None:
    """Trap M8 and batches: bodies are text, a finished job is no success, files hold several answers."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as files:
        for number, part in enumerate(
            (
                [{"status_code": 200, "operation_id": "a", "response": '{"x":1}'}],
                [{"status_code": 404, "operation_id": "b"}],
            )
        ):
            content = json.dumps(part).encode()
            info = tarfile.TarInfo(f"{number}.json")
            info.size = len(content)
            files.addfile(info, io.BytesIO(content))

    assert dict(batches._answers(archive.getvalue())) == {"a": (200, {"x": 1}), "b": (404, {})}
    with pytest.raises(PlatformDownError, match="damaged"):
        dict(batches._answers(b"no archive"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/lists/a/members/b"),
        ("PUT", "/lists/a/members/b"),
        ("POST", "/lists/a/members"),
        ("POST", "/lists/a"),
        ("POST", "/lists/a/members/b/actions/delete-permanent"),
        ("POST", "/campaigns"),
        ("POST", "/campaigns/c/actions/send"),
        ("PATCH", "/lists/a/segments/7"),
    ],
)
def test_nothing_can_subscribe_archive_delete_or_send(method: str, path: str) -> None:
    with pytest.raises(FixSettingsError, match="not an allowed Mailchimp request"):
        endpoint_of(method, path)


def test_a_field_that_is_not_ours_is_never_written(state: MailchimpState, mailchimp: Mailchimp) -> None:
    state.add_member(AUDIENCE, "ada@people.test")

    with pytest.raises(FixSettingsError, match="Not owned by personasync: FNAME"):
        pushed(mailchimp, field(people(mailchimp)[0], "Eve", "FNAME"))


@pytest.mark.parametrize("status", [423, 477])
@pytest.mark.parametrize("batches_from", [1, 10_000])
def test_not_at_the_moment_is_no_refusal_for_good(
    sandbox: Sandbox, state: MailchimpState, mailchimp: Mailchimp, open_mailchimp: Open, status: int, batches_from: int
) -> None:
    for number in range(2):
        state.add_member(AUDIENCE, f"p{number}@people.test")
    writer = open_mailchimp(limits={"batches_from": batches_from})
    changes = [change for row in people(writer) for change in (field(row, "a"), tag(row))]
    sandbox.journal.faults[:] = [
        InjectedFault(kind="status", match=match, method=method, status=status, body={"title": "Locked"})
        for match, method in (("/members/", "PATCH"), ("/batches", "POST"), ("/segments/", "POST"))
    ]

    assert {outcome.state for outcome in pushed(writer, *changes)} == {"applied"}


def test_an_older_answer_about_others_leaves_tags_unknown(
    sandbox: Sandbox, state: MailchimpState, mailchimp: Mailchimp, open_mailchimp: Open
) -> None:
    for number in range(4):
        state.add_member(AUDIENCE, f"p{number}@people.test")
    writer = open_mailchimp(limits={"segment_batch": 2, "connections": 1})
    rows = people(writer)
    sandbox.journal.faults[:] = [InjectedFault(kind="again", match="/segments/", method="POST", skip=1)]

    outcomes = pushed(writer, *(tag(row) for row in rows))

    assert Counter(outcome.state for outcome in outcomes) == {"applied": 2, "unknown": 2}
    tagged = {m["email_address"] for m in state.members(AUDIENCE).values() if m["tags"]}
    assert {o.change.email for o in outcomes if o.state == "applied"} == tagged
