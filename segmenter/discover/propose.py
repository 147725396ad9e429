"""Segment proposal: tests, choice of k, and a traffic light with a sentence; or why there are no segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator
from threadpoolctl import threadpool_limits

from segmenter.discover import choose_k as choice
from segmenter.discover.candidates import SearchMethod, Solution, solution_of, solutions
from segmenter.discover.choose_k import Light
from segmenter.discover.class_bic import class_bic
from segmenter.discover.edges import edge_of_choice, edge_of_natural, edge_of_noise
from segmenter.discover.latent_class import Classes, by_number
from segmenter.discover.latent_correlations import copier
from segmenter.discover.markers import Marker, centred_items
from segmenter.discover.membership import Membership, membership
from segmenter.discover.method_choice import MethodChoice, choose_method
from segmenter.discover.mixture_search import Fits, bic_by_number, mixture_fits, scaled_like, shapes_for
from segmenter.discover.null_models import NullTest, null_test, shuffled
from segmenter.discover.segment_size import power_sentence
from segmenter.discover.stability import Effort
from segmenter.discover.steps import Steps, silent
from segmenter.discover.verdict_text import (
    base_notes,
    class_notes,
    few_missing,
    proposal_sentence,
    style_notes,
    why_noise,
    why_none,
)
from segmenter.stats.item_matrix import Items, Labels, coded

SECOND = "copies with the same correlations"
MERGED = "Segments that would get the same message were merged."
REPORTED, TESTED = Effort(100, 10), Effort(20, 4)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Settings of a proposal: method, range of k, effort.

    Attributes:
        most: Largest number of segments that is tried; 2 is the least.
        wished: The only number of segments that is tried, by k-means or latent classes; None: 2 to *most*.
        method: "auto" (k-means, and of numbers Gaussian mixtures beside it), "kmeans", or "lca" (answers only).
        report: Effort for the stability that is reported.
        test: Effort for the tests against copies without segments.
        class_starts: Fits of each number of latent classes.
        rows: People in the tests and the classes at most; the others are left out by lot.
        rows_of_numbers: The same for numbers, where no two people are one row.
        answers: Whether people gave them as answers, so that they may show a way of answering.
    """

    most: int = 6
    wished: int | None = None
    method: SearchMethod = "auto"
    report: Effort = REPORTED
    test: Effort = TESTED
    class_starts: int = 20
    rows: int = 2_000
    rows_of_numbers: int = 1_000
    answers: bool = True

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of segments to try."""
        return tuple(range(2, self.most + 1)) if self.wished is None else (self.wished,)

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
        again: Share of its people whom refits without them would place here again; None where it is not known.
        member: Mean probability that its people belong to the group that it is made of; None as `again`.
    """

    size: int
    share: float
    stability: float
    markers: tuple[Marker, ...]
    posterior: float | None
    style: bool
    again: float | None = None
    member: float | None = None


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
        sure: How a membership becomes a probability; None for latent classes, which tell chances themselves.
        centred_p: p of the test on answers without each person's own level; None where it was not made.
        power: Which segments can't be found in these data, and what is missing in them.
        method: Whose segments they are.
        methods: What Gaussian mixtures say of the same people.
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
    sure: Membership | None
    centred_p: float | None
    power: str = ""
    method: Literal["kmeans", "mixture", "lca"] = "kmeans"
    methods: MethodChoice = MethodChoice()  # noqa: RUF009 - frozen

    @property
    def natural(self) -> bool | None:
        """Whether the segments beat the second null too; None where it was not tried."""
        return _natural(self.methods, self.second, self.k)


def _natural(methods: MethodChoice, second: NullTest | None, k: int | None) -> bool | None:
    if methods.shaped is not None:
        return True  # else it is not proposed
    return None if second is None or k is None else second.candidate(k)


