"""The connector that is derived from small protocols: its author reads a page and writes a batch, the rest is here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.base.http import JsonClient
from connectors.base.pace import seconds_in_windows
from connectors.base.protocols import CampaignSource, Sink, SourceContact, SourcePage
from connectors.base.writing import BatchWriter
from connectors.connector import (
    Connection,
    Known,
    Still,
    Traffic,
    as_given,
    nobody,
    refuse_foreign_fields,
)
from connectors.errors import ContractError, CredentialError
from connectors.fetched import Fetched, fetched
from connectors.records import CONTACTS, MEMBERSHIPS, Change, Cursor, FieldDefinition, Finding, Outcome, Page, SetupStep
from connectors.transport import ReadsAnswers, pages, until_silence

if TYPE_CHECKING:
    import pyarrow as pa

OVERLAP = timedelta(minutes=2)  # what a platform's index shows late is read again
REREAD_HOURS = 24  # without an own limit: deletions show in a reading of everybody only
BATCH, SAMPLE = 100, 20


class DerivedConnector(ReadsAnswers):
    """A connector made of a `ContactSource`, and where the class follows them a `Sink` and a `CampaignSource`.

    A subclass sets `client` in its ``__init__`` (after that of this class) and has the methods of those protocols. What
    it is faster at, it overrides.

    Attributes:
        writing: Endpoints that `write` asks once for each batch.
        looking: Endpoints that `fetch_contacts` asks once for each batch.
        client: The platform's API.
    """

    writing: tuple[str, ...] = ()
    looking: tuple[str, ...] = ()
    client: JsonClient

    def __init__(self, connection: Connection) -> None:
        spec = connection.manifest
        if spec["secret"] and not connection.secret:
            raise CredentialError(
                f"[connections.{connection.name}] has no {spec['secret']}.", fix=f"Add {spec['secret']} there."
            )
        self.name, self.connection = connection.name, connection
        self.limits: Mapping[str, int] = spec["limits"]
        self._can: Mapping[str, Any] = spec["capabilities"]
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

    def check(self) -> list[Finding]:
        """Look at the account; see `ContactSource`.

        Returns:
            What was found; empty where all is well.
        """
        raise NotImplementedError

    # -- reading -------------------------------------------------------------------------------------------
    @property
    def traffic(self) -> Traffic:
        """Requests that were sent."""
        return self.client.traffic

    @property
    def streams(self) -> tuple[str, ...]:
        """Contacts; their groups come with them."""
        return ("contacts",)

    @property
    def result_streams(self) -> tuple[str, ...]:
        """Campaigns and activity, where the class is a `CampaignSource`."""
        return ("campaigns", "activity") if isinstance(self, CampaignSource) else ()

    def now(self) -> datetime:
        """Return the platform's clock, UTC; a page is asked for where no answer has told it yet.

        Returns:
            Whole seconds, as the Date header of an answer says.
        """
        with suppress(ContractError):
            return self.client.transport.present()
        self.page(datetime.max.replace(tzinfo=UTC) if self._can["incremental"] else None, None)
        return self.client.transport.present()

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
        if stream != CONTACTS.name:
            if not isinstance(self, CampaignSource):
                raise ContractError(f"{self.name} has no stream {stream!r}.")
            yield from self.results(stream, cursor)
            return
        since = self._since(cursor)
        yield from self._everybody(known) if since is None else self._changed(since, cursor)

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

        Returns:
            Definition by name.
        """
        return {}

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
        """Return the requests of a push, and of the sample that is read back.

        Returns:
            Number by endpoint.
        """
        count = len(self._writer.batches(changes)) if changes else 0
        requests = dict.fromkeys(self.writing, count)
        for endpoint in self.looking:
            requests[endpoint] = requests.get(endpoint, 0) + int(bool(changes))
        return {endpoint: number for endpoint, number in requests.items() if number}

    def seconds_for(self, requests: Mapping[str, int]) -> float:
        """Return the time of *requests* at the spec's ``windows``, or ``limits.requests`` in ``limits.seconds``.

        Returns:
            Seconds; 0 where the spec names no such limit.
        """
        if windows := self.connection.manifest["windows"]:
            return seconds_in_windows(windows, requests)
        most = self.limits.get("requests", 0)
        return sum(requests.values()) / most * self.limits.get("seconds", 1) if most else 0.0

    def close(self) -> None:
        """Give back the sockets."""
        self.client.close()
