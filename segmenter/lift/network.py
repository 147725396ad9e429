"""Network meta-analysis: offers compared within randomized trials, and across them through shared offers.

People are randomized only within one experiment, or one campaign that the platform sent in variants. So rates are
compared within one mailing of it, and the differences are put together: Mantel & Haenszel's weights (people of one
arm times those of the other over those of both), the variance of the common difference by Greenland & Robins 1985.
Offers that no mailing had side by side are compared through a third one that both were compared with, the variances
added (Bucher et al. 1997). All of it is one regression of rates on offers, with an effect for each mailing and the
number of people as weights: with two offers it is the Mantel-Haenszel difference, and on a chain of comparisons it is
Bucher's. Under no difference the variance is that of Cochran, Mantel & Haenszel's test.

A comparison on which too few responded is no link: one of two people would carry any offer to all others, with a
variance of nothing. It is left out where it would connect offers that others compare well.

Who got several mailings of an experiment counts in each, and their answers depend on each other: the variance adds
what each person contributes over all mailings (Liang & Zeger 1986).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.proportions import Responses

Array = NDArray[np.float64]
NOT_REACHED, REACHED, RESPONDED = 0, 1, 2
SIDES = 2
"""Sides of a comparison."""
EXPECTED_EACH = 2.5
"""Least responders, and others, that a comparison is worth for each offer in it, alike for all and weighted as in the
regression; with two arms of one size these are ten of both together. Below it no normal approximation is believed."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """People of one arm to whom the same happened.

    Attributes:
        arm: The offer that they were assigned to.
        states: For each mailing of the trial: not reached, reached, or responded.
        people: How many they are.
    """

    arm: str
    states: tuple[int, ...]
    people: int


@dataclass(frozen=True, slots=True)
class Trial:
    """One persona's people in one randomization: an experiment, or a campaign in variants.

    Attributes:
        early: Whether it is interim.
    """

    name: str
    persona: str
    patterns: tuple[Pattern, ...]
    early: bool = False

    def people(self) -> dict[str, int]:
        """Return the people of each arm whom a mailing reached that another arm got too.

        Returns:
            Arm -> number of people.
        """
        compared = _compared(self)
        counts: dict[str, int] = defaultdict(int)
        for pattern in self.patterns:
            if any(pattern.states[mailing] for mailing in compared):
                counts[pattern.arm] += pattern.people
        return dict(counts)


def trial(name: str, persona: str, arms: Mapping[str, Responses], *, early: bool = False) -> Trial:
    """Return the trial of a single mailing, from the people of each arm and those who responded.

    Args:
        name: The mailing's name.
        persona: Whom it was for.
        arms: Arm -> people reached, and how many of them responded.
        early: Whether answers may still come.

    Returns:
        One pattern per arm and outcome that has people.
    """
    patterns = [
        Pattern(arm, (state,), people)
        for arm, responses in arms.items()
        for state, people in ((RESPONDED, responses.converted), (REACHED, responses.people - responses.converted))
        if people
    ]
    return Trial(name, persona, tuple(patterns), early)


@dataclass(frozen=True, slots=True)
class Contrast:
    """The rate with one offer less that with another.

    Attributes:
        variance: Of the difference.
        null_variance: What it would be if both were alike.
    """

    difference: float
    variance: float
    null_variance: float


@dataclass(frozen=True, slots=True)
class Network:
    """Offers that comparisons connect: each can be compared with each other one of them, and with none outside.

    Attributes:
        offers: By name.
        responses: Deliveries of each offer and answers to them, in the mailings that compare it.
        base: The rate of all of them together.
        trials: What was compared where.
        enough: Whether enough people responded to say anything.
        effects: Of each offer, against the mean of all.
        covariance: Of the effects.
        null_covariance: Of the effects, if all offers were alike.
    """

    offers: tuple[str, ...]
    responses: Mapping[str, Responses]
    base: float
    trials: tuple[Trial, ...]
    effects: Array
    covariance: Array
    null_covariance: Array
    enough: bool = True

    def contrast(self, first: str, other: str) -> Contrast:
        """Return the difference of two offers."""
        side = np.zeros(len(self.offers))
        side[self.offers.index(first)], side[self.offers.index(other)] = 1.0, -1.0
        variances = [float(side @ matrix @ side) for matrix in (self.covariance, self.null_covariance)]
        return Contrast(float(side @ self.effects), variances[0], variances[1])


def networks(trials: Sequence[Trial]) -> list[Network]:
    """Put the trials of one persona together, the network with most deliveries first.

    Offers that no mailing compared with another are in none. Those that too few people compared are in one of their
    own, of which nothing can be said; where one of them is in another network, that comparison is left out.
    """
    kept = _enough(trials)
    solid = [_network(group) for group in _connected(kept)]
    known = {offer for network in solid for offer in network.offers}
    thin = [replace(_network(group), enough=False) for group in _connected(_outside(trials, known))]
    return sorted(
        [*solid, *thin], key=lambda network: (-sum(cell.people for cell in network.responses.values()), network.offers)
    )


def too_few(trials: Sequence[Trial]) -> dict[str, tuple[str, ...]]:
    """Return the trials of one persona that are left out, wholly or in part, with the offers concerned."""
    offers = {}
    known = {offer for group in _connected(_enough(trials)) for experiment in group for offer in experiment.people()}
    for whole, kept in zip(trials, _enough(trials), strict=True):
        counts, used = _counts(whole).values(), set(kept.people())
        dropped = {offer for arms in counts if arms.keys() & known for offer in arms} - used
        if dropped:
            offers[whole.name] = tuple(sorted(dropped))
    return offers


def _enough(trials: Sequence[Trial]) -> list[Trial]:
    """The trials without the arms of mailings that too few people compared, over all mailings of the same arms."""
    worth: dict[tuple[frozenset[str], str], Array] = defaultdict(lambda: np.zeros(2))
    counts = [_counts(trial) for trial in trials]
    for arms in (arms for mailings in counts for arms in mailings.values()):
        whole = sum(arms.values(), Responses(0, 0))
        for arm, mine in arms.items():
            weight = mine.people * (whole.people - mine.people) / whole.people
            worth[frozenset(arms), arm] += weight * np.array([whole.rate, 1.0 - whole.rate])
    return [
        _only(
            trial,
            {
                mailing: {arm for arm in arms if worth[frozenset(arms), arm].min() >= EXPECTED_EACH}
                for mailing, arms in mailings.items()
            },
        )
        for trial, mailings in zip(trials, counts, strict=True)
    ]


def _outside(trials: Sequence[Trial], known: Collection[str]) -> list[Trial]:
    """The trials with only those mailings of which no offer is known."""
    return [
        _only(trial, {mailing: set(arms) for mailing, arms in _counts(trial).items() if not arms.keys() & set(known)})
        for trial in trials
    ]


def _only(trial: Trial, wanted: Mapping[int, Collection[str]]) -> Trial:
    """A trial with the *wanted* arms of each mailing."""
    patterns = [
        Pattern(
            pattern.arm,
            tuple(
                state if pattern.arm in wanted.get(mailing, ()) else NOT_REACHED
                for mailing, state in enumerate(pattern.states)
            ),
            pattern.people,
        )
        for pattern in trial.patterns
    ]
    return replace(trial, patterns=tuple(patterns))


def _counts(trial: Trial) -> dict[int, dict[str, Responses]]:
    """People and responders of each arm, by mailing that several arms got."""
    counts: dict[int, dict[str, Responses]] = {}
    for mailing in _compared(trial):
        arms: dict[str, Responses] = defaultdict(lambda: Responses(0, 0))
        for pattern in trial.patterns:
            if state := pattern.states[mailing]:
                arms[pattern.arm] += Responses(pattern.people, pattern.people * (state == RESPONDED))
        counts[mailing] = dict(arms)
    return counts


def _compared(trial: Trial) -> list[int]:
    """The mailings of a trial that reached people of several arms."""
    arms: dict[int, set[str]] = defaultdict(set)
    for pattern in trial.patterns:
        for mailing, state in enumerate(pattern.states):
            if state:
                arms[mailing].add(pattern.arm)
    return sorted(mailing for mailing, names in arms.items() if len(names) >= SIDES)


def _connected(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Trials in groups that share no offer; mailings of one trial need not share one, so they come apart first."""
    groups: list[tuple[set[str], list[Trial]]] = []
    for part in (part for whole in trials for part in _parts(whole)):
        mine, offers = [part], set(part.people())
        rest = []
        for names, others in groups:
            if names & offers:
                offers |= names
                mine = [*others, *mine]
            else:
                rest.append((names, others))
        groups = [*rest, (offers, mine)]
    return [mine for _, mine in groups]


