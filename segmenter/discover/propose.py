"""Segment proposal: tests, choice of k, and a traffic light with a sentence; or why there are no segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from threadpoolctl import threadpool_limits

from segmenter.discover import choose_k as choice
from segmenter.discover.bagged_confidence import Sureness, sureness
from segmenter.discover.candidates import SearchMethod, Solution, solutions
from segmenter.discover.choose_k import Light
from segmenter.discover.edges import edge_of_choice, edge_of_noise
from segmenter.discover.latent_class import CLEAR, SURE, Classes, by_number, upper_bound
from segmenter.discover.latent_correlations import calibrated
from segmenter.discover.markers import Marker, centred_items
from segmenter.discover.null_models import LEVEL, NullTest, null_test, shuffled
from segmenter.discover.segment_size import power_sentence
from segmenter.discover.stability import Effort
from segmenter.minimum import AN_ITEM, needs
from segmenter.stats.item_matrix import Items, Labels
from segmenter.stats.one_sided import LEVEL as STYLE_LEVEL

REPORTED, TESTED = Effort(100, 10), Effort(20, 4)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Settings of a proposal: method, range of k, effort.

    Attributes:
        most: Largest number of segments that is tried; 2 is the least.
        method: "kmeans", or "lca" (answers only).
        report: Effort for the stability that is reported.
        test: Effort for the tests against copies without segments.
        class_starts: Fits of each number of latent classes.
        rows: People in the tests and the classes at most; the others are left out by lot.
        rows_of_numbers: The same for numbers, where no two people are one row.
        answers: Whether people gave them as answers, so that they may show a way of answering.
    """

    most: int = 6
    method: SearchMethod = "kmeans"
    report: Effort = REPORTED
    test: Effort = TESTED
    class_starts: int = 20
    rows: int = 2_000
    rows_of_numbers: int = 1_000
    answers: bool = True

    def tested(self, items: Items) -> int:
        """Return how many people the tests look at."""
        return self.rows_of_numbers if items.kind == "metric" else self.rows


@dataclass(frozen=True, slots=True)
class ProposedSegment:
    """One proposed segment.

    Attributes:
        stability: SLSw; the least of those that were merged.
        posterior: How sure the latent classes are of its people; None by k-means.
        style: Whether it looks like a way of answering.
    """

    size: int
    share: float
    stability: float
    markers: tuple[Marker, ...]
    posterior: float | None
    style: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """A segment proposal.

    Attributes:
        sentence: The light in words.
        notes: What to know beside it, a sentence each.
        test: Against shuffled copies.
        second: Against copies with the same correlations; None where it was not made (categories have none).
        bound: Most segments by the BIC; None where it was not computed.
        bic: By number of classes.
        tried: The solution of each number.
        refused: Why a number is not proposed.
        k: Segments before the merging; None: nothing is proposed.
        groups: The proposed segment of each segment before the merging.
        classes: The latent classes behind the segments; None by k-means.
        labels: (people,) proposed segment; empty where there is none.
        people: (people,) places in the base of those whom `labels` are of: latent classes look at `Asked.rows` at most.
        sure: How the nearest centre becomes a confidence; None for latent classes, which tell chances themselves.
        centred_p: p of the test on answers without each person's own level; None where it was not made.
        power: Which segments can't be found in these data, a sentence.
    """

    light: Light
    sentence: str
    notes: tuple[str, ...]
    test: NullTest
    second: NullTest | None
    bound: int | None
    bic: Mapping[int, float]
    classes: Classes | None
    tried: Mapping[int, Solution]
    refused: Mapping[int, tuple[str, ...]]
    k: int | None
    groups: tuple[int, ...]
    segments: tuple[ProposedSegment, ...]
    labels: Labels
    people: Labels
    sure: Sureness | None
    centred_p: float | None
    power: str = ""

    @property
    def natural(self) -> bool | None:
        """Whether the segments beat the second null too; None where it was not tried."""
        return None if self.second is None or self.k is None else self.second.candidate(self.k)


