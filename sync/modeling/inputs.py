"""Inputs of `discover`: answers of a file, or pulled survey answers; traits are read by `sync.modeling.trait_base`."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from connectors.errors import FixSettingsError
from connectors.records import SURVEY_ANSWERS, email_key, normalise_email
from segmenter.errors import DefinitionError
from segmenter.rules.segments import memberships
from segmenter.stats.item_matrix import Items, Matrix, survey_items
from segmenter.stats.item_words import OTHER, rare_joined, words_of
from sync.active_people import assigned_people
from sync.control.store import Control
from sync.modeling.weights import weighted, weighted_people
from sync.session import Session
from sync.surveys.answers import looks_like_weights, usual_respondent
from sync.surveys.kept_weights import KeptWeights
from sync.surveys.spreadsheet import Grid, read_grid
from sync.workspace.definition_files import SEGMENTS

INNOCENT = "[sensitive] innocent"


@dataclass(frozen=True, slots=True)
class Base:
    """Input of `discover`: items, people and their source.

    Attributes:
        people: An id each: a person, or a respondent.
        items: The base.
        beside: What describes segments without making them.
        notes: What was left out, a sentence each.
        words: By item of a survey: what each answer counts as.
        file: The file of answers; "" for none.
        respondent: The column that names each respondent; "" for none.
        weights: What a proposal keeps of the weights; None: everybody counts alike.
        sheet: The sheet of *file* that was named; "" for none.
    """

    people: tuple[str, ...]
    items: Items
    beside: Mapping[str, Any]
    source: str
    survey: str = ""
    within: str | None = None
    notes: tuple[str, ...] = ()
    words: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    file: str = ""
    respondent: str = ""
    weights: KeptWeights | None = None
    sheet: str = ""

    def in_order(self) -> Base:
        """Return the same, items by name and people by their values: what is drawn by lot then hangs on the data alone.

        Ids are drawn anew in every workspace, and a file may be sorted otherwise than its pulled copy.
        """
        columns = sorted(range(len(self.items.names)), key=lambda place: self.items.names[place])
        items = replace(
            self.items,
            names=tuple(self.items.names[place] for place in columns),
            values=self.items.values[:, columns],
            categories=tuple(self.items.categories[place] for place in columns) if self.items.categories else (),
        )
        order = np.lexsort(items.values.T[::-1])
        beside = {
            name: column[order] if isinstance(column, np.ndarray) else [column[place] for place in order]
            for name, column in self.beside.items()
        }
        people = tuple(self.people[place] for place in order)
        return replace(self, people=people, items=items.rows(order), beside=beside)


Sensitive = Callable[[str, str], str]
"""Takes a survey and an item; returns why the item is sensitive, "" where it is not."""


def not_asked(survey: str, item: str) -> str:
    """Allow every item: for answers outside a workspace."""
    del survey, item
    return ""


def members_of(session: Session, within: str) -> Any:
    """Return the people of the segment *within*, a row each.

    Raises:
        FixSettingsError: There is no such segment.
    """
    if within not in {segment.name for segment in session.workspace.segments}:
        known = ", ".join(segment.name for segment in session.workspace.segments) or "none"
        raise FixSettingsError(f"There is no segment {within!r}.", fix=f"{SEGMENTS} has: {known}.")
    groups = memberships(assigned_people(session), session.workspace.steps)
    return groups.filter(groups.group_name == within)


def from_file(
    path: Path,
    *,
    wanted: Sequence[str],
    respondent: str | None,
    beside: Sequence[str],
    most: int,
    why: Sensitive = not_asked,
    exclude: Sequence[str] = (),
    as_categories: bool = False,
    weight: str | None = None,
    sheet: str | None = None,
) -> Base:
    """Take the answers of a file: a row a respondent, a column an item.

    Args:
        path: CSV, TSV or XLSX.
        wanted: Items; all columns but *respondent* and *beside* where none are named.
        respondent: The column that names each respondent; None: a usual name, else the rows' numbers.
        beside: Columns that describe.
        most: Segments at most.
        why: Which items are sensitive: left out, or refused where they are named.
        exclude: Columns that are no items.
        as_categories: Take numbers as categories, as latent classes do.
        weight: The column, or a file, of weights; None: everybody counts alike.
        sheet: Of a spreadsheet; None: the first one.

    Returns:
        Answers (respondents, items), with the respondents and the columns beside them.

    Raises:
        FixSettingsError: Names the file, the row, the item and the fix.
    """
    grid = read_grid(path, sheet=sheet)
    who = grid.needed(respondent) if respondent else usual_respondent(grid)
    counted = weighted(grid, weight, who)
    grid, notes = grid.only(counted.places), counted.notes
    headers = [grid.needed(name) for name in beside]
    away = counted.own | {grid.needed(name) for name in exclude}
    names = [grid.needed(name) for name in wanted if grid.needed(name) not in away]
    who = None if not respondent and who in {*names, *headers} else who
    _refuse_named([*names, *headers], path.stem, why)
    if not names:
        names, harmless = _other_items(grid, {who, *headers, *away}, path.stem, why)
        notes += harmless
    people, columns = _respondents(grid, who), {name: grid.column(name) for name in names}
    items, words, joined = _items_of(columns, grid.file, most, counted.values, as_categories=as_categories)
    described, said = {name: _described(grid.column(name)) for name in headers}, notes + joined
    file = (words, str(path), who or "", counted.kept, sheet or "")
    return Base(people, items, described, "survey", path.stem, None, said, *file)


def _other_items(
    grid: Grid, but: Collection[str | None], survey: str, why: Sensitive
) -> tuple[list[str], tuple[str, ...]]:
    """All columns but some, without sensitive ones; and notes about those."""
    return _harmless([name for name in grid.headers if name not in but], survey, why)


def known_persons(control: Control, respondents: Sequence[str], connections: Collection[str]) -> dict[str, str]:
    """Return the person of each respondent of a file whom the workspace knows: by address, or by a contact's id.

    Args:
        control: Knows who is who.
        respondents: As the file names them.
        connections: Names of the connections whose ids they may be.

    Returns:
        Respondent -> person id; of two respondents who are one person, the first.
    """
    keys = {
        person: [email_key(address)]
        if (address := normalise_email(person))
        else [f"{name}:{person}" for name in connections]
        for person in respondents
    }
    linked = control.links.of_keys(key for named in keys.values() for key in named)
    people: dict[str, str] = {}
    for respondent, named in keys.items():
        persons = {linked[key] for key in named if key in linked}
        if len(persons) == 1 and not persons & set(people.values()):
            people[respondent] = persons.pop()
    return people


def _refuse_named(names: Sequence[str], survey: str, why: Sensitive) -> None:
    for name in names:
        if reason := why(survey, name):
            raise FixSettingsError(
                f"The item {name!r} is sensitive: {reason}.",
                fix="Use other items. With a lawful purpose: allow a trait of this survey and item in [sensitive]. If "
                f"it means something else: {INNOCENT} = [{json.dumps(name, ensure_ascii=False)}] in personasync.toml.",
            )


def _harmless(names: Sequence[str], survey: str, why: Sensitive) -> tuple[list[str], tuple[str, ...]]:
    """The items that may make segments, and a sentence about each that may not."""
    weights = looks_like_weights(names)
    reasons = {name: why(survey, name) for name in names if name != weights}
    notes = [f"{weights} is excluded: it is named like weights. --weight {weights} uses it so."] if weights else []
    notes += [f"{name} is excluded: it is sensitive, {reason}." for name, reason in reasons.items() if reason]
    if away := [name for name, reason in reasons.items() if reason]:
        listed = ", ".join(json.dumps(name, ensure_ascii=False) for name in away)
        notes.append(f"Words decide, not the sense. If one is innocent, add {INNOCENT} = [{listed}].")
    return [name for name, reason in reasons.items() if not reason], tuple(notes)


def _respondents(grid: Grid, who: str | None) -> tuple[str, ...]:
    if who is None:
        return tuple(f"row {number}" for number in grid.numbers)
    seen: dict[str, int] = {}
    for person, number in zip(grid.column(who), grid.numbers, strict=True):
        if not person:
            raise FixSettingsError(f"{grid.file}, row {number}: {who!r} is empty.", fix="Every respondent needs an id.")
        if person in seen:
            raise FixSettingsError(
                f"{grid.file}, row {number}: {person!r} already answered in row {seen[person]}.",
                fix="Keep one of the rows.",
            )
        seen[person] = number
    return tuple(seen)


def _described(column: Sequence[str]) -> Any:
    try:
        return np.array([float(value) if value else np.nan for value in column])
    except ValueError:
        return list(column)


def from_warehouse(
    session: Session,
    survey: str,
    wanted: Sequence[str],
    within: str | None,
    most: int,
    why: Sensitive = not_asked,
    exclude: Sequence[str] = (),
    *,
    as_categories: bool = False,
    weight: str | None = None,
) -> Base:
    """Take the answers to *survey* that were pulled, the latest of each person; *why* and the rest as in `from_file`.

    Args:
        session: The open workspace.
        survey: Name of the survey.
        wanted: Items; empty: all that are not sensitive.
        within: Only people of this segment; None: everybody.
        most: Segments at most.
        why: Which items are sensitive.
        exclude: Items that are left out.
        as_categories: Take numbers as categories.
        weight: An item or a trait that holds weights; None: everybody counts alike.

    Returns:
        Answers (people, items), with the person ids.

    Raises:
        FixSettingsError: Nobody answered it, or an item can't be used.
    """
    by_person = _latest_answers(session, survey, within)
    counted = weighted_people(session, survey, weight, everybody := sorted(by_person))
    people, notes, away = tuple(everybody[place] for place in counted.places), counted.notes, counted.own | {*exclude}
    names = [name for name in wanted if name not in away]
    _refuse_named(names, survey, why)
    if not names:
        names, harmless = _harmless(sorted(set().union(*by_person.values()) - away), survey, why)
        notes += harmless
    answers = {name: [by_person[person].get(name) for person in people] for name in names}
    items, words, joined = _items_of(answers, f"The survey {survey}", most, counted.values, as_categories=as_categories)
    return Base(people, items, {}, "survey", survey, within, notes + joined, words, weights=counted.kept)


def _latest_answers(session: Session, survey: str, within: str | None) -> dict[str, dict[str, str]]:
    """By person the latest answer to each item, of everybody or of those *within* a segment."""
    table = session.warehouse.current(SURVEY_ANSWERS.name)
    links = session.links()
    table = table.filter(table.survey == survey).inner_join(links, "contact_key")
    if within is not None:
        table = table.semi_join(members_of(session, within), "person_id")
    latest_last = table.order_by([table["at"].asc(nulls_first=True), "contact_key"])
    rows = latest_last.select("person_id", "item", "value").to_pyarrow().to_pylist()
    if not rows:
        raise FixSettingsError(f"The survey {survey!r} has no answers.", fix="Run `personasync pull`, or name a file.")
    by_person: dict[str, dict[str, str]] = {}
    for row in rows:
        by_person.setdefault(row["person_id"], {})[row["item"]] = row["value"]
    return by_person


def _items_of(
    answers: Mapping[str, Sequence[str | None]],
    where: str,
    most: int,
    weights: Matrix | None,
    *,
    as_categories: bool,
) -> tuple[Items, Mapping[str, Mapping[str, float]], tuple[str, ...]]:
    """Items with weights, what each answer counts as, and a sentence about each item whose rare answers are joined."""
    columns, rare = rare_joined(answers)
    items = items_or_reason(
        lambda: survey_items(columns, most=most, as_categories=as_categories), where, "Name the items with --item."
    )
    notes = (f"{name}: {many} rare answers are joined as {OTHER!r}." for name, many in rare.items())
    return items if weights is None else items.weighted(weights), words_of(items, columns), tuple(notes)


def items_or_reason(make: Callable[[], Items], where: str, fix: str) -> Items:
    """Return what *make* returns.

    Raises:
        FixSettingsError: The data can't be used; it names *where* and the *fix*.
    """
    try:
        return make()
    except DefinitionError as error:
        raise FixSettingsError(f"{where}: {error}.", fix=fix) from error
