"""Whatever stops a push, the advice that is printed leads on: followed to the letter, in whatever order things come."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sync.conftest import Platforms, Run, edit, say

__all__ = ["say"]

MOST = 6  # pieces of advice; more would be going round in circles
COMMAND = re.compile(r"`personasync ([^`]+)`")
NOT_MEANT = re.compile(r"^(history|status|quality|lift|explain)\b")
UNATTENDED = {"setup": ["--yes"]}


def follow(say: Run, *goal: str) -> list[str]:
    """Run *goal*; as long as it does not end well, do what it says, and try again. Return what was done."""
    done: list[str] = []
    for _ in range(MOST):
        status, out, error = say(*goal)
        if status == 0:
            return done
        told = " ".join((out + error).split())
        advice = [one for one in COMMAND.findall(told) if not NOT_MEANT.match(one)]
        assert advice, told
        for command in advice:
            words = command.split()
            if words != list(goal):
                say(*words, *UNATTENDED.get(words[0], []))
            done.append(command)
    pytest.fail(f"{goal} never ends well: {done}")


def nobody_fits(platforms: Platforms) -> None:
    """Every segment loses its people: changed, taken out of tags and unclassified at once."""
    path = platforms.folder / "segments.toml"
    path.write_text(re.sub(r'rule = "[^"]+"', 'rule = "orders_total >= 9999"', path.read_text("utf-8")), "utf-8")


def a_new_field(platforms: Platforms) -> None:
    path = platforms.folder / "personas.toml"
    path.write_text(path.read_text("utf-8") + '\n[fields.more]\nfallback = "x"\ncrm = "personasync_more"\n', "utf-8")


def a_trait_that_went(platforms: Platforms) -> None:
    """What decides was known of everybody, and is known of nobody any more."""
    for row in list(platforms.crm.contacts.values()):
        platforms.crm.touch_contact(row, {"jobtitle": ""})


def too_few(platforms: Platforms) -> None:
    edit(platforms, "min_audience = 1 ", "min_audience = 60 ")


def other_words(platforms: Platforms) -> None:
    path = platforms.folder / "personas.toml"
    path.write_text(re.sub(r"headline = \"", 'headline = "New: ', path.read_text("utf-8")), "utf-8")


Happening = Callable[[Platforms], None]
HAPPENINGS: tuple[Happening, ...] = (nobody_fits, a_new_field, too_few, other_words)


@pytest.mark.parametrize("first", range(len(HAPPENINGS)))
@pytest.mark.usefixtures("applied")
def test_run_gets_through_whatever_comes_first(platforms: Platforms, say: Run, first: int) -> None:
    steps: list[list[str]] = []
    for place in range(len(HAPPENINGS)):
        HAPPENINGS[(first + place) % len(HAPPENINGS)](platforms)
        steps.append(follow(say, "run"))

    done = [command for step in steps for command in step]
    assert "setup" in done
    if first == 0:  # elsewhere everybody shows the fallback by then, so that nothing is left to be sent
        assert any("--override max_unclassified" in command for command in done)
    assert follow(say, "run") == []


@pytest.mark.usefixtures("applied")
def test_everything_at_once_is_gone_through_by_hand(platforms: Platforms, say: Run) -> None:
    for happening in HAPPENINGS:
        happening(platforms)

    planned = follow(say, "plan")
    run = follow(say, "run")

    first = next(place for place, one in enumerate(planned) if one.startswith("apply --override"))
    assert "pull" in planned[:first]  # what was applied is read before anything is set aside
    assert run[0] == "setup"  # `run` makes no field that nobody was shown
    assert len(run) == len(set(run))


@pytest.mark.usefixtures("applied")
def test_a_plan_that_the_world_overtook_leads_to_a_new_one(platforms: Platforms, say: Run) -> None:
    other_words(platforms)
    for command in ("pull", "assign", "plan", "pull"):
        say(command)

    done = follow(say, "apply")

    assert done[0] == "plan"


def test_before_anything_was_read_the_advice_leads_to_a_first_apply(platforms: Platforms, say: Run) -> None:
    done = [*follow(say, "plan"), *follow(say, "apply"), *follow(say, "run")]

    assert done[0] == "pull"
    assert any(row["properties"].get("personasync_persona") for row in platforms.crm.contacts.values())


def test_a_trait_that_went_for_good_stops_once_and_not_every_day(platforms: Platforms, say: Run) -> None:
    edit(platforms, "[guardrails]", '[traits.job]\nconnection = "crm"\nproperty = "jobtitle"\n\n[guardrails]')
    path: Path = platforms.folder / "segments.toml"
    path.write_text(
        path.read_text("utf-8").replace('rule = "orders_365d', "rule = \"job = 'any' or orders_365d"), "utf-8"
    )
    for row in list(platforms.crm.contacts.values()):
        platforms.crm.touch_contact(row, {"jobtitle": "keeper"})
    for command in (("pull",), ("assign",)):
        assert say(*command)[0] == 0
    a_trait_that_went(platforms)
    say("pull")

    done = follow(say, "assign")

    assert any("--override trait_quality" in one for one in done)
    assert say("assign")[0] == 0
