"""JSON over HTTP for a connector: hosts, pace, retries, refusals and secrets as its spec says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import requests

from connectors.base.pace import CONNECTIONS, budgets_of
from connectors.base.reading import optional_at
from connectors.connector import Connection, Traffic
from connectors.errors import (
    CredentialError,
    FixSettingsError,
    MissingScopeError,
    NotFoundError,
    PersonasyncError,
    RejectedError,
)
from connectors.secret import Secret
from connectors.transport import Call, Transport, entries, pages
from connectors.transport.answers import object_of

SAID = ("message", "detail", "error", "title", "errors", "context")
LONGEST_WORDS = 300


class JsonClient:
    """A platform's API, as JSON over HTTP.

    Args:
        connection: What the connector was told.
        auth: The header that proves who we are, or what makes it anew for each request.
        auth_header: Name of that header.
        base_url: In place of the setting ``base_url``, and of the spec's.
        headers: Sent with each request.

    Attributes:
        transport: Below; it knows the platform's time.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        auth: Secret | Callable[[], Secret],
        auth_header: str = "Authorization",
        base_url: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        spec, address = connection.manifest, base_url or connection.settings.get("base_url", "")
        self._title, self._headers = spec["title"], dict(headers or {})
        self._paced, self._paging = bool(spec["windows"]), spec["paging"]
        self.traffic = Traffic()
        self.transport = Transport(
            base_url=address or spec["base_url"],
            hosts=spec["hosts"],
            download_hosts=spec["download_hosts"],
            auth=auth,
            auth_header=auth_header,
            budgets=budgets_of(connection, address or spec["base_url"]),
            translate=self._refusal,
            traffic=self.traffic,
            connections=spec["limits"].get("connections", CONNECTIONS),
        )

    def get(self, path: str, params: Mapping[str, Any] | None = None, **names: str) -> Any:
        """Return the decoded answer to a GET of *path*; ``{name}`` in it stands for one of *names*.

        Args:
            path: Below the base URL.
            params: The query.
            names: What stands in the path.

        Returns:
            Decoded JSON.
        """
        return self.send("GET", path, None, params, repeatable=True, **names)

    def find(self, path: str, params: Mapping[str, Any] | None = None, **names: str) -> Any:
        """Ask with a GET, as `get` does, for what may not be there.

        Args:
            path: As of `get`.
            params: As of `get`.
            names: As of `get`.

        Returns:
            The decoded answer; None where the platform finds nothing there.
        """
        with suppress(NotFoundError):
            return self.get(path, params, **names)
        return None

    def send(
        self,
        method: str,
        path: str,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = True,
        **names: str,
    ) -> Any:
        """Return the decoded answer to a request; everything but a GET counts as a write.

        Args:
            method: Such as "PATCH".
            path: Below the base URL; ``{name}`` stands for one of *names*, quoted.
            json: The body.
            params: The query.
            repeatable: Whether it may be sent again where nobody knows if it took effect.
            names: What stands in the path.

        Returns:
            Decoded JSON; {} for an empty answer.

        Raises:
            PersonasyncError: One of `connectors.errors`.
        """
        spelt = re.sub(r"\{(\w+)\}", lambda match: quote(names[match[1]], safe=""), path)
        call = Call(
            method,
            f"{self.transport.base_url}/{spelt.lstrip('/')}",
            path.strip("/"),
            params=params,
            json=json,
            headers=self._headers,
            write=method != "GET",
            repeatable=repeatable,
            lane=f"{method} {path.strip('/')}" if self._paced else "",
        )
        return self.transport.json(call)

    def listed(
        self,
        path: str,
        key: str,
        query: Mapping[str, Any] | None = None,
        *,
        size: int | None = None,
        optional: bool = False,
        **names: str,
    ) -> Iterator[dict[str, Any]]:
        """Yield every entry of a list, page by page, as the spec's ``[paging]`` says.

        Args:
            path: Below the base URL.
            key: Under which an answer has its list.
            query: Of each page.
            size: Entries of a page; None: as many as the platform likes.
            optional: Whether the platform leaves an empty list out.
            names: What stands in the path.

        Raises:
            ContractError: An answer has no list of objects there.
            PlatformDownError: A page comes again and again in the place of the next one.
        """
        for answer in self.pages(path, key, query, size=size, optional=optional, **names):
            yield from entries(answer, key, optional=optional)

    def pages(
        self,
        path: str,
        key: str,
        query: Mapping[str, Any] | None = None,
        *,
        size: int | None = None,
        optional: bool = False,
        **names: str,
    ) -> Iterator[Any]:
        """Yield every page of a list.

        Args:
            path: As of `listed`, like what follows.
            key: Where the entries stand.
            query: Parameters.
            size: Entries of a page.
            optional: Whether the list may be missing.
            names: What stands in the path.

        Yields:
            Decoded answers.
        """
        place, sized = self._paging["place"], {self._paging["size"]: size} if size else {}

        def ask(cursor: str | None) -> Any:
            start = "0" if cursor is None and not self._paging["next"] else cursor
            return self.get(path, {**(query or {}), **sized, place: start}, **names)

        def following(answer: Any, cursor: str | None) -> str | None:
            if self._paging["next"]:
                return place_of_next(answer, self._paging)
            shown = len(entries(answer, key, optional=optional))
            return None if not size or shown < size else str(int(cursor or 0) + size)

        yield from pages(
            ask,
            following,
            entries=lambda answer: entries(answer, key, optional=optional),
            what=f"{self._title}'s {path}",
        )

    def close(self) -> None:
        """Give back the sockets."""
        self.transport.close()

    def _refusal(self, response: requests.Response) -> PersonasyncError | None:
        status, body = response.status_code, object_of(response)
        words = _words(body) or f"HTTP {status}"
        asked = f"{response.request.method} {(response.request.path_url or '').partition('?')[0]}"
        if status == 401:  # noqa: PLR2004
            return CredentialError(f"{self._title} rejected the credentials.", fix="Make new ones there.")
        if status == 403:  # noqa: PLR2004
            return MissingScopeError(f"{self._title} does not allow {asked}: {words}.", scopes=())
        if status == 404:  # noqa: PLR2004
            return NotFoundError(f"{self._title} found nothing at {asked}: {words}")
        if 400 <= status < 500 and status not in {408, 425, 429}:  # noqa: PLR2004
            code = str(body.get("code") or body.get("type") or f"http_{status}")
            return RejectedError(f"{self._title} refused: {words}", status=status, code=code, body=body)
        return None


