"""Backup and restore of a workspace: settings, control store, warehouse, plans, reports, models, in one file.

Each store is copied as a commit left it, the control store first: what it knows is in the warehouse that is copied
after it. So a backup is what a kill between two steps leaves, from which the next command goes on. It has no secrets.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from connectors.errors import FixSettingsError, TryLaterError, reason_of
from sync.control.seal import in_use
from sync.control.upgrade import copy_store
from sync.warehouse.damage import FILE, warehouse_held
from sync.warehouse.embedded_file import COPIES, copied
from sync.workspace.definition_files import MAIN, PERSONAS, SEGMENTS
from sync.workspace.experiments import EXPERIMENTS
from sync.workspace.settings import BUDGETS, STATE, Workspace

FORMAT = 1
CONTENTS = "backup.json"  # the first entry of the file: what follows, with a digest of each
CONTROL = "control.db"
SETTINGS = (MAIN, SEGMENTS, PERSONAS, EXPERIMENTS)
LEFT_OUT = (CONTROL, FILE, "statements.json")
ENDS_LEFT_OUT = (".part", "_signing_secret")  # what `setup` keeps for [serve]
FOLDERS_LEFT_OUT = (COPIES, BUDGETS, "before-", "damaged-", "figures")
AT_ONCE = 1 << 20
BROKEN = "It is damaged, or no backup of personasync. Nothing was changed."


@dataclass(frozen=True, slots=True)
class Saved:
    """A backup that was written. `outside`: stores that are elsewhere, and are not in it."""

    path: Path
    files: int
    bytes: int
    outside: tuple[str, ...] = ()


@dataclass(slots=True)
class Restored:
    """What was restored.

    Attributes:
        files: How many files.
        made_at: When the backup was made, UTC.
        set_aside: Where the state that was there before lies now; None: there was none.
        settings_kept: Settings files that were there already, and differ from those of the backup: they stay.
    """

    files: int
    made_at: datetime
    set_aside: Path | None = None
    settings_kept: list[str] = field(default_factory=list)


def backup(workspace: Workspace, out: Path, now: datetime) -> Saved:
    """Write a backup of *workspace* to *out*, while other commands may run. The file appears whole or not at all.

    Args:
        workspace: The checked workspace.
        out: A new file; its folder is made if it is missing.
        now: UTC; kept in the backup.

    Returns:
        What was written. Stores that are not files of the workspace are named, and not in it.

    Raises:
        FixSettingsError: *out* is there already, or can't be written.
        TryLaterError: The warehouse is written to so much that it can't be copied.
    """
    if out.exists():
        raise FixSettingsError(f"{out} exists already.", fix="Choose another name: a backup never overwrites a file.")
    out.parent.mkdir(parents=True, exist_ok=True)
    state, outside = workspace.state_dir, _outside(workspace)
    with (
        tempfile.TemporaryDirectory(dir=out.parent, prefix=".backup-") as folder,
        _stores(workspace, Path(folder)) as stores,
    ):
        files = {**_settings(workspace.directory), **_kept(state), **stores}
        listed = {name: {"bytes": path.stat().st_size, "sha256": _digest(path)} for name, path in files.items()}
        header = {
            "personasync_backup": FORMAT,
            "version": version("personasync"),
            "workspace": workspace.name,
            "made_at": now.isoformat(),
            "outside": outside,
            "files": listed,
        }
        unfinished = Path(folder) / "backup.tar.gz"
        _write(unfinished, header, files)
        unfinished.replace(out)
    return Saved(out, len(files), out.stat().st_size, tuple(outside))


def _outside(workspace: Workspace) -> list[str]:
    stores = {
        "control store": workspace.state_url.reveal().startswith("sqlite"),
        "warehouse": workspace.engine.reveal() == "duckdb",
    }
    return [name for name, ours in stores.items() if not ours]


@contextmanager
def _stores(workspace: Workspace, folder: Path) -> Iterator[dict[str, Path]]:
    """Copies of both stores by their names in the backup; the control store first, see the module."""
    state, outside, stores = workspace.state_dir, _outside(workspace), {}
    if "control store" not in outside and (state / CONTROL).exists():
        stores[f"{STATE}/{CONTROL}"] = folder / CONTROL
        copy_store(state / CONTROL, folder / CONTROL)
    if "warehouse" in outside or not (state / FILE).exists():
        yield stores
        return
    with copied(state / FILE) as copy:
        if copy is None:
            raise warehouse_held()
        stores[f"{STATE}/{FILE}"] = copy
        log = copy.with_name(copy.name + ".wal")
        if log.exists():
            stores[f"{STATE}/{log.name}"] = log
        yield stores


def _settings(directory: Path) -> dict[str, Path]:
    return {name: directory / name for name in SETTINGS if (directory / name).is_file()}


def _kept(state: Path) -> dict[str, Path]:
    """The files of the state directory beside the stores; what can be made again, and secrets, are left out."""
    files = {}
    for path in sorted(state.rglob("*")):
        inner = path.relative_to(state)
        passed = inner.parts[0].startswith(FOLDERS_LEFT_OUT) or path.name.endswith(ENDS_LEFT_OUT)
        if passed or inner.parts[0].startswith(LEFT_OUT) or not path.is_file() or path.is_symlink():
            continue
        files[f"{STATE}/{inner.as_posix()}"] = path
    return files


def _write(path: Path, header: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    with (
        path.open("xb") as out,
        gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=3, mtime=0) as thin,
        tarfile.open(fileobj=thin, mode="w") as packed,
    ):
        text = json.dumps(header, indent=1).encode()
        packed.addfile(_entry(CONTENTS, len(text)), io.BytesIO(text))
        for name, file in files.items():
            with file.open("rb") as content:
                size = header["files"][name]["bytes"]
                packed.addfile(_entry(name, size), content)
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()


def restore_backup(file: Path, directory: Path, *, stamp: str) -> Restored:
    """Put a backup in place of the state of the workspace in *directory*.

    All of the backup is unpacked and compared with its digests before anything moves. The state that is there is moved
    aside, not deleted; settings files that are there stay.

    Args:
        file: What `backup` wrote.
        directory: The workspace's folder; made if it is missing.
        stamp: Ends the name of the folder for the state that is there.

    Returns:
        What was restored, and where the state of before lies now.

    Raises:
        FixSettingsError: *file* is damaged, no backup, or of a newer version.
        TryLaterError: Another command uses the workspace.
    """
    state = directory / STATE
    directory.mkdir(parents=True, exist_ok=True)
    if in_use(state / CONTROL):
        raise TryLaterError("Another personasync command is using this workspace.", fix="Stop it, then try again.")
    with tempfile.TemporaryDirectory(dir=directory, prefix=".restore-") as folder:
        header = _unpacked(file, Path(folder))
        unpacked = Path(folder) / STATE
        unpacked.mkdir(exist_ok=True)
        done = Restored(len(header["files"]), datetime.fromisoformat(header["made_at"]))
        if state.exists():
            done.set_aside = directory / f"{STATE}-before-restore-{stamp}"
            state.rename(done.set_aside)
        unpacked.rename(state)
        for name in SETTINGS:
            given, there = Path(folder) / name, directory / name
            if not given.exists():
                continue
            if not there.exists():
                given.rename(there)
            elif there.read_bytes() != given.read_bytes():
                done.settings_kept.append(name)
    return done


def _unpacked(file: Path, folder: Path) -> dict[str, Any]:
    try:
        with gzip.open(file) as thin:  # to the end, where the checksum of all stands: tarfile stops before it
            while thin.read(AT_ONCE):
                pass
        with gzip.open(file) as thin, tarfile.open(fileobj=thin, mode="r:") as packed:
            return _extract(packed, folder, file)
    except FileNotFoundError as error:
        raise FixSettingsError(f"There is no file {file}.", fix="Check the path.") from error
    except OSError as error:
        if error.filename is not None:
            raise
        raise FixSettingsError(f"{file} can't be restored: {reason_of(error)}. {BROKEN}", fix=ANOTHER) from error
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
        raise FixSettingsError(f"{file} can't be restored: {reason_of(error)}. {BROKEN}", fix=ANOTHER) from error


ANOTHER = "Use another backup."


def _extract(packed: tarfile.TarFile, folder: Path, file: Path) -> dict[str, Any]:
    first = packed.next()
    if first is None or first.name != CONTENTS:
        raise ValueError("it has no list of contents")
    header: dict[str, Any] = json.loads(_read(packed, first))
    if header["personasync_backup"] > FORMAT:
        raise FixSettingsError(f"{file} was made by a newer version of personasync.", fix="Install that version.")
    listed, seen = dict(header["files"]), set()
    while (entry := packed.next()) is not None:
        wanted = listed[entry.name]  # nothing is written that the list does not name
        place = folder / PurePosixPath(entry.name)
        if ".." in place.parts or PurePosixPath(entry.name).is_absolute() or not entry.isreg():
            raise ValueError(f"{entry.name} is no file of a workspace")
        place.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        source = packed.extractfile(entry)
        with place.open("xb") as target:
            while source is not None and (piece := source.read(AT_ONCE)):
                digest.update(piece)
                size += target.write(piece)
        if size != wanted["bytes"] or digest.hexdigest() != wanted["sha256"]:
            raise ValueError(f"{entry.name} is not what was saved")
        seen.add(entry.name)
    if missing := listed.keys() - seen:
        raise ValueError(f"{min(missing)} is missing")
    return header


def _read(packed: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    content = packed.extractfile(entry)
    return content.read() if content is not None else b""
