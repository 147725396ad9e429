"""Purposes on both local platforms: who chose a group, what `setup` creates, an objection while `apply` runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from connectors.mailchimp.batches import Jobs
from connectors.sandbox.fill import AUDIENCE
from sync.apply.job import apply
from sync.cli import render
from sync.consent.objections import object_by_hand
from sync.plan.job import plan
from sync.session import Session
from tests.sync.conftest import Platforms, Run

GROUPS = """
[consent.profiling]
basis = "consent"
sources = [{ connection = "email", group = "Privacy/Profiling" }]
[consent.advertising]
sources = [
  { connection = "crm", property = "ads_ok", date = "ads_ok_at" },
  { connection = "email", merge_field = "ADS_OK" },
]
"""


def add_to_settings(platforms: Platforms, text: str) -> None:
    with (platforms.folder / "personasync.toml").open("a", encoding="utf-8") as file:
        file.write(text)


def group_of(platforms: Platforms, name: str) -> str:
    email = platforms.email
    titles = email.interest_categories(AUDIENCE)
    title = next(iter(titles.values()), None) or email.add_interest_category(AUDIENCE, "Privacy")
    return str(email.add_interest(AUDIENCE, str(title["id"]), name)["id"])


@pytest.mark.long
def test_who_chose_a_group_may_be_profiled_and_setup_creates_what_purposes_read(platforms: Platforms, say: Run) -> None:
    add_to_settings(platforms, GROUPS)
    group_of(platforms, "Newsletter")
    status, shown, _ = say("setup", "--yes", "--json")
    assert status == 0
    made = {(step["connection"], step["name"]) for step in json.loads(shown)["created"]}
    assert {("crm", "ads_ok"), ("crm", "ads_ok_at"), ("email", "ADS_OK")} <= made
    assert not any("Profiling" in name for _, name in made)  # a group stands on a form: nobody else makes it
    assert not json.loads(say("setup", "--yes", "--json")[1])["created"]
    refused = say("pull")
    assert refused[0] == 2
    assert "'group:Privacy/Profiling', which Mailchimp does not have" in refused[2]

    group = group_of(platforms, "Profiling")
    yes, no = sorted(platforms.members(), key=lambda member: str(member["email_address"]))[:2]
    yes["interests"] = {group: True}
    platforms.email.directory(AUDIENCE).save(yes)
    status, _, said = say("pull")
    assert status == 0, said
    status, _, said = say("assign", "--override", "trait_quality")
    assert status == 0, said
    for member, allowed in ((yes, True), (no, False)):
        status, shown, said = say("explain", str(member["email_address"]), "--json")
        assert status == 0, said
        profiling = json.loads(shown)["purposes"]["profiling"]
        assert profiling["allowed"] is allowed
        assert profiling["source"] == "email, group Privacy/Profiling"


def test_nothing_is_written_about_who_objects_in_the_middle_of_an_apply(ready: Session, platforms: Platforms) -> None:
    """Members are written one by one, ten at a time; the last one objects when the first fifty are done."""
    changes = [change for change in plan(ready).plan.changes if change.connection == "email"]
    of_fields = list(dict.fromkeys(change.platform_id for change in changes if change.kind == "field"))
    assert len(of_fields) > 70
    person = [change for change in changes if change.platform_id == of_fields[-1]]
    assert {change.kind for change in person if change.after is not None} >= {"field"}
    member = platforms.email.members(AUDIENCE)[of_fields[-1]]
    before = dict(member["merge_fields"]), dict(member["tags"])
    objected: list[object] = []

    def object_once(what: str, _done: int, _all: int | None) -> None:
        if what.startswith("email") and not objected:
            assert not any(str(of_fields[-1]) in write for write in platforms.writes())
            objected.append(object_by_hand(ready.workspace, ready.control, str(person[0].email), by="test"))

    applied = apply(ready, override=frozenset({"max_changed", "max_unclassified"}), progress=object_once)

    assert objected
    assert not any(str(of_fields[-1]) in write for write in platforms.writes())
    now = platforms.email.members(AUDIENCE)[of_fields[-1]]
    assert (dict(now["merge_fields"]), dict(now["tags"])) == before
    skipped = ready.control.ledger.outcomes(applied.run_id, state="skipped")
    assert {outcome.change.person_id for outcome in skipped} == {person[0].person_id}
    assert {outcome.reason for outcome in skipped} == {"Objected after this was planned."}
    assert len(skipped) == len([change for change in person if change.after is not None])
    assert not ready.control.ledger.unsettled()


@pytest.mark.long
def test_what_a_batch_wrote_about_who_objects_while_it_runs_is_taken_back_by_the_same_apply(
    ready: Session, platforms: Platforms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mailchimp has accepted the job when the person objects; HubSpot is written before, Mailchimp's tags after it."""
    limits = ready.connector("email")._limits  # type: ignore[attr-defined]  # a hundred people make no batch of three hundred
    monkeypatch.setattr(ready.connector("email"), "_limits", {**limits, "batches_from": 50})
    changes = [change for change in plan(ready).plan.changes if change.connection == "email"]
    person = next(change for change in changes if change.name == "PERSONA" and change.after)
    handed_over, run_jobs = list[int](), Jobs.run

    def object_meanwhile(jobs: Jobs, operations: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, Any]]:
        answers = run_jobs(jobs, operations)
        assert person.platform_id in answers
        shown_by_then.append(shown(platforms, person.platform_id))
        object_by_hand(ready.workspace, ready.control, str(person.email), by="test")
        handed_over.append(len(operations))
        return answers

    shown_by_then = list[tuple[str, set[str]]]()
    monkeypatch.setattr(Jobs, "run", object_meanwhile)
    applied = apply(ready, override=frozenset({"max_changed", "max_unclassified"}))

    persona, tags = shown(platforms, person.platform_id)
    assert handed_over
    assert handed_over[0] >= 50
    assert shown_by_then[0][0] == person.after
    assert persona == "unclassified"
    assert not {tag for tag in tags if tag in {change.name for change in changes if change.kind == "group"}}
    crm = platforms.crm.contact(platforms.crm.by_email.get(str(person.email), ""))
    assert crm is None or crm["properties"].get("personasync_persona") in {None, "", "unclassified"}
    assert applied.taken_back > 0
    assert "took back what people were shown who objected" in " ".join(map(str, render.applied(applied)))
    assert not ready.control.ledger.unsettled()
    assert [
        change for change in plan(ready).plan.changes if change.person_id == person.person_id and change.before
    ] == []


def shown(platforms: Platforms, member: str) -> tuple[str, set[str]]:
    row = platforms.email.members(AUDIENCE)[member]
    return str(row["merge_fields"]["PERSONA"]), {str(tag) for tag in row["tags"]}