def propose(items: Items, asked: SearchOptions, rng: Generator, steps: Steps = silent) -> Proposal:
    """Propose segments in *items*: stable, distinct, large enough; or say why there are none.

    Args:
        items: Answers or traits, one row per person.
        asked: Method, numbers of segments to try, and how thorough the bootstrap is.
        rng: The same state gives the same proposal.
        steps: Told how far it is.

    Returns:
        The segments found, or no segments and the reason; both with the figures of every number that was tried.
    """
    with threadpool_limits(1):  # many small fits: threads would wait for each other
        proposal = _propose(items, asked, rng, steps)
    largest = max((segment.share for segment in proposal.segments), default=1.0)
    power = power_sentence(items.effective, largest, numbers=items.kind == "metric", weighted=items.weights is not None)
    return replace(proposal, power=f"{power} {few_missing(items)}".strip())


def _propose(items: Items, asked: SearchOptions, rng: Generator, steps: Steps) -> Proposal:
    ks = asked.numbers
    drawn = sampled(len(items.values), asked.tested(items))
    items_tested = items.rows(drawn)
    test = null_test(items_tested, ks, shuffled, asked.test, rng, steps=steps, asked=choice.in_question)
    fits = _fits(items, items_tested, asked, rng)
    if not test.beaten and not fits:
        return _nothing(test, why_noise(test), edge=edge_of_noise(test))
    everybody = np.arange(len(items.values))
    base, people = (items_tested, drawn) if asked.method == "lca" else (items, everybody)
    bic, classes = _bic(items_tested, fits, asked, rng) if test.beaten else ({}, {})
    bound = _bound(bic)
    if bound == 1 and not fits:
        return _nothing(test, "No segments: one group explains the data best (BIC).", bound, bic)
    candidates = (
        solutions(base, ks, asked.method, asked.report, rng, classes, steps) if bound != 1 and test.beaten else {}
    )
    chosen = choice.choose_k(candidates, test, bound or 1) if candidates else choice.ChosenK(None, {})
    own = None if chosen.k is None else candidates[chosen.k].labels
    methods = choose_method(items, items_tested, fits, own, asked.test, rng)
    bic = bic_by_number(fits) if methods.shaped is not None else bic
    if chosen.k is None and methods.shaped is None:
        return _none_found(test, bound, bic, candidates, chosen)
    return _proposed(base, people, asked, rng, test, bic, classes, candidates, chosen, methods, steps)


def _fits(items: Items, tested: Items, asked: SearchOptions, rng: Generator) -> Fits:
    """Mixtures of the shapes that may be fitted to these numbers; none where k-means is asked for."""
    shapes = shapes_for(items) if asked.method == "auto" and asked.wished is None else ()
    complete = tested.rows(tested.complete())
    return mixture_fits(scaled_like(items, tested), asked.most, shapes, rng, complete.counts) if shapes else {}


def _bound(bic: Mapping[int, float]) -> int | None:
    return min(bic, key=lambda k: bic[k]) if bic else None


def _bic(
    tested: Items, fits: Fits, asked: SearchOptions, rng: Generator
) -> tuple[dict[int, float], dict[int, Classes]]:
    """BIC by number of groups: of independent normals where the base are numbers, else of latent classes."""
    if tested.kind == "metric":
        fits = fits or mixture_fits(coded(tested).values, asked.numbers[-1], ("diagonal",), rng, tested.counts)
        return bic_by_number({place: fit for place, fit in fits.items() if place[1] == "diagonal"}), {}
    if asked.method != "lca" and tested.kind != "mixed":
        return class_bic(tested, asked.numbers[-1], starts=asked.class_starts, rng=rng), {}
    classes = by_number(tested, asked.numbers[-1], starts=asked.class_starts, rng=rng)
    return {k: fit.bic for k, fit in classes.items()}, classes


def _none_found(
    test: NullTest,
    bound: int | None,
    bic: Mapping[int, float],
    candidates: Mapping[int, Solution],
    chosen: choice.ChosenK,
) -> Proposal:
    if not test.beaten:
        return _nothing(test, why_noise(test), edge=edge_of_noise(test))
    if not candidates:
        return _nothing(test, "No segments: one group explains the data best (BIC).", bound, bic)
    edge = edge_of_choice(candidates, test, chosen)
    return _nothing(test, why_none(candidates, chosen), bound, bic, candidates, chosen.refused, edge=edge)


