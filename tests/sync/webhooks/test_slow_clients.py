"""Whoever keeps the service waiting loses the connection, and nobody else notices."""

from __future__ import annotations

import socket

import pytest

from sync.webhooks import limits, server
from tests.sync.webhooks.conftest import Served


def test_a_head_that_never_ends_costs_its_connection(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
    host, port = served.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as slow:
        slow.sendall(b"POST /webhooks/hubspot HTTP/1.1\r\nHost: a\r\n")

        assert slow.recv(100) == b""


def test_slow_clients_do_not_keep_real_ones_waiting(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 20)
    host, port = served.address.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port)), timeout=10) for _ in range(60)]
    for client in slow:
        client.sendall(b"POST /web")

    assert served.hubspot([served.created("1")]).status_code == 200
    for client in slow:
        client.close()


def test_a_body_that_drips_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits.body_of, "__kwdefaults__", {"seconds": 0.2})
    host, port = served.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as slow:
        slow.sendall(b"POST /webhooks/hubspot HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n[")

        assert slow.recv(100).startswith(b"HTTP/1.1 408")
