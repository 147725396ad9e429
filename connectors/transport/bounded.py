"""Answers that come to an end: each has so many seconds for the bytes that it brings, and may bring so many.

The time-out of a socket counts from one byte to the next: a server that sends a byte a second keeps a request for ever.
Packed answers tell nothing of their size: a megabyte of gzip can hold a thousand.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from connectors.errors import ContractError

GRACE = 20.0  # seconds for an answer, once its first byte is there: what platforms need for headers and a page
SLOWEST = 20_000.0  # bytes a second: a file of 20 MB may take a quarter of an hour
MOST_BYTES = 64 * 2**20  # of a decoded answer; the largest pages of both platforms have some megabytes
MOST_FILE_BYTES = 256 * 2**20  # of a file of results, or of ids: ten million take half of it
CHUNK = 2**16
LARGER = "Report it: no answer of this size is known."


class _Paced(io.RawIOBase):
    """The bytes of one answer; who asks for them after their time is up gets a `TimeoutError`."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, clock: Callable[[], float] = time.monotonic) -> None:
        self._raw, self._sock, self._clock = raw, sock, clock
        self._usual, self._began, self._received = sock.gettimeout(), 0.0, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there; wait for the first byte as long as the socket allows."""
        if self._received:
            left = self._began + GRACE + self._received / SLOWEST - self._clock()
            if left <= 0:
                raise TimeoutError("the response is too slow")
            self._sock.settimeout(left if self._usual is None else min(left, self._usual))
        count = self._raw.readinto(buffer)
        if not self._received:
            self._began = self._clock()
        self._received += count or 0
        return count

    def close(self) -> None:
        """Give back the socket's file."""
        if not self.closed:
            self._raw.close()
        super().close()


class _PacedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        raw: Any = self.fp.detach()
        self.fp = io.BufferedReader(_Paced(raw, sock))


class _PacedConnection(HTTPConnection):
    response_class = _PacedResponse


class _PacedSecureConnection(HTTPSConnection):
    response_class = _PacedResponse


class _PacedPool(HTTPConnectionPool):
    ConnectionCls = _PacedConnection


class _PacedSecurePool(HTTPSConnectionPool):
    ConnectionCls = _PacedSecureConnection


class BoundedAdapter(HTTPAdapter):
    """Pooled connections whose answers come within their time."""

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        """Make the pools."""
        super().init_poolmanager(*arguments, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _PacedPool, "https": _PacedSecurePool}


def read_body(response: requests.Response, *, most: int, asked: str) -> None:
    """Read an answer's body, which was asked for with ``stream=True``, so that `requests.Response.content` has it.

    Args:
        response: Whose body was not read.
        most: Bytes that it may have when it is unpacked.
        asked: Method and path, for the message.

    Raises:
        ContractError: It has more.
        requests.RequestException: It did not come, or not in its time.
    """
    if vars(response)["_content"] is not False:  # somebody has read it
        return
    parts, size = list[bytes](), 0
    for part in response.iter_content(CHUNK):
        size += len(part)
        if size > most:
            response.close()  # what else comes is not read, so the connection is of no more use
            reason = f"{asked} returned more than {most // 2**20:,} MiB."
            raise ContractError(reason, fix=LARGER)
        parts.append(part)
    response._content = b"".join(parts)  # noqa: SLF001 - requests itself knows no limit
