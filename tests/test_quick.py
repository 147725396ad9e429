"""`make quick` runs no test that opens a socket or starts a process, and tells whoever forgot to say so."""

from __future__ import annotations

import os
import sys
from socket import socket as Socket  # noqa: N812 - tests/quick.py takes the usual name for a socket in use

import pytest

MARK_IT = r"mark it with @pytest.mark.outside"


def test_a_quick_test_that_opens_a_socket_fails_and_says_how_to_mark_it() -> None:
    with (
        Socket() as client,
        pytest.raises(pytest.fail.Exception, match=f"test_a_quick_test_that_opens.* opened a socket: {MARK_IT}"),
    ):
        client.connect(("127.0.0.1", 9))


def test_a_quick_test_that_starts_a_process_fails_and_says_how_to_mark_it() -> None:
    with pytest.raises(pytest.fail.Exception, match=f"started a process: {MARK_IT}"):
        os.popen(sys.executable)  # noqa: S605 - it does not come to it
