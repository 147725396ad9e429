"""Data quality: missing, impossible, unreadable and duplicate data; Ibis in, one row per table out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import ibis
from ibis import Table

from segmenter.traits.definitions import MappedTrait, Trait
from segmenter.traits.windows import typed

Light = Literal["green", "amber", "red"]

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Earliest plausible date; files without a date often say year 1."""
AHEAD = timedelta(days=3650)
"""Latest plausible date of a property (a renewal): ten years ahead."""
CLOCKS_APART = timedelta(days=1)  # a moment of which only the day is known may seem to lie ahead
SOME_IMPOSSIBLE, MOSTLY = 0.01, 0.5
"""Share of impossible values of a trait: above the first amber, above the second red."""
SHOWN = 24  # characters of an example


@dataclass(frozen=True, slots=True)
class TraitQuality:
    """Data quality of one trait.

    Attributes:
        people: Everyone who was measured.
        missing: Of them, those without a value. Where nothing happened there is nothing to tell: no fault by itself.
        impossible: Those whose value can't be.
    """

    name: str
    people: int
    missing: int
    impossible: int

    @property
    def share_missing(self) -> float:
        """Share of all people."""
        return self.missing / self.people if self.people else 0.0

    @property
    def share_impossible(self) -> float:
        """Share of impossible values among known ones."""
        known = self.people - self.missing
        return self.impossible / known if known else 0.0

    @property
    def light(self) -> Light:
        """Red: mostly impossible. Amber: nobody has it, or more than 1% are impossible."""
        if self.share_impossible > MOSTLY:
            return "red"
        return "amber" if self.share_impossible > SOME_IMPOSSIBLE or self.missing == self.people else "green"


def trait_figures(people: Table, traits: Sequence[Trait], as_of: datetime) -> Table:
    """Count missing and impossible values: one row, columns ``people, missing_<n>, impossible_<n>``.

    Args:
        people: As `segmenter.traits.traits.traits` returns it.
        traits: Which; n is the place in it.
        as_of: The moment of *people*, UTC.

    Returns:
        An Ibis table that is not executed yet.
    """
    columns: dict[str, Any] = {"people": people.count()}
    for place, trait in enumerate(traits):
        column = people[trait.name]
        columns[f"missing_{place}"] = people.count(where=column.isnull())
        columns[f"impossible_{place}"] = people.count(where=_impossible(column, trait, as_of))
    return people.aggregate(**columns)


def trait_qualities(figures: Mapping[str, int], traits: Sequence[Trait]) -> list[TraitQuality]:
    """Return what the row of `trait_figures` says.

    Args:
        figures: Column -> count.
        traits: The traits that `trait_figures` was given, in the same order.

    Returns:
        One per trait: people, missing and impossible values.
    """
    return [
        TraitQuality(t.name, figures["people"], figures[f"missing_{n}"], figures[f"impossible_{n}"])
        for n, t in enumerate(traits)
    ]


def _impossible(column: Any, trait: Trait, as_of: datetime) -> Any:
    if trait.type == "date":
        return (column < EARLIEST.date()) | (column > (as_of + AHEAD).date())
    if trait.type == "text" and trait.limits.allowed:
        return ~column.isin(trait.limits.allowed)
    if trait.type != "number":
        return ibis.literal(value=False)
    fault = column.isnan() | column.isinf()
    if trait.limits.least is not None:
        fault |= column < trait.limits.least
    if trait.limits.most is not None:
        fault |= column > trait.limits.most
    if trait.least is not None:
        fault |= column < trait.least
    most = (as_of - EARLIEST) / timedelta(days=1) if trait.most is None and trait.unit == "days" else trait.most
    return fault if most is None else fault | (column > most)


@dataclass(frozen=True, slots=True)
class DataFault:
    """Rows of one table with the same fault.

    Attributes:
        rows: How many.
        example: One of the values, "" where it could name somebody.
    """

    table: str
    what: str
    rows: int
    example: str
    fix: str


AHEAD_OF_NOW, TOO_EARLY = "have future dates", "have dates before 1900"
FIX_TIMES = "Fix the dates in the source, then run `personasync pull --full`."
FIX_AMOUNTS = "Mark returns as cancelled in the source; until then they lower the revenue of their buyers."
MOMENTS = {"contacts": "created_at", "orders": "at", "deliveries": "at", "engagements": "at", "survey_answers": "at"}
"""Event time column, by table."""


def moment_figures(rows: Table, moment: str, now: datetime) -> Table:
    """Count moments that can't be: one row, ``early, earliest, late, latest``; *now* is the present, UTC.

    Args:
        rows: Versions in force.
        moment: The name of the column of timestamps (UTC).
        now: The present, UTC; up to a day later is allowed, since of some events only the day is known.

    Returns:
        Counts, and the first and last such timestamp as text; null where there is none.
    """
    at: Any = rows[moment]
    early = at < ibis.literal(EARLIEST).cast("timestamp('UTC', 6)")
    late = at > ibis.literal(now + CLOCKS_APART).cast("timestamp('UTC', 6)")
    # as text: some of these moments no Python date can hold
    return rows.aggregate(
        early=rows.count(where=early),
        earliest=at.min(where=early).cast("string"),
        late=rows.count(where=late),
        latest=at.max(where=late).cast("string"),
    )


