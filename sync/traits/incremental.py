"""Incremental update of aggregates: only changed people are recalculated.

A person is recalculated from all rows about them when a row came, changed or named somebody else, when who is who
changed, or when the moment of a row has come that was still ahead. Of everybody else counts lose what left its
window (`segmenter.traits.window_expiry`), and the newest word of the value model is taken over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connectors.records import (
    CAMPAIGNS,
    CONTACTS,
    DELIVERIES,
    ENGAGEMENTS,
    ORDER_LINES,
    ORDERS,
    SURVEY_ANSWERS,
    TABLES,
    VALUES,
)
from connectors.table_schema import TableSchema
from segmenter.late_arrow import pa, pc
from segmenter.late_ibis import ibis
from segmenter.traits.builtin import Catalogue
from segmenter.traits.clv import newest_values
from segmenter.traits.counts import leaving_counts
from segmenter.traits.definitions import Inputs
from segmenter.traits.engagement import answered_again
from segmenter.traits.traits import aggregates
from segmenter.traits.window_expiry import WINDOWED, coming, leaving, left
from segmenter.traits.windows import Windows
from sync.traits.aggregates import KeptAggregates, Mark, Staged
from sync.warehouse.latest_rows import in_force, keyed, overtaken
from sync.warehouse.time_zones import offsets

if TYPE_CHECKING:
    from ibis import Table

    from sync.control.identities import Links
    from sync.warehouse.store import Warehouse

ABOUT = (CONTACTS, ORDERS, DELIVERIES, ENGAGEMENTS, SURVEY_ANSWERS)
"""Tables whose rows say whom they are about."""
ORDER = ["connection", "order_id"]


def without_links(links: pa.Table, persons: frozenset[str]) -> pa.Table:
    """Return *links* without those of *persons*."""
    if not persons:
        return links
    return links.filter(pc.invert(pc.is_in(links["person_id"], value_set=pa.array(sorted(persons), pa.string()))))


def without_persons(links: pa.Table, persons: frozenset[str]) -> pa.Table:
    """Return *links*, those of *persons* to nobody: what was theirs is theirs no more."""
    if not persons:
        return links
    theirs = pc.is_in(links["person_id"], value_set=pa.array(sorted(persons), pa.string()))
    kept = pc.if_else(theirs, pa.scalar(None, pa.string()), links["person_id"])
    return links.set_column(links.schema.get_field_index("person_id"), "person_id", kept)


@dataclass(frozen=True, slots=True)
class RefreshStep:
    """From one mark to the next.

    Attributes:
        before: What the kept aggregates include.
        mark: What they are to include.
        catalogue: Which traits the aggregates are for.
        unprofiled: The people who may not be profiled.
        untracked: Column ``person_id``: who may not be tracked.
    """

    warehouse: Warehouse
    kept: KeptAggregates
    before: Mark
    mark: Mark
    catalogue: Catalogue
    unprofiled: frozenset[str]
    untracked: pa.Table
    _tables: dict[str, Table] = field(default_factory=dict)

    def _history(self, schema: TableSchema) -> Table:
        if schema.name not in self._tables:
            self._tables[schema.name] = self.warehouse.everything(schema.name)
        return self._tables[schema.name]

    def changed_links(self, links: Links) -> Table:
        """Return the links that are other than those that are kept; without a ``person_id`` where there is none now."""
        if self.before.withheld == self.mark.withheld and not links.dropped_after(self.before.links):
            written = links.written_after(self.before.links)
            return self.kept.stage("links_changed", without_persons(written, self.unprofiled))
        # which were dropped, nobody noted; who may be profiled now or no longer is found by the same comparison
        now = self.kept.stage("every_link", without_links(links.load(), self.unprofiled))
        then = self.kept.links
        changed = now.anti_join(then, ["contact_key", "person_id"])
        gone = then.anti_join(now, "contact_key").select("contact_key", person_id=ibis.null("string"))
        return self.kept.stage("links_changed", changed.union(gone))

    def changed_persons(self, changed: Table) -> Table:
        """Return the people to recalculate: ``person_id``. Those who are nobody any more are among them.

        Args:
            changed: As `changed_links` returns them.
        """
        touched, then = self.kept.stage("rows_touched", ibis.union(*self._touched())), self.kept.links
        named = ibis.union(
            then.semi_join(touched, "contact_key").select("person_id"),
            then.semi_join(changed, "contact_key").select("person_id"),
            changed.filter(changed.person_id.notnull()).select("person_id"),
            *self._tracking_changed(),
            distinct=True,
        )
        overtaken = touched.filter(touched.overtaken).select("sequence").union(self.kept.overtaken, distinct=True)
        self.kept.stage("versions_overtaken", overtaken)
        return self.kept.stage("persons_changed", named)

    def _tracking_changed(self) -> Iterator[Table]:
        """People who may be tracked now, or no longer."""
        if self.before.withheld != self.mark.withheld:
            now, then = self.kept.stage("untracked_now", self.untracked), self.kept.untracked
            yield now.anti_join(then, "person_id")
            yield then.anti_join(now, "person_id")

    def _touched(self) -> Iterator[Table]:
        """Versions of rows that came or changed, as they were and as they are, and rows whose moment came.

        ``contact_key``, ``sequence``, and whether another version is in force by now (``overtaken``).
        """
        for schema in ABOUT:
            versions = keyed(self._history(schema), schema)
            yield self._versions(versions, schema)
            at = versions.created_at if schema is CONTACTS else versions["at"]
            came = versions.filter(coming(at, before=self.before.as_of, as_of=self.mark.as_of))
            yield came.select("contact_key", "sequence", overtaken=ibis.literal(value=False))
        yield from self._touched_counts()
        lines, orders = self._history(ORDER_LINES), self._history(ORDERS)
        yield self._versions(lines.mutate(contact_key=ibis.null("string")), ORDER_LINES)
        of_lines = orders.semi_join(self._new(lines), ORDER)
        yield of_lines.select("contact_key", "sequence", overtaken=ibis.literal(value=False))

    def _touched_counts(self) -> Iterator[Table]:
        """Rows that leave the window of a count, rows of campaigns that changed, and these campaigns."""
        counted, false = list(self.catalogue.counted.values()), ibis.literal(value=False)
        campaigns = self._history(CAMPAIGNS)
        yield self._versions(campaigns.mutate(contact_key=ibis.null("string")), CAMPAIGNS)
        for schema in (ORDERS, DELIVERIES, ENGAGEMENTS):
            rows = self._history(schema)
            gone = leaving_counts(schema.name, rows, counted, before=self.before.as_of, as_of=self.mark.as_of)
            if gone is not None:
                yield rows.filter(gone).select("contact_key", "sequence", overtaken=false)
            if any(trait.table == schema.name and trait.by("campaign") for trait in counted):
                of_changed = rows.semi_join(self._new(campaigns), list(CAMPAIGNS.key))
                yield of_changed.select("contact_key", "sequence", overtaken=false)

    def _versions(self, versions: Table, schema: TableSchema) -> Table:
        """Every version of rows of which there is a new one."""
        rows = versions.semi_join(self._new(versions), list(schema.key))
        return rows.select("contact_key", "sequence", overtaken=overtaken(rows, schema))

    def _new(self, versions: Table) -> Table:
        return versions.filter(versions.sequence > self.before.sequence)

    def follow(self, time_zone: str, changed: Table, persons: Table) -> None:
        """Bring the kept aggregates from one mark to the next.

        Args:
            time_zone: Of people who have none.
            changed: As `changed_links` returns them.
            persons: As `changed_persons` returns them.
        """
        links = self.kept.stage("links_fresh", self._links_of(persons, changed))
        about = self._all_about(persons, links, time_zone)
        self.kept.stage("aggregates_fresh", aggregates(about, self.catalogue, self.mark.as_of))
        self.kept.stage("again_fresh", answered_again(about.engagements, links, Windows(self.mark.as_of)))
        self.kept.stage("values_fresh", self._values())
        staged = Staged(
            persons="persons_changed",
            aggregates="aggregates_fresh",
            links="links_fresh",
            engagements=f"rows_{ENGAGEMENTS.name}",
            again="again_fresh",
            overtaken="versions_overtaken",
            values="values_fresh",
            losses=list(self._losses()),
        )
        self.kept.change(staged, self.untracked, self.mark)

    def _links_of(self, persons: Table, changed: Table) -> Table:
        same = self.kept.links.semi_join(persons, "person_id").anti_join(changed, "contact_key")
        return same.union(changed.filter(changed.person_id.notnull()))

    def _all_about(self, persons: Table, links: Table, time_zone: str) -> Inputs:
        """Every row in force about some people."""
        about = {schema.name: self.kept.stage(f"rows_{schema.name}", self._rows_of(schema, links)) for schema in ABOUT}
        lines = self._in_force(ORDER_LINES).semi_join(about[ORDERS.name], ORDER)
        zones = offsets(about[CONTACTS.name], self.catalogue.properties, time_zone, self.mark.as_of)
        return Inputs(
            contacts=about[CONTACTS.name],
            links=links,
            orders=about[ORDERS.name],
            order_lines=self.kept.stage("rows_order_lines", lines),
            deliveries=about[DELIVERIES.name],
            engagements=about[ENGAGEMENTS.name],
            answers=about[SURVEY_ANSWERS.name],
            offsets=self.kept.stage("zone_offsets", zones),
            values=self._history(VALUES).semi_join(persons, "person_id"),
            campaigns=self._in_force(CAMPAIGNS),
            untracked=self.kept.stage("untracked_given", self.untracked) if self.untracked.num_rows else None,
        )

    def _rows_of(self, schema: TableSchema, links: Table) -> Table:
        if schema is not CONTACTS:
            return self._in_force(schema).semi_join(links, "contact_key")
        colon: Any = links.contact_key.find(":")
        ids = {"connection": links.contact_key.substr(0, colon), "platform_id": links.contact_key.substr(colon + 1)}
        return self._in_force(schema).semi_join(links.select(**ids), list(CONTACTS.key))

    def _in_force(self, schema: TableSchema) -> Table:
        rows = in_force(self._history(schema), self.kept.staged("versions_overtaken"), schema)
        return self.warehouse.permitted(schema.name, rows)

    def _losses(self) -> Iterator[str]:
        """Stage what left the windows of each table; yield the names."""
        if self.before.as_of == self.mark.as_of:
            return
        moments = {"before": self.before.as_of, "as_of": self.mark.as_of}
        for table in WINDOWED:
            rows = self._in_force(TABLES[table])
            rows = rows.filter(leaving(table, rows["at"], **moments))
            if table == ENGAGEMENTS.name:
                rows = rows.anti_join(self.kept.answered_again, "sequence")
            name = f"lost_{table}"
            self.kept.stage(name, left(table, rows, self.kept.links, self.kept.aggregates, **moments))
            yield name

    def _values(self) -> Table:
        """People with a new value from the value model."""
        versions = self._history(VALUES)
        said = coming(versions.as_of, before=self.before.as_of, as_of=self.mark.as_of)
        rows = versions.filter((versions.sequence > self.before.sequence) | said)
        return newest_values(versions.semi_join(rows, "person_id"), Windows(self.mark.as_of))
