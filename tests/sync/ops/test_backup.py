"""A backup is whole and can be restored; one that is damaged changes nothing; a lost control store can be rebuilt."""

from __future__ import annotations

import random
import shutil
import stat
import threading
from pathlib import Path

import pytest

from connectors.errors import FixSettingsError, TryLaterError
from sync.control.store import open_control
from sync.ops.backup import backup, restore_backup
from sync.ops.rebuild import rebuild, set_aside
from sync.session import open_session
from sync.workspace.settings import load_workspace
from tests.sync.ops.kept_workspace import NOW, facts, make_kept, pull_and_assign

pytestmark = pytest.mark.slow  # each test runs several commands


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_kept(tmp_path_factory.mktemp("made"))


@pytest.fixture
def kept(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "kept"))


def test_a_backup_restores_what_was_there(kept: Path, tmp_path: Path) -> None:
    (kept / ".personasync" / "mailchimp_signing_secret").write_text("s3cret", "utf-8")
    before = facts(kept)
    saved = backup(load_workspace(kept), tmp_path / "saved.tar.gz", NOW)
    elsewhere = restore_backup(saved.path, tmp_path / "elsewhere", stamp="1")
    shutil.copy(kept / "contacts.csv", tmp_path / "elsewhere")
    here = restore_backup(saved.path, kept, stamp="2")

    assert facts(tmp_path / "elsewhere") == facts(kept) == before
    assert (elsewhere.set_aside, here.set_aside) == (None, kept / ".personasync-before-restore-2")
    assert not list(tmp_path.glob("elsewhere/**/mailchimp_signing_secret"))
    assert {
        stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (saved.path, *(tmp_path / "elsewhere").rglob("*"))
    } == {0}
    with pytest.raises(FixSettingsError, match="exists already"):
        backup(load_workspace(kept), saved.path, NOW)


@pytest.mark.long
def test_backups_while_others_write_can_all_be_used(kept: Path, tmp_path: Path) -> None:
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            pull_and_assign(kept)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        paths = [backup(load_workspace(kept), tmp_path / f"{number}.tar.gz", NOW).path for number in range(3)]
    finally:
        ended.set()
        writing.join()
    for path in paths:
        folder = tmp_path / path.name.partition(".")[0]
        restore_backup(path, folder, stamp="1")
        shutil.copy(kept / "contacts.csv", folder)
        pull_and_assign(folder)
        assert facts(folder) == facts(kept)


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "text", "missing"])
def test_a_damaged_backup_changes_nothing(kept: Path, tmp_path: Path, harm: str) -> None:
    path = backup(load_workspace(kept), tmp_path / "saved.tar.gz", NOW).path
    content, chance = bytearray(path.read_bytes()), random.Random(harm)  # noqa: S311 - a place to harm
    before = sorted(kept.rglob("*"))
    for _ in range(1 if harm in {"empty", "text", "missing"} else 12):
        broken = bytearray(content)
        if harm == "flip":
            broken[chance.randrange(10, len(broken))] ^= 1 << chance.randrange(8)
        given = {"cut": broken[: chance.randrange(len(broken))], "empty": b"", "text": b"letter", "flip": broken}
        path.unlink(missing_ok=True)
        if harm != "missing":
            path.write_bytes(bytes(given[harm]))
        try:
            restore_backup(path, kept, stamp="1")
        except FixSettingsError as error:
            assert "saved.tar.gz" in str(error)  # noqa: PT017 - a flip that packs the same content harms nothing
        else:
            assert harm == "flip"
            shutil.rmtree(kept / ".personasync-before-restore-1")
            before = sorted(kept.rglob("*"))

    assert sorted(kept.rglob("*")) == before


@pytest.mark.long
def test_nothing_is_restored_under_a_running_command(kept: Path, tmp_path: Path) -> None:
    path = backup(load_workspace(kept), tmp_path / "saved.tar.gz", NOW).path
    with (
        open_session(kept, now=lambda: NOW, environment={}),
        pytest.raises(TryLaterError, match="Another personasync command"),
    ):
        restore_backup(path, kept, stamp="1")


@pytest.mark.long
def test_a_lost_control_store_is_told_and_rebuilt_with_the_same_people(kept: Path) -> None:
    before = facts(kept)
    set_aside(kept / ".personasync")
    for _ in range(2):  # the second time there is a new, empty one
        with pytest.raises(FixSettingsError, match=r"control store control\.db is lost.*personasync rebuild"):
            pull_and_assign(kept)
    with open_session(kept, now=lambda: NOW, environment={}, healing=("control",)) as session:
        done = rebuild(session)
    pull_and_assign(kept)

    assert (facts(kept), done.fresh) == (before, 0)
    with (
        open_session(kept, now=lambda: NOW, environment={}, healing=("control",)) as session,
        pytest.raises(FixSettingsError, match="is not lost"),
    ):
        rebuild(session)


def test_a_lost_warehouse_is_told_and_read_again_by_pull(kept: Path) -> None:
    before = facts(kept)
    (kept / ".personasync" / "warehouse.duckdb").unlink()
    with pytest.raises(FixSettingsError, match=r"warehouse warehouse\.duckdb is lost.*Past assignments"):
        facts(kept)
    pull_and_assign(kept)

    assert facts(kept) == before


@pytest.mark.long
def test_stores_of_two_workspaces_do_not_go_together(kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    make_kept(other)
    shutil.copy(other / ".personasync" / "warehouse.duckdb", kept / ".personasync")

    with pytest.raises(FixSettingsError, match="belongs to another workspace"):
        facts(kept)


@pytest.mark.long
def test_a_command_that_was_killed_before_the_warehouse_was_there_looks_like_no_loss(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    make_kept(folder)
    url = load_workspace(folder).state_url.reveal()
    set_aside(folder / ".personasync")
    (folder / ".personasync" / "warehouse.duckdb").unlink()
    control = open_control(url, now=lambda: NOW)
    control.stamp.set("1234")
    control.close()
    pull_and_assign(folder)

    assert len(facts(folder)["segments"]) == 40  # type: ignore[arg-type]