def _parts(whole: Trial) -> list[Trial]:
    """A trial as one for each set of arms that its mailings connect."""
    groups: list[tuple[set[str], list[int]]] = []
    for mailing in _compared(whole):
        arms = {pattern.arm for pattern in whole.patterns if pattern.states[mailing]}
        near = [group for group in groups if group[0] & arms]
        groups = [group for group in groups if not group[0] & arms]
        groups.append((arms.union(*(names for names, _ in near)), [*(m for _, ms in near for m in ms), mailing]))
    return [
        Trial(
            whole.name,
            whole.persona,
            tuple(
                Pattern(pattern.arm, tuple(pattern.states[mailing] for mailing in sorted(mailings)), pattern.people)
                for pattern in whole.patterns
                if pattern.arm in arms
            ),
            whole.early,
        )
        for arms, mailings in groups
    ]


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sufficient statistics of one trial for the regression; rows are arms.

    Attributes:
        arms: Of each row.
        reached: People by arm and mailing.
        responded: People by arm and mailing.
        own: Covariance of an arm's rates between mailings.
        null: The same if all arms were alike.
    """

    arms: tuple[str, ...]
    reached: Array
    responded: Array
    own: tuple[Array, ...]
    null: tuple[Array, ...]


def _sums(trial: Trial) -> _Sums:
    arms = tuple(sorted(trial.people()))
    patterns = [[pattern for pattern in trial.patterns if pattern.arm == arm] for arm in arms]
    states = [np.array([pattern.states for pattern in mine], dtype=np.int64) for mine in patterns]
    people = [np.array([pattern.people for pattern in mine], dtype=np.float64) for mine in patterns]
    reached = np.array([n @ (state > NOT_REACHED) for n, state in zip(people, states, strict=True)])
    responded = np.array([n @ (state == RESPONDED) for n, state in zip(people, states, strict=True)])
    rates = responded / np.maximum(reached, 1.0)
    whole = reached.sum(axis=0)
    pooled = responded.sum(axis=0) / whole
    both = [(state > 0).T.astype(np.float64) * n @ (state > 0) for n, state in zip(people, states, strict=True)]
    own = [_products(n, state, rate) for n, state, rate in zip(people, states, rates, strict=True)]
    alike = sum(_products(n, state, pooled) for n, state in zip(people, states, strict=True))
    alike = alike / np.maximum(sum(both), 1.0)
    # the hypergeometric variance of Cochran, Mantel & Haenszel
    alike = alike * np.where(np.eye(len(whole)) > 0, whole / np.maximum(whole - 1.0, 1.0), 1.0)
    per = [1.0 / np.maximum(np.outer(n, n), 1.0) for n in reached]
    return _Sums(
        arms,
        reached,
        responded,
        tuple(mine * each for mine, each in zip(own, per, strict=True)),
        tuple(alike * joint * each for joint, each in zip(both, per, strict=True)),
    )


def _products(people: Array, states: NDArray[np.int64], rates: Array) -> Array:
    """Sum, over the people of one arm, of the products of what they did beyond the rates, by pairs of mailings."""
    beyond = (states == RESPONDED) - (states > NOT_REACHED) * rates
    return np.asarray((beyond.T * people) @ beyond)


def _network(trials: Sequence[Trial]) -> Network:
    sums = [_sums(trial) for trial in trials]
    offers = tuple(sorted({arm for total in sums for arm in total.arms}))
    shape = (len(offers), len(offers))
    information, score = np.zeros(shape), np.zeros(len(offers))
    meats = np.zeros((2, *shape))
    for entry in sums:
        places = [offers.index(arm) for arm in entry.arms]
        weights = [np.diag(n) - np.outer(n, n) / n.sum() for n in entry.reached.T]
        rates = entry.responded / np.maximum(entry.reached, 1.0)
        information[np.ix_(places, places)] += sum(weights)
        score[places] += sum(weight @ rate for weight, rate in zip(weights, rates.T, strict=True))
        for arm in range(len(places)):
            # how one arm's rates, by mailing, move the score
            moves = np.array([weight[:, arm] for weight in weights])
            for place, blocks in enumerate((entry.own, entry.null)):
                meats[place][np.ix_(places, places)] += moves.T @ blocks[arm] @ moves
    inverse = np.linalg.pinv(information, hermitian=True)
    responses = {
        offer: Responses(
            int(sum(total.reached[total.arms.index(offer)].sum() for total in sums if offer in total.arms)),
            int(sum(total.responded[total.arms.index(offer)].sum() for total in sums if offer in total.arms)),
        )
        for offer in offers
    }
    base = sum(responses.values(), Responses(0, 0)).rate
    covariances = [inverse @ meat @ inverse for meat in meats]
    return Network(offers, responses, base, tuple(trials), inverse @ score, covariances[0], covariances[1])
