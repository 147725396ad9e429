"""`survey maxdiff` and `survey conjoint`: utilities of items and part-worths of levels, for people and as items."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sync.cli.console import table
from sync.cli.options import JsonOption, console_of, not_ours
from sync.cli.survey_options import (
    LeaveOutOption,
    RespondentOption,
    SheetOption,
    TextsOption,
    WeightOption,
    survey_app,
)

if TYPE_CHECKING:
    from segmenter.surveys.part_worths import Summary
    from sync.surveys.conjoint import ConjointOfFile
    from sync.surveys.maxdiff import MaxDiffResult

SHOWN = 10
UtilitiesOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        callback=not_ours,
        metavar="FILE",
        help="Write a row per respondent: items for discover and survey design.",
    ),
]


@survey_app.command("maxdiff")
def survey_maxdiff_command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Answers: columns best_1, worst_1 and so on, or one row per set.")
    ],
    *,
    design: Annotated[
        Path | None,
        typer.Option("--design", metavar="FILE", help="Which items stood in which set: version, set, item1 and so on."),
    ] = None,
    positions: Annotated[
        bool, typer.Option("--positions", help="Answers are places in the set (1, 2, ...), not items.")
    ] = False,
    scale: Annotated[
        Literal["logit", "shares"],
        typer.Option("--scale", help="What --out holds: centred utilities (logit), or shares that sum to 100."),
    ] = "logit",
    texts: TextsOption = None,
    weight: WeightOption = None,
    respondent: RespondentOption = None,
    leave_out: LeaveOutOption = None,
    sheet: SheetOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of the random respondents.")] = 1,
    out: UtilitiesOut = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate each respondent's utilities of a MaxDiff. Counts, hierarchical logit, fit; needs no workspace."""
    from sync.surveys.maxdiff import MaxDiffWish, maxdiff_of_files  # noqa: PLC0415 - heavy imports only where needed
    from sync.surveys.question_texts import texts_in  # noqa: PLC0415

    _check_target(out)
    wish = MaxDiffWish(file, design, respondent, leave_out, texts_in(texts), positions, seed, weight)
    made = maxdiff_of_files(wish, sheet=sheet)
    values = made.utilities.values if scale == "logit" else made.shares
    wrote = _write(out, made.utilities.respondents, made.utilities.items, values)
    console_of(as_json=as_json).result(_maxdiff_document(made), *_maxdiff_lines(made), *wrote)


def _check_target(out: Path | None) -> None:
    if out is not None:
        from sync.export.write import check_target  # noqa: PLC0415

        check_target(out)


def _write(out: Path | None, respondents: Any, items: Any, values: Any) -> list[str]:
    if out is None:
        return []
    from sync.export.write import write_rows  # noqa: PLC0415

    rows = [(who, *(round(float(value), 4) for value in row)) for who, row in zip(respondents, values, strict=True)]
    write_rows(out, ("respondent", *items), rows)
    return [f"Wrote {out}. Segments: personasync discover {out}"]


def _maxdiff_lines(made: MaxDiffResult) -> list[Any]:
    fitted = made.utilities
    order = sorted(range(len(fitted.items)), key=lambda place: -made.share(place))
    rows = []
    for place in order:
        count, (low, high) = made.counts[place], made.interval(place)
        rows.append(
            (
                made.texts.get(count.item, count.item),
                count.shown,
                count.best,
                count.worst,
                f"{made.scores[place]:+.2f}" if isfinite(made.scores[place]) else "-",
                f"{made.utility(place):+.2f}",
                f"{made.share(place):.1f}" + (f" ({low:.1f} to {high:.1f})" if isfinite(low) else ""),
            )
        )
    random = made.like_random()
    about = (
        f"Respondents: {len(fitted.respondents):,}; hierarchical logit in {fitted.rounds} rounds; mean fit (root "
        f"likelihood) {fitted.fit.mean():.2f}. Utilities are centred: each person's sum is 0."
    )
    shown: list[Any] = [
        *(f"Note: {note}" for note in made.notes),
        table("Item", "Shown", "Best", "Worst", "Best - worst", "Utility", "Share of 100 (95% CI)", rows=rows),
        about,
        f"Fit no better than 95% of random respondents ({made.random_fit:.2f}): {len(random):,}.",
    ]
    if random:
        shown.append(f"Look at them: {', '.join(random[:SHOWN])}{' ...' if len(random) > SHOWN else ''}")
    return shown


