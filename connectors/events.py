"""Events that a platform sends: a delivery as it came, what a connector reads in it, and the protocols of both."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from connectors.connector import NO_SECRET, Webhook
from connectors.errors import SignatureError
from connectors.limits import TEXT_BYTES
from connectors.secret import Secret

Headers = Collection[tuple[bytes, bytes]]
"""As an ASGI server gives them: names in lower case, each as often as it came."""


class MalformedError(Exception):
    """A body that is none of the platform's; the message says why, without repeating it."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request that says where it comes from, and has not shown it yet.

    Attributes:
        method: As it came, ``POST``.
        url: The whole public address with its query, as the platform knows it, byte by byte.
        body: The raw bytes.
        secret: What [serve] names for this connector; `NO_SECRET` where it names none.
        now: UTC.
        connections: The connections that it may be about, with their settings (secrets are references).
        spec: The connector's own, as `connectors.connector.Connection` carries it.
    """

    method: str
    url: str = field(repr=False)  # a part of it may be a secret
    headers: Headers
    body: bytes
    now: datetime
    secret: Secret = NO_SECRET
    connections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> list[str]:
        """Every secret with which it may be signed: one a webhook, apart by white space.

        Raises:
            SignatureError: There is none.
        """
        secrets = self.secret.reveal().split()
        if not secrets:
            raise SignatureError("no secret is set to verify the signature", reason="secret")
        return secrets

    def header(self, name: str) -> bytes | None:
        """Return a header; None where it did not come.

        Returns:
            Its bytes, as they were sent.

        Raises:
            SignatureError: It came several times.
        """
        return one_header(self.headers, name.lower().encode())


def one_header(headers: Headers, name: bytes) -> bytes | None:
    """Return the value of a header.

    Args:
        headers: All of them.
        name: In lower case.

    Returns:
        Its bytes; None where it did not come.

    Raises:
        SignatureError: It came several times, and nobody can say which one counts.
    """
    values = [value for key, value in headers if key == name]
    if len(values) > 1:
        raise SignatureError(f"{name.decode()} occurs {len(values)} times", reason="malformed")
    return values[0] if values else None


@dataclass(frozen=True, slots=True)
class PlatformEvent:
    """Something that happened to a contact.

    Attributes:
        id: What tells it from every other event of the connection, and is the same each time it is delivered.
        kind: The platform's word: ``member.edited``.
        at: UTC, as the platform says, else of the delivery; it only puts the events of a contact in order.
        ids: Platform ids of the contacts that it is about, the one in use first.
        addresses: Normalised addresses of the same contacts; at least one of both is there.
        changed: New values of the properties that it tells of, by name; empty: it tells none.
        means: "values": nothing but the values in `changed` is another; "gone": the contact was deleted, and may come
            back; "erased": it was deleted for good, on a person's request; "": anything else.
        connection: Which one it is about, of several in `Delivery.connections`; "": there is one only.
        account: The platform's number of the account that it is about; "": the event does not tell. An app that several
            accounts installed sends the events of all to one address, signed with one secret (`NumberedAccount`).
    """

    id: str
    kind: str
    at: datetime
    ids: Sequence[str] = ()
    addresses: Sequence[str] = ()
    changed: Mapping[str, str] = field(default_factory=dict)
    means: Literal["", "values", "gone", "erased"] = ""
    connection: str = ""
    account: str = ""


def event_json(body: bytes) -> Any:
    """Return the JSON that a body holds.

    Returns:
        Values as `json.loads` makes them.

    Raises:
        MalformedError: It is none, or holds half a character, which no store can keep.
    """
    try:
        document = json.loads(body)
        if b"\\u" in body:
            json.dumps(document, ensure_ascii=False).encode()  # half a character, written as an escape
    except (ValueError, RecursionError) as error:  # a text that is no UTF-8 is a ValueError too
        raise MalformedError("the body is not JSON") from error
    return document


def short_text(value: Any) -> str:
    """Return a value that an event tells as text.

    Returns:
        As much of it as a text field may hold; "" for none.
    """
    return "" if value is None else str(value).encode("utf-8", "replace").decode()[:TEXT_BYTES]


@runtime_checkable
class EventSource(Protocol):
    """Tells what happens on the platform.

    `verify` and `parse` are asked of the connector's class: what takes deliveries opens no account and has no token.
    """

    @staticmethod
    def verify(delivery: Delivery) -> bool:
        """Return once it is certain that the platform sent *delivery*.

        Returns:
            Whether its signature holds the time, so that nobody can send it again later. From the first such delivery
            on, those without are refused.

        Raises:
            SignatureError: Whatever is wrong.
        """

    @staticmethod
    def parse(delivery: Delivery) -> Sequence[PlatformEvent]:
        """Return the events about contacts that a verified delivery holds.

        Returns:
            One for each; events about anything else are left out.

        Raises:
            MalformedError: The body is none of the platform's.
        """

    def webhooks(self) -> Sequence[Webhook] | None:
        """Return where the account sends events.

        Returns:
            Every webhook, ours and others'; None where the platform tells nobody.
        """

    def register(self, webhook: Webhook) -> Secret:
        """Let the account send events to us, and return the secret with which it signs them.

        Returns:
            `NO_SECRET` where deliveries are not signed, or with a secret that people chose or copied.

        Raises:
            RejectedError: Nobody answers at that address, or the platform will not have it.
        """


@runtime_checkable
class NumberedAccount(Protocol):
    """Knows the number of its account, which events tell as well: those of another account are nobody's here."""

    def account_number(self) -> str:
        """Return the number.

        Returns:
            As events have it; "" where the platform does not tell it to this token.
        """


@dataclass(frozen=True, slots=True)
class ActionAnswer:
    """What a step of the platform's own workflows is answered with."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class ActionSource(Protocol):
    """Has workflows of its own, which can call us for a contact's persona; asked of the class, as `EventSource`."""

    @staticmethod
    def verify_action(delivery: Delivery) -> bool:
        """Return once it is certain that the platform sent the call.

        Returns:
            As `EventSource.verify`.
        """

    @staticmethod
    def parse_action(delivery: Delivery) -> PlatformEvent:
        """Return whom a verified call is about; each call is an event of its own.

        Returns:
            An event without changed values.

        Raises:
            MalformedError: The body is none of the platform's.
        """

    @staticmethod
    def action_answer(values: Mapping[str, str] | None) -> ActionAnswer:
        """Return the answer.

        Args:
            values: ``persona``, ``segment`` and ``confidence``, each "" where there is none; None: it is not decided
                yet, and the platform is asked to come again.
        """


@dataclass(frozen=True, slots=True)
class WebhookApp:
    """The app that somebody uploads so that the platform tells us.

    Attributes:
        name, title, description: Of the plugin.
        spec: The connector's own, as `connectors.connector.Connection` carries it.
        webhook_url: Where events go.
        action_url: What workflows call.
        properties: Properties that the workspace's traits read.
    """

    name: str
    title: str
    description: str
    spec: Mapping[str, Any]
    webhook_url: str
    action_url: str
    properties: Sequence[str] = ()


@runtime_checkable
class AppProject(Protocol):
    """Registers its webhooks by the files of an app, which a person uploads (the spec's ``deliveries.project``)."""

    @staticmethod
    def app_files(app: WebhookApp) -> Mapping[str, Mapping[str, Any]]:
        """Return the JSON documents of the app, by their paths within its folder.

        Returns:
            Path -> document; none where the platform knows no app files.
        """
