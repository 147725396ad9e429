"""Read a past campaign from a file: a row per person with arm, outcomes, amounts and covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.errors import FixSettingsError
from connectors.files.cells import CellError, as_number, as_text, time_at
from connectors.files.table import FileTable, read_table
from segmenter.lift.past_campaign import MOST_GROUPS, UNKNOWN, PastCampaign, Recipients, judge_past_campaign
from segmenter.privacy.sensitive import why_sensitive_name

OUTCOMES = ("clicked", "visited", "converted", "ordered", "opened", "unsubscribed", "complained")
AMOUNTS = ("amount", "revenue", "spend")
WHO = ("person_id", "email", "customer_id", "id")
SENT = ("sent_at", "delivered_at", "exposed_at")
HAPPENED = ("outcome_at", "happened_at", *(f"{outcome}_at" for outcome in OUTCOMES))
NAMED = 3  # rows that a message names
YES, NO = frozenset({"1", "true", "yes", "y"}), frozenset({"0", "false", "no", "n", ""})


@dataclass(frozen=True, slots=True)
class CampaignFile:
    """How a file of a past campaign is read.

    Attributes:
        path: CSV, Excel or Parquet.
        campaign: Which one, where the file has a column ``campaign``; None: the only one.
        arm: Column of the arm.
        control: The arm that others are compared with; None: one called control or holdout, else the first by name.
        outcomes: Columns of yes and no; the first decides. Empty: those with a usual name.
        amounts: Columns of money after the campaign; empty: those with a usual name.
        before: Column of money before the campaign.
        covariates: Columns of what was known before; empty: all others.
        sent: Column of the moment from which an outcome can be an effect; None: one with a usual name, if any.
        happened: Column of the moment of the outcome; None: as *sent*.
        shares: Planned share of each arm; empty: equal ones.
        mde: The least rise of a rate that is worth knowing.
    """

    path: Path
    campaign: str | None = None
    arm: str = "arm"
    control: str | None = None
    outcomes: Sequence[str] = ()
    amounts: Sequence[str] = ()
    before: str | None = None
    covariates: Sequence[str] = ()
    sent: str | None = None
    happened: str | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    mde: float = 0.01


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """A past campaign with its results.

    Attributes:
        notes: What must be known, in sentences.
    """

    about: str
    primary: str
    result: PastCampaign
    notes: Sequence[str]


def measure_past_campaign(file: CampaignFile) -> JudgedFile:
    """Read a file and judge the campaign in it.

    Args:
        file: Which columns are what.

    Returns:
        The results, corrected for multiplicity.

    Raises:
        FixSettingsError: A column is missing, a cell can't be read, a person stands in two rows, there is one arm, or
            an outcome came before its cause; the message names column and row.
    """
    table = read_table(file.path)
    outcomes, amounts = _columns(file, table.headers)
    numbers, cells = _cells(file, table)
    arms = _words(cells[file.arm])
    names = sorted(set(arms.tolist()))
    control = _control(file, names)
    dates = _dates(file, table.headers)
    left = _covariates(file, table.headers, {file.arm, *outcomes, *amounts, *dates, *SENT, *HAPPENED})
    groups, values, notes = _split(file.path, {name: cells[name] for name in left}, numbers)
    flags = {name: _flags(file.path, name, cells[name], numbers) for name in outcomes}
    if dates:
        _refuse_early(file.path, dates, cells, numbers)
    _refuse_known_afterwards(file.path, outcomes[0], flags[outcomes[0]], {name: cells[name] for name in left})
    recipients = Recipients(
        arms,
        flags,
        {name: _money(file.path, name, cells[name], numbers, empty=0.0) for name in amounts},
        groups,
        values,
        None if file.before is None else _money(file.path, file.before, cells[file.before], numbers, empty=np.nan),
    )
    result = judge_past_campaign(
        recipients, control=control, shares=_shares(file, names), primary=outcomes[0], mde=file.mde
    )
    return JudgedFile(file.campaign or file.path.name, outcomes[0], result, notes)


def _columns(file: CampaignFile, headers: Sequence[str]) -> tuple[list[str], list[str]]:
    outcomes = list(file.outcomes) or [name for name in OUTCOMES if name in headers]
    amounts = list(file.amounts) or [name for name in AMOUNTS if name in headers and name not in outcomes]
    dated = [name for name in (file.before, file.sent, file.happened) if name]
    wanted = [file.arm, *outcomes, *amounts, *dated, *file.covariates]
    lacking = [name for name in wanted if name not in headers]
    if lacking:
        raise FixSettingsError(
            f"{file.path.name} has no column {lacking[0]!r}.",
            fix=f"It has: {', '.join(headers)}. Name columns with --arm, --outcome, --amount, --before, --covariate.",
        )
    if not outcomes:
        raise FixSettingsError(
            f"{file.path.name} has no column of outcomes, none of {', '.join(OUTCOMES)}.",
            fix="Name a column of yes and no with --outcome.",
        )
    return list(dict.fromkeys(outcomes)), list(dict.fromkeys(amounts))


def _dates(file: CampaignFile, headers: Sequence[str]) -> tuple[str, ...]:
    """The columns of the cause's and of the outcome's moment; none where one of them is not there."""
    sent = file.sent or next((name for name in SENT if name in headers), None)
    happened = file.happened or next((name for name in HAPPENED if name in headers), None)
    if (file.sent or file.happened) and not (sent and happened):
        raise FixSettingsError(
            f"{file.path.name} has {'no moment of the outcome' if sent else 'no moment of the email'}.",
            fix="Name both, --sent and --happened: whether an outcome came after its cause is told by the two.",
        )
    return (sent, happened) if sent and happened else ()


def _refuse_early(path: Path, dates: Sequence[str], cells: Mapping[str, Sequence[Any]], numbers: Sequence[int]) -> None:
    """What happened before the email is not its effect."""
    sent, happened = (
        [time_at(path, number, name, cell) for cell, number in zip(cells[name], numbers, strict=True)] for name in dates
    )
    early = [
        row
        for row, cause, effect in zip(numbers, sent, happened, strict=True)
        if cause is not None and effect is not None and _is_before(effect, cause)
    ]
    if early:
        shown = ", ".join(str(row) for row in early[:NAMED]) + (" ..." if len(early) > NAMED else "")
        raise FixSettingsError(
            f"{path.name}: {len(early):,} outcomes ({dates[1]!r}, rows {shown}) came before their cause "
            f"({dates[0]!r}): they are no effect of it.",
            fix="Count only what came afterwards, in all arms alike: for people without an email since the campaign "
            "began. Leave out nobody: that would make the arms different.",
        )


def _is_before(effect: datetime, cause: datetime) -> bool:
    """Whether the outcome came first; a day without a time is only compared with the day of the email."""
    return effect.date() < cause.date() if effect.time() == time() else effect < cause


def _refuse_known_afterwards(
    path: Path, outcome: str, flags: NDArray[np.bool_], covariates: Mapping[str, Sequence[Any]]
) -> None:
    """A covariate that is known of those with the outcome, and of nobody else, was written after it."""
    for name, column in covariates.items():
        known = np.array([as_text(cell) is not None for cell in column])
        if known.any() and not known.all() and bool((known == flags).all()):
            raise FixSettingsError(
                f"{path.name}, column {name!r}: it is filled where {outcome!r} is yes, and only there, so it was known "
                "only after the outcome.",
                fix="Remove the column, or name what was known before with --covariate; money belongs to --amount.",
            )


def _cells(file: CampaignFile, table: FileTable) -> tuple[list[int], dict[str, list[Any]]]:
    """Row numbers and cells by column, of the campaign's rows; each person once."""
    campaigns = "campaign" in table.headers
    numbers: list[int] = []
    rows: list[dict[str, Any]] = []
    known: dict[str, int] = {}
    who = next((name for name in WHO if name in table.headers), None)
    names = set()
    for number, row in table.numbered():
        if campaigns:
            names.add(as_text(row["campaign"]) or "")
            if file.campaign is not None and as_text(row["campaign"]) != file.campaign:
                continue
        if as_text(row[file.arm]) is None:
            raise FixSettingsError(
                f"{file.path.name}, row {number}: the person has no arm.",
                fix="Everybody was in one, those without an email too: name it, or remove the row.",
            )
        person = (as_text(row[who]) or "").casefold() if who else ""
        if person and person in known:
            raise FixSettingsError(
                f"{file.path.name}, rows {known[person]} and {number}: the same person twice.",
                fix="Keep one row per person, or choose one campaign.",
            )
        known[person] = number
        numbers.append(number)
        rows.append(row)
    if campaigns and file.campaign is None and len(names) > 1:
        listed = ", ".join(sorted(names)[:5])
        raise FixSettingsError(
            f"{file.path.name} has {len(names)} campaigns.", fix=f"Name one with --campaign: {listed}."
        )
    if not rows:
        raise FixSettingsError(f"{file.path.name} has no row of this campaign.", fix="Check --campaign.")
    return numbers, {name: [row[name] for row in rows] for name in table.headers}


