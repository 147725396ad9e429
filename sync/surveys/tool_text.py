"""What a typing tool promises, in sentences: for the command that designs it, and for its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segmenter.typing_tool.tool_file import Adaptive, ToolFile, ToolQuality

FOUND_ONCE = "found once"
BY_WEIGHT = (
    "Weighted: the error rate is that of the population, if a respondent's weight is the inverse of the chance to be "
    "asked and to answer, and nobody weighs more than the heaviest respondent (weighted conformal sets)."
)
FEW_ONE = 0.5  # of the people are told one segment: below, the tool tells little


def chance_sentence(quality: ToolQuality) -> str:
    """Return how the hit rates of a tool were measured, and what guessing would give."""
    once = quality.segments_from.endswith(FOUND_ONCE)
    anew = (
        "questions and model refitted in each fold, segments fixed"
        if once
        else "segments, questions and model refitted in each fold"
    )
    return (
        f"Held-out validation: {anew}. Chance level: {quality.proportional_chance:.1%}; largest "
        f"segment: {quality.largest_share:.1%}. {quality.respondents:,} respondents{_effective(quality)}; segments: "
        f"{quality.segments_from}.{f' {quality.segments_test}' if quality.segments_test else ''}"
    )


def _effective(quality: ToolQuality) -> str:
    if quality.effective is None:
        return ""
    return f", weighted (all figures; effective sample {quality.effective:,.0f}, Kish 1965)"


def tool_promises(file: ToolFile) -> list[str]:
    """Return what an adaptive tool promises and how it kept it; of another one, what a missing answer counts as."""
    if file.adaptive is None:
        return _missing_lines(file)
    weighted = file.quality is not None and file.quality.effective is not None
    return [*_promise_lines(file.adaptive), *([BY_WEIGHT] if weighted else [])]


def _promise_lines(adaptive: Adaptive) -> list[str]:
    """Return what an adaptive tool promises, how it kept it on held-out people, and a warning where it tells little."""
    kept = adaptive.kept
    within = "in each segment" if adaptive.per_segment else "of all people; in a small segment it may be higher"
    least = min(kept.segments, key=lambda name: kept.segments[name])
    asks = (
        f"Adaptive, error rate {adaptive.error_rate:.0%} at most {within}: the form asks question after question. It "
        f"stops once the likeliest segment has {adaptive.enough:.0%}, or nothing worth asking is left."
    )
    right = (
        f"Held-out people: {kept.coverage:.1%} right (95% interval {kept.low:.1%} - {kept.high:.1%}), least in {least} "
        f"({kept.segments[least]:.1%}); {kept.median:g} questions for half of them, {kept.mean:.1f} on average."
    )
    verdicts = (
        f"Told one segment: {kept.single:.0%}, {kept.single_wrong:.1%} of them wrong; one of two: {kept.two:.0%}. The "
        f"likeliest segment is right for {kept.hit:.1%}."
    )
    lines = [asks, right, verdicts]
    if kept.single < FEW_ONE:
        lines.append(
            "Warning: the answers can't tell one segment for most people at this error rate. Ask other questions, use "
            "fewer segments, or allow a higher error rate."
        )
    return lines


def _missing_lines(file: ToolFile) -> list[str]:
    quality = file.quality
    if quality is None or quality.hit_missing_mean is None or quality.hit_missing_lca is None:
        return ["A missing answer counts as the mean of all respondents."]
    way = "latent class model" if file.profiles else "mean imputation"
    rates = (
        f"{quality.hit_missing_mean:.1%} with mean imputation, {quality.hit_missing_lca:.1%} with a latent class model"
    )
    return [f"With 20% of answers missing: {rates}; {way} will be used."]
