"""Weights of respondents as a proposal keeps them: where they are, what they cost, whether they are still the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.errors import FixSettingsError
from segmenter.stats.pairwise import sample_of
from sync.workspace.proposals import ProposalPart, WeightsFrom

DIGITS = 12  # of a weight that count; a file that a spreadsheet saved again has no more


@dataclass(frozen=True, slots=True)
class KeptWeights:
    """Which weights were used, without anybody's own.

    Attributes:
        source: A column, the path of a file, an item of a survey, or a trait.
        kind: Which of these.
        digest: Of all weights in the order of the respondents' names; no name is in it.
        effective: Size of a sample without weights that is as exact (Kish 1965).
        design_effect: How many times larger they make the variance.
    """

    source: str
    kind: WeightsFrom
    digest: str
    effective: float
    design_effect: float

    @classmethod
    def of(cls, source: str, kind: WeightsFrom, names: Sequence[str], weights: NDArray[np.float64]) -> KeptWeights:
        """Return what to keep of *weights* (people,), above 0, of the respondents *names*."""
        sample = sample_of(weights)
        digest = weights_digest(names, weights)
        return cls(source, kind, digest, round(sample.effective, 2), round(sample.design_effect, 4))


def weights_digest(names: Sequence[str], weights: NDArray[np.float64]) -> str:
    """Return a digest of *weights* alone, in the order of *names*: the same whatever the order of the rows."""
    order = sorted(range(len(names)), key=lambda place: names[place])
    text = "\n".join(f"{weights[place]:.{DIGITS}g}" for place in order)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def kept_source(directory: Path, made: ProposalPart) -> str:
    """Return what `--weight` has to say to use the weights of a proposal again.

    Args:
        directory: The workspace's folder.
        made: A proposal that was made with weights.

    Raises:
        FixSettingsError: Its file of weights is not there any more.
    """
    if made.weight_from != "file":
        return made.weight
    path = directory / made.weight
    if not path.is_file():
        raise FixSettingsError(
            f"The proposal {made.name!r} was found with the weights of {made.weight}, which is not there.",
            fix="Put the file back, or name other weights: --weight.",
        )
    return str(path)


def same_answers(
    directory: Path, made: ProposalPart, file: Path | None, survey: str | None, *, sheet: str | None
) -> bool:
    """Return whether *file* (its *sheet*), else *survey*, else everybody's traits, is what a proposal was found in."""
    if file is None:
        return not made.file and made.survey == (survey or "")
    same = bool(made.file) and file.resolve() == (directory / made.file).resolve()
    return same and (sheet or "") == made.sheet


def weighted_by(made: ProposalPart) -> str:
    """Return the sentence that tells what a proposal was weighted by; "" where it was not."""
    if not made.weight or made.effective is None or made.design_effect is None:
        return ""
    who = "respondents" if made.source == "survey" else "people"
    counted = "respondents" if made.source == "survey" else "of the sample"
    return (
        f"{made.name!r} was found with weights ({made.weight_from} {made.weight}): {made.people:,} {who} tell as "
        f"much as {made.effective:,.0f} without them (design effect {made.design_effect:.2f}). Shares are of the "
        f"population, numbers of people are {counted}."
    )


def changed_weights(made: ProposalPart, digest: str) -> str:
    """Return the warning that weights with *digest* are not those that the proposal was found with; "" if they are."""
    if digest == made.weight_digest:
        return ""
    return (
        f"These are not the weights that {made.name!r} was found with: some were changed, or are of other respondents."
    )


def not_weighted(made: ProposalPart) -> str:
    """Return the warning that a proposal's weights are not used with other answers."""
    return (
        f"{made.name!r} was found with weights ({made.weight_from} {made.weight}); these answers are others, and each "
        "respondent counts once. Name their weights with --weight."
    )
