"""One person's traits by compiled statements (`sync.warehouse.statements`): what `sync.traits.compute` measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.records import CONTACTS
from segmenter.late_ibis import ibis
from segmenter.traits import traits
from segmenter.traits.builtin import Catalogue
from sync.control.identities import LINKS, Links
from sync.traits.aggregates import AGGREGATES, MARK, UNTRACKED, KeptAggregates, Mark
from sync.traits.compute import SOURCES, everything, made_by
from sync.warehouse.statements import ANY_MOMENT, ANY_PERSON, StatementRunner, compiled
from sync.warehouse.time_zones import OFFSETS, offset_rows, zones

if TYPE_CHECKING:
    from sync.warehouse.store import Warehouse

ZONES, ALL, OF_KEPT = "zones", "traits", "traits_of_kept"
LINKS_GIVEN, OFFSETS_GIVEN = "given_links", "given_offsets"
TEXT, NUMBER = "VARCHAR", "BIGINT"


def trait_statements(warehouse: Warehouse, catalogue: Catalogue, *, of_kept: bool) -> dict[str, str]:
    """Return the statements that `PersonTraits` runs.

    Args:
        warehouse: On the embedded engine.
        catalogue: Which traits.
        of_kept: Whether the aggregates that are kept are of these traits.
    """
    contacts = warehouse.current(CONTACTS.name)
    links = ibis.table(ibis.Schema.from_pyarrow(LINKS), name=LINKS_GIVEN)
    offsets = ibis.table(ibis.Schema.from_pyarrow(OFFSETS), name=OFFSETS_GIVEN)
    people = {ALL: traits.traits(everything(warehouse, links=links, zones=offsets), catalogue, ANY_MOMENT)}
    if of_kept:
        people[OF_KEPT] = traits.traits_of(KeptAggregates(warehouse).aggregates, catalogue, ANY_MOMENT)
    statements = {name: compiled(warehouse, all_.filter(all_.person_id == ANY_PERSON)) for name, all_ in people.items()}
    return {ZONES: compiled(warehouse, zones(contacts)), **statements}


def mark_of(runner: StatementRunner) -> Mark | None:
    """Return what the kept aggregates include; None where none are kept."""
    return Mark(**runner.all_of(MARK)[0]) if runner.has(MARK, AGGREGATES, UNTRACKED) else None


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
    links: Links
    catalogue: Catalogue
    time_zone: str

    def traits(self, person_id: str, as_of: datetime) -> dict[str, Any]:
        """Return a person's row of the trait table as of a moment (UTC); empty without an active contact."""
        name = OF_KEPT if self._kept_at(as_of) else ALL
        if name == ALL:
            self._give(as_of)
        rows = self.runner.rows(self.statements[name], person=person_id, moment=as_of)
        return rows[0] if rows else {}

    def _kept_at(self, as_of: datetime) -> bool:
        """Whether the aggregates that are kept say all there is at a moment."""
        mark = mark_of(self.runner)
        if mark is None or mark.as_of != as_of or OF_KEPT not in self.statements:
            return False
        number = self.links.newest()
        sequence, n, old = self.runner.counted((source.name for source in SOURCES), mark.sequence)
        now = Mark(as_of, sequence, n, number, made_by(self.catalogue, self.time_zone))  # nobody's data are withheld
        return (now, old) == (mark, mark.rows)

    def _give(self, as_of: datetime) -> None:
        links = self.links.mapping()
        columns = {"contact_key": list(links), "person_id": list(links.values())}
        self.runner.give(LINKS_GIVEN, columns, dict.fromkeys(columns, TEXT))
        spelt = [row["time_zone"] for row in self.runner.rows(self.statements[ZONES])]
        spans = zip(*offset_rows(spelt, self.time_zone, as_of), strict=True)
        kinds = {name: TEXT if name == "spelt" else NUMBER for name in OFFSETS.names}
        self.runner.give(OFFSETS_GIVEN, dict(zip(OFFSETS.names, spans, strict=True)), kinds)
