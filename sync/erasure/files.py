"""Erased people in files: plans, reports, rejects, proposals, exports, previews and what else lies in a workspace.

Files that personasync wrote are cleaned: a row or a line goes, and where a file has none (a page, a sheet), the file.
Files of other people are never changed: which of them name somebody is told, with the line.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from connectors.errors import FixSettingsError
from sync.control.erasures import scrubbed
from sync.erasure.traces import Traces
from sync.workspace.plan_lines import FORMAT, digest_of_lines

STORES = re.compile(r"^(warehouse\.duckdb|control\.db|erasure\.key)")
MADE_OF_MANY = ("models", "tools", "schemas")  # of our folder: they name nobody, and their digests stay
BY_LINE = (".log", ".txt", ".jsonl")
NOBODY = b"erased@erased.invalid"
COPIES_OF_STORES = ("before-upgrade", "damaged-", "figures")  # folders of the state; figures show examples
BACKUP, SET_ASIDE = ".tar.gz", ".personasync-before-restore-*"
PROPOSALS = "proposals"  # of the workspace: who was in which proposed segment
LARGEST = 512 * 1024 * 1024  # bytes of a file that is looked through
SKIPPED = {".git", ".venv", "node_modules", "__pycache__"}


@dataclass(slots=True)
class CleanedFiles:
    """What became of files.

    Attributes:
        cleaned: Ours, of which rows or lines were deleted.
        deleted: Ours, which named somebody and have no rows: they can be written again.
        left: Of others: path and line, in sentences.
        copies: Backups, and states that a restore moved aside: they hold whom they held.
    """

    cleaned: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)


def clean_files(
    folder: Path, state_dir: Path, written: Collection[Path], traces: Traces, *, store: Path | None = None
) -> CleanedFiles:
    """Take erased people out of every file of ours; done again, it finds nothing more.

    Args:
        folder: The workspace.
        state_dir: Its ``.personasync``.
        written: Files that commands wrote elsewhere.
        traces: Who is erased.
        store: The control store's file, which is erased in another way, and may have any name; None: a server has it.
    """
    done, names = CleanedFiles(), traces.names()
    if not names:
        return done
    _drop_copies(folder, state_dir, written, done)
    finder = re.compile(b"|".join(re.escape(name.encode()) for name in sorted(names)))
    ours = {path.resolve() for path in written}
    for path in sorted({*_files(folder), *_files(state_dir), *(path for path in ours if path.is_file())}):
        if store is not None and path.name.startswith(store.name) and path.parent.resolve() == store.parent:
            continue  # also its log and its seal; reading the file here would drop the locks that SQLite has on it
        mine = path.resolve() in ours or path.parent == folder / PROPOSALS or state_dir in path.parents
        if mine and path.parent == state_dir / "plans" and path.suffix == ".jsonl":
            _clean_plan(path, names, traces, done)
        elif _names_somebody(path, finder):
            _clean(path, names, finder, done) if mine and not _kept(path, state_dir) else _tell(path, finder, done)
    return done


def _drop_copies(folder: Path, state_dir: Path, written: Collection[Path], done: CleanedFiles) -> None:
    """Delete our copies of stores, which hold everybody and can't be searched; name those that somebody may need."""
    for copy in sorted(path for start in COPIES_OF_STORES for path in state_dir.glob(f"{start}*")):
        shutil.rmtree(copy, ignore_errors=True)
        done.deleted.append(str(copy))
    backups = [path for path in written if path.name.endswith(BACKUP) and path.is_file()]
    done.copies += map(str, [*backups, *sorted(folder.glob(SET_ASIDE))])


def _kept(path: Path, state_dir: Path) -> bool:
    return any(state_dir / folder in path.parents for folder in MADE_OF_MANY)


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder, our stores left out; links are not followed."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        for name in names:
            path = Path(root) / name
            if path.is_file() and not path.is_symlink() and not STORES.match(name):
                yield path


def _names_somebody(path: Path, finder: re.Pattern[bytes]) -> bool:
    return bool(finder.search(path.name.lower().encode("utf-8", "surrogateescape"))) or any(
        finder.search(part.lower()) for part in _contents(path)
    )


def _contents(path: Path) -> Iterator[bytes]:
    """What a file holds: of a sheet its parts, of a table its cells, as they are written when they are read."""
    try:
        if path.stat().st_size > LARGEST:
            return
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as book:
                yield from (book.read(name) for name in book.namelist())
        elif path.suffix == ".parquet":
            yield json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False).encode()
        else:
            yield path.read_bytes()
    except (OSError, ValueError, zipfile.BadZipFile, RuntimeError):
        return