def moment_faults(table: str, figures: Mapping[str, Any]) -> list[DataFault]:
    """Return what the row of `moment_figures` says.

    Args:
        table: Its name, for the message.
        figures: Column -> value.

    Returns:
        At most two faults: too early, in the future.
    """
    faults = [
        DataFault(table, f"{figures[count]:,} rows {what}", figures[count], figures[example] or "", fix)
        for count, example, what, fix in (
            ("early", "earliest", TOO_EARLY, FIX_TIMES),
            ("late", "latest", AHEAD_OF_NOW, FIX_TIMES + " Until then they do not count."),
        )
    ]
    return [fault for fault in faults if fault.rows]


def amount_figures(orders: Table) -> Table:
    """Count placed orders of less than nothing: one row, ``rows, least``.

    Returns:
        An Ibis table that is not executed yet.
    """
    negative = (orders.state == "placed") & (orders.amount < 0)
    return orders.aggregate(rows=orders.count(where=negative), least=orders.amount.min(where=negative))


def amount_faults(figures: Mapping[str, Any]) -> list[DataFault]:
    """Return what the row of `amount_figures` says.

    Returns:
        One fault, or none.
    """
    rows = figures["rows"]
    what = f"{rows:,} placed orders have a negative amount"
    return [DataFault("orders", what, rows, f"{figures['least']:.2f}", FIX_AMOUNTS)] if rows else []


def unreadable_figures(contacts: Table, mapped: Sequence[MappedTrait]) -> Table:
    """Count properties that are no value of the trait's type: one row, ``rows_<n>, example_<n>``; n as in *mapped*.

    Args:
        contacts: Versions in force; ``properties`` is JSON text.
        mapped: The workspace's traits that are read from properties.

    Returns:
        An Ibis table that is not executed yet; the examples are the first by the alphabet.
    """
    properties = contacts.properties.cast("json")
    columns: dict[str, Any] = {}
    for place, trait in enumerate(mapped):
        text = properties[trait.property].str.nullif("")
        wrong = (
            (contacts.connection == trait.connection) & text.notnull() & typed(text, trait.type, trait.words).isnull()
        )
        columns[f"rows_{place}"] = contacts.count(where=wrong)
        columns[f"example_{place}"] = text.min(where=wrong)
    return contacts.aggregate(**columns)


def unreadable_faults(figures: Mapping[str, Any], mapped: Sequence[MappedTrait]) -> list[DataFault]:
    """Return what the row of `unreadable_figures` says.

    Args:
        figures: Column -> value.
        mapped: As `unreadable_figures` was given them.

    Returns:
        One fault per trait that has unreadable values.
    """
    faults = []
    for place, trait in enumerate(mapped):
        rows = figures[f"rows_{place}"]
        if rows:
            what = f"{trait.property} of {rows:,} contacts of {trait.connection} is not a {trait.type}"
            fix = f"Fix it there, or map [traits.{trait.name}] as text; until then these contacts have no value."
            faults.append(DataFault("contacts", what, rows, _shown(figures[f"example_{place}"]), fix))
    return faults


def _shown(text: str) -> str:
    """An example that names nobody: no address, and not much of a text."""
    if "@" in text:
        return ""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def duplicate_figures(contacts: Table, links: Table) -> tuple[Table, Table]:
    """Count duplicates: two tables of one row each, column ``n``.

    Args:
        contacts: Versions in force.
        links: Columns ``contact_key``, ``person_id``.

    Returns:
        Addresses shared by several people; people with several contacts of one connection.
    """
    active = contacts.filter(contacts.state == "active")
    key = active.connection.concat(":", active.platform_id)
    rows = active.mutate(contact_key=key).inner_join(links, "contact_key")
    known = rows.filter(rows.email.notnull())
    addresses = known.group_by("email").aggregate(persons=known.person_id.nunique())
    twice = rows.group_by("person_id", "connection").aggregate(contacts=rows.count())
    several = twice.filter(twice.contacts > 1)
    return addresses.aggregate(n=(addresses.persons > 1).cast("int64").sum()), several.aggregate(
        n=several.person_id.nunique()
    )


def duplicate_faults(addresses: int, persons: int) -> list[DataFault]:
    """Return what the figures of `duplicate_figures` say.

    Args:
        addresses: E-mail addresses that several people have.
        persons: People with several contacts on one platform.

    Returns:
        A fault for each of the two that is not 0.
    """
    faults = [
        DataFault(
            "contacts",
            f"{addresses:,} addresses belong to several people",
            addresses,
            "",
            "Run `personasync pull --full`, which joins them.",
        ),
        DataFault(
            "contacts",
            f"{persons:,} people have duplicates on one platform",
            persons,
            "",
            "Merge them there; until then each duplicate gets the same persona.",
        ),
    ]
    return [fault for fault in faults if fault.rows]


def worst(lights: Sequence[Light]) -> Light:
    """Return the most alarming of *lights*; green for none.

    Returns:
        "red", "amber" or "green".
    """
    return next((light for light in ("red", "amber") if light in lights), "green")
