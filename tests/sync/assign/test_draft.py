"""A drafted rule: its text, funnel and moves are those of the same text in segments.toml, and nothing is written."""

from __future__ import annotations

import tomllib

import pytest

from connectors.errors import FixSettingsError
from sync.assign.draft import draft_rule
from sync.assign.funnel import funnel
from sync.assign.what_if import what_if
from sync.session import Session
from tests.sync.conftest import Platforms

RULE = "tenure_days < 20 and favourite_category != 'a\"b\\c é'"


def test_a_draft_differs_in_its_rule_alone_and_leaves_nothing_behind(ready: Session, platforms: Platforms) -> None:
    before, text = sorted(ready.workspace.state_dir.iterdir()), (platforms.folder / "segments.toml").read_bytes()
    drafted, same = draft_rule(ready, "newcomers", RULE), draft_rule(ready, "newcomers", "tenure_days < 60")
    [part] = tomllib.loads(drafted.toml)["segments"]
    [own] = [each for each in ready.workspace.segments if each.name == "newcomers"]

    assert part == {"name": "newcomers", "title": own.title, "rule": RULE}
    assert (same.moves, same.new, same.funnel) == ([], False, funnel(ready, "newcomers"))
    assert sorted(ready.workspace.state_dir.iterdir()) == before
    assert (platforms.folder / "segments.toml").read_bytes() == text


def test_a_new_segment_is_tried_after_all_others_as_it_would_be_in_the_file(
    ready: Session, platforms: Platforms
) -> None:
    drafted = draft_rule(ready, "sleepers", "orders_total >= 0", title="Sleepers")
    other = platforms.folder / "other.toml"
    other.write_text((platforms.folder / "segments.toml").read_text("utf-8") + "\n" + drafted.toml, "utf-8")

    assert drafted.new
    assert drafted.funnel.left == drafted.people > 0
    assert drafted.funnel == funnel(ready, "sleepers", segments=other)
    assert drafted.moves == what_if(ready, other, as_of=drafted.funnel.as_of)
    assert {move.before for move in drafted.moves} == {"unclassified"}


@pytest.mark.parametrize(
    ("name", "rule", "parent"),
    [("newcomers", " ", None), ("newcomers", "tenure < 3", None), ("No Slug", "true", None), ("new", "true", "nobody")],
)
def test_a_draft_that_is_wrong_is_told(ready: Session, name: str, rule: str, parent: str | None) -> None:
    with pytest.raises(FixSettingsError):
        draft_rule(ready, name, rule, parent=parent)