def propose(items: Items, asked: SearchOptions, rng: Generator) -> Proposal:
    """Propose segments in *items*: stable, distinct, large enough; or say why there are none.

    Args:
        items: Answers or traits, one row per person.
        asked: Method, numbers of segments to try, and how thorough the bootstrap is.
        rng: The same state gives the same proposal.

    Returns:
        The segments found, or no segments and the reason; both with the figures of every number that was tried.
    """
    with threadpool_limits(1):  # many small fits: threads would wait for each other
        proposal = _propose(items, asked, rng)
    largest = max((segment.share for segment in proposal.segments), default=1.0)
    power = power_sentence(len(items.values), largest, numbers=items.kind == "metric")
    return replace(proposal, power=power)


def _propose(items: Items, asked: SearchOptions, rng: Generator) -> Proposal:
    ks = tuple(range(2, asked.most + 1))
    drawn = sampled(len(items.values), asked.tested(items))
    items_tested = items.rows(drawn)
    test = null_test(items_tested, ks, shuffled, asked.test, rng)
    if not test.beaten:
        return _nothing(test, why_noise(test), edge=edge_of_noise(test))
    everybody = np.arange(len(items.values))
    base, people = (items, everybody) if asked.method == "kmeans" else (items_tested, drawn)
    classes = by_number(items_tested, asked.most, starts=_class_starts(items, asked), rng=rng)
    bound = upper_bound(classes)
    bic = {k: classes.bic for k, classes in classes.items()}
    if bound == 1:
        return _nothing(test, "No segments: one group explains the data best (BIC).", bound, bic)
    candidates = solutions(base, ks, asked.method, asked.report, rng, classes)
    chosen = choice.choose_k(candidates, test, bound)
    if chosen.k is None:
        edge = edge_of_choice(candidates, test, chosen)
        return _nothing(test, _why_none(candidates, chosen), bound, bic, candidates, chosen.refused, edge=edge)
    return _proposed(base, people, asked, rng, test, classes, candidates, chosen)


