"""Steps without rows to count say how far they are: from none of their parts to all, one at a time."""

from __future__ import annotations

import pytest

from sync.report.job import STAGES as OF_REPORT
from sync.report.job import write_report
from sync.session import Session
from sync.stages import stages
from sync.value.ranking import STAGES as OF_RANKING
from sync.value.ranking import rank_segments

Seen = list[tuple[str, int, int | None]]


def test_a_step_begins_at_none_and_never_says_more_than_all() -> None:
    seen: Seen = []
    stage = stages("report", lambda *told: seen.append(told), 2)
    for _ in range(3):
        stage()

    assert seen == [("report", 0, 2), ("report", 1, 2), ("report", 2, 2), ("report", 2, 2)]


@pytest.mark.slow
def test_report_and_ranking_go_through_all_their_parts(ready: Session) -> None:
    ranked: Seen = []
    reported: Seen = []
    rank_segments(ready, progress=lambda *told: ranked.append(told))
    write_report(ready, lambda *told: reported.append(told))

    assert ranked == [("segments", done, OF_RANKING) for done in range(OF_RANKING + 1)]
    assert reported == [("report", done, OF_REPORT) for done in range(OF_REPORT + 1)]
