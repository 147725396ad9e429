"""Rubbish in files is found with counts, an example and a fix, never a crash; mostly impossible data do not decide."""

from datetime import timedelta
from pathlib import Path

import pytest

from sync.assign.job import assign
from sync.breach import GuardrailError
from sync.clock import now
from sync.monitor.quality import judge_quality
from sync.pull.job import pull
from sync.session import open_session

pytestmark = pytest.mark.slow

SETTINGS = """
[workspace]
name = "Rubbish"
[connections.shop]
connector = "files"
contacts = "contacts.csv"
orders = "orders.csv"
[traits.points]
connection = "shop"
property = "points"
type = "number"
"""
SEGMENTS = '[[segments]]\nname = "buyers"\nrule = "days_since_order < 90"\n'
CONTACTS = """id,email,created_at,consent,points
1,a@people.test,2024-01-01,subscribed,12
2,b@people.test,2024-01-01,subscribed,many
3,c@people.test,0001-01-01,subscribed,
"""


def workspace(folder: Path, orders: str) -> Path:
    for name, text in {
        "personasync.toml": SETTINGS,
        "segments.toml": SEGMENTS,
        "personas.toml": "",
        "contacts.csv": CONTACTS,
        "orders.csv": f"id,email,at,amount,currency\n{orders}",
    }.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.mark.long
def test_rubbish_in_files_is_found_with_counts_and_mends(tmp_path: Path) -> None:
    ahead = f"{now() + timedelta(days=900):%Y-%m-%d}"
    rows = f"o1,a@people.test,{now():%Y-%m-%d},-5,EUR\no2,b@people.test,{ahead},10,EUR\n"
    rows += "o3,b@people.test,2026-01-01,lots,EUR\n"
    with open_session(workspace(tmp_path, rows), now=now, environment={}) as session:
        rejects = pull(session).rejects
        assign(session, as_of=session.now())
        judged = judge_quality(session)

    assert [line.split(":")[0] for line in rejects] == ["orders.csv, row 4"]
    assert [(fault.table, fault.rows, fault.example[:4]) for fault in judged.faults] == [
        ("contacts", 1, "0001"),
        ("orders", 1, ahead[:4]),
        ("contacts", 1, "many"),
    ]
    assert judged.light == "amber"
    assert all(fault.fix for fault in judged.faults)


@pytest.mark.long
def test_a_deciding_trait_that_is_mostly_impossible_stops_the_assign(tmp_path: Path) -> None:
    rows = "o1,a@people.test,0001-01-01,5,EUR\no2,b@people.test,0001-01-01,5,EUR\n"
    with open_session(workspace(tmp_path, rows), now=now, environment={}) as session:
        pull(session)
        with pytest.raises(
            GuardrailError, match=r"days_since_order is used for assignment, and 100% .*--override trait_quality"
        ):
            assign(session, as_of=session.now())
        assert judge_quality(session).light == "red"
        assert assign(session, as_of=session.now(), override=frozenset({"trait_quality"})).persons == 3