def _words(cells: Sequence[Any]) -> NDArray[np.str_]:
    return np.array([as_text(cell) or UNKNOWN for cell in cells], dtype=str)


def _control(file: CampaignFile, names: Sequence[str]) -> str:
    if len(names) < 2:  # noqa: PLR2004 - a difference has two sides
        raise FixSettingsError(
            f"{file.path.name} has one arm only, {names[0]!r}: nothing to compare.",
            fix="Add the rows of the others, those without an email too.",
        )
    if file.control is not None:
        if file.control not in names:
            raise FixSettingsError(f"There is no arm {file.control!r}.", fix=f"The arms are: {', '.join(names)}.")
        return file.control
    usual = ("control", "holdout", "none", "no e-mail", "no email")
    return next((name for name in names if name.casefold() in usual), names[0])


def _shares(file: CampaignFile, names: Sequence[str]) -> dict[str, float]:
    if not file.shares:
        return dict.fromkeys(names, 1 / len(names))
    if set(file.shares) != set(names) or any(share <= 0 for share in file.shares.values()):
        raise FixSettingsError(
            f"--share names {', '.join(file.shares)}; the arms are {', '.join(names)}.",
            fix="Give each arm a share above 0, like --share mailed=0.9 --share control=0.1.",
        )
    return dict(file.shares)


