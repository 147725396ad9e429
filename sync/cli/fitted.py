"""A fitted model as text: for which use it is good enough, and the figures of held-out people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync.cli.console import table

if TYPE_CHECKING:
    from segmenter.classifier.metrics import ModelQuality
    from segmenter.classifier.proper_scores import ScoreGain
    from sync.modeling.fit import FittedModel

MOST_LABELS = 12  # columns of a confusion table that a terminal holds
USES = {
    "rank": "rank people, the likeliest first",
    "band": "put people into bands of probability",
    "classify": "classify people",
}


def fitted_text(made: FittedModel) -> list[Any]:
    """Return the figures of a fitted model, as lines and tables for a terminal.

    Args:
        made: What `sync.modeling.fit.fit` returned.

    Returns:
        Training data, chance, both kinds of model, each segment, the confusion table, and what it may be used for.
    """
    file, chosen = made.file, made.fitted.chosen
    people = ", ".join(f"{name} {count:,}" for name, count in file.training.people.items())
    return [
        f"Trained on {chosen.people:,} people ({people}) and {len(file.model.features)} features.",
        *filter(None, [file.training.weighted_by]),
        *made.notes,
        f"Chance level: largest segment {chosen.largest_share:.1%}, proportional {chosen.proportional_chance:.1%}.",
        _kinds(made),
        *_scores(chosen),
        _labels(made, chosen),
        _gains(chosen),
        _confusion(chosen),
        table("min. confidence", "coverage", "hit rate", rows=_curve(chosen)),
        *_training(made),
        *_verdict(made),
    ]


def _kinds(made: FittedModel) -> Any:
    rows = [
        (
            kind,
            f"{q.hit:.1%}",
            f"{q.balanced:.1%}",
            *(f"{x:.3f}" for x in (q.kappa, q.ece, q.brier, q.log_loss)),
            f"{q.press_q:.0f}",
        )
        for kind, q in made.fitted.quality.items()
    ]
    return table("model", "hit rate", "balanced", "kappa", "ECE", "Brier", "log loss", "Press's Q", rows=rows)


def _scores(chosen: ModelQuality) -> list[str]:
    return [
        f"{name}: {gain.model:.3f}, shares alone {gain.shares:.3f}: {100 * gain.relative:+.1f}% ({_ends(gain)})."
        for name, gain in (("Log score", chosen.log_gain), ("Brier score", chosen.brier_gain))
    ]


def _ends(gain: ScoreGain) -> str:
    low, high = (100 * end / gain.shares for end in (gain.interval.low, gain.interval.high))
    return f"95% CI {low:+.1f} to {high:+.1f}"


def _labels(made: FittedModel, chosen: ModelQuality) -> Any:
    rows = []
    for name, label in chosen.labels.items():
        auc = label.ranking
        right = f"{label.precision or 0.0:.1%}" if chosen.weighted else f"{label.right:,}"
        precision = f"{right} of {label.assigned:,}" if label.assigned else "-"
        span = f"{auc.auc:.3f} ({auc.interval.low:.3f} to {auc.interval.high:.3f})"
        rows.append((name, f"{label.people:,}", f"{label.hit:.1%}", precision, span))
    head = "outcome" if made.file.training.target == "outcome" else "segment"
    return table(head, "people", "hit rate", "right, of assigned", "AUC (95% CI)", rows=rows)


def _gains(chosen: ModelQuality) -> Any:
    """Of two labels the rarer one: the other's curve says the same."""
    named = list(chosen.labels.items())
    if len(named) == 2:  # noqa: PLR2004 - see above
        named = [min(named, key=lambda item: item[1].share)]
    tops = [f"top {point.top:.0%}" for point in named[0][1].gains]
    rows = [(name, *(f"{point.reached:.0%}" for point in label.gains)) for name, label in named]
    return table("gain curve: reached by", *tops, rows=rows)


def _confusion(chosen: ModelQuality) -> Any:
    names = list(chosen.labels)
    shown = names[:MOST_LABELS]
    rows = [
        (name, *(f"{count:,.0f}" for count in row[:MOST_LABELS]))
        for name, row in zip(names, chosen.confusion, strict=True)
    ]
    return table("is / likeliest, weighted" if chosen.weighted else "is / likeliest", *shown, rows=rows)


def _curve(chosen: ModelQuality) -> list[tuple[str, str, str]]:
    return [
        (f"{p.confidence:.0%}", f"{p.coverage:.0%}", "-" if p.hit is None else f"{p.hit:.0%}") for p in chosen.curve
    ]


def _training(made: FittedModel) -> list[str]:
    training, chosen = made.file.training, made.fitted.chosen
    since = f"from {training.traits_from:%Y-%m-%d}" if training.traits_from else "the whole history"
    shown = [f"Calibrated by {made.file.calibration}; traits of {since}; data {training.data_digest[:12]}."]
    if training.target == "rules":
        shown.append(
            "It classifies only people for whom a rule's trait is unknown; people who match no rule stay unclassified."
        )
    if training.target == "discovered" and not training.found_again:
        shown.append(
            "These segments were discovered on all people, including those held out: the figures above are optimistic. "
            "If they are what people did, use --target outcome."
        )
    if training.purpose:
        shown.append(f"It uses sensitive traits, for this purpose: {training.purpose}")
    if made.left_out:
        shown.append(
            f"{len(made.left_out):,} traits were not asked: {int(chosen.effective + 1e-9):,} people allow no more "
            "features. To choose them yourself, name them with --trait."
        )
    if training.dropped:
        shown.append(f"Dropped as uninformative: {', '.join(training.dropped)}.")
    return [*shown, *_outcomes(made)]


def _outcomes(made: FittedModel) -> list[str]:
    if made.outcomes is None:
        return []
    shown = []
    if made.outcomes.strangers:
        shown.append(f"Rows of people whom this workspace does not know: {made.outcomes.strangers:,}.")
    if not made.outcomes.dated:
        shown.append(
            "Not every outcome has a date: nobody can check that the traits were known before it. Add a column `at`."
        )
    elif made.late:
        shown.append(
            f"Properties of contacts are those of the last pull, not of {made.file.training.as_of:%Y-%m-%d}: "
            f"{', '.join(made.late)}. Leave out what may have changed after the outcome (--trait)."
        )
    return shown


def _verdict(made: FittedModel) -> list[str]:
    gate = made.fitted.gate
    shown = [f"{'Good enough' if v.passed else 'Not good enough'} to {USES[v.use]}." for v in gate.verdicts]
    shown += gate.sentences
    if made.in_use:
        shown.append(f"In use: {made.file.version} ({made.path.name}). `personasync assign` uses it from now on.")
    else:
        shown.append(f"Saved as {made.path.name}, but not in use by `assign`.")
    return shown
