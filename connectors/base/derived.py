"""The connector that is derived from small protocols: its author reads a page and writes a batch, the rest is here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from connectors.base.account import DeclaredAccount
from connectors.base.protocols import (
    ActsByCampaign,
    ActsByTime,
    CampaignSource,
    OrderSource,
    Sink,
    SourceContact,
    SourcePage,
)
from connectors.base.push_cost import requests_of, units_of
from connectors.base.results import Results
from connectors.base.writing import BatchWriter
from connectors.connector import (
    Connection,
    Known,
    Still,
    as_given,
    nobody,
    refuse_foreign_fields,
)
from connectors.errors import ContractError
from connectors.fetched import Fetched, fetched
from connectors.records import (
    CAMPAIGNS,
    CONTACTS,
    MEMBERSHIPS,
    ORDERS,
    Change,
    Cursor,
    FieldDefinition,
    Outcome,
    Page,
    SetupStep,
)
from connectors.transport import pages, until_silence

if TYPE_CHECKING:
    import pyarrow as pa

OVERLAP = timedelta(minutes=2)  # what a platform's index shows late is read again
REREAD_HOURS = 24  # without an own limit: deletions show in a reading of everybody only
BATCH, SAMPLE = 100, 20


class DerivedConnector(DeclaredAccount):
    """A connector made of a `ContactSource`, and where the class follows them a `Sink` and a `CampaignSource`.

    A subclass has the methods of those protocols, and of `OrderSource` and `EventSource` where the platform has orders
    and webhooks. Its spec says the rest: how requests say who we are (``[api]``), what `check` asks, what a push takes,
    where a delivery says what. What it is faster at, it overrides.

    Attributes:
        client: The platform's API, as the spec says.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        spec = connection.manifest
        self._prefix: str = spec["group_prefix"]
        fed = [name for names in spec["traits"].values() for name in names]
        self.reads = tuple(dict.fromkeys([*fed, *spec["properties"], *connection.mapped, *connection.owned]))

    # -- what the subclass has: `connectors.base.protocols.ContactSource` --------------------------------------------
    def page(self, since: datetime | None, place: str | None) -> SourcePage:
        """Return one page of contacts; see `ContactSource`.

        Args:
            since: Only what changed since then, UTC; None: everybody.
            place: Where the page before ended; None: the first page.

        Returns:
            Its contacts, and where the next page begins.
        """
        raise NotImplementedError

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        """Return some contacts as they are now; see `ContactSource`."""
        raise NotImplementedError

    def _first_page(self) -> None:
        self.page(datetime.max.replace(tzinfo=UTC) if self._can["incremental"] else None, None)

    # -- reading -------------------------------------------------------------------------------------------
    @property
    def streams(self) -> tuple[str, ...]:
        """Contacts, whose groups come with them; and orders, where the class is an `OrderSource`."""
        return (CONTACTS.name, *([ORDERS.name] if isinstance(self, OrderSource) else ()))

    @property
    def result_streams(self) -> tuple[str, ...]:
        """Campaigns where the class is a `CampaignSource`; and activity, where it tells what became of mails."""
        tells = isinstance(self, (ActsByCampaign, ActsByTime))
        return (*([CAMPAIGNS.name] if isinstance(self, CampaignSource) else ()), *(["activity"] if tells else ()))

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        """Yield pages of a stream; see `connectors.connector.Connector`.

        Args:
            stream: One of `streams` or `result_streams`.
            cursor: Where the last read ended.
            known: Which contacts are known already.

        Returns:
            Pages, each with the cursor after it.

        Raises:
            ContractError: There is no such stream.
        """
        results, source = Results(self.name), self
        if stream == CONTACTS.name:
            since = self._since(cursor)
            yield from self._everybody(known) if since is None else self._changed(since, cursor)
        elif stream == CAMPAIGNS.name and isinstance(source, CampaignSource):
            yield from results.campaigns(source)
        elif stream == "activity" and isinstance(source, (ActsByCampaign, ActsByTime)):
            yield from results.activity(source, cursor, self.now)
        elif stream == ORDERS.name and isinstance(source, OrderSource):
            yield from results.orders(source, cursor, self.now)
        else:
            raise ContractError(f"{self.name} has no stream {stream!r}.")

    def _since(self, cursor: Cursor) -> datetime | None:
        """From when on changes are read; None: everybody is read, now and again, since only that shows who is gone."""
        if not cursor.get("since") or not self._can["incremental"]:
            return None
        again = timedelta(hours=self.limits.get("reread_hours", REREAD_HOURS))
        whole = datetime.fromisoformat(cursor["whole"])
        return datetime.fromisoformat(cursor["since"]) if self.now() - whole < again else None

    def _changed(self, since: datetime, cursor: Cursor) -> Iterator[Page]:
        newest, total = since, 0
        for page in self._pages(since):
            total += len(page.contacts)
            newest = max([newest, *(c.updated_at for c in page.contacts if c.updated_at)])
            yield Page(CONTACTS.name, self._rows(page.contacts), None, page.total)
            yield Page(MEMBERSHIPS.name, self._memberships(page.contacts, absent=True))
        following = max(min(newest, self.now()) - OVERLAP, since)
        yield Page(CONTACTS.name, self._rows([]), {"since": following.isoformat(), "whole": cursor["whole"]}, total)

    def _everybody(self, known: Known) -> Iterator[Page]:
        import pyarrow as pa  # noqa: PLC0415 - many commands read nothing

        began, seen, held = self.now(), set[str](), [MEMBERSHIPS.columns.empty_table()]
        for page in self._pages(None):
            seen.update(contact.id for contact in page.contacts)
            held.append(self._memberships(page.contacts, absent=False))
            yield Page(CONTACTS.name, self._rows(page.contacts), None, page.total)
        missing = [key for key in known({"active"}).to_pylist() if key not in seen]
        for batch in self._batches([key for key in missing if key not in self.connection.hidden(missing)]):
            there = self.fetch_contacts(batch, ())  # a list may have slipped while it was read: who is gone is asked
            held.append(self._memberships(there, absent=False))
            gone = sorted(set(batch) - {contact.id for contact in there})
            yield Page(CONTACTS.name, fetched(self.name, self._rows(there), gone).contacts)
        yield Page(MEMBERSHIPS.name, pa.concat_tables(held), groups=self._groups)
        moments = {"since": (began - OVERLAP).isoformat(), "whole": began.isoformat()}
        yield Page(CONTACTS.name, self._rows([]), moments, len(seen))

    def _pages(self, since: datetime | None) -> Iterator[SourcePage]:
        yield from pages(
            lambda place: self.page(since, place),
            lambda page, _: page.next,
            entries=lambda page: [contact.id for contact in page.contacts],
            what=f"contacts of {self.name}",
        )

    @property
    def _groups(self) -> tuple[str, ...]:
        return self.connection.groups

    def _rows(self, contacts: Sequence[SourceContact]) -> pa.Table:
        import pyarrow as pa  # noqa: PLC0415

        return pa.Table.from_pylist([contact.row(self.name) for contact in contacts], schema=CONTACTS.columns)

    def _memberships(self, contacts: Sequence[SourceContact], *, absent: bool) -> pa.Table:
        import pyarrow as pa  # noqa: PLC0415

        rows = [
            {"connection": self.name, "group_name": group, "platform_id": contact.id, "member": member}
            for contact in contacts
            for group in self._groups
            if (member := f"{self._prefix}{group}" in contact.groups) or absent
        ]
        return pa.Table.from_pylist(rows, schema=MEMBERSHIPS.columns)

    def _batches(self, keys: Sequence[str]) -> Iterator[Sequence[str]]:
        size = self.limits.get("batch", BATCH)
        yield from (keys[start : start + size] for start in range(0, len(keys), size))

    def fetch(self, ids: Sequence[str], addresses: Sequence[str]) -> Fetched:
        """Return some contacts as they are now; see `connectors.connector.Connector`.

        Args:
            ids: The platform's own.
            addresses: Of contacts whose ids are not known.

        Returns:
            Their rows and groups; who is not there any more is named.
        """
        contacts: dict[str, SourceContact] = {}
        for batch in self._batches(ids):
            contacts |= {contact.id: contact for contact in self.fetch_contacts(batch, ())}
        gone = [key for key in dict.fromkeys(ids) if key not in contacts]
        for batch in self._batches(addresses):
            contacts |= {contact.id: contact for contact in self.fetch_contacts((), batch)}
        every = list(contacts.values())
        shown = self._memberships(every, absent=False)
        pairs = zip(shown["platform_id"].to_pylist(), shown["group_name"].to_pylist(), strict=True)
        return fetched(self.name, self._rows(every), gone, frozenset(pairs))

    def consents(self, cursor: Cursor, ids: Sequence[str] | None, addresses: Sequence[str] = ()) -> pa.Table:
        """Return whose consent may have changed: few contacts are asked for, else what changed or everybody is read.

        Args:
            cursor: Where the last read ended.
            ids: The platform's own; None: all who may have changed.
            addresses: Of contacts whose ids are not known.

        Returns:
            Rows of `CONTACTS`.
        """
        if ids is not None:
            return self.fetch(ids, addresses).contacts
        import pyarrow as pa  # noqa: PLC0415

        read = self._pages(self._since(cursor))
        return pa.concat_tables([self._rows([]), *(self._rows(page.contacts) for page in read)])

    # -- writing -------------------------------------------------------------------------------------------
    @property
    def _sink(self) -> Sink:
        if not isinstance(self, Sink):
            raise ContractError(f"{self.name} is only read: nothing is written there.")
        return self

    def fields(self) -> Mapping[str, FieldDefinition]:
        """Return what contacts have there: nothing where the class is no `Sink`.

        Where a field is there as soon as somebody writes it, the platform lists none: those that we write or read.

        Returns:
            Definition by name.
        """
        if not self._can["fields_by_writing"]:
            return {}
        kinds, names = self.connection.kinds, (*self.connection.owned, *self.connection.mapped)
        return {n: FieldDefinition(n, n, "number" if kinds.get(n) == "number" else "text") for n in names}

    @property
    def _writer(self) -> BatchWriter:
        kinds, size = self.connection.kinds, self.limits.get("batch", BATCH)
        return BatchWriter(self._sink, self._now_by_id, prefix=self._prefix, kinds=kinds, size=size)

    def _now_by_id(self, ids: Sequence[str]) -> dict[str, SourceContact]:
        there = (contact for batch in self._batches(ids) for contact in self.fetch_contacts(batch, ()))
        return {contact.id: contact for contact in there if contact.state != "deleted"}

    def missing(self, fields: Sequence[FieldDefinition], groups: Sequence[str]) -> list[SetupStep]:
        """Return what has to be made; see `connectors.connector.Connector`.

        Args:
            fields: Wanted.
            groups: Wanted, by name.

        Returns:
            One step each; empty where all is there.
        """
        from connectors.base.setup import missing_steps_of  # noqa: PLC0415 - `setup` alone asks

        return missing_steps_of(self._sink, self.name, fields, groups, prefix=self._prefix, can=self._can)

    def push(self, changes: Sequence[Change], still: Still = as_given) -> Iterator[list[Outcome]]:
        """Write *changes*; see `connectors.connector.Connector`.

        Args:
            changes: Of one plan, in its order.
            still: Says which of them hold just before they are sent.

        Yields:
            Outcomes, batch by batch.

        Raises:
            FixSettingsError: A change of a field that is not ours.
        """
        refuse_foreign_fields(changes, self.connection.owned)
        yield from until_silence(self._writer.push(changes, still))

    def read_back(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        """Return what the platform shows where *changes* were made.

        Returns:
            Value by platform id, kind and name; contacts that are gone are left out.
        """
        there = self._now_by_id(list(dict.fromkeys(change.platform_id for change in changes)))
        shown = self._writer.shown
        here = [change for change in changes if change.platform_id in there]
        return {(c.platform_id, c.kind, c.name): shown(c, there[c.platform_id]) for c in here}

    def read_back_sample(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        """Return what the platform shows of the last contacts of *changes*.

        Returns:
            As `read_back`.
        """
        last = set(list(dict.fromkeys(change.platform_id for change in changes))[-self._sample :])
        return self.read_back([change for change in changes if change.platform_id in last])

    @property
    def _sample(self) -> int:
        return min(SAMPLE, self.limits.get("batch", BATCH))

    def requests_for(self, changes: Sequence[Change]) -> dict[str, int]:
        """Return the requests of a push, and of the sample that is read back, as the spec's ``[push]`` counts them.

        Returns:
            Number by endpoint.
        """
        batches = self._writer.batches(changes) if changes else []
        groups, ids_page = len(self._groups), self.limits.get("ids_page", BATCH)
        units = units_of(batches, sample=self._sample, groups=groups, ids_page=ids_page)
        return requests_of(self.connection.manifest["push"], units)
