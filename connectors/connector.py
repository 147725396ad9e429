"""The `Connector` protocol that every connector implements, and what it is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from connectors.errors import FixSettingsError
from connectors.fetched import Fetched
from connectors.records import Change, Cursor, FieldDefinition, Finding, Outcome, Page, SetupStep
from connectors.secret import Secret

if TYPE_CHECKING:
    import pyarrow as pa

    from connectors.probing import ProbeResult, Watch

NO_SECRET = Secret("")


Known = Callable[[Collection[str]], "pa.Array"]
"""Supplies the platform ids (text) of the contacts of a connection whose state, as we know it, is one of these."""


Still = Callable[[Sequence["Change"]], Sequence["Change"]]
"""Given the changes of a request that is about to be sent: those that may still be written."""


def as_given(changes: Sequence[Change]) -> Sequence[Change]:
    """Leave nothing out.

    Returns:
        *changes*.
    """
    return changes


def nobody(states: Collection[str]) -> pa.Array:
    """Know no contact yet.

    Returns:
        An empty array of text.
    """
    import pyarrow as pa  # noqa: PLC0415 - many commands read nothing

    del states
    return pa.array([], pa.string())


def no_one_hidden(ids: Iterable[str]) -> frozenset[str]:
    """Hide no contact.

    Returns:
        The empty set.
    """
    del ids
    return frozenset()


def refuse_foreign_fields(changes: Iterable[Change], owned: Iterable[str]) -> None:
    """Refuse to write a field that is not ours.

    Args:
        changes: What is to be written.
        owned: The platform's names of our fields.

    Raises:
        FixSettingsError: A change of another field; names each.
    """
    foreign = {change.name for change in changes if change.kind == "field"} - set(owned)
    if foreign:
        raise FixSettingsError(f"Not owned by personasync: {', '.join(sorted(foreign))}.")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a platform sends events, and which.

    Attributes:
        events: The platform's words.
        sources: Whose doings are told: ``user``, ``admin``, ``api``.
        signed: Whether deliveries carry a signature.
    """

    url: str = field(repr=False)  # a part of it may be a secret
    events: tuple[str, ...]
    sources: tuple[str, ...]
    signed: bool = True


