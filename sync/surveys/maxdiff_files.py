"""Files of a MaxDiff: the design (which items stood in which set), and what was chosen."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.errors import FixSettingsError
from segmenter.surveys.answers import is_no_answer
from segmenter.surveys.maxdiff import ChoiceTasks
from sync.surveys.answers import usual_respondent
from sync.surveys.respondents import Respondents, left_out_names, respondents_of, weights_in
from sync.surveys.spreadsheet import Grid, read_grid

VERSION, SET, ITEM, POSITION = ("version", "block"), ("set", "task"), "item", "position"
PLACE = re.compile(r"(item|position|pos|option|alt|alternative)[ _-]?\d+", re.IGNORECASE)
CHOICE = re.compile(r"(?i)(?:^|[^a-z])(best|most|worst|least)(?:[^a-z]|$)")
BEST = {"best", "most"}
FIX = (
    "Pass the design with --design FILE: columns version (if there are several), set, item1, item2 and so on. Or give "
    "the answers one row per set, with the columns set, best, worst, item1, item2 and so on."
)
ONE_VERSION = "1"
Design = Mapping[tuple[str, str], tuple[str, ...]]
"""(version, set) -> the items shown, in order."""


@dataclass(frozen=True, slots=True)
class ReadChoices:
    """Tasks that were answered, the weight of each respondent, and what to know about them."""

    tasks: ChoiceTasks
    weights: NDArray[np.float64]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    respondent: str
    where: str
    shown: tuple[str, ...]
    best: str
    worst: str


def read_choices(
    answers: Path,
    design: Path | None,
    *,
    respondent: str | None,
    left_out: Path | None = None,
    texts: Mapping[str, str] | None = None,
    positions: bool = False,
    weight: str | None = None,
    sheet: str | None = None,
) -> ReadChoices:
    """Return the tasks of a MaxDiff.

    Args:
        answers: One row per respondent with the columns ``best_1``, ``worst_1``, ``best_2`` and so on, or one row per
            set with ``set``, ``best`` and ``worst``.
        design: Items of each set; None: they stand beside the answers.
        respondent: The column that says who; None: a usual name.
        left_out: A list of respondents to leave out.
        texts: Item of the design -> its text, which answers may give instead.
        positions: Whether answers are places in the set, from 1, instead of items.
        weight: The column, or a file, of weights; None: everybody counts once.
        sheet: Of an XLSX of answers.

    Raises:
        FixSettingsError: The design is missing or broken, or an answer was not shown; names the row.
    """
    grid = read_grid(answers, sheet=sheet)
    known = _design(read_grid(design)) if design is not None else None
    by_set = _by_set(grid)
    read = _rows_of_sets(grid, respondent, left_out) if by_set else respondents_of(grid, respondent, left_out)
    if known is None and not (by_set and _places(grid)):
        raise FixSettingsError(f"{grid.file} does not say which items were shown.", fix=FIX)
    choices = list(_long(read, known) if by_set else _wide(read, known or {}))
    resolved = [_resolved(choice, texts or {}, positions=positions) for choice in choices]
    kept = [choice for choice in resolved if choice is not None]
    if not kept:
        raise FixSettingsError(f"{grid.file}: no set has both a best and a worst item.", fix="Check the answers.")
    notes, away = list(read.notes), len(choices) - len(kept)
    if away:
        notes.append(f"{away:,} of {len(choices):,} sets lack the best or the worst item and are left out.")
    tasks = _tasks(kept, known)
    weights, about = weights_in(read, weight)
    return ReadChoices(tasks, _of_each(read, weights, tasks.respondents), (*notes, *(about if weight else ())))


def _of_each(read: Respondents, weights: NDArray[np.float64], respondents: Sequence[str]) -> NDArray[np.float64]:
    """The weight of each respondent, who may stand in a row for each set."""
    known: dict[str, float] = {}
    for name, weight, row in zip(read.names, weights.tolist(), read.grid.numbers, strict=True):
        if known.setdefault(name, weight) != weight:
            raise FixSettingsError(
                f"{read.grid.file}, row {row}: {name!r} has the weight {weight:g} here and {known[name]:g} above.",
                fix="Give each respondent one weight in all rows.",
            )
    return np.array([known[name] for name in respondents])


def _design(grid: Grid) -> dict[tuple[str, str], tuple[str, ...]]:
    where = _first(grid, SET)
    if where is None:
        raise FixSettingsError(f"{grid.file} has no column of sets.", fix=FIX)
    version = _first(grid, VERSION)
    versions = grid.column(version) if version else [ONE_VERSION] * len(grid.rows)
    keys = [(own, _key(name)) for own, name in zip(versions, grid.column(where), strict=True)]
    shown: dict[tuple[str, str], list[str]] = defaultdict(list)
    if grid.find(ITEM):
        places = grid.find(POSITION)
        order = [_number(cell) for cell in grid.column(places)] if places else [0.0] * len(keys)
        for key, item, _ in sorted(
            zip(keys, grid.column(grid.needed(ITEM)), order, strict=True), key=lambda row: row[2]
        ):
            shown[key].append(item)
    else:
        headers = _places(grid) or [header for header in grid.headers if header not in {where, version}]
        for place, key in enumerate(keys):
            if key in shown:
                raise FixSettingsError(
                    f"{grid.file}, row {grid.numbers[place]}: set {key[1]} stands there a second time.",
                    fix="A set needs one row in each version; name the versions in a column version.",
                )
            shown[key] = [cell for header in headers if (cell := grid.rows[place][grid.headers.index(header)])]
    made = {key: tuple(items) for key, items in shown.items()}
    for (_, name), items in made.items():
        _check_set(items, f"{grid.file}, set {name}")
    return made


def _check_set(items: Sequence[str], where: str) -> None:
    if len(items) < 2:  # noqa: PLR2004 - a best and a worst one
        raise FixSettingsError(f"{where}: it shows fewer than two items.", fix="Check the design.")
    if len(set(items)) < len(items):
        twice = next(item for item in items if items.count(item) > 1)
        raise FixSettingsError(f"{where}: it shows {twice!r} twice.", fix="Check the design.")


def _first(grid: Grid, names: Sequence[str]) -> str | None:
    return next((header for name in names if (header := grid.find(name)) is not None), None)


def _places(grid: Grid) -> list[str]:
    return [header for header in grid.headers if PLACE.fullmatch(header)]


def _key(cell: str) -> str:
    """A set's name; numbers without zeros in front."""
    return str(int(cell)) if cell.isdecimal() else cell


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return 0.0


