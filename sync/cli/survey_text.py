"""Sentences and tables of the `survey` commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync.cli.console import table
from sync.surveys.tool_text import chance_sentence, tool_promises

if TYPE_CHECKING:
    from segmenter.typing_tool.tool_file import ToolFile
    from sync.surveys.job import Designed


def design_lines(made: Designed) -> list[Any]:
    """Return what `survey design` prints of a tool: warnings, the curve of hit rates, chance, the questions."""
    file, quality = made.made.file, made.made.file.quality
    if quality is None:
        return []
    size = len(file.questions)
    rows = [
        (
            f"{point.items}{' <' if point.items == size else ''}",
            f"{point.lda:.1%}",
            f"{point.logit:.1%}",
            f"{point.low:.1%} - {point.high:.1%}",
            f"{point.hit_above:.1%} of {point.coverage:.0%}",
            f"{point.agreement:.2f}",
        )
        for point in quality.curve
    ]
    questions = [
        (place, question.text, f"{made.made.chosen_in[question.item]:.0%}")
        for place, question in enumerate(file.questions, 1)
    ]
    warnings = (
        [table("Warning", "How to fix", rows=[(f.message, f.fix) for f in made.findings])] if made.findings else []
    )
    return [
        *warnings,
        table("Items", "LDA", "Logit", "95% interval", "Accuracy above threshold", "Stable items", rows=rows),
        chance_sentence(quality),
        table("", "Question", "Selected in folds", rows=questions),
        *tool_promises(file),
    ]


def written_lines(tool: str, saved: Path, written: list[Path], action: str | None = None) -> list[str]:
    """Return where a tool and its exports are, and what to do next."""
    kept = (
        "form.html saves answers as a file on the reader's computer. To collect them, pass --action with the address "
        "of a form of one of the platforms."
    )
    return [
        f"Saved {saved}",
        *(f"Wrote {path}" for path in written),
        f"Next: `personasync survey add --tool {tool}` adds its traits and segments. Then send people the form.",
        *([] if action else [kept]),
    ]


def is_anyway(file: ToolFile) -> bool:
    """Return whether a tool was made although its segments did not pass the tests."""
    return file.quality is not None and file.quality.anyway


def tool_origin(file: ToolFile) -> str:
    """Return how a tool came to be, for `survey list`."""
    adaptive = "" if file.adaptive is None else f", adaptive ({file.adaptive.error_rate:.0%} error)"
    return f"{file.source}{adaptive}{', --anyway: no segments' if is_anyway(file) else ''}"
