"""What a command names as the next one: it follows from the workspace, runs as it stands, leads through the loop."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.fill import fill
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.cli.commands import ENTRIES
from sync.cli.main import run
from sync.ops import trial
from sync.ops.next_step import BESIDE, RECORDED, Standing, WaitingPlan, next_step

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
SOON = timedelta(minutes=1)
CURRENT = Standing(
    NOW,
    done_at={name: NOW - (9 - place) * SOON for place, name in enumerate(RECORDED)},
    plan=WaitingPlan("applied", NOW - 6.5 * SOON, 40),
    written_at=NOW - 6.2 * SOON,
)
ENDED = replace(CURRENT, ended=True, measured=("worth",))
moments = st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda ago: NOW - ago)
plans = st.builds(
    WaitingPlan,
    st.sampled_from(("fresh", "applying", "applied", "refused", "stale")),
    moments,
    st.integers(0, 3),
    st.sampled_from(("", "Run `personasync pull`.")),
)
standings = st.builds(
    Standing,
    st.just(NOW),
    st.dictionaries(st.sampled_from((*RECORDED, *BESIDE, "by hand")), moments),
    st.frozensets(st.sampled_from(RECORDED)),
    st.none() | plans,
    st.none() | moments,
    st.booleans(),
    local=st.booleans(),
    ended=st.booleans(),
    sent_at=st.none() | moments,
    running=st.sampled_from(((), ("spring",))),
    measured=st.sampled_from(((), ("spring",))),
)


@given(standing=standings, command=st.sampled_from(["", "doctor", "sandbox send", "init", "lift"]))
def test_there_is_always_a_next_command_and_it_exists(standing: Standing, command: str) -> None:
    step = next_step(standing, command=command)

    assert step.command.split()[0] in ENTRIES
    assert step.sentence().count("`") >= 2


@given(standing=standings)
def test_nothing_is_decided_or_sent_by_data_that_are_too_old(standing: Standing) -> None:
    pulled = standing.done_at.get("pull")
    old = pulled is not None and NOW - pulled >= standing.oldest_pull

    assert not (old and next_step(standing).command.split()[0] in {"plan", "apply"})


@pytest.mark.parametrize(
    ("standing", "command"),
    [
        (Standing(NOW), "doctor"),
        (replace(CURRENT, unlike=frozenset({"setup", "assign"})), "setup"),
        (replace(CURRENT, unlike=frozenset({"assign"})), "assign"),
        (replace(CURRENT, done_at={**CURRENT.done_at, "pull": NOW}), "assign"),
        (replace(CURRENT, done_at={**CURRENT.done_at, "by hand": NOW}), "assign"),
        (replace(CURRENT, done_at={**CURRENT.done_at, "assign": NOW}), "plan"),
        (replace(CURRENT, plan=WaitingPlan("fresh", NOW, 40), written_at=None), "apply --limit 20"),
        (replace(CURRENT, plan=WaitingPlan("fresh", NOW, 40)), "apply"),
        (replace(CURRENT, plan=WaitingPlan("applying", NOW, 40)), "apply"),
        (replace(CURRENT, plan=WaitingPlan("fresh", NOW, 40, "Override.")), "plan --show"),
        (replace(CURRENT, plan=WaitingPlan("stale", NOW, 40)), "plan"),
        (replace(CURRENT, undone=True), "assign"),
        (replace(CURRENT, written_at=NOW), "results"),
        (replace(CURRENT, written_at=NOW, local=True), "sandbox send"),
        (replace(CURRENT, written_at=NOW, local=True, running=("spring",)), "sandbox send --experiment spring"),
        (replace(CURRENT, written_at=NOW, local=True, sent_at=NOW), "results"),
        (replace(CURRENT, done_at={**CURRENT.done_at, "results": NOW}), "report"),
        (CURRENT, "experiment create spring --arm old --arm new --holdout 10%"),
        (replace(CURRENT, running=("spring",), measured=("spring",)), "lift --experiment spring"),
        (replace(CURRENT, running=("spring",)), "run"),
        (replace(CURRENT, now=NOW + timedelta(days=1)), "run"),
        (replace(ENDED, unlike=frozenset({"assign"})), "assign"),
        (replace(ENDED, done_at={**ENDED.done_at, "pull": NOW}), "assign"),
        (replace(ENDED, done_at={**ENDED.done_at, "by hand": NOW}), "assign"),
        (replace(ENDED, done_at={}), "console"),
        (replace(ENDED, done_at={"pull": NOW}), "assign"),
        (replace(ENDED, done_at={**ENDED.done_at, "assign": NOW}), "report"),
        (replace(ENDED, done_at={"pull": NOW, "assign": NOW}), "report"),
        (ENDED, "discover"),
        (replace(ENDED, now=NOW + timedelta(days=9)), "discover"),
        (replace(ENDED, done_at={**ENDED.done_at, "discover": NOW}), "console"),
        (replace(CURRENT, done_at={**CURRENT.done_at, "discover": NOW}, running=("spring",)), "run"),
    ],
)
def test_the_next_command_follows_from_what_was_done(standing: Standing, command: str) -> None:
    assert next_step(standing).command == command


@given(standing=standings, command=st.sampled_from(["", "doctor", "report", "lift", "sandbox send", "status"]))
def test_the_platforms_of_a_demo_that_ended_are_not_asked_again(standing: Standing, command: str) -> None:
    step = next_step(replace(standing, ended=True), command=command, status=2)

    assert step.command.split()[0] in {"assign", "report", "lift", "discover", "console"}


def test_the_advice_of_a_demo_comes_to_its_end() -> None:
    standing, followed, command = replace(ENDED, done_at={"pull": NOW}), list[str](), ""
    for minute in range(1, 9):
        command = next_step(standing, command=command).command.split()[0]
        followed.append(command)
        if command == "console":
            break
        done_at = {**standing.done_at, command: NOW + minute * SOON}
        standing = replace(standing, done_at=done_at if command != "lift" else standing.done_at)

    assert followed == ["assign", "report", "lift", "discover", "console"]


def test_a_doctor_who_found_something_is_asked_again() -> None:
    assert next_step(CURRENT, command="doctor", status=2).sentence() == (
        "Next: Fix what failed above. Then `personasync doctor` checks again."
    )


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Commands in a workspace of the local platforms, as `sandbox up` writes it."""
    folder, world = tmp_path / "my shop", make_world()
    fill(world, 60)
    with Sandbox(world) as sandbox:
        trial.state_file(folder)
        trial.write_trial(folder, sandbox.access)
        settings = folder / "personasync.toml"
        text = settings.read_text("utf-8").replace("min_audience = 20", "min_audience = 1")
        settings.write_text(text, "utf-8")

        def command(*arguments: str) -> tuple[int, str, str]:
            capsys.readouterr()
            status = run([*arguments])
            output = capsys.readouterr()
            return status, output.out, output.err

        yield command


