"""Which tests need a socket or another process: `make quick` runs all others. A guard keeps the list true."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PLATFORMS = frozenset({
    "sandbox", "platforms", "looped", "served", "hubspot_door", "door", "receiver", "looped_moment", "ready_moment",
})  # fmt: skip
"""Fixtures that serve the local platforms, or what they were asked for."""

NEEDS_MORE = re.compile(
    r"\bsubprocess\.|\bSandbox\(|\bsandbox\.server\b|\bsocket\.socket\b|\bmultiprocessing\b|\bwebhook_torture\b"
)
"""In a test module: all of its tests are taken to need a socket or a process."""


class _Guard:
    shut: str = ""  # the test that may open no socket and start no process


def needs_more(item: pytest.Item) -> bool:
    """Tell whether a test asks for a local platform, or stands in a file that opens sockets or starts processes."""
    return bool(PLATFORMS.intersection(getattr(item, "fixturenames", ()))) or _file_needs_more(item.path)


@functools.cache
def _file_needs_more(path: Path) -> bool:
    return bool(NEEDS_MORE.search(path.read_text("utf-8")))


@contextmanager
def running(item: pytest.Item) -> Iterator[None]:
    """While *item* runs, let it open sockets and start processes only if it is marked ``outside``."""
    _Guard.shut = "" if item.get_closest_marker("outside") else item.nodeid
    try:
        yield
    finally:
        _Guard.shut = ""


def check(deed: str) -> None:
    """Fail where a test that is not marked does what only a marked one may do."""
    if _Guard.shut:
        pytest.fail(f"{_Guard.shut} {deed}: mark it with @pytest.mark.outside, so that `make quick` leaves it out")


def guarded(function: Callable[..., Any], deed: str) -> Callable[..., Any]:
    """Return *function* behind `check`."""

    @functools.wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        check(deed)
        return function(*arguments, **named)

    return checked
