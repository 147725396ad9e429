"""A small share of `make torture-webhooks`; `make days-part` runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.webhook_torture import torture

pytestmark = pytest.mark.torture


def test_nothing_is_lost_or_done_twice_when_server_and_worker_are_killed(tmp_path: Path) -> None:
    result = torture(tmp_path / "workspace", deliveries=400, kills=2, contacts=20)

    assert result.sound, result
    assert result.delivered == 400
