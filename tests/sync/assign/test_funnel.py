"""The clause funnel: its counts are those of the rule asked person by person."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import FixSettingsError
from segmenter.rules.evaluate import holds, value_of
from segmenter.rules.rules import describe
from sync.assign.funnel import funnel, open_funnels
from sync.session import Session
from sync.traits.compute import measured
from tests.sync.conftest import Platforms


def people_of(session: Session) -> tuple[datetime, list[dict[str, Any]]]:
    newest = session.control.runs.latest("assign", state="done")
    assert newest is not None
    as_of = datetime.fromisoformat(newest.counts["as_of"])
    return as_of, measured(session, as_of).to_pyarrow().to_pylist()


@pytest.mark.parametrize("name", ["regulars", "gift_buyers", "bargain_hunters", "newcomers"])
def test_each_part_keeps_whom_it_holds_for(ready: Session, name: str) -> None:
    as_of, people = people_of(ready)
    steps = ready.workspace.steps.by_name()
    counted = funnel(ready, name)
    left = people
    assert (counted.as_of, counted.people) == (as_of, len(people))
    for part, clause in zip(counted.clauses, describe(steps[name].rule), strict=True):
        kept = [person for person in left if value_of(clause, person) is True]
        unknown = sum(value_of(clause, person) is None for person in left)
        alone = sum(value_of(clause, person) is True for person in people)
        expected = (alone, len(kept), len(left) - len(kept), unknown)
        assert (part.alone, part.kept, part.dropped, part.unknown) == expected
        left = kept
    before = [step.rule for step in ready.workspace.steps.steps[: list(steps).index(name)]]
    earlier = sum(any(holds(rule, person) for rule in before) for person in left)

    assert (counted.matching, counted.earlier, counted.left) == (len(left), earlier, len(left) - earlier)
    assert counted.left == counted.assigned  # of a first assign by rules alone


def test_parts_of_the_segment_around_come_first(ready: Session, platforms: Platforms) -> None:
    path = platforms.folder / "segments.toml"
    text = path.read_text("utf-8")
    child = '\n[[segments]]\nname = "big_gifts"\nparent = "gift_buyers"\nrule = "average_order >= 60"\n'
    path.write_text(text + child, "utf-8")
    ready.reload()
    counted = funnel(ready, "big_gifts")
    whole = funnel(ready, "gift_buyers")

    assert [part.within for part in counted.clauses] == ["gift_buyers", "gift_buyers", "big_gifts"]
    assert counted.clauses[1].kept == whole.matching
    assert whole.earlier == funnel(ready, "gift_buyers", segments=_alone(path, text)).earlier


def _alone(path: Path, text: str) -> Path:
    other = path.with_name("other.toml")
    other.write_text(text, "utf-8")
    return other


def test_who_asks_for_many_gets_the_counts_of_who_asks_for_one(ready: Session) -> None:
    names = list(ready.workspace.steps.by_name())
    alone = [funnel(ready, name) for name in names]
    with ready.warehouse.reading():
        open_funnels(ready)
        shared = [funnel(ready, name) for name in names]

    assert shared == alone


def test_a_segment_that_is_none_is_told(ready: Session) -> None:
    with pytest.raises(FixSettingsError, match="no segment 'nobody'"):
        funnel(ready, "nobody")
