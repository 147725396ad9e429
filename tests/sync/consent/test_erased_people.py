"""A new consent of an erased person is told by its time, which platforms round down to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from connectors.records import CONTACTS, platform_key
from sync.consent.erased_people import ErasedPeople, hasher
from sync.control.erasures import Erased
from sync.control.store import open_control

ERASED_AT = datetime(2026, 11, 30, 9, 0, 0, 700_000, tzinfo=UTC)
SECOND = ERASED_AT.replace(microsecond=0)


@pytest.mark.parametrize(
    ("shown", "created_at", "updated_at", "kept"),
    [
        ("unsubscribed", SECOND - timedelta(days=9), SECOND, 1),
        ("unsubscribed", SECOND - timedelta(days=9), SECOND - timedelta(seconds=1), 0),
        ("", SECOND, SECOND + timedelta(days=1), 0),
        ("", SECOND + timedelta(seconds=1), SECOND + timedelta(seconds=1), 1),
    ],
)
def test_a_subscription_in_the_second_of_the_erasure_is_new_where_the_record_had_shown_another_consent(
    tmp_path: Path, shown: str, created_at: datetime, updated_at: datetime, kept: int
) -> None:
    control = open_control(f"sqlite:///{tmp_path / 'control.db'}", now=lambda: ERASED_AT)
    digest = hasher(tmp_path, make=True).digest(platform_key("email", "7"))
    control.erasures.remember([Erased(digest, "1", ERASED_AT, shown)])
    row = dict.fromkeys(CONTACTS.columns.names) | {
        "connection": "email",
        "platform_id": "7",
        "email": "ada@people.test",
        "state": "active",
        "consent": "subscribed",
        "created_at": created_at,
        "updated_at": updated_at,
    }
    page = pa.Table.from_pylist([row], schema=CONTACTS.columns)

    assert ErasedPeople(control, tmp_path).without(CONTACTS.name, page).num_rows == kept
    control.close()
