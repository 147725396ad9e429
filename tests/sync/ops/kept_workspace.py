"""A small workspace of files that has been through pull, assign and report: what backups and damage are tried on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sync.assign.job import assign
from sync.pull.job import pull
from sync.session import open_session

MAIN = """\
[workspace]
name = "Kept"
[connections.shop]
connector = "files"
contacts = "contacts.csv"
[traits.kind]
connection = "shop"
property = "kind"
[holdout]
share = 0.5
salt = "kept"
"""
SEGMENTS = '[[segments]]\nname = "tea"\nrule = "kind = \'tea\'"\n'
PEOPLE = 40
NOW = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)


def make_kept(folder: Path) -> Path:
    """Write the files, and have everybody read and assigned."""
    rows = [f"{n},p{n}@people.test,{'tea' if n % 2 else 'rum'},subscribed" for n in range(PEOPLE)]
    files = {"contacts.csv": "\n".join(["id,email,kind,consent", *rows]) + "\n", "personasync.toml": MAIN}
    for name, text in (files | {"segments.toml": SEGMENTS, "personas.toml": ""}).items():
        (folder / name).write_text(text, "utf-8")
    pull_and_assign(folder)
    return folder


def pull_and_assign(folder: Path) -> None:
    """Read everybody and assign them."""
    with open_session(folder, now=lambda: NOW, environment={}, healing=("warehouse",)) as session:
        pull(session)
        assign(session, as_of=session.now())


def facts(folder: Path) -> dict[str, object]:
    """Who is who, who is in which segment and variant."""
    with open_session(folder, now=lambda: NOW, environment={}) as session:
        tables = {name: session.warehouse.current(name).to_pyarrow().to_pylist() for name in ("assignments", "arms")}
        return {
            "links": session.control.links.mapping(),
            "segments": {row["person_id"]: row["segment"] for row in tables["assignments"]},
            "arms": {row["person_id"]: row["arm"] for row in tables["arms"]},
        }
