"""A plan that an assistant asked for goes nowhere before a person typed its code."""

from __future__ import annotations

import json
import sys

import pytest

from connectors.errors import FixSettingsError
from sync.apply.job import apply
from sync.clock import now
from sync.plan.file import plan_code
from sync.plan.job import plan
from sync.session import Session, open_session
from tests.sync.cli.terminal import at_a_terminal
from tests.sync.conftest import Platforms, Run
from tests.sync.console.visitor import visiting

ASKED = "Type the code to send it"


def test_without_the_code_nothing_is_sent_whatever_the_file_says(ready: Session, platforms: Platforms) -> None:
    before = platforms.writes()
    made = plan(ready, proposed_by="assistant")
    head, *lines = made.path.read_text("utf-8").split("\n")
    header = json.loads(head)
    header["summary"]["proposed_by"] = None
    made.path.write_text("\n".join([json.dumps(header), *lines]), "utf-8")
    for code in ("", "000000", plan_code(made.plan_id)[:-1]):
        with pytest.raises(FixSettingsError, match="Nothing was sent"):
            apply(ready, code=code)
    record = ready.control.plans.latest()

    assert platforms.writes() == before
    assert record is not None
    assert (record.state, record.plan_id) == ("fresh", made.plan_id)
    assert apply(ready, code=plan_code(made.plan_id).upper() + " ").count("applied") > 0


def test_a_plan_of_a_person_needs_no_code_and_its_code_is_chance(ready: Session) -> None:
    made = plan(ready)
    [run] = ready.control.runs.newest(1)

    assert plan_code(made.plan_id) not in run.run_id
    assert apply(ready).count("applied") > 0


@pytest.mark.long
def test_at_a_terminal_the_plan_is_shown_and_its_code_asked_for(ready: Session, platforms: Platforms) -> None:
    code = plan_code(plan(ready, proposed_by="assistant").plan_id)
    ready.warehouse.close()
    before = platforms.writes()
    arguments = ("apply", "-w", str(platforms.folder))
    with at_a_terminal(*arguments, environment=platforms.environment) as terminal:
        shown = terminal.read_until(ASKED)
        terminal.type("wrong\n")
        wrong = terminal.end(), platforms.writes() == before, " ".join(terminal.told.split())
    with at_a_terminal(*arguments, environment=platforms.environment) as terminal:
        terminal.read_until(ASKED)
        terminal.type(f"{code}\n")
        right = terminal.end()

    assert "Would change" in shown
    assert f"An assistant asked for this plan. Its code is {code}." in " ".join(shown.split())
    assert wrong[:2] == (2, True)
    assert "The code is not that of this plan. Nothing was sent." in wrong[2]
    assert right == 0
    assert any(member["tags"] for member in platforms.members())


@pytest.mark.long
@pytest.mark.outside
def test_the_console_approves_it_with_the_code(platforms: Platforms, ready_moment: object, say: Run) -> None:
    assert say("pull")[0] == say("assign")[0] == 0
    assert say("setup", "--yes")[0] == 0
    with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
        made = plan(session, proposed_by="assistant")
    status, _, error = say("apply")
    with visiting(platforms.folder, platforms.environment) as visitor:
        page = visitor.get("/plans").words
        token = visitor.token()
        sent = visitor.post("/plans/apply", token, plan=made.plan_id, code=plan_code(made.plan_id))
        done = visitor.done(sent).words

    assert (status, "nobody has typed its code" in error) == (2, True)
    assert "asked for by an assistant" in page
    assert "applied" in done


def test_without_the_extra_the_message_names_it(
    platforms: Platforms, say: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.delitem(sys.modules, "sync.assistant.server", raising=False)
    status, out, error = say("mcp")

    assert (status, out) == (2, "")
    assert "pip install 'personasync[mcp]'" in " ".join(error.split())
