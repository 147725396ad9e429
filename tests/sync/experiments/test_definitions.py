"""An experiment keeps to what it was started with: the plan of its size, and its definition."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.records import ARMS
from sync.cli.main import run
from tests.sync.results.mailed_people import contact_of, made, mail, opened

PEOPLE = 240
Say = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("shop"), PEOPLE)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """People who were assigned just now."""
    return Path(shutil.copytree(whole, tmp_path / "shop"))


@pytest.fixture
def say(folder: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    def told(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        status = run([*arguments, "--workspace", str(folder)])
        out = capsys.readouterr()
        return status, " ".join((out.out + out.err).split())

    return told


def document(say: Say, *arguments: str) -> Any:
    status, output = say(*arguments, "--json")
    assert status == 0, output
    return json.loads(output)


def create(say: Say, *more: str) -> Any:
    arms = ("--arm", "old", "--arm", "new", "--holdout", "20%")
    return document(say, "experiment", "create", "spring", *arms, "--mde", "2%", "--baseline", "4%", *more)


@pytest.mark.long
def test_what_create_needs_less_what_is_there_is_what_lift_and_show_miss(say: Say, folder: Path) -> None:
    created = create(say)
    with opened(folder) as session:
        arms, key = session.warehouse.current(ARMS.name), contact_of(session)
        rows = arms.filter(arms.experiment == "spring").order_by("person_id").to_pyarrow().to_pylist()
        by_arm = {arm: [key[row["person_id"]] for row in rows if row["arm"] == arm] for arm in ("old", "new")}
        for arm, clicks in (("old", 12), ("new", 14)):  # a rate of more than a tenth, not the planned 4%
            mail(session, f"to {arm}", session.now() + timedelta(seconds=1), by_arm[arm], clicks)
    shown, lift = document(say, "experiment", "show", "spring"), document(say, "lift", "--experiment", "spring")

    # the formula for two proportions without pooling: 4% against 6% at 80% power and 5%
    assert created["needed_per_arm"] == {"bo": 1861}
    assert created["everyone"]["needed_per_arm"] == 1861
    assert created["missing_per_arm"]["bo"] == {arm: 1861 - n for arm, n in created["people"]["bo"].items()}
    assert {key: shown[key] for key in ("people", "needed_per_arm", "baseline")} == {
        key: created[key] for key in ("people", "needed_per_arm", "baseline")
    }
    pairs = [comparison for comparison in lift["comparisons"] if comparison["metric"] == "clicked"]
    assert [(pair["treated"], pair["control"]) for pair in pairs] == [
        ("new", "old"),
        ("old", "holdout"),
        ("new", "holdout"),
    ]
    for effect in (pairs[0]["everyone"], *pairs[0]["personas"]):
        assert effect["more_people_needed"] == max(shown["missing_per_arm"]["bo"][arm] for arm in ("old", "new"))
    missing = pairs[0]["everyone"]["more_people_needed"]
    assert missing == 1861 - min(created["people"]["bo"][arm] for arm in ("old", "new"))
    holdout = created["missing_per_arm"]["bo"]["holdout"]
    for view in (shown["missing_per_arm"]["bo"], shown["everyone"]["missing_per_arm"]):
        assert view == {"holdout": holdout, "old": missing, "new": missing}  # of a pair, the smaller variant decides
    table = say("experiment", "show", "spring")[1]
    assert f"1,861 {missing:,} Planned with a click rate of 4.0%: a rise of 2 pp" in table
    assert f"the holdout is missing {1861 - created['people']['bo']['holdout']:,}." in table
    assert f"{missing:,} more contacts per variant to detect 2 pp" in say("lift", "--experiment", "spring")[1]
    (note,) = lift["notes"]
    assert re.fullmatch(
        "Planned with a click rate of 4.0%; that of “old” is [0-9]+[.][0-9]%. "
        "At that rate [0-9],[0-9]{3} contacts per variant detect 2 pp, not 1,861.",
        note,
    )


EDITS = {
    'metric = "clicked"': ('metric = "ordered"', 'metric was "clicked", is now "ordered"'),
    "new = 0.5": ("new = 0.4, third = 0.1", "arms was { old = 0.5, new = 0.5 }, is now { old = 0.5, new = 0.4, third"),
    "holdout = 0.2": ("holdout = 0.1", "holdout was 0.2, is now 0.1"),
}


@pytest.mark.long
def test_an_edit_after_the_start_is_refused_with_what_was_changed_and_there_are_ways_out(
    say: Say, folder: Path
) -> None:
    create(say)
    file = folder / "experiments.toml"
    text = file.read_text("utf-8")
    for before, (after, reason) in EDITS.items():
        file.write_text(text.replace(before, after), "utf-8")
        status, said = say("experiment", "show", "spring")
        assert (status, f"experiments.toml: [experiments.spring] {reason}" in said) == (2, True), said

    refused = [say(*line.split()) for line in ("assign", "plan", "lift --experiment spring", "experiment show spring")]
    assert [status for status, _ in refused] == [2] * 4
    assert all("Experiment 'spring' was edited after its start (" in output for _, output in refused)
    assert all(
        "Restore it, or end the experiment with `personasync experiment end spring --workspace " in t
        for _, t in refused
    )
    assert any(
        "spring is excluded. Experiment 'spring' was edited" in sentence
        for sentence in document(say, "report")["summary"]
    )
    assert "was edited after its start" in say("doctor")[1]
    assert [say(*line.split())[0] for line in ("experiment list", "status", "history")] == [0, 0, 0]

    assert say("experiment", "end", "spring")[0] == 0  # a way out
    assert say("assign", "--override", "max_data_age_hours")[0] == 0
    assert say("lift", "--experiment", "spring")[0] == 2  # its result stays that of the definition it began with
    ended = file.read_text("utf-8")
    file.write_text(ended.replace("holdout = 0.1", "holdout = 0.2"), "utf-8")
    assert say("lift", "--experiment", "spring")[0] == 0  # the other one
    file.unlink()
    status, said = say("experiment", "create", "spring", "--arm", "a", "--arm", "b")
    assert (status, "An experiment named 'spring' was run before. Choose another name." in said) == (2, True)


@pytest.mark.long
def test_the_end_is_set_by_its_command_only_and_the_global_holdout_keeps_its_share(say: Say, folder: Path) -> None:
    main, file = folder / "personasync.toml", folder / "experiments.toml"
    whole = main.read_text("utf-8")
    main.write_text(whole + "[holdout]\nshare = 0.1\n", "utf-8")
    create(say, "--ends", "2099-01-01")
    text = file.read_text("utf-8")
    file.write_text(text.replace("ends = 2099", "ends = 2098"), "utf-8")
    status, said = say("experiment", "show", "spring")
    assert (status, "ends was" in said, "personasync experiment end spring --at TIME" in said) == (2, True, True)
    assert say("experiment", "end", "spring", "--at", "2097-01-01")[0] == 0
    assert say("experiment", "show", "spring")[0] == 0

    main.write_text(whole + "[holdout]\nshare = 0.2\n", "utf-8")
    status, said = say("assign")
    assert (status, "personasync.toml: [holdout] share was 0.1, is now 0.2" in said) == (2, True)
    main.write_text(whole, "utf-8")  # a share of 0 ends it
    assert say("assign", "--override", "max_data_age_hours")[0] == 0


@pytest.mark.slow
def test_before_anybody_is_in_it_an_experiment_may_be_edited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = made(tmp_path, 0)
    assert run(["experiment", "create", "spring", "--arm", "a", "--arm", "b", "--workspace", str(empty)]) == 0
    file = empty / "experiments.toml"
    file.write_text(file.read_text("utf-8").replace('metric = "clicked"', 'metric = "ordered"'), "utf-8")

    assert run(["experiment", "show", "spring", "--workspace", str(empty)]) == 0