def _clean(path: Path, names: Collection[str], finder: re.Pattern[bytes], done: CleanedFiles) -> None:
    """Delete the rows of a file of ours that name somebody, or the file."""
    if finder.search(path.name.lower().encode("utf-8", "surrogateescape")):
        path.unlink()
        done.deleted.append("a file with an address in its name")
        return
    if path.suffix == ".csv":
        _replace(path, _csv_without(path, names))
    elif path.suffix == ".toml":  # settings of then: evidence, which must stay readable
        _replace(path, re.sub(finder.pattern, NOBODY, path.read_bytes(), flags=re.IGNORECASE))
    elif path.suffix in BY_LINE:
        lines = path.read_bytes().splitlines(keepends=True)
        _replace(path, b"".join(line for line in lines if not finder.search(line.lower())))
    elif path.suffix == ".parquet":
        table = pq.read_table(path)
        keep = [not finder.search(json.dumps(row, default=str).lower().encode()) for row in table.to_pylist()]
        part = path.with_name(f".{path.name}.part")
        pq.write_table(table.filter(keep), part)
        part.replace(path)
    else:
        path.unlink()
        done.deleted.append(str(path))
        return
    done.cleaned.append(str(path))


def _csv_without(path: Path, names: Collection[str]) -> bytes:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for row in csv.reader(io.StringIO(text, newline="")):
        if not any(name in cell.lower() for cell in row for name in names):
            writer.writerow(row)
    return out.getvalue().encode("utf-8", "surrogateescape")


def _replace(path: Path, content: bytes) -> None:
    mode = path.stat().st_mode & 0o777
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.chmod(mode)
    part.replace(path)


def _tell(path: Path, finder: re.Pattern[bytes], done: CleanedFiles) -> None:
    """Note where a file of somebody else names an erased person; the name is not repeated."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        lines = []
    numbers = [number for number, line in enumerate(lines, 1) if finder.search(line.lower())]
    where = f", line {', '.join(map(str, numbers[:5]))}{' and more' if len(numbers) > 5 else ''}" if numbers else ""  # noqa: PLR2004
    done.left.append(f"{path}{where}")


def _clean_plan(path: Path, names: Collection[str], traces: Traces, done: CleanedFiles) -> None:
    """Delete the changes of people from a plan, so that the rest of it can still be applied, and its samples of them.

    A plan that was edited can't be applied anyhow: it is deleted, if it names somebody.
    """
    head, *lines = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")[:-1] or [""]
    try:
        header, changes = json.loads(head), [json.loads(line) for line in lines]
        sound = header["personasync_plan"] == FORMAT and header["digest"] == digest_of_lines(lines)
        if not sound or header["changes"] != len(lines):
            raise ValueError(path)  # noqa: TRY301 - one way for all that is no plan
        keep = [not _is_about(change, traces, names) for change in changes]
    except (KeyError, TypeError, ValueError, IndexError):
        if any(name in path.read_text("utf-8", "replace").lower() for name in names):
            path.unlink()
            done.deleted.append(str(path))
        return
    summary = scrubbed(header["summary"], names)
    if all(keep) and summary == header["summary"]:
        return
    left = [line for line, kept in zip(lines, keep, strict=True) if kept]
    header |= {"summary": summary, "changes": len(left), "digest": digest_of_lines(left)}
    text = "\n".join([json.dumps(header, ensure_ascii=False), *left]) + "\n"
    _replace(path, text.encode("utf-8", "surrogateescape"))
    done.cleaned.append(str(path))


def _is_about(change: Sequence[object], traces: Traces, names: Collection[str]) -> bool:
    connection, platform_id, person_id = change[:3]
    if (connection, platform_id) in traces.pairs or person_id in traces.persons:
        return True
    text = json.dumps(change, ensure_ascii=False).lower()
    return any(name in text for name in names)


def addresses_in(path: Path) -> list[str]:
    """Return the addresses in a file: the first cell of each line that has an @; other lines are left out.

    Returns:
        Addresses as they are written, without spaces around them, each once, in the order of the file; never empty.

    Raises:
        FixSettingsError: The file can't be read, or names nobody.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FixSettingsError(f"{path} can't be read: {error}.", fix="Name a UTF-8 text file.") from error
    cells = (next((cell.strip() for cell in row if "@" in cell), "") for row in csv.reader(io.StringIO(text)))
    addresses = list(dict.fromkeys(cell for cell in cells if cell))
    if not addresses:
        raise FixSettingsError(f"{path} names no email address.", fix="Write one address a line.")
    return addresses
