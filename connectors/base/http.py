"""JSON over HTTP for a connector: hosts, pace, retries, refusals and secrets as its spec says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from connectors.base.pace import CONNECTIONS, budgets_of
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
from connectors.transport import Call, Transport
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
        self._paced = bool(spec["windows"])
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
