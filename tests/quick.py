"""Which tests need a socket or another process: `make quick` runs all others. A guard keeps the list true."""

from __future__ import annotations

import functools
import re
import threading
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


COUNTS_CORES = ["lscpu", "--parse=core"]
"""What scikit-learn's k-means starts, once in a process."""


class _Guard:
    shut: str = ""  # the test that may open no socket and start no process
    others: frozenset[threading.Thread] = frozenset()  # of fixtures that outlive their tests, such as a service


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
    _Guard.others = frozenset(threading.enumerate()) - {threading.current_thread()}
    try:
        yield
    finally:
        _Guard.shut = ""


def check(deed: str) -> None:
    """Fail where a test that is not marked does what only a marked one may do."""
    if _Guard.shut and threading.current_thread() not in _Guard.others:
        pytest.fail(f"{_Guard.shut} {deed}: mark it with @pytest.mark.outside, so that `make quick` leaves it out")


def guarded(function: Callable[..., Any], deed: str) -> Callable[..., Any]:
    """Return a method behind `check`."""

    @functools.wraps(function)
    def checked(this: Any, *arguments: Any, **named: Any) -> Any:
        if not (arguments and arguments[0] == COUNTS_CORES):
            check(deed)
        return function(this, *arguments, **named)

    return checked
