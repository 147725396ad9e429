"""The files that define a workspace, as read; an error in a definition names the file and the line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from connectors.errors import FixSettingsError
from segmenter.errors import DefinitionError
from sync.workspace.personas_file import PersonasFile
from sync.workspace.schema import MainFile, SegmentsFile
from sync.workspace.toml_reader import Place, at_line, read_text, read_toml

MAIN, SEGMENTS, PERSONAS = "personasync.toml", "segments.toml", "personas.toml"
NAMED = re.compile(r"^(segment|persona|field|trait|tool|exclude) '([^']+)'(?:, field '([^']+)')?")

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class DefinitionFiles:
    """personasync.toml, segments.toml and personas.toml of one folder, each in its own shape.

    Attributes:
        directory: The folder.
        segments_path: Where the segments stand: segments.toml, or the file that was named in its place.
    """

    directory: Path
    segments_path: Path
    main: MainFile
    segments: SegmentsFile
    personas: PersonasFile

    @property
    def main_path(self) -> Path:
        """Where personasync.toml lies."""
        return self.directory / MAIN

    @property
    def personas_path(self) -> Path:
        """Where personas.toml lies."""
        return self.directory / PERSONAS

    def in_main(self, make: Callable[[], Made]) -> Made:
        """Return what *make* makes of personasync.toml.

        Raises:
            FixSettingsError: A definition is wrong; names the file and the line.
        """
        return _defined(self.main_path, self.main, make)

    def in_segments(self, make: Callable[[], Made]) -> Made:
        """Return what *make* makes of the segments; see `in_main`."""
        return _defined(self.segments_path, self.segments, make)

    def in_personas(self, make: Callable[[], Made]) -> Made:
        """Return what *make* makes of personas.toml; see `in_main`."""
        return _defined(self.personas_path, self.personas, make)


def read_definition_files(directory: Path, segments_path: Path | None) -> DefinitionFiles:
    """Return the three files in *directory*.

    Args:
        directory: The workspace's folder.
        segments_path: Another file in place of its segments.toml.

    Raises:
        FixSettingsError: One is missing, no TOML, or has another shape.
    """
    segments_at = segments_path or directory / SEGMENTS
    return DefinitionFiles(
        directory,
        segments_at,
        main=read_toml(directory / MAIN, MainFile),
        segments=read_toml(segments_at, SegmentsFile),
        personas=read_toml(directory / PERSONAS, PersonasFile),
    )


def _defined(path: Path, file: MainFile | SegmentsFile | PersonasFile, make: Callable[[], Made]) -> Made:
    """Run *make*; of a definition that is wrong, tell the file and the line."""
    try:
        return make()
    except DefinitionError as error:
        at = at_line(path.name, read_text(path), _place(file, error))
        raise FixSettingsError(f"{at}: {error}") from error


def _place(file: MainFile | SegmentsFile | PersonasFile, error: DefinitionError) -> Place:
    """Where the thing that *error* names stands in its file."""
    named = NAMED.match(error.where)
    if named is None:
        return ()
    kind, name, field = named.groups()
    if kind == "exclude":
        return (kind, name)
    if kind != "segment" or not isinstance(file, SegmentsFile):
        return (f"{kind}s", name, *(("fields", field) if field else ()))
    positions = [position for position, part in enumerate(file.segments) if part.name == name]
    in_rule = ("rule",) if error.line is not None or error.column is not None else ()
    return ("segments", positions[-1], *in_rule) if positions else ()
