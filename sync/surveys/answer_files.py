"""Files of survey answers in a workspace: which there are, and one more that somebody hands in."""

from __future__ import annotations

import re
import shutil
import tempfile
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from connectors.errors import FixSettingsError
from connectors.files.table import sheets_of
from connectors.files.workbook import SheetSize
from sync.control.erasures import Erasures
from sync.surveys.spreadsheet import KINDS, MOST_BYTES, read_grid

FOLDER = "surveys"
"""Of the workspace: here lies what was handed in."""
BESIDE = tuple(kind for kind in KINDS if kind != ".txt")
"""Kinds of files beside the settings that may be answers; a text there is rather a note."""
LONGEST = 60
INCOMING = ".incoming-"


@dataclass(frozen=True, slots=True)
class AnswersFile:
    """A file that may hold answers.

    Attributes:
        name: Its path from the workspace's folder, with slashes.
        size: Bytes.
        changed_at: UTC.
    """

    name: str
    size: int
    changed_at: datetime


def answer_files(directory: Path) -> list[AnswersFile]:
    """Return the tables in a workspace, those that were handed in first, the newest first.

    Args:
        directory: The workspace's folder.
    """
    handed = _tables(directory / FOLDER, KINDS)
    beside = _tables(directory, BESIDE)
    return [_described(directory, path) for paths in (handed, beside) for path in paths]


def _tables(folder: Path, kinds: tuple[str, ...]) -> list[Path]:
    """Links are left out: what they point to lies elsewhere."""
    paths = [] if folder.is_symlink() or not folder.is_dir() else list(folder.iterdir())
    files = [
        path
        for path in paths
        if path.suffix.lower() in kinds and path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    ]
    return sorted(files, key=lambda path: (-path.stat().st_mtime, path.name))


def _described(directory: Path, path: Path) -> AnswersFile:
    known = path.stat()
    return AnswersFile(
        path.relative_to(directory).as_posix(), known.st_size, datetime.fromtimestamp(known.st_mtime, UTC)
    )


def answers_file(directory: Path, name: str) -> Path:
    """Return the path of a file that `answer_files` lists.

    Raises:
        FixSettingsError: It lists none of that name.
    """
    if name not in {file.name for file in answer_files(directory)}:
        raise FixSettingsError(
            f"There is no file of answers {name!r} in this workspace.", fix="Choose one of the list, or hand it in."
        )
    return directory / name


@dataclass(frozen=True, slots=True)
class SheetsOfFile:
    """The sheets of a file; none where its kind has none. *file*: its name, for people."""

    file: str
    sheets: tuple[SheetSize, ...] = ()

    @property
    def filled(self) -> tuple[SheetSize, ...]:
        """Those that hold anything."""
        return tuple(sheet for sheet in self.sheets if sheet.rows)

    @property
    def undecided(self) -> bool:
        """Whether several hold something, so that somebody has to choose one."""
        return len(self.filled) > 1

    def chosen(self, wanted: str | None) -> str | None:
        """Return the sheet to read; None: the file has none, or only one.

        Args:
            wanted: Its name; None or "": nobody has chosen one.

        Raises:
            FixSettingsError: There is none of that name, or somebody has to choose one.
        """
        names = [sheet.name for sheet in self.filled]
        if not wanted and self.undecided:
            raise FixSettingsError(f"{self.file} has several sheets.", fix=f"Choose one of them: {', '.join(names)}.")
        if wanted and wanted not in names:
            has = f"It has: {', '.join(names)}." if names else "Leave out the name of the sheet."
            raise FixSettingsError(f"{self.file} has no answers in a sheet {wanted!r}.", fix=has)
        return (wanted or names[0]) if names and len(self.sheets) > 1 else None


def sheets_in(path: Path) -> SheetsOfFile:
    """Return the sheets of a file.

    Raises:
        FixSettingsError: It can't be read.
    """
    return SheetsOfFile(path.name, tuple(sheets_of(path)))


def keep_answers(erasures: Erasures, directory: Path, name: str, content: bytes) -> Path:
    """Keep a file of answers in the workspace, once it was read as a table.

    Args:
        erasures: An erasure looks into files that it knows of.
        directory: The workspace's folder.
        name: As its owner calls it; the folders of a path are left out.
        content: Of the whole file.

    Returns:
        Where it lies. The same content is kept once; other content by a name that is taken gets a number.

    Raises:
        FixSettingsError: It is empty, too large, of another kind, or no table.
    """
    kept_as = safe_name(name)
    if not content:
        raise FixSettingsError(f"{kept_as} is empty.", fix="Choose a file with a header row and rows below it.")
    if len(content) > MOST_BYTES:
        raise FixSettingsError(
            f"{kept_as} has more than {MOST_BYTES // 2**20} MB.", fix="Remove columns that are not needed."
        )
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    for left in folder.glob(f"{INCOMING}*"):  # of a console that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=INCOMING, dir=folder) as apart:
        incoming = Path(apart) / kept_as
        incoming.write_bytes(content)
        sheets = sheets_in(incoming)
        if not sheets.undecided:  # else whoever chooses a sheet is told what is wrong with it
            read_grid(incoming, sheet=sheets.chosen(None))
        target = _free(folder, kept_as, content)
        erasures.note_file(target)  # first: a file that nobody knows of can't be cleaned
        incoming.replace(target)
    return target


def safe_name(name: str) -> str:
    """Return a file's name without what means something to a shell, a page or a folder.

    Raises:
        FixSettingsError: It does not end as a table's name does.
    """
    last = re.split(r"[/\\]", name)[-1].strip()
    stem, dot, ending = last.rpartition(".")
    suffix = f"{dot}{ending.lower()}"
    if suffix not in KINDS:
        raise FixSettingsError(
            f"{last[:LONGEST] or 'The file'} is not a readable table.", fix=f"Save it as {', '.join(KINDS)}."
        )
    plain = re.sub(r"[^\w-]+", "_", unicodedata.normalize("NFC", stem))[:LONGEST].strip("_")
    return f"{plain or 'answers'}{suffix}"


def _free(folder: Path, name: str, content: bytes) -> Path:
    path, number = folder / name, 1
    while path.exists() and not _same(path, content):
        number += 1
        path = folder / f"{Path(name).stem}_{number}{Path(name).suffix}"
    return path


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
