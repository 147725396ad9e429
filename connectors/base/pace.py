"""The pace of a connector: the limits of its spec as budgets of the transport."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

from connectors.connector import Connection
from connectors.transport import RateHeaders, RateWindow, SeveralWindows, Slots, account_book
from connectors.transport.rate_limits import Budget

CONNECTIONS = 4

Window = Mapping[str, Any]
"""A `connectors.spec.WindowSpec` as the manifest has it."""


def budgets_of(connection: Connection, base_url: str) -> Mapping[str, Budget]:
    """Return the pace by lane, which is the endpoint where the spec has ``windows``, and else "".

    Args:
        connection: With the spec: ``windows``, else ``limits.requests`` in ``limits.seconds``, else
            ``limits.connections`` at a time.
        base_url: Of the account.
    """
    if connection.manifest["windows"]:
        return _Windows(connection, base_url)
    limits, share = connection.manifest["limits"], _share(connection)
    if "requests" in limits:
        book = account_book(connection, base_url, connection.secret, "requests")
        headers = RateHeaders(**connection.manifest["rate_headers"])
        return {"": RateWindow(limits["requests"], limits.get("seconds", 1), book=book, share=share, headers=headers)}
    book = account_book(connection, base_url, connection.secret, "connections")
    return {"": Slots(limits.get("connections", CONNECTIONS), book=book, share=share)}


def _share(connection: Connection) -> float:
    share: float = connection.manifest["limits"].get("service_percent", 0) / 100
    return share


def windows_of(windows: Sequence[Window], endpoint: str) -> list[tuple[str, Window]]:
    """Return the windows that count an endpoint, each with a name that tells it from others.

    Args:
        windows: Of the spec.
        endpoint: "METHOD path".
    """
    named = [(number, window) for number, window in enumerate(windows) if endpoint in window["endpoints"]]
    usual = ((number, window) for number, window in enumerate(windows) if not window["endpoints"])
    return [
        (f"{number} {endpoint}" if window["apart"] else str(number), window) for number, window in named or list(usual)
    ]


def seconds_in_windows(windows: Sequence[Window], requests: Mapping[str, int]) -> float:
    """Return the least time that requests take.

    Args:
        windows: Of the spec.
        requests: Number by endpoint.

    Returns:
        Seconds of the window that is the last to let all of its requests through.
    """
    counts: dict[str, int] = {}
    pace: dict[str, float] = {}
    for endpoint, number in requests.items():
        for name, window in windows_of(windows, endpoint):
            counts[name] = counts.get(name, 0) + number
            pace[name] = window["seconds"] / window["requests"]
    return max((number * pace[name] for name, number in counts.items()), default=0.0)


class _Windows(Mapping[str, Budget]):
    """The windows of each endpoint, made when somebody asks it for the first time."""

    def __init__(self, connection: Connection, base_url: str) -> None:
        self._connection, self._base_url = connection, base_url
        self._paces: dict[str, SeveralWindows] = {}
        self._made: dict[str, RateWindow] = {}
        self._lock = Lock()

    def __getitem__(self, endpoint: str) -> Budget:
        with self._lock:
            if endpoint not in self._paces:
                known = windows_of(self._connection.manifest["windows"], endpoint)
                longest = max(window["seconds"] for _, window in known)
                made = [self._window(name, window, is_longest=window["seconds"] == longest) for name, window in known]
                self._paces[endpoint] = SeveralWindows(made)
            return self._paces[endpoint]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paces)

    def __len__(self) -> int:
        return len(self._paces)

    def _window(self, name: str, window: Window, *, is_longest: bool) -> RateWindow:
        """A window; what the platform's headers tell is about the longest one."""
        if name not in self._made:
            lane = re.sub(r"\W+", "-", name)
            self._made[name] = RateWindow(
                window["requests"],
                window["seconds"],
                book=account_book(self._connection, self._base_url, self._connection.secret, lane),
                share=_share(self._connection),
                headers=RateHeaders(**self._connection.manifest["rate_headers"]) if is_longest else RateHeaders(),
            )
        return self._made[name]
