"""What `explain` lists of the segments that were tried."""

from __future__ import annotations

from segmenter.rules.rules import parse_rule
from segmenter.rules.segments import Checked, Segment
from sync.assign.explain_text import tried_lines
from tests.segmenter.assign.people_to_decide import CATALOGUE


def checked(name: str, rule: str) -> Checked:
    return Checked(Segment(name, name, rule), parse_rule(rule, CATALOGUE, where=name), ())


def test_a_segment_without_a_rule_is_told_in_words() -> None:
    steps = [checked("buyers", "orders_total >= 1"), checked("found", "FALSE")]
    lines = tried_lines([(step, False, ()) for step in steps])

    assert lines[2:] == ["  no   buyers", "  no   found: no rule; people are assigned by other sources"]
