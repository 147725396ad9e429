"""The gallery: ready segments that come with personasync, to read, adapt and add to a workspace's segments.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from connectors.errors import FixSettingsError
from sync.workspace.definition_files import SEGMENTS
from sync.workspace.settings import load_workspace
from sync.workspace.toml_reader import read_text

TABLE = "[[segments]]"


@dataclass(frozen=True, slots=True)
class GalleryPiece:
    """One file of the gallery.

    Attributes:
        name: Of the file.
        about: Who they are, in a sentence.
        text: Comments and segments, as TOML.
        segments: The names of its segments.
    """

    name: str
    about: str
    text: str
    segments: tuple[str, ...]


def gallery_pieces() -> dict[str, GalleryPiece]:
    """Return all pieces by name."""
    return {piece.name: piece for piece in _pieces()}


def _pieces() -> Iterator[GalleryPiece]:
    folder = resources.files("sync.workspace") / "segment_gallery"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        text = file.read_text("utf-8")
        names = tuple(segment["name"] for segment in tomllib.loads(text)["segments"])
        yield GalleryPiece(file.name.removesuffix(".toml"), text.split("\n", 1)[0].removeprefix("# "), text, names)


def gallery_piece(name: str) -> GalleryPiece:
    """Return a piece of the gallery.

    Raises:
        FixSettingsError: There is none of that name.
    """
    known = gallery_pieces()
    if name not in known:
        raise FixSettingsError(f"The gallery has no {name!r}.", fix=f"It has: {', '.join(known)}.")
    return known[name]


def add_piece(directory: Path, piece: GalleryPiece, *, before: str | None = None) -> Path:
    """Write a piece of the gallery into segments.toml; what people wrote there stays as it is.

    Args:
        directory: The workspace's folder.
        piece: Of the gallery.
        before: The segment before which it is tried; None: before all others, since segments of the gallery are narrow.

    Returns:
        The file.

    Raises:
        FixSettingsError: The workspace has a segment of one of these names, or none of the name *before*; or it does
            not load with the new segments, which are taken out again then.
    """
    path, known = directory / SEGMENTS, [segment.name for segment in load_workspace(directory).segments]
    if taken := [name for name in piece.segments if name in known]:
        raise FixSettingsError(
            f"{SEGMENTS} has {', '.join(taken)} already.", fix="Change it there, or rename it to add another one."
        )
    text = read_text(path)
    place = _place(text, before)
    added = f"{text[:place]}{piece.text.rstrip()}\n\n{text[place:]}"
    path.write_text(added if added.endswith("\n") else f"{added}\n", "utf-8")
    try:
        load_workspace(directory)
    except FixSettingsError:
        path.write_text(text, "utf-8")
        raise
    return path


def _place(text: str, before: str | None) -> int:
    """Where the new segments go: before a table, and before the comment that stands right above it."""
    tables = list(_tables(text))
    named = [start for start, name in tables if before in {None, name}]
    if named:
        return named[0]
    if before is None:
        return len(text)
    names = ", ".join(name for _, name in tables) or "none"
    raise FixSettingsError(f"{SEGMENTS} has no segment {before!r}.", fix=f"It has: {names}.")


def _tables(text: str) -> Iterator[tuple[int, str]]:
    """Where each segment begins, with its name; the comment right above it belongs to it."""
    starts, place, comment = [], 0, None
    for line in text.splitlines(keepends=True):
        if line.strip() == TABLE:
            starts.append(place if comment is None else comment)
            comment = None
        elif not line.startswith("#") or line.startswith("#:"):
            comment = None
        elif comment is None:
            comment = place
        place += len(line)
    names = [segment["name"] for segment in tomllib.loads(text).get("segments", [])]
    yield from zip(starts, names, strict=True)
