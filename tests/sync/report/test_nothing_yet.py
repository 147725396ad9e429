"""Results, reports and lift before there is anything to tell: clear words, no traceback, a report to read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.sync.conftest import Platforms, Run

SAID = {
    "lift": "No campaign with variants has been imported yet. Send one and run `personasync results`",
    "lift --experiment spring": "There is no experiment 'spring'.",
    "offers": "no variant of an experiment was mailed yet. Send a campaign with variants",
    "segments": "Nobody has a segment yet. Run `personasync pull` and `personasync assign`.",
    "migration": "Run `personasync assign`.",
    "explain ada@people.test": "No contact has the email address 'ada@people.test'. Run `personasync pull`",
    "preview mail.html --contact ada@people.test": "No contact has the email address 'ada@people.test'.",
}


@pytest.mark.long
def test_before_anything_was_read_or_assigned(platforms: Platforms, say: Run, tmp_path: Path) -> None:
    mail = tmp_path / "mail.html"
    mail.write_text("*|PS_HEAD|*", "utf-8")
    outcomes = {line: say(*line.replace("mail.html", str(mail)).split()) for line in SAID}
    results, report, plan = say("results"), say("report", "--json"), say("plan")
    summary = say("report", "--summary")
    shown = say("preview", str(mail), "--out", str(tmp_path / "preview.html"))

    assert {line: status for line, (status, _, _) in outcomes.items()} == dict.fromkeys(SAID, 2)
    assert [line for line, text in SAID.items() if text not in outcomes[line][2]] == []
    assert (results[0], report[0], plan[0], shown[0]) == (0, 0, 2, 0)
    assert "email campaigns" in results[1]
    document = json.loads(report[1])
    assert document["summary"] == ["Nobody is assigned yet: run `personasync assign`."]
    assert "Nobody is assigned yet" in Path(document["report"]).read_text("utf-8")
    assert summary[1].startswith("Subject: ")
    assert summary[1].count("\n- ") == 3
    assert "Run `personasync pull`" in plan[2]
    assert "Nobody is assigned yet, so there is no contact to preview" in shown[1]
    assert "Traceback" not in "".join(out + err for _, out, err in (*outcomes.values(), results, report, plan, shown))


@pytest.mark.long
def test_an_experiment_without_any_campaign_yet(platforms: Platforms, say: Run) -> None:
    early = say("experiment", "create", "spring", "--arm", "a", "--arm", "b", "--holdout", "20%")
    nobody = say("lift", "--experiment", "spring")
    say("pull")
    say("assign")
    lift, report = say("lift", "--experiment", "spring"), say("report")

    assert (
        "Nobody is assigned yet: run `personasync assign`, which randomly assigns people to the variants." in early[1]
    )
    assert (nobody[0], lift[0], report[0]) == (2, 0, 0)
    assert (
        "Nobody is in spring yet. Run `personasync assign`, which randomly assigns people to the variants." in nobody[2]
    )
    assert "No sends yet" in lift[1]
    assert "No campaign has been imported yet." in report[1]
    assert "Traceback" not in "".join(out + err for _, out, err in (early, nobody, lift, report))