@dataclass(slots=True)
class Traffic:
    """Requests that one connection sent, by endpoint (``"POST contacts/batch/update"``).

    Attributes:
        writes: Those that could have changed something.
        budget: How much of the account's limit was in use at the last one: ``"143 of 190"``.
        date_header: The platform's time (UTC) by the last answer's Date header, and this machine's seconds then.
    """

    requests: dict[str, int] = field(default_factory=dict)
    writes: int = 0
    budget: str = ""
    date_header: tuple[datetime, float] | None = None
    # Ten threads count at once, and "read, add, write" of a dictionary is three steps: a request was lost now and then.
    _counting: Lock = field(default_factory=Lock, repr=False, compare=False)

    def present(self) -> datetime | None:
        """Return the platform's present by its last answer, without asking.

        Returns:
            UTC; None where no answer has told it.
        """
        seen = self.date_header
        return seen and seen[0] + timedelta(seconds=time.monotonic() - seen[1])

    def count(self, endpoint: str, *, write: bool) -> None:
        """Add one request; *write* where it could change something on the platform.

        Args:
            endpoint: Method and path template, such as ``"POST contacts/batch/update"``.
            write: Whether the request could change something.
        """
        with self._counting:
            self.requests[endpoint] = self.requests.get(endpoint, 0) + 1
            self.writes += write


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything a connector is told: from the workspace file, and from plugin.toml.

    Attributes:
        name: The connection's name in the workspace ("crm", "email").
        settings: The connection's own table of the workspace, without its secret.
        manifest: The connector's table of plugin.toml (hosts, scopes, limits, fields, prefix, ...).
        secret: The token or key that the manifest's ``secret`` names, resolved.
        mapped: Platform properties that the workspace's traits use, to be read as well.
        groups: Names of the groups (one per segment) whose members are wanted.
        owned: Names of the fields that we own there; a change of any other is refused.
        kinds: Types of those fields, by name: their values are compared by it (`connectors.values`).
        budgets: Folder of the request budgets that all processes of an account share; None keeps them to this one.
        service: Whether this process answers webhooks: a share of each budget is then kept free for it.
        subscriptions: Whether the statuses of communication subscriptions are read.
        hidden: Says which of some contacts (platform ids, text) belong to people who were erased here: they don't count
            as known or as missing where contacts are counted.
        types: Of the mapped properties those that are no text: property -> number, date or boolean.
    """

    name: str
    settings: Mapping[str, str]
    manifest: Mapping[str, Any]
    secret: Secret = NO_SECRET
    mapped: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()
    budgets: Path | None = None
    service: bool = False
    kinds: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    subscriptions: bool = False
    hidden: Callable[[Iterable[str]], frozenset[str]] = no_one_hidden


class Connector(Protocol):
    """One platform account. Every method may raise the errors of `connectors.errors`."""

    name: str

    @property
    def traffic(self) -> Traffic:
        """Requests that were sent."""

    @property
    def streams(self) -> tuple[str, ...]:
        """Streams that `pull` reads, in order: contacts, memberships, orders, survey_answers."""

    @property
    def result_streams(self) -> tuple[str, ...]:
        """Streams that `results` reads, in order: campaigns, activity."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the properties or fields that a contact's row is made from, our own among them; (): all."""

    def now(self) -> datetime:
        """Return the platform's own clock (UTC), from the Date header of an answer.

        Returns:
            Whole seconds, UTC.
        """

    def read(self, stream: str, cursor: Cursor, known: Known = nobody) -> Iterator[Page]:
        """Yield what changed in *stream* since *cursor* ({}: everything), page by page.

        Args:
            stream: One of `streams` or `result_streams`.
            cursor: As the last page of the last reading carried it.
            known: The contacts as we know them: who of them is gone, and reading them again fast.

        Yields:
            Rows in the schema of the page's table, and the cursor to go on from (None: can't be resumed there).
        """

    def fetch(self, ids: Sequence[str], addresses: Sequence[str]) -> Fetched:
        """Return the contacts that answer to platform *ids* or normalised *addresses*, as they are now.

        Args:
            ids: Ids as the platform spells them.
            addresses: In the form of `connectors.records.normalise_email`.

        Returns:
            Each contact once; ids that are gone have the row of `connectors.fetched.erased_contact`.
        """

    def consents(self, cursor: Cursor, ids: Sequence[str] | None, addresses: Sequence[str] = ()) -> pa.Table:
        """Return whose consent or state may be another than it was when contacts were read up to *cursor*.

        Asked before something is written, so it takes a few requests, however many contacts there are.

        Args:
            cursor: Of the stream of contacts.
            ids: The contacts that matter, where they are few; None: anybody.
            addresses: With *ids*: normalised addresses of the same people that none of these contacts shows. Another
                contact may have been made with one since.

        Returns:
            Contacts as they are now, in the schema of `CONTACTS` without their properties; those that are not there any
            more with another state than active, where the platform tells.
        """

    def missing(self, fields: Sequence[FieldDefinition], groups: Sequence[str]) -> list[SetupStep]:
        """Compare with what the platform has, and return what would have to be created.

        Args:
            fields: Fields that we own, as they should be there.
            groups: Names of the tags or lists, one per segment.

        Returns:
            Steps for `create`, in the order in which they must be done; empty: all is there.

        Raises:
            FixSettingsError: A field exists with another type, or there is no room for more.
        """

    def fields(self) -> Mapping[str, FieldDefinition]:
        """Return every field that contacts have there, whoever made it, by name; options that are hidden left out.

        Returns:
            Definition by the field's internal name.
        """

    def create(self, step: SetupStep) -> None:
        """Do one step that `missing` returned."""

    def push(self, changes: Sequence[Change], still: Still = as_given) -> Iterator[list[Outcome]]:
        """Write *changes*, yielding the outcomes of each batch before the next one leaves.

        Args:
            changes: What.
            still: Asked just before each request, with its changes, in whatever thread sends it: what it leaves out
                is not sent, and has no outcome; what it lets through is in the ledger by then.

        Yields:
            One outcome per change of the batch, also for those that were refused.
        """

    def read_back(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        """Return what the platform shows now where *changes* were made, without writing.

        Returns:
            Value (None: empty, or not a member) by (platform id, kind, name). Contacts that are not there any more
            are left out.
        """

    def read_back_sample(self, changes: Sequence[Change]) -> dict[tuple[str, str, str], str | None]:
        """Return what the platform shows now of a few of *changes*, in a request or two; as `read_back`.

        Returns:
            Value (None: empty, or not a member) by (platform id, kind, name), of the contacts in the sample only.
        """

    def requests_for(self, changes: Sequence[Change]) -> dict[str, int]:
        """Return how many requests per endpoint `push` would need for *changes*.

        Returns:
            Number of requests by endpoint, as in `Traffic.requests`.
        """

    def seconds_for(self, requests: Mapping[str, int]) -> float:
        """Return the least time that *requests* take at this account's limits.

        Returns:
            Seconds.
        """

    def check(self) -> list[Finding]:
        """Look at credentials, scopes, limits and the account, without writing.

        Returns:
            What `personasync doctor` prints, faults and good news alike.
        """

    def close(self) -> None:
        """Give back the sockets."""


@runtime_checkable
class HasRejects(Protocol):
    """A connector whose source can hold rows that can't be read."""

    @property
    def rejects(self) -> list[str]:
        """What was left out or replaced, a sentence for each kind of fault."""

    def write_rejects(self, folder: Path) -> list[Path]:
        """Write these rows below *folder*, and return the files.

        Returns:
            A file for each source that had such rows; none where all were taken.
        """


@runtime_checkable
class HasProbes(Protocol):
    """A connector that can test on the user's own account what is assumed of its platform."""

    name: str

    def probe(self, *, address: str, watch: Watch) -> Generator[tuple[str, ProbeResult], None, None]:
        """Yield what became of each assumption that an account can be asked about, by its number.

        Args:
            address: Of the test contact that it may make, use and remove, as a tag or list; "": it only reads.
            watch: Shown each answer before the result that rests on it.

        Yields:
            Number of the assumption, and its result.
        """

    def production(self) -> str:
        """Return why this may be no test account, in a sentence; "" where the platform says that it is one.

        Returns:
            A sentence, or "".
        """