def _maxdiff_document(made: MaxDiffResult) -> dict[str, Any]:
    fitted = made.utilities
    items = []
    for place, count in enumerate(made.counts):
        low, high = made.interval(place)
        items.append(
            {
                "item": count.item,
                "text": made.texts.get(count.item, ""),
                "shown": count.shown,
                "best": count.best,
                "worst": count.worst,
                "score": float(made.scores[place]) if count.shown else None,
                "utility": made.utility(place),
                "common_mean": float(fitted.mean[place]),
                "deviation": float(fitted.covariance[place, place] ** 0.5),
                "share": made.share(place),
                "share_low": low if isfinite(low) else None,
                "share_high": high if isfinite(high) else None,
            }
        )
    return {
        "items": items,
        "respondents": [
            {"respondent": who, "fit": float(fit), "utilities": dict(zip(fitted.items, row.tolist(), strict=True))}
            for who, fit, row in zip(fitted.respondents, fitted.fit, fitted.values, strict=True)
        ],
        "random_fit": made.random_fit,
        "like_random": made.like_random(),
        "rounds": fitted.rounds,
        "settled": fitted.settled,
        "notes": list(made.notes),
    }


@survey_app.command("conjoint")
def survey_conjoint_command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Part-worths: a row per respondent, columns like 'Price: low'.")
    ],
    *,
    levels: Annotated[
        Path | None,
        typer.Option("--levels", metavar="FILE", help="What the columns are: column, attribute, level."),
    ] = None,
    items: Annotated[
        Literal["differences", "importances"],
        typer.Option("--items", help="What --out holds: zero-centred differences of levels, or importances."),
    ] = "differences",
    weight: WeightOption = None,
    respondent: RespondentOption = None,
    leave_out: LeaveOutOption = None,
    sheet: SheetOption = None,
    out: UtilitiesOut = None,
    as_json: JsonOption = False,
) -> None:
    """Compare part-worths of a conjoint. Zero-centred differences and importances; needs no workspace."""
    from sync.surveys.conjoint import conjoint_of_file  # noqa: PLC0415 - heavy imports only where needed

    _check_target(out)
    made = conjoint_of_file(file, respondent=respondent, levels=levels, left_out=leave_out, weight=weight, sheet=sheet)
    if items == "importances":
        known = [place for place, row in enumerate(made.importances.tolist()) if all(isfinite(value) for value in row)]
        names = [attribute.name for attribute in made.attributes]
        wrote = _write(out, [made.respondents[place] for place in known], names, made.importances[known])
    else:
        wrote = _write(out, made.respondents, _level_names(made), made.differences)
    console_of(as_json=as_json).result(_conjoint_document(made), *_conjoint_lines(made), *wrote)


def _level_names(made: ConjointOfFile) -> list[str]:
    names = [""] * made.differences.shape[1]
    for attribute in made.attributes:
        for level, column in zip(attribute.levels, attribute.columns, strict=True):
            names[column] = f"{attribute.name}: {level}"
    return names


def _conjoint_lines(made: ConjointOfFile) -> list[Any]:
    from sync.surveys.conjoint import attribute_means, level_means  # noqa: PLC0415

    importance = [(name, *_figures(figure, "")) for name, figure in attribute_means(made).items()]
    worths = [(*names, *_figures(figure, "+")) for names, figure in level_means(made).items()]
    about = (
        f"Respondents: {len(made.respondents):,}. Differences are centred within each attribute; the ranges of a "
        f"person's {len(made.attributes)} attributes sum to {100 * len(made.attributes)}."
    )
    return [
        *(f"Note: {note}" for note in made.notes),
        table("Attribute", "Importance in % (95% CI)", "Sd", rows=importance),
        table("Attribute", "Level", "Difference (95% CI)", "Sd", rows=worths),
        about,
    ]


def _figures(figure: Summary, sign: str) -> tuple[str, str]:
    """Mean with its interval, and standard deviation; a dash where there is none."""
    if not isfinite(figure.mean):
        return "-", "-"
    mean = format(figure.mean, f"{sign}.1f")
    if not isfinite(figure.deviation):
        return mean, "-"
    return f"{mean} ({figure.low:{sign}.1f} to {figure.high:{sign}.1f})", f"{figure.deviation:.1f}"


def _conjoint_document(made: ConjointOfFile) -> dict[str, Any]:
    from segmenter.stats.pairwise import sample_of  # noqa: PLC0415
    from sync.surveys.conjoint import attribute_means, level_means  # noqa: PLC0415

    sample, levels = sample_of(made.weights), level_means(made)
    return {
        "respondents": len(made.respondents),
        "effective": sample.effective,
        "attributes": [
            {
                "attribute": attribute.name,
                **{f"importance{end}": value for end, value in _known(importance).items()},
                "levels": {level: levels[attribute.name, level].mean for level in attribute.levels},
                "intervals": {
                    level: [_known(levels[attribute.name, level])[end] for end in ("_low", "_high")]
                    for level in attribute.levels
                },
            }
            for attribute, importance in zip(made.attributes, attribute_means(made).values(), strict=True)
        ],
        "notes": list(made.notes),
    }


def _known(figure: Summary) -> dict[str, float | None]:
    ends = {"": figure.mean, "_low": figure.low, "_high": figure.high}
    return {end: value if isfinite(value) else None for end, value in ends.items()}
