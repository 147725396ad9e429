"""Figures over everybody, kept on disk until something changes: a console that starts again need not calculate them.

They lie in ``.personasync/figures``, one folder for each state of data, definitions, models, control store and code. So
a folder of another state is out of date, and is deleted. An erasure deletes all of them (`sync.erasure.files`), since
an example in a figure may name somebody. A file is JSON that is read by the type of its answer: nothing in it can run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

import connectors
import segmenter
import sync

FIGURES = "figures"
"""The folder in that of the state."""
HOLD = timedelta(hours=6)
"""Figures are as of the moment at which they were calculated: what is older is calculated again."""
MOST_BYTES = 50_000_000
OTHERS = stat.S_IRWXG | stat.S_IRWXO
PACKAGES = (connectors, segmenter, sync)


@dataclass(frozen=True, slots=True)
class Dated:
    """An answer, and when it was calculated (UTC)."""

    answer: Any
    at: datetime

    def holds(self, now: datetime) -> bool:
        """Tell whether it is young enough; what comes from the future is not."""
        return timedelta(0) <= now - self.at <= HOLD


class KeptFigures:
    """The figures of a workspace.

    Args:
        state_dir: The workspace's ``.personasync``.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FIGURES

    def read(self, mark: object, key: Hashable, kind: Any, now: datetime) -> Dated | None:
        """Return what is kept; None where nothing is, or what is there is too old, damaged, or not only ours.

        Args:
            mark: Of the state, such as when files changed.
            key: What was asked.
            kind: Type of the answer.
            now: UTC.
        """
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):  # pydantic's errors are values' errors
            document = json.loads(_content(self._path(mark, key)))
            dated = Dated(_typed(kind).validate_python(document["answer"]), datetime.fromisoformat(document["at"]))
            if document["key"] == repr(key) and dated.holds(now):
                return dated
        return None

    def write(self, mark: object, key: Hashable, kind: Any, dated: Dated) -> None:
        """Keep an answer, for this user alone; where it can't be (a full disk, say), it is not kept."""
        path = self._path(mark, key)
        with suppress(OSError, ValueError, TypeError, RecursionError):
            answer = _typed(kind).dump_python(dated.answer, mode="json", warnings="none")
            text = json.dumps({"key": repr(key), "at": dated.at.isoformat(), "answer": answer})
            _typed(kind).validate_python(json.loads(text)["answer"])  # what can't be read back is of no use
            for folder in (self._folder, path.parent):
                if folder.is_symlink() or not folder.is_dir():
                    folder.unlink(missing_ok=True)
                folder.mkdir(mode=0o700, exist_ok=True)
            number, part = tempfile.mkstemp(dir=path.parent, suffix=".part")  # mode 600
            try:
                with os.fdopen(number, "w", encoding="utf-8") as file:
                    file.write(text)
                Path(part).replace(path)
            except OSError:
                Path(part).unlink(missing_ok=True)

    def drop_others(self, mark: object) -> None:
        """Delete what is of another state than *mark*."""
        with suppress(OSError):
            for folder in self._folder.iterdir():
                if folder.name != _digest(mark):
                    _remove(folder)

    def _path(self, mark: object, key: Hashable) -> Path:
        return self._folder / _digest(mark) / f"{_digest(key)}.json"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _content(path: Path) -> bytes:
    """What a file holds that is ours alone.

    Raises:
        OSError: It is not there, is a link, or others can reach it.
    """
    for folder in (path.parent.parent, path.parent):
        _check_ours(folder.lstat(), stat.S_ISDIR)
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(number, "rb") as file:
        _check_ours(os.fstat(number), stat.S_ISREG)
        return file.read(MOST_BYTES)


def _check_ours(known: os.stat_result, is_kind: Any) -> None:
    if not is_kind(known.st_mode) or known.st_uid != os.geteuid() or known.st_mode & OTHERS:
        raise PermissionError


@cache
def _typed(kind: Any) -> TypeAdapter[Any]:
    """What turns answers of a type into plain values, and back; nothing but plain values of that type is taken."""
    return TypeAdapter(kind)


def _digest(what: object) -> str:
    return hashlib.sha256(f"{_code()}\n{what!r}".encode()).hexdigest()[:32]


@cache
def _code() -> str:
    """What changes when the program does: its version, and when each file of it was written."""
    files = [path for package in PACKAGES for path in Path(str(package.__file__)).parent.rglob("*.py")]
    known = sorted((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    return f"{version('personasync')} {known}"
