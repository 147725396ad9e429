"""By hand where a person must: pins, exclusion, members, caps and named segments, with the commands themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sync.apply.job import apply
from sync.apply.undo import intended, undo
from sync.assign.job import assign
from sync.plan.job import plan
from sync.pull.job import pull
from sync.session import open_session
from tests.sync.conftest import Platforms, Run, edit, say

__all__ = ["say"]

CAP = 'name = "regulars"\ncap = 3\ncap_by = "revenue_total"'


def told(say: Run, *command: str, status: int = 0) -> dict[str, Any]:
    code, out, error = say(*command, "--json")
    assert code == status, (command, out, error)
    document: dict[str, Any] = json.loads(out)
    return document


def people_of(say: Run, segment: str) -> list[dict[str, Any]]:
    return list(told(say, "members", segment, "--limit", "500")["members"])


@pytest.mark.long
def test_a_pin_goes_before_rules_is_shown_everywhere_and_ends(ready: Any, platforms: Platforms, say: Run) -> None:
    ready.warehouse.close()
    known = told(say, "members", "newcomers")
    who = known["members"][0]["email"]
    assert {member["confidence"] for member in known["members"]} == {None}  # a rule is no probability

    assert say("pin", who, "regularz", "--until", "2099-01-31", "--reason", "x")[2].count("Did you mean 'regulars'?")
    assert say("pin", "nobody@people.test", "regulars", "--until", "2099-01-31", "--reason", "x")[0] == 2
    assert "is over" in say("pin", who, "regulars", "--until", "2020-01-31", "--reason", "x")[2]
    assert "is not a date" in say("pin", who, "regulars", "--until", "tomorrow", "--reason", "x")[2]
    status, out, _ = say("pin", who, "regulars", "--until", "2099-01-31", "--reason", "asked by phone", "--by", "Ada")
    assert (status, "until 2099-01-31, by Ada" in out) == (0, True)
    assert "takes effect at the next `personasync assign`" in say("explain", who)[1]
    assert "run `personasync assign`" in say("plan")[1]
    assert "1 pinned by hand" in say("assign")[1]
    explained = say("explain", who)[1]
    assert f"{who} is in segment 'regulars'" in explained
    assert "by hand." in explained
    assert "by Ada on" in explained
    assert "until 2099-01-31: asked by phone." in explained
    assert "1 person is pinned to a segment by hand" in say("plan")[1]
    [pinned] = [member for member in people_of(say, "regulars") if member["email"] == who]
    assert (pinned["source"], pinned["confidence"]) == ("pinned", None)
    assert "asked by phone" not in pinned["reasons"]  # platforms are shown those
    assert "pin 1, segment regulars, until 2099-01-31, by Ada" in say("history")[1].replace("\n", "")
    listed = told(say, "pins")["pins"]
    assert [(pin["email"], pin["reason"], pin["state"]) for pin in listed] == [(who, "asked by phone", "in force")]

    assert say("unpin", who, "--by", "Ben")[0] == 0
    assert "is not pinned" in say("unpin", who)[2]
    assert told(say, "pins")["pins"] == []
    assert "ended by Ben" in say("pins", "--all")[1]
    say("assign")
    assert told(say, "explain", who)["segment"] == "newcomers"


@pytest.mark.long
def test_nothing_is_written_to_excluded_people_and_what_was_written_stays(
    ready: Any, platforms: Platforms, say: Run
) -> None:
    ready.warehouse.close()
    regular = people_of(say, "regulars")[0]["email"]
    edit(platforms, "[guardrails]", f'[exclude]\naddresses = ["{regular.upper()}"]\n\n[guardrails]')
    assign_lines = say("assign")[1]
    planned = told(say, "plan")

    assert "1 excluded: nothing is written to them." in assign_lines
    skipped = {name: count for name, count in planned["skipped"].items() if "exclude" in name}
    assert sum(skipped.values()) >= 1
    assert "Nothing is written to this person: excluded by [exclude] addresses" in say("explain", regular)[1]
    with open_session(platforms.folder, now=ready.now, environment=platforms.environment) as session:
        done = apply(session, override=frozenset({"max_changed"}))
        changed = session.control.ledger.outcomes(done.run_id)
        assert changed
        assert regular not in {outcome.change.email for outcome in changed}
    shown = [member for member in platforms.members() if member["email_address"].lower() == regular]
    assert all(not member["tags"] for member in shown)

    edit(platforms, f'addresses = ["{regular.upper()}"]', "rule = 'in(\"bargain_hunters\")'")
    status, _, error = say("apply")  # a plan that was made under another [exclude]
    assert (status, "out of date" in error or "already applied" in error) == (2, True)
    with open_session(platforms.folder, now=ready.now, environment=platforms.environment) as session:
        pull(session)
        assign(session, as_of=session.now())
        again = plan(session)
        assert {change.kind for change in again.plan.changes if change.after is None} == set()
        counted = sum(count for (_, why), count in again.plan.counts.skipped.items() if "[exclude] rule" in why)
        assert counted > 1
        taken_back = undo(session, intended(session, "last"))
        assert taken_back.restored


@pytest.mark.long
def test_a_wrong_exclusion_is_named_with_its_line(ready: Any, platforms: Platforms, say: Run) -> None:
    ready.warehouse.close()
    edit(platforms, "[guardrails]", '[exclude]\naddresses = ["nobody"]\nrule = "in(\'newcomerz\')"\n\n[guardrails]')
    assert "not an email address" in say("plan")[2]
    edit(platforms, 'addresses = ["nobody"]\n', "")
    wrong = say("plan")[2]
    assert "personasync.toml, line " in wrong
    assert "there is no segment 'newcomerz'; did you mean 'newcomers'?" in wrong


@pytest.mark.long
def test_a_cap_keeps_the_best_of_a_segment_and_gives_the_others_what_comes_next(
    ready: Any, platforms: Platforms, say: Run
) -> None:
    ready.warehouse.close()
    before = people_of(say, "regulars")
    assert len(before) > 4
    edit(platforms, 'name = "regulars"', CAP, file="segments.toml")
    text = say("assign")[1]
    inside = people_of(say, "regulars")
    worth = {member["email"]: told(say, "explain", member["email"])["traits"]["revenue_total"] for member in before[:4]}

    assert f"Segment 'regulars' is full: 3 people, cap 3 by revenue_total; {len(before) - 3} others" in text
    assert len(inside) == 3
    names = {member["email"] for member in inside}
    out = sorted((value for who, value in worth.items() if who not in names), reverse=True)
    assert all(value >= out[0] for who, value in worth.items() if who in names)
    left = next(who for who in worth if who not in names)
    explained = told(say, "explain", left)
    assert explained["segment"] != "regulars"
    assert "Segment 'regulars' is full: cap 3, by revenue_total; the last place went to" in say("explain", left)[1]
    assert told(say, "classify", left)["segment"] == explained["segment"]

    say("pin", left, "regulars", "--until", "2099-01-31", "--reason", "promised")
    say("assign")
    now_inside = {member["email"] for member in people_of(say, "regulars")}
    assert len(now_inside) == 3
    assert left in now_inside
    page = told(say, "members", "regulars", "--limit", "2", "--page", "2")
    assert (page["people"], page["pages"], len(page["members"])) == (3, 2, 1)
    assert "There is no page 9" in say("members", "regulars", "--page", "9")[2]
