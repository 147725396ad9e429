"""Rows go by age, what is left is what reports count, and no experiment loses what it is judged by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from connectors.errors import FixSettingsError
from connectors.records import ENGAGEMENTS, email_key
from sync.consent.erased_people import KEY, hasher
from sync.control.erasures import Erased
from sync.erasure.retention import apply_retention, refuse_short_retention
from sync.ops.doctor import examine
from sync.session import Session
from tests.sync.conftest import Platforms, edit

NOW = datetime.now(UTC)
RUNNING = """
[experiments.spring]
arms = { control = 0.5, personal = 0.5 }
salt = "s"
begins = 2020-01-01T00:00:00+00:00
"""


def opens(days: list[int]) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {"connection": "email", "event_id": str(day), "kind": "open", "at": NOW - timedelta(days=day)} for day in days
    ]
    full = [{**dict.fromkeys(ENGAGEMENTS.columns.names), **row} for row in rows]
    return pa.Table.from_pylist(full, schema=ENGAGEMENTS.columns)


def keep(session: Session, platforms: Platforms, text: str) -> None:
    edit(platforms, "[workspace]", f"[retention]\n{text}\n\n[workspace]")
    session.reload()


def test_rows_older_than_their_days_are_deleted(session: Session, platforms: Platforms) -> None:
    session.warehouse.append(ENGAGEMENTS.name, opens([1, 29, 31, 400]), recorded_at=NOW)
    keep(session, platforms, "engagements = 30")

    deleted = apply_retention(session)

    left = session.warehouse.current(ENGAGEMENTS.name).to_pyarrow()["event_id"].to_pylist()
    assert (deleted, sorted(left)) == ({"engagements": 2}, ["1", "29"])
    assert apply_retention(session) == {}
    shown = [finding.message for _, finding in examine(session) if finding.check == "retention"]
    assert shown == ["Deleted by `run` when older: engagements 30 days."]


def test_hashes_of_erased_people_go_by_age_and_with_the_last_one_their_key(
    session: Session, platforms: Platforms
) -> None:
    hashes = hasher(session.workspace.state_dir, make=True)
    key = session.workspace.state_dir / KEY
    for days, address in ((100, "ada@people.test"), (10, "bob@people.test")):
        at = NOW - timedelta(days=days)
        keys = hashes.digest(email_key(address)), hashes.objection(email_key(address))
        session.control.erasures.remember(Erased(digest, address[:3], at) for digest in keys)
    kept = apply_retention(session), session.control.erasures.count()
    keep(session, platforms, "erased = 30")
    first = apply_retention(session), session.control.erasures.count(), key.exists()
    edit(platforms, "erased = 30", "erased = 5")
    session.reload()

    assert kept == ({}, 2)
    assert first == ({"hashes of erased people": 2}, 1, True)
    assert apply_retention(session) == {"hashes of erased people": 2}
    assert (session.control.erasures.count(), key.exists()) == (0, False)


def test_without_a_setting_everything_is_kept(session: Session) -> None:
    session.warehouse.append(ENGAGEMENTS.name, opens([4000]), recorded_at=NOW)

    assert apply_retention(session) == {}
    assert session.warehouse.current(ENGAGEMENTS.name).count().to_pyarrow().as_py() == 1


def test_a_retention_that_is_shorter_than_a_running_experiment_is_an_error(
    session: Session, platforms: Platforms
) -> None:
    (platforms.folder / "experiments.toml").write_text(RUNNING, "utf-8")
    keep(session, platforms, "deliveries = 90")

    with pytest.raises(FixSettingsError, match=r"deliveries = 90 deletes .* 'spring' .* began on 2020-01-01") as caught:
        refuse_short_retention(session)

    assert "Set it to" in caught.value.fix
    assert any(finding.check == "retention" and finding.state == "fail" for _, finding in examine(session))
