"""Answers without an end, in time or in size, on real sockets."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from connectors.connector import Traffic
from connectors.errors import ContractError, PersonasyncError, PlatformDownError
from connectors.secret import Secret
from connectors.transport import Call, Slots, Transport, bounded
from connectors.transport import transport as sending

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def platform(*answers: tuple[bytes, float]) -> Iterator[tuple[str, list[int]]]:
    """Answer each request alike: with these bytes, each a byte at a time with a pause between two; 0: at once."""
    asked: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stopping = threading.Event()

        def answer(client: socket.socket) -> None:
            with client:
                try:
                    while not client.recv(65536).endswith(b"\r\n\r\n"):
                        pass
                    asked.append(1)
                    for data, pause in answers:
                        parts = [data] if not pause else [data[n : n + 1] for n in range(len(data))]
                        for part in parts:
                            client.sendall(part)
                            if stopping.wait(pause):
                                return
                except OSError:
                    return  # it has hung up

        def serve() -> None:
            while not stopping.is_set():
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(client,), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        finally:
            stopping.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def transport(url: str, **more: Any) -> Transport:
    given: dict[str, Any] = {"hosts": (), "auth": Secret("key"), "budgets": {"": Slots(2)}, "connections": 2, **more}
    return Transport(base_url=url, translate=lambda _: None, traffic=Traffic(), wait=lambda _: None, **given)


def error_of(url: str, **more: Any) -> PersonasyncError:
    asking = transport(url)
    try:
        with pytest.raises(PersonasyncError) as raised:
            asking.send(Call("GET", f"{url}/contacts", "contacts", **more))
    finally:
        asking.close()
    return raised.value


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tenths of seconds in place of seconds."""
    monkeypatch.setattr(bounded, "GRACE", 0.2)
    monkeypatch.setattr(sending, "PATIENCE", 0.3)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "answers",
    [
        [(HEAD + b"X-Long: " + b"x" * 5000, 0.02)],
        [(HEAD + b"Content-Length: 5000\r\n\r\n", 0), (b" " * 5000, 0.02)],
        [(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", 0), (b"1\r\n \r\n" * 5000, 0.02)],
        [(b"H", 0), (b"", 0), (b"TTP/1.1 200 OK\r\n" + b"x" * 5000, 0.15)],
    ],
    ids=["headers", "body", "chunks", "few bytes"],
)
def test_a_byte_now_and_then_keeps_no_request_for_ever(answers: list[tuple[bytes, float]]) -> None:
    began = time.monotonic()
    with platform(*answers) as (url, asked):
        error = error_of(url)

    assert isinstance(error, PlatformDownError)
    assert "timed out" in str(error)
    assert len(asked) < sending.ATTEMPTS
    assert time.monotonic() - began < 5


@pytest.mark.usefixtures("hurried")
def test_an_answer_that_flows_may_take_longer_than_one_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "SLOWEST", 1000.0)
    body = b'"' + b"x" * 998 + b'"'
    halves = [(body[:500], 0.0), (b"", 0.0), (body[500:510], 0.03), (body[510:], 0.0)]
    with platform((HEAD + b"Content-Length: 1000\r\n\r\n", 0), *halves) as (url, _):
        asking = transport(url)

        assert asking.json(Call("GET", f"{url}/contacts", "contacts")) == "x" * 998
        asking.close()


@pytest.mark.parametrize("public", [False, True])
def test_a_small_packed_answer_that_holds_a_thousand_times_as_much_is_not_unpacked(
    monkeypatch: pytest.MonkeyPatch, *, public: bool
) -> None:
    monkeypatch.setattr(sending, "MOST_BYTES", 2**20)
    monkeypatch.setattr(sending, "MOST_FILE_BYTES", 2**20)
    packed = gzip.compress(b"[" + b" " * 2**26 + b"]", 9)
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with platform((head, 0), (packed, 0)) as (url, asked):
        tracemalloc.start()
        try:
            error = error_of(url, public=public)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert isinstance(error, ContractError)
    assert "GET contacts returned more than 1 MiB" in str(error)
    assert len(asked) == 1
    assert len(packed) < 300_000
    assert most < 2**24
