"""Traits of everyone as of a moment, calculated incrementally.

What `segmenter.traits.traits.aggregates` says of a person is kept (`sync.traits.aggregates`) and followed through
changes
(`sync.traits.incremental`). Days since, rates and whatever needs everybody are made from them when they are read.
What comes out is what measuring everybody gives, in every digit.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

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
from segmenter.late_arrow import pa
from segmenter.late_ibis import ibis
from segmenter.traits import builtin as trait_catalogue
from segmenter.traits import clv as worth
from segmenter.traits import counts, local_time, orders, people, tracking, traits, windows
from segmenter.traits import engagement as mail
from segmenter.traits import window_expiry as refresh
from segmenter.traits.builtin import Catalogue
from segmenter.traits.definitions import Inputs
from sync.session import Session
from sync.traits.aggregates import KeptAggregates, Mark
from sync.traits.incremental import RefreshStep, without_links
from sync.warehouse.latest_rows import every_overtaken, in_force
from sync.warehouse.time_zones import offsets

if TYPE_CHECKING:
    from ibis import Table

    from sync.control.identities import Links
    from sync.warehouse.past import PastRows
    from sync.warehouse.store import Warehouse

ROWS = (CONTACTS, ORDERS, ORDER_LINES, DELIVERIES, ENGAGEMENTS, SURVEY_ANSWERS, CAMPAIGNS)
SOURCES = (*ROWS, VALUES)
CODE = (mail, orders, counts, people, windows, worth, traits, refresh, local_time, trait_catalogue, tracking)
MOST_CHANGED = 0.2
"""Share of changed people above which a full recalculation is about as fast."""


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """Result of one calculation: people recalculated, and why all.

    Attributes:
        persons: Who was recalculated from all rows about them.
        whole: Why everybody was; "": only those of whom something changed.
    """

    persons: int
    whole: str = ""


@dataclass(frozen=True, slots=True)
class Measuring:
    """Trait calculation over the warehouse, identity links and catalogue.

    Attributes:
        links: Who is who.
        catalogue: Which traits.
        time_zone: Of people who have none.
        most_changed: Share of people above which everybody is measured.
    """

    warehouse: Warehouse
    links: Links
    catalogue: Catalogue
    time_zone: str = "UTC"
    most_changed: float = MOST_CHANGED

    @property
    def keeps(self) -> bool:
        """Whether the warehouse's engine can keep aggregates."""
        return self.warehouse.embedded

    def traits(self, as_of: datetime) -> Table:
        """Return everybody's traits as of a moment (UTC): from the aggregates that are kept, where they say it."""
        if self.keeps:
            kept = KeptAggregates(self.warehouse)
            before = kept.mark()
            if before is not None and before.as_of == as_of and self._look(as_of, before) == (before, before.rows):
                return traits.traits_of(kept.aggregates, self.catalogue, as_of)
        zones = self.warehouse.memtable(self._offsets(self.warehouse.current(CONTACTS.name), as_of))
        links = self.warehouse.memtable(profiled_links(self.warehouse, self.links.load()))
        inputs = everything(self.warehouse, links=links, zones=zones)
        return traits.traits(inputs, self.catalogue, as_of)

    def refresh(self, as_of: datetime, *, full: bool = False) -> RefreshResult:
        """Bring the aggregates that are kept to a moment.

        Args:
            as_of: UTC; nothing after it counts.
            full: Measure everybody, whatever is kept.
        """
        kept = KeptAggregates(self.warehouse)
        before = kept.mark()
        mark, rows_before = self._look(as_of, before)
        why = "requested" if full else _why_whole(before, mark, rows_before)
        with kept.staging():
            if before is None or why:
                return self._whole(kept, mark, why)
            untracked = untracked_people(self.warehouse)
            step = RefreshStep(self.warehouse, kept, before, mark, self.catalogue, self._unprofiled(), untracked)
            changed = step.changed_links(self.links)
            persons = step.changed_persons(changed)
            count = int(persons.count().to_pyarrow().as_py())
            known = int(kept.aggregates.count().to_pyarrow().as_py())
            if count > self.most_changed * max(known, 1):
                return self._whole(kept, mark, f"{count:,} people changed or are new, of {known:,} known before")
            step.follow(self.time_zone, changed, persons)
        return RefreshResult(count)

    def _offsets(self, contacts: Table, as_of: datetime) -> pa.Table:
        return offsets(contacts, self.catalogue.properties, self.time_zone, as_of)

    def _unprofiled(self) -> frozenset[str]:
        withheld = self.warehouse.withheld()
        return frozenset(withheld.unprofiled["person_id"].to_pylist()) if withheld else frozenset()

    def _whole(self, kept: KeptAggregates, mark: Mark, why: str) -> RefreshResult:
        links = kept.stage("every_link", profiled_links(self.warehouse, self.links.load()))
        rows = {schema.name: self.warehouse.everything(schema.name) for schema in ROWS}
        versions = ibis.union(*(every_overtaken(rows[schema.name], schema) for schema in ROWS))
        overtaken = kept.stage("versions_overtaken", versions)
        allowed = self.warehouse.permitted
        now = {schema.name: allowed(schema.name, in_force(rows[schema.name], overtaken, schema)) for schema in ROWS}
        answers, values = now.pop(SURVEY_ANSWERS.name), self.warehouse.history(VALUES.name)
        zones = kept.stage("zone_offsets", self._offsets(now[CONTACTS.name], mark.as_of))
        untracked = untracked_people(self.warehouse)
        hidden = kept.stage("untracked_now", untracked) if untracked.num_rows else None
        inputs = Inputs(links=links, answers=answers, values=values, offsets=zones, untracked=hidden, **now)
        kept.replace(
            aggregates=traits.aggregates(inputs, self.catalogue, mark.as_of),
            links=links,
            overtaken=overtaken,
            again=mail.answered_again(inputs.engagements, links, windows.Windows(mark.as_of)),
            untracked=untracked,
            mark=mark,
        )
        return RefreshResult(int(kept.aggregates.count().to_pyarrow().as_py()), why)

    def _look(self, as_of: datetime, before: Mark | None) -> tuple[Mark, int]:
        """The watermark of aggregates made now, and how many rows counted *before* still exist."""
        number = self.links.newest()  # first: what is written meanwhile is looked at again the next time
        since = before.sequence if before else 0
        tables = [self.warehouse.everything(source.name) for source in SOURCES]
        counted = ibis.union(
            *(
                table.aggregate(
                    sequence=table.sequence.max(), n=table.count(), old=table.count(where=table.sequence <= since)
                )
                for table in tables
            )
        )
        totals = counted.aggregate(sequence=counted.sequence.max(), n=counted.n.sum(), old=counted.old.sum())
        [row] = totals.to_pyarrow().to_pylist()
        withheld = self.warehouse.withheld()
        whose = withheld.digest() if withheld else ""
        made = made_by(self.catalogue, self.time_zone)
        return Mark(as_of, row["sequence"] or 0, int(row["n"]), number, made, whose), int(row["old"])


