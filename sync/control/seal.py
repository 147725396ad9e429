"""A checksum of the control store's file while nobody has it open: SQLite keeps none of its pages.

Whoever closes the file last writes the checksum beside it, and whoever opens it next compares and takes the checksum
away. So a flipped byte is noticed before it becomes an answer. Nobody else's opening can come in between: all who have
the file open share a lock, and only who has the lock alone writes the checksum. After a kill there is no checksum, and
the next to close makes a new one.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from types import ModuleType

from sync.control.damage import control_damaged

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # a system without file locks keeps no checksum
    fcntl = None

AT_ONCE = 1 << 20
QUICK_BYTES = 32 << 20  # what is read for a question that only looks; more would take longer than the answer
OPEN_HERE: set[Path] = set()  # a second look at a file would drop the locks that SQLite has on it in this process


class Seal:
    """The checksum beside one file, from its opening to its closing.

    Args:
        path: The control store's file; it may not be there yet.
        reading: Whether nothing will be written: a large file is not compared then, and its checksum stays.

    Raises:
        FixSettingsError: The file is not what was written.
    """

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        self.path, self._seal = path, path.with_name(path.name + ".seal")
        self._known: tuple[dict[str, int], os.stat_result] | None = None
        self._stays = False
        self._first = path not in OPEN_HERE
        try:
            self._lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:  # a folder that can't be written to: whoever opens the file says so
            self._lock = -1
        if fcntl is None or self._lock < 0:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        except OSError:  # a file system without locks keeps no checksum
            os.close(self._lock)
            self._lock = -1
            return
        try:
            self._compare(reading=reading)
        except BaseException:
            os.close(self._lock)
            raise
        OPEN_HERE.add(path)

    def _compare(self, *, reading: bool) -> None:
        try:
            text = self._seal.read_text("utf-8")
            kept = json.loads(text)
            wanted = {name: int(kept[name]) for name in ("bytes", "crc32")}
            size = self.path.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            return  # a new file, one that was lost, or one whose last user was killed
        if self._first and not (reading and size > QUICK_BYTES):
            if checksum(self.path) != wanted:
                if not self._still(text):  # whoever opened the file meanwhile took it away before writing
                    return
                raise control_damaged("its content is not what was last written to it")
            self._known = wanted, self.path.stat()
        elif reading:
            self._stays = True
            return
        self._seal.unlink(missing_ok=True)

    def _still(self, text: str) -> bool:
        """Whether the checksum is there as it was read."""
        try:
            return self._seal.read_text("utf-8") == text
        except OSError:
            return False

    def close(self) -> None:
        """Write the checksum, if nobody else has the file open. Call it when the file is closed."""
        if fcntl is None or self._lock < 0:
            return
        if self._first:
            OPEN_HERE.discard(self.path)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # whoever has it open still will do it
        else:
            if not self._stays and not self.path.with_name(self.path.name + "-wal").exists():
                self._write()
        finally:
            os.close(self._lock)

    def _write(self) -> None:
        try:
            now = self.path.stat()
            same = self._known is not None and _place(now) == _place(self._known[1])
            made = self._known[0] if same and self._known else checksum(self.path)
            unfinished = self._seal.with_name(self._seal.name + ".part")
            unfinished.write_text(json.dumps(made), "utf-8")
            unfinished.replace(self._seal)
        except OSError:  # a full disk: then there is none
            self._seal.unlink(missing_ok=True)


def checksum(path: Path) -> dict[str, int]:
    """Return size and CRC-32 of a file."""
    crc, size = 0, 0
    with path.open("rb") as file:
        while piece := file.read(AT_ONCE):
            crc, size = zlib.crc32(piece, crc), size + len(piece)
    return {"bytes": size, "crc32": crc}


def _place(known: os.stat_result) -> tuple[int, int, int]:
    return known.st_ino, known.st_size, known.st_mtime_ns


def in_use(path: Path) -> bool:
    """Tell whether another process has the control store at *path* open.

    Returns:
        False also where nobody can tell: without a lock file, or on a system without file locks.
    """
    lock = path.with_name(path.name + ".lock")
    if fcntl is None or not lock.exists():
        return False
    opened = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(opened)
    return False
