"""What `discover` looks for segments in, as a command line or a page asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from connectors.errors import FixSettingsError
from segmenter.discover.propose import SearchOptions
from sync.modeling import inputs
from sync.modeling.inputs import Base
from sync.modeling.limits import LEAST, MOST, SEED, USUAL_MOST
from sync.modeling.trait_base import from_traits
from sync.session import Session
from sync.surveys.sensitive_items import why_item

LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class SegmentsAsked:
    """What somebody asks for: answers of a file, or a survey that was pulled, or else traits.

    Attributes:
        name: Of the proposal.
        file: Answers, one row per respondent.
        survey: A survey in the warehouse.
        traits: Empty: the usual ones.
        items: Of the survey; empty: all.
        respondent: The column that says who; None: a usual name.
        exclude: Columns, items or traits that are left out.
        describe: Columns that describe segments and do not form them.
        weight: The column, or a file, of weights; of a survey in the warehouse an item or a trait; of traits a trait.
        within: Only people of this segment.
        most: The largest number of segments to try.
        segments: The only number to judge.
        method: "auto", "kmeans" or "lca".
        sheet: Of a spreadsheet; None: the first one.
    """

    name: str = "proposal"
    file: Path | None = None
    survey: str | None = None
    traits: Sequence[str] = ()
    items: Sequence[str] = ()
    respondent: str | None = None
    exclude: Sequence[str] = ()
    describe: Sequence[str] = ()
    weight: str | None = None
    within: str | None = None
    most: int = USUAL_MOST
    segments: int | None = None
    method: str = "auto"
    seed: int = SEED
    sheet: str | None = None

    def options(self) -> SearchOptions:
        """Return how the search is done.

        Raises:
            FixSettingsError: The method is none, or so many segments can't be asked for.
        """
        most = self.segments or self.most
        if not LEAST <= most <= MOST:
            raise FixSettingsError(f"{most} is not a number of segments to look for.", fix=f"Use {LEAST} to {MOST}.")
        return SearchOptions(most=most, wished=self.segments, method=_method(self.method))


def check_request(asked: SegmentsAsked) -> None:
    """Refuse what contradicts itself, before anything is read.

    Raises:
        FixSettingsError: Several sources are named, or the name can't be a proposal's.
    """
    if sum((asked.file is not None, asked.survey is not None, bool(asked.traits))) > 1:
        raise FixSettingsError("FILE, --survey and --trait can't be combined.", fix="Use only one of them.")
    if asked.sheet is not None and asked.file is None:
        raise FixSettingsError("--sheet works only with FILE.", fix="Name the file of answers.")
    name = asked.name
    if not (name.isascii() and name.isidentifier() and name.islower() and name[0] != "_" and len(name) <= LONGEST_NAME):
        raise FixSettingsError(f"{name!r} is not a valid name.", fix="Use lower-case letters, digits and _.")


def _method(text: str) -> Literal["auto", "kmeans", "lca"]:
    if text == "auto":
        return "auto"
    if text == "kmeans":
        return "kmeans"
    if text == "lca":
        return "lca"
    raise FixSettingsError(f"Unknown method {text!r}.", fix="Use auto, kmeans or lca.")


def base_of(session: Session, asked: SegmentsAsked) -> Base:
    """Return what segments are looked for in.

    Args:
        session: The open workspace.
        asked: Checked by `check_request`.

    Raises:
        FixSettingsError: The data can't be read, an item is sensitive, or a name is unknown.
    """
    most, codes = asked.options().most, asked.method == "lca"

    def why(of: str, item: str) -> str:
        return why_item(session.workspace, asked.name, of, item)

    if asked.file is not None:
        if asked.within is not None:
            raise FixSettingsError("--within works only with people of the workspace.", fix="Remove FILE or --within.")
        return inputs.from_file(
            asked.file,
            wanted=asked.items,
            respondent=asked.respondent,
            beside=asked.describe,
            most=most,
            why=why,
            exclude=asked.exclude,
            as_categories=codes,
            weight=asked.weight,
            sheet=asked.sheet,
        )
    if asked.survey is not None:
        return inputs.from_warehouse(
            session,
            asked.survey,
            asked.items,
            asked.within,
            most,
            why,
            asked.exclude,
            as_categories=codes,
            weight=asked.weight,
        )
    rng = np.random.default_rng(asked.seed)
    return from_traits(session, asked.traits, asked.within, most, rng, asked.exclude, weight=asked.weight)