@pytest.mark.long
def test_the_printed_advice_leads_through_the_whole_loop(
    told: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    where = ["--workspace", str(tmp_path / "my shop")]
    _, _, error = told("status", *where)
    followed: list[str] = []
    for _ in range(24):
        advice = re.search(r"`personasync ([^`]+)`[^`]*\Z", error)
        assert advice, (followed, error)
        arguments = shlex.split(advice[1])
        assert arguments[-2:] == where
        followed.append(" ".join(arguments[:-2]))
        status, out, error = told(*arguments, *(["--yes"] if arguments[0] == "setup" else []))
        assert status == 0, (followed, out, error)
        if followed[-1].startswith("lift"):
            break

    assert followed[:9] == [
        *("doctor", "setup", "pull", "assign", "plan", "apply --limit 20", "apply", "sandbox send", "results"),
    ]
    assert "report" in followed
    assert [name for name in followed if name.startswith("experiment")] == [
        "experiment create spring --arm old --arm new --holdout 10%"
    ]
    assert "sandbox send --experiment spring" in followed
    assert followed[-1] == "lift --experiment spring"


def test_scripts_get_no_advice(told: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    where = ["--workspace", str(tmp_path / "my shop")]
    _, document, for_scripts = told("status", "--json", *where)
    _, _, quiet = told("--quiet", "status", *where)
    _, plain, advised = told("status", *where)
    _, state, _ = told("status", "--check", *where)

    assert (for_scripts, quiet) == ("", "")
    assert json.loads(document)["plan"] is None
    assert "Next:" not in plain
    assert "Next:" not in state
    assert advised.startswith("Next: `personasync doctor")