def everything(warehouse: Warehouse | PastRows, *, links: Table, zones: Table) -> Inputs:
    """Return all that traits are measured from, as it is in force now.

    Args:
        warehouse: Where the rows are.
        links: Who is who.
        zones: As `sync.warehouse.time_zones.offsets` returns them.
    """
    rows = {schema.name: warehouse.current(schema.name) for schema in ROWS}
    answers, untracked = rows.pop(SURVEY_ANSWERS.name), untracked_people(warehouse)
    hidden = warehouse.memtable(untracked) if untracked.num_rows else None
    values = warehouse.history(VALUES.name)
    return Inputs(links=links, answers=answers, offsets=zones, values=values, untracked=hidden, **rows)


def profiled_links(warehouse: Warehouse, links: pa.Table) -> pa.Table:
    """Return *links* without those of people who may not be profiled: they are in no trait table."""
    withheld = warehouse.withheld()
    return without_links(links, frozenset(withheld.unprofiled["person_id"].to_pylist())) if withheld else links


def untracked_people(warehouse: Warehouse | PastRows) -> pa.Table:
    """Return the people who may not be tracked: column ``person_id``."""
    withheld = warehouse.withheld()
    persons = sorted(set(withheld.untracked["person_id"].to_pylist())) if withheld else []
    return pa.table({"person_id": pa.array(persons, pa.string())})


def made_by(catalogue: Catalogue, time_zone: str) -> str:
    """Return a digest of the traits and of the code that measures them: kept aggregates are of one."""
    code = (inspect.getsource(module) for module in CODE)
    parts = [catalogue.digest(), time_zone, version("ibis-framework"), *code]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _why_whole(before: Mark | None, mark: Mark, rows_before: int) -> str:
    if before is None:
        return "no saved values yet"
    if before.made_by != mark.made_by:
        return "trait definitions changed"
    if before.as_of > mark.as_of:
        return "the last calculation was for a later date"
    if mark.as_of - before.as_of > refresh.LONGEST_LEAP:
        return f"the last calculation was as of {before.as_of:%Y-%m-%d}"
    if before.rows != rows_before or before.links > mark.links:
        return "records were deleted"
    return ""


def measured(session: Session, as_of: datetime, catalogue: Catalogue | None = None) -> Table:
    """Return every person's traits as of a moment (UTC).

    Args:
        session: The open workspace.
        as_of: UTC; nothing after it counts.
        catalogue: Other traits than the workspace's.

    Returns:
        One row per person with an active contact: ``person_id`` and one column per trait.
    """
    return _measuring(session, catalogue).traits(as_of)


@contextmanager
def refreshed(session: Session, as_of: datetime, *, full: bool = False) -> Iterator[tuple[Table, RefreshResult]]:
    """Measure what changed since the last time, and give every person's traits as of a moment while the block runs.

    Args:
        session: The open workspace.
        as_of: UTC; nothing after it counts.
        full: Measure everybody, whatever is kept.

    Yields:
        The trait table, one row per person, and how many were recalculated and why.
    """
    measuring = _measuring(session)
    if measuring.keeps:
        done = measuring.refresh(as_of, full=full)
        yield measuring.traits(as_of), done
        return
    with measuring.traits(as_of).cache() as people:  # asked several times, and costly to measure
        yield (
            people,
            RefreshResult(int(people.count().to_pyarrow().as_py()), "this engine does not support incremental updates"),
        )


def _measuring(session: Session, catalogue: Catalogue | None = None) -> Measuring:
    workspace = session.workspace
    return Measuring(session.warehouse, session.control.links, catalogue or workspace.catalogue, workspace.time_zone)
