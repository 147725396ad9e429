"""What a proposal says: the sentence of its light, why there is none, and the notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from segmenter.discover import choose_k as choice
from segmenter.discover.candidates import Solution
from segmenter.discover.latent_class import CLEAR, SURE, Classes
from segmenter.discover.null_models import LEVEL, NullTest
from segmenter.minimum import AN_ITEM, needs
from segmenter.stats.item_matrix import Items
from segmenter.stats.one_sided import LEVEL as STYLE_LEVEL

MANY_MISSING = 0.1  # share of the answers: from here on segments are never green


def why_noise(test: NullTest) -> str:
    """Return the sentence for data that do not beat their shuffled copies."""
    if test.p <= LEVEL:
        return "No segments: the data are one group. Segments in shuffled copies of the data are just as tight."
    return (
        "No segments: this looks like noise. Segments in shuffled copies of the data are just as stable "
        f"(p = {test.p:.2f})."
    )


def why_none(candidates: Mapping[int, Solution], chosen: choice.ChosenK) -> str:
    """Return why no number of segments is proposed: which comes closest, and what is against it."""
    nearest = min(chosen.refused, key=lambda k: (len(chosen.refused[k]), -candidates[k].stability.agreement))
    return f"No number of segments is stable. {nearest} comes closest, but: {'; '.join(chosen.refused[nearest])}."


def proposal_sentence(many: int, solution: Solution, natural: bool | None) -> str:  # noqa: FBT001 - a fact, no switch
    """Return the light in words: how stable segments are, and whether they are natural."""
    level = min(solution.stability.agreement, solution.stability.median)
    again = "are stable" if level >= choice.REPRODUCIBLE else "are partly stable"
    if natural:
        kind = "natural segments: correlations alone do not explain them"
    elif natural is not None:
        kind = "constructed segments: useful to target, but correlations alone would give similar ones"
    else:
        kind = "treat them as constructed: answers of this kind can't show whether segments are natural"
    return f"{many} segments that {again} when the people are resampled (agreement {level:.2f}); {kind}."


def style_notes(styled: Sequence[int], again: NullTest | None, k: int) -> tuple[str, ...]:
    """Return the note on segments that are high or low on nearly every item, and what is left of them once centred."""
    if again is None:
        return ()
    named = " and ".join(str(j + 1) for j in styled)
    after = max(again.agreement[again.ks.index(k)], 0.0)
    left = again.candidate(k) and after >= choice.FRAGILE
    holds = "the segments are stable" if left else "no segments are left"
    note = (
        f"Segment {named} is high or low on nearly every item: probably a response style, not a need (sign test; "
        f"of segments of unrelated items {STYLE_LEVEL:.0%} are flagged at most). "
        f"After centring each person {holds} (agreement {after:.2f}, p = {again.p:.2f})."
    )
    return (note,)


def class_notes(classes: Classes | None) -> tuple[str, ...]:
    """Return what is to be noted of latent classes that overlap."""
    if classes is None:
        return ()
    notes = []
    if classes.entropy < CLEAR:
        notes.append(f"Classes overlap: relative entropy {classes.entropy:.2f}, at least {CLEAR} recommended.")
    if (least := min(classes.mean_posteriors())) < SURE:
        notes.append(f"Membership of one class is uncertain: mean posterior {least:.2f}, at least {SURE} recommended.")
    return tuple(notes)


def base_notes(items: Items) -> tuple[str, ...]:
    """Return what makes segments of *items* less certain, a sentence each."""
    people, wanted = items.effective, AN_ITEM * len(items.names)
    notes = []
    if people < wanted:
        short = needs(f"For reliable segments, a base of {len(items.names)} items", wanted, "people", people)
        notes.append(f"{short}{'' if items.weights is None else ' (effective sample size)'}.")
    if np.isnan(items.values).mean() >= MANY_MISSING:
        notes.append(missing_sentence(items))
    return tuple(notes)


def few_missing(items: Items) -> str:
    """Return the sentence for missing answers that are too few for a note; "" where none is missing, or many."""
    share = float(np.isnan(items.values).mean())
    return missing_sentence(items) if 0 < share < MANY_MISSING else ""


def missing_sentence(items: Items) -> str:
    """Return how many answers are missing, and what is done about it."""
    gaps = np.isnan(items.values)
    most = int(gaps.mean(axis=0).argmax())
    return (
        f"{gaps.mean():.0%} of the answers are missing, most of {items.names[most]!r} ({gaps[:, most].mean():.0%}). "
        "None is filled in: people are compared by what they answered, as if the others had been left out by chance."
    )