def place_of_next(answer: Any, paging: Mapping[str, Any]) -> str | None:
    """Return where the next page of a list begins.

    Args:
        answer: Decoded.
        paging: The spec's, which says where an answer tells it.

    Returns:
        What the parameter is next, out of an address where the answer has one; None: this was the last page.
    """
    place = optional_at(answer, paging["next"])
    if isinstance(place, str) and "://" in place:
        return parse_qs(urlsplit(place).query)[paging["place"]][0]
    return None if place is None else str(place)


def at_own_site(connection: Connection, path: str) -> Connection:
    """Return *connection* for a server that its owner runs: requests may go to the host of the setting ``site`` too.

    Args:
        connection: Its setting ``base_url`` goes first, and is held against the spec's hosts alone.
        path: Of the API below the site.

    Returns:
        The connection with its ``base_url``, and its host among those of the spec.

    Raises:
        FixSettingsError: Neither of both settings is there.
    """
    settings, site = dict(connection.settings), connection.settings.get("site", "").rstrip("/")
    if settings.get("base_url"):
        return connection
    if not site:
        raise FixSettingsError(
            f"[connections.{connection.name}] has no `site`.", fix='Add its address: site = "https://...".'
        )
    settings["base_url"] = f"{site}/{path}"
    hosts = (*connection.manifest["hosts"], urlsplit(site).hostname or "")
    return replace(connection, settings=settings, manifest={**connection.manifest, "hosts": hosts})


def _words(body: Mapping[str, Any]) -> str:
    """What a refusal says, however the platform calls it."""
    said: Any = next((body[key] for key in SAID if body.get(key) and body[key] is not True), "")
    if isinstance(said, list):
        said = "; ".join(_words(part) if isinstance(part, dict) else str(part) for part in said)
    if isinstance(said, dict):
        said = _words(said) or str(said)
    return str(said)[:LONGEST_WORDS].rstrip(".")
