"""What a law is given: a connector of a platform that a test may do anything to, with a proxy between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from connectors.connector import Connection, Connector
from connectors.events import Delivery
from connectors.records import MEMBER, Change, FieldDefinition, Outcome, Page
from connectors.secret import Secret
from connectors.spec import ConnectorSpec
from connectors.testing.proxy import FaultyProxy

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "kit"
GROUPS = ("buyers", "walkers")
SMALL = {"page": 5, "batch": 4}  # limits in their place, where the spec has them: few contacts are many pages


class Stand(Protocol):
    """A platform that a test may do anything to: a local one, or a real server. Its author writes it.

    Attributes:
        spec: Of the connector.
        factory: The connector's entry point.
        base_url: Of the platform: http, on this machine.
        secret: The key or token that it takes.
        settings: Of the connection, without its secret and ``base_url``.
        text_property: A property that contacts have there, and that holds text.
    """

    spec: ConnectorSpec
    factory: Callable[[Connection], Connector]
    base_url: str
    secret: str
    settings: Mapping[str, str]
    text_property: str

    def add(self, email: str, *, text: str = "") -> str:
        """Add a subscribed contact whose `text_property` shows *text*, and return its id."""

    def edit(self, key: str, name: str, value: str) -> None:
        """Set a field of a contact, as somebody else does."""

    def opt_out(self, key: str) -> None:
        """Unsubscribe a contact."""

    def delete(self, key: str) -> None:
        """Delete a contact for good."""

    def enter(self, key: str, group: str) -> None:
        """Put a contact into a tag or list (its full name), as somebody else does. Only where there are groups."""

    def shows(self, key: str) -> Mapping[str, str]:
        """Return the fields of a contact that are not empty, as text."""

    def groups(self, key: str) -> Collection[str]:
        """Return the full names of the tags or lists of a contact."""

    def subscribed(self, key: str) -> bool:
        """Tell whether a contact may get mail."""

    def count(self) -> int:
        """Return how many contacts there are."""

    def delivery(self, key: str) -> Delivery:
        """Return a signed delivery that tells of a change of a contact, as it arrives. Only where there are events."""


@dataclass
class Kit:
    """A stand with a proxy before it.

    Attributes:
        waits: Seconds that the connector wanted to wait; nobody waits.
        opened: Connectors to be closed.
    """

    stand: Stand
    proxy: FaultyProxy
    waits: list[float] = field(default_factory=list)
    opened: list[Connector] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        """What the full names of our groups begin with."""
        return self.stand.spec.group_prefix

    @property
    def own(self) -> str:
        """A text field of ours."""
        return next(f.name for f in self.stand.spec.fields if f.type == "text" and not f.optional)

    def connect(self, *, secret: str | None = None, base_url: str = "", mapped: Sequence[str] = ()) -> Connector:
        """Return a new connector that asks through the proxy."""
        spec = self.stand.spec
        small = {name: size for name, size in SMALL.items() if name in spec.limits}
        manifest = {**spec.as_mapping(), "limits": {**spec.limits, **small}}
        ours = [declared for declared in spec.fields if not declared.optional]
        connector = self.stand.factory(
            Connection(
                NAME,
                {**self.stand.settings, "base_url": base_url or self.proxy.url},
                manifest,
                secret=Secret(self.stand.secret if secret is None else secret),
                mapped=(self.stand.text_property, *mapped),
                groups=GROUPS if spec.capabilities.groups != "none" else (),
                owned=tuple(declared.name for declared in ours),
                kinds={declared.name: declared.type for declared in ours},
            )
        )
        self._never_wait(connector)
        self.opened.append(connector)
        return connector

    def _never_wait(self, connector: Connector) -> None:
        """Let waits be noted instead of waited for; a connector without our transport waits."""
        holder: Any = getattr(connector, "client", connector)
        transport = getattr(holder, "transport", None) or getattr(holder, "_transport", None)
        if transport is not None:
            transport.wait = self.waits.append

    def ready(self) -> Connector:
        """Return a connector whose fields and groups are there."""
        connector = self.connect()
        for step in connector.missing(self.definitions(), self.group_names()):
            connector.create(step)
        return connector

    def definitions(self) -> list[FieldDefinition]:
        """Our fields, as `setup` would make them."""
        choice = (("rita", "Rita"), ("unclassified", "Unclassified"))
        return [
            FieldDefinition(f.name, f.label, f.type, choice if f.type == "enumeration" else ())
            for f in self.stand.spec.fields
            if not f.optional
        ]

    def group_names(self) -> tuple[str, ...]:
        """Our groups, where there are any."""
        return GROUPS if self.stand.spec.capabilities.groups != "none" else ()

    def people(self, count: int) -> list[str]:
        """Add some people, and return their ids."""
        return [self.stand.add(f"person{n}@people.test", text=f"number {n}") for n in range(count)]

    def read(
        self, connector: Connector, cursor: Mapping[str, str] | None = None, known: Collection[str] = ()
    ) -> ContactsRead:
        """ContactsRead all contacts from a cursor; *known* are those who were active before."""
        import pyarrow as pa  # noqa: PLC0415

        def answer(states: Collection[str]) -> pa.Array:
            return pa.array(sorted(known) if "active" in states else [], pa.string())

        return ContactsRead(list(connector.read("contacts", cursor or {}, answer)))

    def change(self, key: str, value: str | None, *, before: str | None = None, name: str = "") -> Change:
        """Return a change of a field of ours."""
        return Change(NAME, key, f"p-{key}", self.address(key), "field", name or self.own, before, value)

    def move(self, key: str, group: str = GROUPS[0], *, enter: bool = True) -> Change:
        """Return a change of a group of ours."""
        before, after = (None, MEMBER) if enter else (MEMBER, None)
        return Change(NAME, key, f"p-{key}", self.address(key), "group", group, before, after)

    def address(self, key: str) -> str | None:
        """Return a contact's address, as a plan would carry it."""
        table = self.connect().fetch([key], []).contacts
        return next((row["email"] for row in table.to_pylist() if row["email"]), None)

    def write(self, connector: Connector, *changes: Change) -> list[Outcome]:
        """Push changes, and return all outcomes."""
        return [outcome for batch in connector.push(changes) for outcome in batch]

    def close(self) -> None:
        """Close every connector."""
        for connector in self.opened:
            connector.close()


@dataclass(frozen=True)
class ContactsRead:
    """What a reading of contacts yielded."""

    pages: Sequence[Page]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Rows of contacts, in order."""
        return [row for page in self.pages if page.table == "contacts" for row in page.rows.to_pylist()]

    @property
    def active(self) -> dict[str, dict[str, Any]]:
        """The last row of each contact that is active, by id."""
        last = {row["platform_id"]: row for row in self.rows}
        return {key: row for key, row in last.items() if row["state"] == "active"}

    @property
    def gone(self) -> set[str]:
        """Ids of contacts that are told to be gone."""
        last = {row["platform_id"]: row["state"] for row in self.rows}
        return {key for key, state in last.items() if state in {"deleted", "archived"}}

    @property
    def cursor(self) -> Mapping[str, str]:
        """The cursor of the last page."""
        cursor = self.pages[-1].cursor
        assert cursor is not None, "the last page carries no cursor"  # noqa: S101 - it is a law
        return cursor

    def told(self, key: str) -> dict[str, Any]:
        """Return the properties of a contact."""
        known: dict[str, Any] = json.loads(self.active[key]["properties"])
        return known