def sampled(people: int, most: int) -> Labels:
    """Return the places of *most* of *people* by a lot that is always the same: another one would be other data."""
    return np.sort(np.random.default_rng(people).permutation(people)[:most])


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
    bic: Mapping[int, float],
    classes: Mapping[int, Classes],
    candidates: Mapping[int, Solution],
    chosen: choice.ChosenK,
    methods: MethodChoice,
    steps: Steps,
) -> Proposal:
    solution = _solution(items, candidates, chosen, methods)
    tested = items.rows(sampled(len(items.values), asked.tested(items)))
    k, shaped = solution.k, methods.shaped
    second = None
    if items.kind in ("binary", "metric") and shaped is None:
        copied, numbers = copier(tested), (k,)
        second = null_test(tested, test.ks, copied, asked.test, rng, steps=steps, name=SECOND, asked=lambda _: numbers)
    styled = choice.flagged(solution, len(items.names)) if asked.answers else ()
    again = null_test(centred_items(tested), test.ks, shuffled, asked.test, rng) if styled and k in test.ks else None
    own = classes[k] if asked.method == "lca" else None
    groups = choice.merge_segments(items, solution.labels, choice.messages(solution))
    edges: tuple[str, ...] = () if shaped else (edge_of_noise(test), edge_of_choice(candidates, test, chosen))
    edges += () if second is None else (edge_of_natural(second, k, SECOND),)
    remarks = (*choice.remarks_on(solution), *methods.notes, *edges, MERGED if len(set(groups)) < k else "")
    notes = (*style_notes(styled, again, k), *class_notes(own), *base_notes(items), *filter(None, remarks))
    sure = membership(items, solution.labels, k, shaped.mixture if shaped else None, rng) if own is None else None
    return Proposal(
        light=choice.light_of(solution, notes=notes, natural=(natural := _natural(methods, second, k))),
        sentence=proposal_sentence(len(set(groups)), solution, natural),
        notes=notes,
        test=test,
        second=second,
        bound=_bound(bic),
        bic=bic,
        classes=own,
        tried={**candidates, k: solution},
        refused={number: why for number, why in chosen.refused.items() if number != k},
        k=k,
        groups=groups,
        segments=_segments(solution, groups, own, sure, styled),
        labels=np.array(groups, np.int64)[solution.labels],
        people=people,
        sure=sure,
        centred_p=None if again is None else again.p,
        method="mixture" if shaped else "lca" if asked.method == "lca" else "kmeans",
        methods=methods,
    )


def _solution(
    items: Items, candidates: Mapping[int, Solution], chosen: choice.ChosenK, methods: MethodChoice
) -> Solution:
    shaped = methods.shaped
    if shaped is None:
        return candidates[chosen.k or 0]
    return solution_of(items, shaped.mixture.k, shaped.labels, shaped.stability, (1.0,) * shaped.mixture.k)


def _segments(
    solution: Solution,
    groups: Sequence[int],
    classes: Classes | None,
    sure: Membership | None,
    styled: Sequence[int],
) -> tuple[ProposedSegment, ...]:
    posteriors = None if classes is None else classes.mean_posteriors()
    again = solution.stability.again
    segments = []
    for group in range(max(groups) + 1):
        own = [j for j, place in enumerate(groups) if place == group]
        sizes = [solution.sizes[j] for j in own]
        segments.append(
            ProposedSegment(
                size=sum(sizes),
                share=sum(solution.population[j] for j in own),
                stability=min(solution.stability.segments[j] for j in own),
                markers=solution.markers[own[0]],
                posterior=None if posteriors is None else min(posteriors[j] for j in own),
                style=any(j in styled for j in own),
                again=float(np.average([again[j] for j in own], weights=sizes)) if again else None,
                member=None if sure is None else float(np.average([sure.mean[j] for j in own], weights=sizes)),
            )
        )
    return tuple(segments)
