"""Weights of respondents whose answers were pulled: an item of their survey, or a trait of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.errors import FixSettingsError
from connectors.records import SURVEY_ANSWERS
from segmenter.surveys.answers import number_of
from sync.session import Session
from sync.surveys.respondents import numbers_of_weights
from sync.surveys.spreadsheet import Grid
from sync.traits.compute import measured
from sync.workspace.proposals import WeightsFrom

READS = "a number trait reads a property: [traits.NAME]"


def kind_of_weights(session: Session, survey: str, source: str) -> WeightsFrom:
    """Return whether *source* is an item of the survey, or else a trait.

    Raises:
        FixSettingsError: It is neither, or the trait is no number.
    """
    if answers_an_item(session, survey, source):
        return "item"
    if source not in session.workspace.catalogue.traits:
        raise FixSettingsError(
            f"The survey {survey!r} has no item {source!r}, and there is no trait of that name.",
            fix=f"Name the item or the trait that holds the weights; {READS}.",
        )
    check_weight_trait(session, source)
    return "trait"


def answers_an_item(session: Session, survey: str, item: str) -> bool:
    """Return whether anybody answered an item.

    Args:
        session: The open workspace.
        survey: Whose answers were pulled.
        item: Its name.

    Returns:
        Whether the warehouse has an answer to it.
    """
    return bool(_answers(session, survey, item))


def check_weight_trait(session: Session, source: str) -> str:
    """Return the name of a trait that can hold weights.

    Args:
        session: The open workspace.
        source: The trait.

    Returns:
        The same name.

    Raises:
        FixSettingsError: There is no such trait, or it is no number.
    """
    trait = session.workspace.catalogue.traits.get(source)
    if trait is None:
        raise FixSettingsError(
            f"There is no trait {source!r}, so it holds no weights.", fix=f"Name a number trait (--weight); {READS}."
        )
    if trait.type != "number":
        raise FixSettingsError(f"The trait {source!r} is a {trait.type}, no weight.", fix="Use a number trait.")
    return source


def weights_in_warehouse(
    session: Session, survey: str, source: str, kind: WeightsFrom, names: Sequence[str]
) -> NDArray[np.float64]:
    """Return how many people of the population each respondent stands for.

    Args:
        session: The open workspace.
        survey: Whose answers were pulled.
        source: An item of it, or a trait.
        kind: Which of these, as `kind_of_weights` says.
        names: The respondents: person ids, or keys of contacts.

    Returns:
        (respondents,) 0 or more, not all of them 0.

    Raises:
        FixSettingsError: A weight is missing, no number or below 0; or all are 0.
    """
    person_of = session.control.links.mapping()
    if kind == "trait":
        rows = measured(session, session.now()).select("person_id", source).to_pyarrow().to_pylist()
        values: dict[str, float | None] = {row["person_id"]: row[source] for row in rows}
        values |= {key: values[person] for key, person in person_of.items() if person in values}
        return weights_of_trait(source, names, [values.get(name) for name in names])
    known: dict[str, str] = {}
    for row in _answers(session, survey, source):
        known[row["contact_key"]] = row["value"] or ""
        known[person_of.get(row["contact_key"], "")] = row["value"] or ""
    return _read(f"survey {survey!r}, item {source!r}", source, names, [known.get(name, "") for name in names])


def numbers_of_item(session: Session, survey: str, item: str, people: Sequence[str]) -> list[float | None]:
    """Return the number that each person has as the answer to an item.

    Args:
        session: The open workspace.
        survey: Whose answers were pulled.
        item: Its name.
        people: Person ids.

    Returns:
        One a person; None where there is no answer, or no number.
    """
    person_of = session.control.links.mapping()
    said = {person_of.get(row["contact_key"], ""): row["value"] or "" for row in _answers(session, survey, item)}
    return [number_of(said.get(person, "")) for person in people]


def weights_of_trait(trait: str, names: Sequence[str], values: Sequence[float | None]) -> NDArray[np.float64]:
    """Return the values of a trait as weights.

    Args:
        trait: Its name, for errors.
        names: Person ids, or keys of contacts, for errors.
        values: One a person; None: there is none.

    Returns:
        (people,) 0 or more, not all of them 0.

    Raises:
        FixSettingsError: A weight is missing, no number or below 0; or all are 0.
    """
    cells = ["" if value is None else repr(float(value)) for value in values]
    return _read(f"trait {trait!r}", trait, names, cells)


def _read(where: str, source: str, names: Sequence[str], cells: Sequence[str]) -> NDArray[np.float64]:
    grid = Grid(where, (source,), tuple((cell,) for cell in cells), tuple(range(1, len(cells) + 1)))
    return numbers_of_weights(grid, source, [f"{where}, {name}" for name in names])


def _answers(session: Session, survey: str, item: str) -> list[dict[str, Any]]:
    """Answers to one item, the latest of each person last."""
    table = session.warehouse.current(SURVEY_ANSWERS.name)
    rows = table.filter(table.survey == survey, table["item"] == item)
    ordered = rows.order_by([table["at"].asc(nulls_first=True), "contact_key"])
    answers: list[dict[str, Any]] = ordered.select("contact_key", "value").to_pyarrow().to_pylist()
    return answers
