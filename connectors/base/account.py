"""An account of a platform: how it is asked, looked at and paced, and what its deliveries say, all as the spec says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from connectors.base.deliveries import events_of, scheme_of
from connectors.base.http import JsonClient, at_own_site
from connectors.base.pace import CONNECTIONS, seconds_in_windows
from connectors.base.reading import optional_at
from connectors.connector import Connection, Traffic
from connectors.errors import ContractError, CredentialError, PersonasyncError
from connectors.events import Delivery, PlatformEvent
from connectors.records import Finding
from connectors.secret import Secret
from connectors.transport import ReadsAnswers, in_order

Item = TypeVar("Item")
Result = TypeVar("Result")


class DeclaredAccount(ReadsAnswers):
    """What a connector has of its spec alone.

    Attributes:
        client: The platform's API, as the spec says.
    """

    def __init__(self, connection: Connection) -> None:
        spec = connection.manifest
        if spec["secret"] and not connection.secret:
            raise CredentialError(
                f"[connections.{connection.name}] has no {spec['secret']}.", fix=f"Add {spec['secret']} there."
            )
        self.name, self.connection = connection.name, connection
        self.limits: Mapping[str, int] = spec["limits"]
        self._can: Mapping[str, Any] = spec["capabilities"]
        self.client = self._opened()

    def _opened(self) -> JsonClient:
        spec, at_site = self.connection.manifest, self.connection.manifest["api"]["path"]
        headers = {name: text.format(api_version=spec["api_version"]) for name, text in spec["api"]["headers"].items()}
        asked = at_own_site(self.connection, at_site) if at_site else self.connection
        return JsonClient(asked, auth=self._auth, auth_header=spec["api"]["auth_header"], headers=headers)

    def _auth(self) -> Secret:
        """What proves who we are, made anew for each request; the spec's ``api.auth``, unless a subclass makes it."""
        form: str = self.connection.manifest["api"]["auth"]
        return Secret(form.format(secret=self.connection.secret.reveal()))

    @property
    def traffic(self) -> Traffic:
        """Requests that were sent."""
        return self.client.traffic

    def each(self, ask: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield what *ask* returns for each item, in order, with as many requests at a time as the spec allows.

        Args:
            ask: Asks the platform; called in other threads.
            items: Of which there may be many.

        Yields:
            As many results as items.
        """
        return in_order(ask, items, workers=self.limits.get("connections", CONNECTIONS))

    def check(self) -> list[Finding]:
        """Ask what the spec's ``[[checks]]`` name, or for a page of contacts.

        Returns:
            Whether the account is open to us, and its name.
        """
        spec, named = self.connection.manifest, list[str]()
        try:
            for check in spec["checks"]:
                answer = self.client.get(check["get"], check["query"])
                named += [str(optional_at(answer, check["named"]) or "")] if check["named"] else []
            if not spec["checks"]:
                self._ask()
        except PersonasyncError as error:
            return [Finding("credentials", "fail", error.what, error.fix)]
        whose = f" ({', '.join(named)})" if any(named) else ""
        words = spec["secret"].replace("_", " ")
        return [Finding("credentials", "ok", f"{spec['title']} accepts the {words}{whose}.")]

    def now(self) -> datetime:
        """Return the platform's clock, UTC; where no answer has told it yet, the first of the spec's checks is asked.

        Returns:
            Whole seconds, as the Date header of an answer says.
        """
        with suppress(ContractError):
            return self.client.transport.present()
        self._ask()
        return self.client.transport.present()

    def _ask(self) -> None:
        """Ask for something small: the first of the spec's checks, else a page of contacts."""
        if checks := self.connection.manifest["checks"]:
            self.client.get(checks[0]["get"], checks[0]["query"])
        else:
            self._first_page()

    def _first_page(self) -> None:
        raise NotImplementedError

    def seconds_for(self, requests: Mapping[str, int]) -> float:
        """Return the time of *requests* at the spec's ``windows``, or ``limits.requests`` in ``limits.seconds``.

        Returns:
            Seconds; 0 where the spec names no such limit.
        """
        if windows := self.connection.manifest["windows"]:
            return seconds_in_windows(windows, requests)
        most = self.limits.get("requests", 0)
        return sum(requests.values()) / most * self.limits.get("seconds", 1) if most else 0.0

    # -- events, where the class has `webhooks` and `register` too: `connectors.events.EventSource` ----------------
    @staticmethod
    def verify(delivery: Delivery) -> bool:
        """Accept a delivery that is signed as the spec's ``[deliveries.signature]`` says; see `EventSource`.

        Returns:
            Whether the signature holds the time.

        Raises:
            SignatureError: Whatever is wrong.
        """
        return scheme_of(delivery).check(delivery)

    @staticmethod
    def parse(delivery: Delivery) -> Sequence[PlatformEvent]:
        """Return the events about contacts, as the spec's ``[deliveries.events]`` finds them; see `EventSource`.

        Returns:
            None of other objects.

        Raises:
            MalformedError: The body is none of the platform's.
        """
        return events_of(delivery)

    def close(self) -> None:
        """Give back the sockets."""
        self.client.close()
