"""Sentences and tables of `survey crosstab`."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from sync.cli.console import table

if TYPE_CHECKING:
    from segmenter.surveys.crosstab import Crosstab, QuestionTable
    from sync.surveys.crosstab import CrosstabOfFile

CORRECTION_NAMES = {
    "holm": "Holm's correction over the pairs of each row",
    "bonferroni": "Bonferroni's correction over the pairs of each row",
    "fdr": "Benjamini-Hochberg's correction over the pairs of each row",
    "none": "no correction for multiple comparisons",
}


def crosstab_lines(made: CrosstabOfFile) -> list[Any]:
    """Return the tables as people read them on a screen, then how they were tested and what to know."""
    shown: list[Any] = [f"Note: {note}" for note in made.notes]
    for each in made.crosstab.tables:
        shown += ["", *_question_lines(made.crosstab, each)]
    return [*shown, "", *method_sentences(made)]


def _question_lines(crosstab: Crosstab, each: QuestionTable) -> list[Any]:
    title = each.question if not each.text or each.text == each.question else f"{each.question}: {each.text}"
    heads = [f"{column.letter} {column.group}".strip() for column in crosstab.columns]
    rows = [("Base", *(f"{base.people:,}" for base in each.bases))]
    if any(base.design_effect > 1 + 1e-9 for base in each.bases):
        rows.append(("Effective base", *(f"{base.effective:,.0f}" for base in each.bases)))
    for row in each.rows:
        figures = [figure_text(row.kind, cell.value) for cell in row.cells]
        rows.append((row.label, *(f"{f} {cell.letters}".strip() for f, cell in zip(figures, row.cells, strict=True))))
    return [table("", *heads, rows=rows, title=title), *association_sentences(each)]


def figure_text(kind: str, value: float) -> str:
    """Return a figure of a crosstab as text: a share in percent, a mean with two digits, "-" for none."""
    if not isfinite(value):
        return "-"
    return f"{value:,.2f}" if kind == "mean" else f"{value:.0%}"


def association_sentences(each: QuestionTable) -> list[str]:
    """Return a sentence for each banner that a question was compared by: test, p, and effect size."""
    from segmenter.lift.text import p_text  # noqa: PLC0415

    return [
        f"By {test.banner}: {test.test} {test.statistic:.2f}, {p_text(test.p)}, {test.measure} {test.effect:.2f} "
        f"({test.size}){'; some expected counts are below 5, so p is rough' if test.thin else ''}."
        for test in each.associations
        if isfinite(test.p)
    ]


def method_sentences(made: CrosstabOfFile) -> list[str]:
    """Return how the letters came about, and which columns were not tested."""
    crosstab = made.crosstab
    if len(crosstab.columns) == 1:
        return ["No groups are compared; name a column with --by."]
    weighted = (
        f" Weighted by {made.weight}: tests use effective bases (Kish), (sum of weights)² / (sum of squared weights)."
        if made.weight
        else ""
    )
    how = (
        "A letter says that the figure is significantly above that of the column with this letter: a capital at 95%, a "
        "small letter at 90%. Proportions: z test with the pooled share (Fisher's exact test where fewer than 5 people "
        f"are expected). Means: Welch's t test. {crosstab.tested:,} pairs were tested, with "
        f"{CORRECTION_NAMES[crosstab.correction]}.{weighted}"
    )
    lines = [how]
    if crosstab.correction == "none" and crosstab.tested:
        chance = crosstab.tested / 20
        lines.append(f"Without a correction, about {chance:,.0f} capitals are expected by chance alone.")
    small = [
        f"{column.letter} {column.group} ({base.effective:,.0f})"
        for column, base in zip(crosstab.columns, crosstab.bases, strict=True)
        if column.letter and base.effective < crosstab.least_base
    ]
    if small:
        lines.append(f"Not tested, since the base is below {crosstab.least_base:g}: {', '.join(small)}.")
    thin = sum(test.reason == "fewer than 5 expected" for each in crosstab.tables for test in each.tests)
    if thin:
        lines.append(f"{thin:,} pairs were not tested: fewer than 5 people expected, and with weights no exact test.")
    return lines