def _by_set(grid: Grid) -> bool:
    return _first(grid, SET) is not None and grid.find("best") is not None and grid.find("worst") is not None


def _rows_of_sets(grid: Grid, respondent: str | None, left_out: Path | None) -> Respondents:
    """One row per set: a respondent stands in many."""
    who = grid.needed(respondent) if respondent else usual_respondent(grid)
    if who is None:
        raise FixSettingsError(
            f"{grid.file} has no column that says who answered.", fix="Name it with --respondent COLUMN."
        )
    names = grid.column(who)
    away = left_out_names(left_out) & {*names} if left_out is not None else set()
    places = [place for place, name in enumerate(names) if name not in away]
    if not places:
        raise FixSettingsError(f"{grid.file}: nobody is left.", fix="Leave out fewer respondents.")
    notes = () if left_out is None else (f"Left out, as {left_out.name} says: {len(away):,} respondents.",)
    return Respondents(grid.only(places), tuple(names[place] for place in places), who, notes)


def _long(read: Respondents, known: Design | None) -> Iterator[_Choice]:
    grid = read.grid
    where, version = _first(grid, SET) or "", _first(grid, VERSION)
    seen: dict[tuple[str, str], int] = {}
    columns = {header: grid.column(header) for header in grid.headers}
    for place, (who, number) in enumerate(zip(read.names, grid.numbers, strict=True)):
        name = _key(columns[where][place])
        at = f"{grid.file}, row {number}"
        if (who, name) in seen:
            raise FixSettingsError(
                f"{at}: {who!r} already answered set {name} in row {seen[who, name]}.", fix="Keep one of the rows."
            )
        seen[who, name] = number
        if known is None:
            shown = tuple(cell for header in _places(grid) if (cell := columns[header][place]))
            _check_set(shown, at)
        else:
            shown = _shown(known, columns[version][place] if version else ONE_VERSION, name, at)
        yield _Choice(who, at, shown, columns[grid.needed("best")][place], columns[grid.needed("worst")][place])


