"""Scored respondents as a file."""

from __future__ import annotations

import csv
from pathlib import Path

from connectors.safe_cells import safe_cell
from sync.surveys.job import SurveyScores

HEAD = ("respondent", "segment", "confidence", "runner_up", "likeliest", "answered", "reasons", "flag")
ADAPTIVE_HEAD = ("verdict", "possible", "next_question")


def write_scores(scores: SurveyScores, path: Path) -> None:
    """Write a row a respondent as CSV; cells that a spreadsheet would run as a formula are quoted.

    Args:
        scores: The scores.
        path: Of the CSV file (UTF-8); overwritten.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        adaptive = any(score.verdict for score in scores.scored)
        writer.writerow((*HEAD, *(ADAPTIVE_HEAD if adaptive else ())))
        for place, (who, score) in enumerate(zip(scores.respondents, scores.scored, strict=True)):
            confidence = "" if score.confidence is None else f"{score.confidence:.4f}"
            cells = (who, score.segment, confidence, score.runner_up, score.best, score.answered, score.reasons)
            verdict = (score.verdict, " | ".join(score.possible), score.following or "") if adaptive else ()
            writer.writerow([safe_cell(cell) for cell in (*cells, scores.flags.get(place, ""), *verdict)])