def _covariates(file: CampaignFile, headers: Sequence[str], taken: set[str]) -> list[str]:
    """All other columns, but those that name somebody and sensitive ones; or the chosen ones."""
    chosen = list(file.covariates) or [
        name for name in headers if name not in taken | {*WHO, "campaign", file.before} and not why_sensitive_name(name)
    ]
    return list(dict.fromkeys(chosen))


def _split(
    path: Path, cells: Mapping[str, Sequence[Any]], numbers: Sequence[int]
) -> tuple[dict[str, NDArray[np.str_]], dict[str, NDArray[np.float64]], list[str]]:
    """Covariates of few values as words, others as numbers; texts of many values say nothing about groups."""
    groups, values, left = {}, {}, []
    for name, column in cells.items():
        words = _words(column)
        kinds = len(np.unique(words))
        if kinds <= MOST_GROUPS:
            groups[name] = words
            continue
        try:
            values[name] = _money(path, name, column, numbers, empty=np.nan)
        except FixSettingsError:
            left.append(name)
    notes = [f"Left out, since they have more than {MOST_GROUPS} different texts: {', '.join(left)}."] if left else []
    return groups, values, notes


def _flags(path: Path, name: str, cells: Sequence[Any], numbers: Sequence[int]) -> NDArray[np.bool_]:
    flags = np.zeros(len(cells), bool)
    for place, cell in enumerate(cells):
        word = (as_text(cell) or "").casefold()
        if word not in YES | NO:
            raise FixSettingsError(
                f"{path.name}, row {numbers[place]}, {name}: {word[:40]!r} is neither yes nor no.",
                fix="Write 1 and 0, yes and no, or true and false; name money with --amount.",
            )
        flags[place] = word in YES
    return flags


def _money(path: Path, name: str, cells: Sequence[Any], numbers: Sequence[int], *, empty: float) -> NDArray[np.float64]:
    values = np.full(len(cells), empty)
    for place, cell in enumerate(cells):
        try:
            number = as_number(cell)
        except CellError as error:
            raise FixSettingsError(
                f"{path.name}, row {numbers[place]}, {name}: {error}.", fix="Fix the cell, or leave it empty."
            ) from error
        if number is not None:
            values[place] = number
    return values
