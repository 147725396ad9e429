"""One person's traits by compiled statements (`sync.warehouse.statements`): what `sync.traits.compute` measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.records import (
    CAMPAIGNS,
    CONTACTS,
    DELIVERIES,
    ENGAGEMENTS,
    ORDER_LINES,
    ORDERS,
    SURVEY_ANSWERS,
    VALUES,
)
from segmenter.late_ibis import ibis
from segmenter.traits import traits
from segmenter.traits.builtin import Catalogue
from segmenter.traits.definitions import Inputs
from sync.traits.aggregates import AGGREGATES, MARK, MARKS, UNTRACKED, KeptAggregates, Mark
from sync.traits.compute import ROWS, SOURCES, everything, made_by
from sync.warehouse.latest_rows import in_force
from sync.warehouse.statements import ANY_MOMENT, ANY_PERSON, StatementRunner, compiled
from sync.warehouse.time_zones import OFFSETS, offset_rows, zones

if TYPE_CHECKING:
    from ibis import Table

    from sync.control.identities import Links
    from sync.control.reading import ReadLinks
    from sync.warehouse.store import Warehouse

ZONES, ALL, OF_KEPT = "zones", "traits", "traits_of_kept"
BASE, BASE_OF_KEPT = "base_rates", "base_rates_of_kept"
LINKS_GIVEN, OFFSETS_GIVEN, BASE_GIVEN = "given_links", "given_offsets", "given_base_rates"
EVERY_LINK_GIVEN = "given_every_link"
LINK = ("contact_key", "person_id")
RATES = tuple(f"{kind}_{what}" for kind in traits.RATES for what in ("base", "strength"))
TEXT, NUMBER, RATE = "VARCHAR", "BIGINT", "DOUBLE"


def trait_statements(warehouse: Warehouse, catalogue: Catalogue, *, of_kept: bool) -> dict[str, str]:
    """Return the statements that `PersonTraits` runs.

    Args:
        warehouse: On the embedded engine.
        catalogue: Which traits.
        of_kept: Whether the aggregates that are kept are of these traits.
    """
    given = ibis.table(dict.fromkeys(LINK, "string"), name=LINKS_GIVEN)
    inputs = _about(warehouse, given)
    everybody = ibis.table(dict.fromkeys(LINK, "string"), name=EVERY_LINK_GIVEN)
    made = {
        ZONES: zones(inputs.contacts, catalogue.properties),
        ALL: _one(traits.traits(inputs, catalogue, ANY_MOMENT)),
        BASE: traits.base_rates_of(everything(warehouse, links=everybody, zones=inputs.offsets), ANY_MOMENT),
    }
    if of_kept:
        kept = KeptAggregates(warehouse)
        made[OF_KEPT] = _one(traits.traits_of(kept.aggregates, catalogue, ANY_MOMENT))
        made[BASE_OF_KEPT] = traits.base_rates_of(_in_force(warehouse, kept), ANY_MOMENT)
    return {name: compiled(warehouse, table) for name, table in made.items()}


def _one(people: Table) -> Table:
    return people.filter(people.person_id == ANY_PERSON)


def _about(warehouse: Warehouse, links: Table) -> Inputs:
    """What a person's traits are measured from, given the person's links, time zones, and the rates of everybody."""
    keys, values = links.select("contact_key"), warehouse.history(VALUES.name)
    orders = warehouse.about(ORDERS.name, keys)
    return Inputs(
        contacts=warehouse.about(CONTACTS.name, keys),
        links=links,
        orders=orders,
        order_lines=warehouse.among(ORDER_LINES.name, orders, ORDERS.key),
        deliveries=warehouse.about(DELIVERIES.name, keys),
        engagements=warehouse.about(ENGAGEMENTS.name, keys),
        answers=warehouse.about(SURVEY_ANSWERS.name, keys),
        base=ibis.table(dict.fromkeys(RATES, "float64"), name=BASE_GIVEN),
        offsets=ibis.table(ibis.Schema.from_pyarrow(OFFSETS.columns), name=OFFSETS_GIVEN),
        values=_one(values),
        campaigns=warehouse.current(CAMPAIGNS.name),
    )


def _in_force(warehouse: Warehouse, kept: KeptAggregates) -> Inputs:
    """The rows of everybody by which versions are known to be overtaken, and who was who then."""
    rows = {schema.name: in_force(warehouse.history(schema.name), kept.overtaken, schema) for schema in ROWS}
    answers = rows.pop(SURVEY_ANSWERS.name)
    return Inputs(links=kept.links, answers=answers, **rows)


def mark_of(runner: StatementRunner) -> Mark | None:
    """Return what the kept aggregates include; None where none are kept."""
    return Mark(**runner.all_of(MARKS)[0]) if runner.has(MARK, AGGREGATES, UNTRACKED) else None


@dataclass(frozen=True, slots=True)
class PersonTraits:
    """Traits of one person at a time.

    Attributes:
        statements: As `trait_statements` returns them.
        links: Who is who.
        catalogue: Which traits.
        time_zone: Of people who have none.
    """

    runner: StatementRunner
    statements: Mapping[str, str]
    links: Links | ReadLinks
    catalogue: Catalogue
    time_zone: str

    def traits(self, person_id: str, as_of: datetime) -> dict[str, Any]:
        """Return a person's row of the trait table as of a moment (UTC); empty without an active contact."""
        kept = self._kept_as_of()
        if kept == as_of:
            rows = self.runner.rows(self.statements[OF_KEPT], person=person_id, moment=as_of)
        else:
            self._give(person_id, as_of, kept=kept is not None)
            rows = self.runner.rows(self.statements[ALL], person=person_id, moment=as_of)
        return rows[0] if rows else {}

    def _kept_as_of(self) -> datetime | None:
        """The moment of the aggregates that are kept; None where rows, links or traits are others by now."""
        mark = mark_of(self.runner)
        if mark is None or OF_KEPT not in self.statements:
            return None
        number = self.links.newest()
        sequence, n, old = self.runner.counted((source.name for source in SOURCES), mark.sequence)
        now = Mark(mark.as_of, sequence, n, number, made_by(self.catalogue, self.time_zone))
        return mark.as_of if (now, old) == (mark, mark.rows) else None

    def _give(self, person_id: str, as_of: datetime, *, kept: bool) -> None:
        self._give_links(LINKS_GIVEN, self.links.of_persons([person_id]))
        spelt = [row["time_zone"] for row in self.runner.rows(self.statements[ZONES])]
        spans = zip(*offset_rows(spelt, self.time_zone, as_of), strict=True)
        kinds = {name: TEXT if name == "spelt" else NUMBER for name in OFFSETS.names}
        self.runner.give(OFFSETS_GIVEN, dict(zip(OFFSETS.names, spans, strict=True)), kinds)
        if not kept:
            self._give_links(EVERY_LINK_GIVEN, self.links.mapping())
        [base] = self.runner.rows(self.statements[BASE_OF_KEPT if kept else BASE], moment=as_of)
        self.runner.give(BASE_GIVEN, {name: [base[name]] for name in RATES}, dict.fromkeys(RATES, RATE))

    def _give_links(self, name: str, links: Mapping[str, str]) -> None:
        columns = dict(zip(LINK, (list(links), list(links.values())), strict=True))
        self.runner.give(name, columns, dict.fromkeys(LINK, TEXT))
