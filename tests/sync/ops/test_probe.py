"""`doctor --probe` in a workspace: what it prints, what it keeps, what it refuses, and what stands in its file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from connectors.evidence import load_evidence
from connectors.sandbox.door import InjectedFault
from sync.apply.job import apply
from sync.breach import GuardrailError, refuse_broken_assumptions
from sync.ops.probe import assumption_findings
from sync.plan.job import plan
from sync.pull.job import pull
from sync.session import Session
from tests.sync.conftest import Platforms, Run, say

__all__ = ["say"]

CONNECTIONS = {"hubspot": "crm", "mailchimp": "email"}
ASSUMED = [entry for entry in load_evidence().assumptions if entry.platform in CONNECTIONS]
"""What is assumed of the workspace's platforms."""
WORDS = 3  # letters of the shortest name that is looked for
SILENT = {"status": "COMPLETE", "results": [], "errors": []}
STANDARD = {"portalId": 1, "accountType": "STANDARD", "companyCurrency": "USD"}


def answer_with(platforms: Platforms, match: str, body: object) -> None:
    fault = InjectedFault(kind="status", status=200, body=body, match=match, times=99)
    platforms.sandbox.journal.faults[:] = [fault]


def canaries(platforms: Platforms) -> set[str]:
    """Addresses, names and secrets of everybody, and what the account calls its own."""
    people = [row["properties"] for row in platforms.crm.contacts.values()]
    texts = {str(person.get(name) or "") for person in people for name in ("email", "firstname", "lastname")}
    texts |= {str(member[name]) for member in platforms.members() for name in ("email_address", "contact_id", "id")}
    texts |= {*platforms.environment.values(), platforms.sandbox.access["audience"], "personasync: "}
    return {text for text in texts if len(text) > WORDS}


def test_a_probe_reads_only_and_its_file_tells_of_nobody(ready: Session, platforms: Platforms, say: Run) -> None:
    del ready
    status, out, error = say("--quiet", "doctor", "--probe")
    lines = (platforms.folder / ".personasync" / "probe.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in lines.splitlines()][1:]

    assert (status, error) == (0, "")
    assert platforms.writes() == []
    assert {row["assumption"] for row in rows} == {entry.id for entry in ASSUMED}
    assert "0 broken" in out
    assert "A10" in out
    assert [text for text in canaries(platforms) if text in lines] == []
    answered = {row["assumption"]: row for row in rows}["A10"]["answers"]
    assert answered[-1]["request"] == "POST contacts/batch/read"
    assert answered[-1]["body"]["errors"]["first"][0]["context"]["ids"]["list"] == 1
    assert "date" in answered[-1]["headers"]
    held = say("doctor")[1]
    assert "tested on this account and held" in " ".join(held.split())


@pytest.mark.long
def test_what_rests_on_a_broken_assumption_is_refused_until_it_holds(
    ready: Session, platforms: Platforms, say: Run
) -> None:
    del ready
    assert say("plan")[0] == 0
    answer_with(platforms, "/contacts/batch/read", SILENT)
    status, out, _ = say("doctor", "--probe")
    platforms.sandbox.journal.faults.clear()

    assert status == 2
    assert "BROKEN" in out
    sentence = next(one.says for one in load_evidence().assumptions if one.id == "A10")
    for command in ("pull", "apply"):
        refused, _, error = say(command)
        told = " ".join(error.split())
        assert refused == 3
        assert f"crm: assumption A10 is broken: {sentence}" in told
        assert f"`personasync {command} --override A10`" in told
    assert "A10 is broken" in " ".join(say("doctor")[1].split())
    assert platforms.writes() == []
    assert say("pull", "--override", "A10")[0] == 0
    assert say("pull")[0] == 3  # for one run only
    assert say("doctor", "--probe", "--connection", "crm")[0] == 0
    assert "A10 is broken" not in " ".join(say("doctor")[1].split())


def test_doctor_says_of_each_broken_assumption_what_follows_from_it(ready: Session) -> None:
    for assumption in ASSUMED:
        name = CONNECTIONS[assumption.platform]
        ready.control.probed.note(name, {assumption.id: "broken"}, "run")

        (finding,) = assumption_findings(ready, name)

        assert finding.message == f"{assumption.id} is broken: {assumption.says} {assumption.broken}"
        assert (finding.state, "`apply`" in finding.fix) == (("fail", True) if assumption.blocks else ("warn", False))
        ready.control.probed.note(name, {assumption.id: "held"}, "run")


def test_each_assumption_that_blocks_refuses_with_its_sentence_and_the_others_do_not(
    ready: Session, platforms: Platforms
) -> None:
    plan(ready)
    for assumption in ASSUMED:
        name = CONNECTIONS[assumption.platform]
        ready.control.probed.note(name, {assumption.id: "broken"}, "run")
        if assumption.blocks:
            with pytest.raises(GuardrailError, match=re.escape(assumption.says)):
                apply(ready)
        else:
            refuse_broken_assumptions("apply", {name: [assumption.id]}, ())
        if "pull" in assumption.blocks:
            with pytest.raises(GuardrailError, match=re.escape(assumption.says)):
                pull(ready)
        ready.control.probed.note(name, {assumption.id: "held"}, "run")

    assert platforms.writes() == []
    assert apply(ready).count("applied") > 0


@pytest.mark.parametrize("arguments", [("--write",), ("--probe", "--production"), ("--probe", "--contact", "a@b.test")])
def test_options_that_mean_nothing_alone_are_refused(
    platforms: Platforms, say: Run, arguments: tuple[str, ...]
) -> None:
    status, _, error = say("doctor", *arguments)

    assert (status, platforms.writes()) == (2, [])
    assert "needs --probe" in error


def test_an_account_in_which_people_work_is_written_to_only_when_told(
    ready: Session, platforms: Platforms, say: Run
) -> None:
    del ready
    answer_with(platforms, "/account-info/", STANDARD)
    status, _, error = say("doctor", "--probe", "--write")
    before = {Path(write).name for write in platforms.writes()}
    allowed = say("doctor", "--probe", "--write", "--production", "--connection", "crm")[0]

    assert (status, before, allowed) == (2, set(), 0)
    assert "--production" in error
    assert any(write.startswith("DELETE") for write in platforms.writes())
    file = (platforms.folder / ".personasync" / "probe.jsonl").read_text("utf-8")
    assert [text for text in {*canaries(platforms), "probe.example"} if text in file] == []