def _wide(read: Respondents, known: Design) -> Iterator[_Choice]:
    grid = read.grid
    pairs = _pairs(grid)
    version = _first(grid, VERSION)
    versions = grid.column(version) if version else [ONE_VERSION] * len(grid.rows)
    for place, (who, number) in enumerate(zip(read.names, grid.numbers, strict=True)):
        for name, (best, worst) in pairs.items():
            at = f"{grid.file}, row {number}, set {name}"
            cells = [grid.rows[place][grid.headers.index(header)] for header in (best, worst)]
            yield _Choice(who, at, _shown(known, versions[place], name, at), cells[0], cells[1])


def _shown(known: Design, version: str, name: str, at: str) -> tuple[str, ...]:
    shown = known.get((version, name))
    if shown is None:
        versions = sorted({own for own, _ in known})
        missing = f"version {version!r}" if version not in versions else f"set {name!r}"
        raise FixSettingsError(
            f"{at}: the design has no {missing}.",
            fix=f"The design has the versions {', '.join(versions[:10])}; name each answer's in a column version.",
        )
    return shown


def _pairs(grid: Grid) -> dict[str, tuple[str, str]]:
    """Set -> its columns of the best and the worst item, by the number in their names."""
    headers: dict[str, dict[bool, str]] = defaultdict(dict)
    for header in grid.headers:
        word, numbers = CHOICE.search(re.sub(r"\d+", " ", header)), re.findall(r"\d+", header)
        if word and numbers:
            headers[_key(numbers[-1])][word[1].lower() in BEST] = header
    pairs = {name: (both[True], both[False]) for name, both in headers.items() if len(both) > 1}
    if not pairs:
        raise FixSettingsError(
            f"{grid.file} has no columns of best and worst items.",
            fix="Name them best_1, worst_1, best_2 and so on; or give one row per set with set, best and worst.",
        )
    return pairs


def _resolved(choice: _Choice, texts: Mapping[str, str], *, positions: bool) -> _Choice | None:
    """The choice with items as the design names them; None where one is missing."""
    if is_no_answer(choice.best) or is_no_answer(choice.worst):
        return None
    names = {texts[item].casefold(): item for item in choice.shown if item in texts}
    names |= {item.casefold(): item for item in choice.shown}
    if positions:
        names = {str(place): item for place, item in enumerate(choice.shown, 1)}
    chosen = [names.get(cell.casefold()) for cell in (choice.best, choice.worst)]
    for cell, item in zip((choice.best, choice.worst), chosen, strict=True):
        if item is None:
            raise FixSettingsError(
                f"{choice.where}: {cell!r} was not shown.",
                fix=f"Shown: {', '.join(names)}. If answers are places in the set, pass --positions.",
            )
    best, worst = (item or "" for item in chosen)
    if best == worst:
        raise FixSettingsError(
            f"{choice.where}: {best!r} is both best and worst.", fix="Fix the answers, or empty both cells."
        )
    return _Choice(choice.respondent, choice.where, choice.shown, best, worst)


def _tasks(choices: Sequence[_Choice], known: Design | None) -> ChoiceTasks:
    listed = [item for items in known.values() for item in items] if known else []
    items = list(dict.fromkeys([*listed, *(item for choice in choices for item in choice.shown)]))
    place = {item: number for number, item in enumerate(items)}
    respondents = list(dict.fromkeys(choice.respondent for choice in choices))
    person = {who: number for number, who in enumerate(respondents)}
    ordered = sorted(choices, key=lambda choice: person[choice.respondent])
    widest = max(len(choice.shown) for choice in ordered)
    shown = np.full((len(ordered), widest), -1, dtype=np.int64)
    for row, choice in enumerate(ordered):
        shown[row, : len(choice.shown)] = [place[item] for item in choice.shown]
    return ChoiceTasks(
        tuple(items),
        tuple(respondents),
        np.array([person[choice.respondent] for choice in ordered]),
        shown,
        np.array([place[choice.best] for choice in ordered]),
        np.array([place[choice.worst] for choice in ordered]),
    )
