"""How far `survey design` is: every fit is counted, and the last one is the last."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from segmenter.surveys.answers import AnswerSheet
from segmenter.typing_tool.build import ToolRequest, make_tool
from segmenter.typing_tool.targets import given
from sync.surveys.fit_progress import NAME, counted


@pytest.mark.parametrize("error_rate", [None, 0.2])
def test_the_bar_is_full_when_the_last_fit_is_done(error_rate: float | None) -> None:
    draw = np.random.default_rng(1)
    kind = np.arange(150) % 2
    values = (draw.random((150, 4)) < np.where(np.arange(4) % 2 == kind[:, None], 0.9, 0.2)).astype(float)
    sheet = AnswerSheet(tuple(map(str, range(150))), ("a", "b", "c", "d"), values)
    order = ToolRequest("t", "t", "given", 2, {}, datetime(2026, 12, 1, tzinfo=UTC), error_rate=error_rate)
    told: list[tuple[str, int, int | None]] = []
    labeller = counted(given(kind), lambda *step: told.append(step), adaptive=error_rate is not None)
    make_tool(sheet, labeller, ["x", "y"], order, np.random.default_rng(1))
    total = told[0][2]

    assert total is not None
    assert told == [(NAME, done, total) for done in range(total + 1)]
