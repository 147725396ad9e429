"""A flipped byte in a control store that nobody has open is noticed, wherever it is; a kill is no damage."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connectors.errors import FixSettingsError
from sync.clock import now
from sync.control import seal, upgrade
from sync.control.reading import ReadableControl, open_read_control
from sync.control.store import Control, open_control
from sync.control.upgrade import copy_store
from tests.sync.consent.test_by_purpose import PURPOSES, Shop


def opened(folder: Path) -> Control:
    return open_control(address(folder), now=now)


def looked_at(folder: Path) -> ReadableControl:
    return open_read_control(address(folder), now=now)


def address(folder: Path) -> str:
    return f"sqlite:///{folder / 'control.db'}"


def write_some(folder: Path) -> bytes:
    control = opened(folder)
    for _ in range(50):
        control.runs.finish(control.runs.begin("pull"), "done", {"rows": 7})
    control.close()
    return (folder / "control.db").read_bytes()


@pytest.mark.parametrize("opening", [opened, looked_at])
def test_each_flipped_byte_is_noticed(tmp_path: Path, opening: Callable[[Path], ReadableControl]) -> None:
    whole, chance = write_some(tmp_path), random.Random(20261130)  # noqa: S311 - places to harm
    seal = (tmp_path / "control.db.seal").read_bytes()
    for _ in range(40):
        broken = bytearray(whole)
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        (tmp_path / "control.db").write_bytes(broken)
        (tmp_path / "control.db.seal").write_bytes(seal)
        with pytest.raises(FixSettingsError, match=r"control\.db is damaged.*personasync rebuild"):
            opening(tmp_path)
    (tmp_path / "control.db").write_bytes(whole)
    (tmp_path / "control.db.seal").write_bytes(seal)
    opened(tmp_path).close()


@pytest.mark.parametrize("size", [0, 1, 100, 4096, 30_000])
def test_a_store_that_was_cut_is_noticed(tmp_path: Path, size: int) -> None:
    write_some(tmp_path)
    os.truncate(tmp_path / "control.db", size)

    with pytest.raises(FixSettingsError, match=r"control\.db is damaged"):
        opened(tmp_path)


def test_a_killed_command_leaves_no_damage(tmp_path: Path) -> None:
    write_some(tmp_path)
    code = (
        "import os, sys; from sync.control.store import open_control; from sync.clock import now; "
        "control = open_control(sys.argv[1], now=now); control.runs.begin('pull'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, f"sqlite:///{tmp_path / 'control.db'}"], check=False)
    assert not (tmp_path / "control.db.seal").exists()
    control = opened(tmp_path)
    newest = control.runs.latest()
    control.close()

    assert newest is not None
    assert newest.state == "running"
    assert (tmp_path / "control.db.seal").exists()


def test_who_closes_while_another_has_it_open_writes_no_checksum(tmp_path: Path) -> None:
    write_some(tmp_path)
    first, second = opened(tmp_path), opened(tmp_path)
    second.runs.begin("status")
    second.close()
    assert not (tmp_path / "control.db.seal").exists()
    first.runs.begin("pull")
    first.close()
    opened(tmp_path).close()


def test_an_older_store_is_kept_before_its_tables_change(tmp_path: Path) -> None:
    write_some(tmp_path)
    make_older(tmp_path)
    opened(tmp_path).close()

    with closing(sqlite3.connect(tmp_path / "before-upgrade" / "control-0007.db")) as older:
        assert older.execute("SELECT version_num FROM alembic_version").fetchall() == [("0007",)]
        assert older.execute("SELECT count(*) FROM run").fetchone() == (50,)


def test_nobody_else_upgrades_a_store_while_its_copy_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy of a store that another process was changing was a disk error, or no copy of the older store."""
    write_some(tmp_path)
    make_older(tmp_path)
    refused: list[str] = []

    def copying(file: Path, copy: Path) -> None:
        with closing(sqlite3.connect(file, timeout=0)) as other, pytest.raises(sqlite3.OperationalError) as error:
            other.execute("BEGIN IMMEDIATE")
        refused.append(str(error.value))
        copy_store(file, copy)

    monkeypatch.setattr(upgrade, "copy_store", copying)
    opened(tmp_path).close()
    opened(tmp_path).close()

    assert refused == ["database is locked"]


def make_older(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "control.db")) as store:
        later = ("probed", "objection", "erased", "erasure_job", "written_file", "link_past", "alert", "notice")
        for table in (*later, "service_decision"):
            store.execute(f"DROP TABLE {table}")
        store.execute("UPDATE alembic_version SET version_num = '0007'")
        store.commit()
    (folder / "control.db.seal").unlink()


@pytest.mark.long
def test_a_large_store_is_whole_after_a_command_without_the_warehouse_wrote_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever only looks compares no large file and leaves its checksum; `object` writes, and must renew it."""
    shop = Shop(tmp_path / "shop", capsys, PURPOSES)
    assert shop("pull")[0] == 4  # an answer that nobody understands
    monkeypatch.setattr(seal, "QUICK_BYTES", 1)

    assert [shop(*command)[0] for command in (["status"], ["object", "cid@people.test"], ["history"])] == [0, 0, 0]
    assert shop("assign")[0] == 0


def test_a_command_that_writes_while_another_compares_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checksum was read; then another process opened the store, wrote to it and ended."""
    write_some(tmp_path)
    code = (
        "import sys; from sync.control.store import open_control; from sync.clock import now; "
        "control = open_control(sys.argv[1], now=now); control.runs.begin('pull'); control.close()"
    )

    def after_another(path: Path) -> dict[str, int]:
        if (tmp_path / "control.db.seal").exists():
            subprocess.run([sys.executable, "-c", code, f"sqlite:///{path}"], check=True)
        return plain(path)

    plain = seal.checksum
    monkeypatch.setattr(seal, "checksum", after_another)
    control = opened(tmp_path)
    newest = control.runs.latest()
    control.close()

    assert newest is not None
    assert newest.command == "pull"
