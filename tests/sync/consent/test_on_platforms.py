"""Purposes on both local platforms: who chose a group, what `setup` creates, an objection while `apply` runs."""

from __future__ import annotations

import json

import pytest

from connectors.sandbox.fill import AUDIENCE
from sync.apply.job import apply
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