def _class_starts(items: Items, asked: SearchOptions) -> int:
    # of numbers only the bound is wanted, and a mixture of normals takes long
    return max(1, asked.class_starts // 4) if items.kind == "metric" else asked.class_starts


def sampled(people: int, most: int) -> Labels:
    """Return the places of *most* of *people* by a lot that is always the same: another one would be other data."""
    return np.sort(np.random.default_rng(people).permutation(people)[:most])


def why_noise(test: NullTest) -> str:
    """Return the sentence for data that do not beat their shuffled copies."""
    if test.p <= LEVEL:
        return "No segments: the data are one group. Segments in shuffled copies of the data are just as tight."
    return (
        "No segments: this looks like noise. Segments in shuffled copies of the data are just as stable "
        f"(p = {test.p:.2f})."
    )


def _why_none(candidates: Mapping[int, Solution], chosen: choice.ChosenK) -> str:
    nearest = min(chosen.refused, key=lambda k: (len(chosen.refused[k]), -candidates[k].stability.agreement))
    return f"No number of segments is stable. {nearest} comes closest, but: {'; '.join(chosen.refused[nearest])}."


def _nothing(
    test: NullTest,
    sentence: str,
    bound: int | None = None,
    bic: Mapping[int, float] | None = None,
    tried: Mapping[int, Solution] | None = None,
    refused: Mapping[int, tuple[str, ...]] | None = None,
    *,
    edge: str = "",
) -> Proposal:
    return Proposal(
        light="red",
        sentence=sentence,
        notes=(edge,) if edge else (),
        test=test,
        second=None,
        bound=bound,
        bic=bic or {},
        classes=None,
        tried=tried or {},
        refused=refused or {},
        k=None,
        groups=(),
        segments=(),
        labels=np.empty(0, np.int64),
        people=np.empty(0, np.int64),
        sure=None,
        centred_p=None,
    )


def _proposed(
    items: Items,
    people: Labels,
    asked: SearchOptions,
    rng: Generator,
    test: NullTest,
    classes: Mapping[int, Classes],
    candidates: Mapping[int, Solution],
    chosen: choice.ChosenK,
) -> Proposal:
    k = chosen.k or 0
    solution, tested = candidates[k], items.rows(sampled(len(items.values), asked.tested(items)))
    second = None if items.kind == "categorical" else null_test(tested, test.ks, calibrated, asked.test, rng)
    styled = choice.flagged(solution, len(items.names)) if asked.answers else ()
    again = null_test(centred_items(tested), test.ks, shuffled, asked.test, rng) if styled else None
    own = classes[k] if asked.method == "lca" else None
    groups = choice.merge_segments(items, solution.labels, choice.messages(solution))
    notes = (
        *_style_notes(styled, again, k),
        *_class_notes(own),
        *_base_notes(items),
        *choice.remarks_on(solution),
        *filter(None, (edge_of_noise(test), edge_of_choice(candidates, test, chosen))),
        *(("Segments that would get the same message were merged.",) if len(set(groups)) < k else ()),
    )
    light = choice.light_of(solution, notes=notes)
    return Proposal(
        light=light,
        sentence=_sentence(len(set(groups)), solution, second, k),
        notes=notes,
        test=test,
        second=second,
        bound=upper_bound(dict(classes)),
        bic={number: classes.bic for number, classes in classes.items()},
        classes=own,
        tried=candidates,
        refused=chosen.refused,
        k=k,
        groups=groups,
        segments=_segments(solution, groups, own, styled),
        labels=np.array(groups, np.int64)[solution.labels],
        people=people,
        sure=sureness(items, solution.labels, k, rng) if own is None else None,
        centred_p=None if again is None else again.p,
    )


def _sentence(many: int, solution: Solution, second: NullTest | None, k: int) -> str:
    level = min(solution.stability.agreement, solution.stability.median)
    again = "are stable" if level >= choice.REPRODUCIBLE else "are partly stable"
    if second is not None and second.candidate(k):
        kind = "natural segments: correlations alone do not explain them"
    elif second is not None:
        kind = "constructed segments: useful to target, but correlations alone would give similar ones"
    else:
        kind = "treat them as constructed: answers of this kind can't show whether segments are natural"
    return f"{many} segments that {again} when the people are resampled (agreement {level:.2f}); {kind}."


def _style_notes(styled: Sequence[int], again: NullTest | None, k: int) -> tuple[str, ...]:
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


def _class_notes(classes: Classes | None) -> tuple[str, ...]:
    if classes is None:
        return ()
    notes = []
    if classes.entropy < CLEAR:
        notes.append(f"Classes overlap: relative entropy {classes.entropy:.2f}, at least {CLEAR} recommended.")
    if (least := min(classes.mean_posteriors())) < SURE:
        notes.append(f"Membership of one class is uncertain: mean posterior {least:.2f}, at least {SURE} recommended.")
    return tuple(notes)


def _base_notes(items: Items) -> tuple[str, ...]:
    people, wanted = len(items.values), AN_ITEM * len(items.names)
    note = needs(f"For reliable segments, a base of {len(items.names)} items", wanted, "people", people)
    return (f"{note}.",) if people < wanted else ()


def _segments(
    solution: Solution, groups: Sequence[int], classes: Classes | None, styled: Sequence[int]
) -> tuple[ProposedSegment, ...]:
    posteriors = None if classes is None else classes.mean_posteriors()
    segments = []
    for group in range(max(groups) + 1):
        own = [j for j, place in enumerate(groups) if place == group]
        size = sum(solution.sizes[j] for j in own)
        segments.append(
            ProposedSegment(
                size=size,
                share=size / len(solution.labels),
                stability=min(solution.stability.segments[j] for j in own),
                markers=solution.markers[own[0]],
                posterior=None if posteriors is None else min(posteriors[j] for j in own),
                style=any(j in styled for j in own),
            )
        )
    return tuple(segments)
