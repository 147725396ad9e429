"""TOML reader with validation; errors name file, line and key."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from connectors.errors import FixSettingsError, reason_of

Shape = TypeVar("Shape", bound=BaseModel)
Place = tuple[str | int, ...]


def read_toml(path: Path, shape: type[Shape]) -> Shape:
    """Return *path* in *shape*.

    Raises:
        FixSettingsError: It is missing, no TOML, or has another shape; each mistake with its line.
    """
    text = read_text(path)
    try:
        return shape.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise FixSettingsError(
            f"{path.name} is not valid TOML: {error}.", fix="Check that line and the one above."
        ) from error
    except ValidationError as error:
        sentences = [_sentence(path.name, text, shape, dict(error)) for error in error.errors(include_input=False)]
        raise FixSettingsError(" ".join(sentences)) from error


def read_text(path: Path) -> str:
    """Return the text of a workspace file, without the mark that some editors put in front of UTF-8.

    Raises:
        FixSettingsError: It is missing, or no UTF-8 text.
    """
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise _not_found(path) from error
    except UnicodeDecodeError as error:
        raise FixSettingsError(
            f"{path.name} can't be read: {reason_of(error)}.", fix="Save it as UTF-8 text."
        ) from error
    except OSError as error:
        fix = f"Check the permissions of {path.absolute()}."
        raise FixSettingsError(f"{path.name} can't be read: {reason_of(error)}.", fix=fix) from error


def _not_found(path: Path) -> FixSettingsError:
    folder = path.absolute().parent.resolve()
    if not folder.exists():
        fix = "Check the path, or run `personasync init` to create a workspace there."
        return FixSettingsError(f"There is no folder {folder}.", fix=fix)
    fix = "Run `personasync init` there to create a workspace, or name its folder: --workspace DIR."
    return FixSettingsError(f"There is no {path.name} in {folder}.", fix=fix)


def replace_text(path: Path, text: str) -> None:
    """Write *text* to *path* as a whole: whoever reads it finds the old text or the new one, never a part.

    Args:
        path: Of the file; its folder exists.
        text: Written as UTF-8.
    """
    replace_bytes(path, text.encode())


def append_text(path: Path, text: str) -> bytes:
    """Write *text* behind what *path* holds, which stays as it is to the byte, and return what it held.

    An empty line comes between; line ends are those of the file.

    Args:
        path: Of the file, which exists.
        text: Written as UTF-8.

    Returns:
        The earlier content, for `replace_bytes` to put back.
    """
    before = path.read_bytes()
    replace_bytes(path, joined_text(before, text))
    return before


def joined_text(before: bytes, text: str) -> bytes:
    """Return what `append_text` makes of the content of a file and *text*."""
    ending = b"\r\n" if b"\r\n" in before else b"\n"
    gap = b"" if not before.strip() else ending if before.endswith(b"\n") else 2 * ending
    return before + gap + text.encode().replace(b"\n", ending)


def replace_bytes(path: Path, content: bytes) -> None:
    """Write *content* to *path* whole or not at all: a command that is killed leaves the file that was there.

    Args:
        path: Of the file; its folder exists.
        content: All of the new content.
    """
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def toml_string(value: str) -> str:
    """Return a text as TOML writes it, on one line."""
    # JSON's escapes are TOML's, but for DEL, which JSON leaves as it is
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Return the sentence about a key that nobody knows: the nearest known one, else all of them."""
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return f"unknown key {key!r}. Did you mean {near[0]!r}?"
    return f"unknown key {key!r}. Valid keys: {', '.join(known)}." if known else f"unknown key {key!r}."


def _sentence(file: str, text: str, shape: type[BaseModel], problem: Mapping[str, Any]) -> str:
    place = tuple(part for part in problem["loc"] if part != "[key]")
    at = at_line(file, text, place)
    if problem["type"] == "extra_forbidden":
        return f"{at}: {unknown_key(str(place[-1]), _keys_at(shape, place[:-1]))}"
    key = ".".join(str(part) for part in place)
    if problem["type"] == "missing":
        return f"{at}: the key {key!r} is missing."
    if problem["type"] == "string_pattern_mismatch" and "https?" in problem["ctx"]["pattern"]:
        return f"{at}: {key!r} must be a URL such as https://hooks.shop.example, without user, password or query."
    if problem["type"] == "string_pattern_mismatch":
        return f"{at}: {key!r} must be lower-case letters, digits and _, starting with a letter, at most 40 characters."
    message = problem["msg"].removeprefix("Value error, ")
    return f"{at}: {key!r}: {message[:1].lower()}{message[1:]}."


def _keys_at(shape: object, place: Place) -> list[str]:
    """The keys of the part that *place* leads to, found through the types of the fields."""
    for step in place:
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            field = shape.model_fields.get(str(step))
            shape = field.annotation if field else None
        else:
            shape = next(
                (part for part in get_args(shape) if isinstance(part, type) and issubclass(part, BaseModel)), None
            )
    return list(shape.model_fields) if isinstance(shape, type) and issubclass(shape, BaseModel) else []


def at_line(file: str, text: str, place: Place) -> str:
    """Return "segments.toml, line 7": where the key at *place* stands, or the nearest thing around it."""
    line = line_of(text, place)
    return f"{file}, line {line}" if line else file


def line_of(text: str, place: Place) -> int | None:
    """Return the line (from 1) of the key at *place*, or of the nearest table around it; None where there is neither.

    Args:
        text: Valid TOML.
        place: Keys from the top, positions (from 0) in arrays of tables.
    """
    best, line = 0, None
    for number, path in _statements(text):
        shared = min(len(path), len(place))  # a table may be there only through the tables within it
        if shared > best and place[:shared] == path[:shared]:
            best, line = shared, number
    return line


def _statements(text: str) -> Iterator[tuple[int, Place]]:
    """Yield the line and the full place of every header and every key of *text*.

    The parser of the standard library knows no lines, so the text is given to it statement by statement.
    """
    lines = text.splitlines()
    header: Place = ()
    tables: dict[Place, int] = {}
    number = 0
    while number < len(lines):
        length, values = _statement(lines, number)
        path = _first_path(values)
        if lines[number].lstrip().startswith("["):
            header = _placed(path, tables)
            if lines[number].lstrip().startswith("[["):
                tables[header] = tables.get(header, -1) + 1
                header = (*header, tables[header])
            yield number + 1, header
        elif path:
            yield number + 1, (*header, *path)
        number += length


def _statement(lines: Sequence[str], start: int) -> tuple[int, dict[str, Any]]:
    """How many lines the statement at *start* has, and what it says alone."""
    for end in range(start + 1, len(lines) + 1):
        try:
            return end - start, tomllib.loads("\n".join(lines[start:end]))
        except tomllib.TOMLDecodeError:
            continue
    return 1, {}


def _first_path(values: object) -> Place:
    """The keys that a statement names: ``{"a": {"b": 1}}`` for ``a.b = 1`` and for ``[a.b]``."""
    path: Place = ()
    while isinstance(values, dict) and len(values) == 1:
        key, values = next(iter(values.items()))
        path = (*path, key)
    return path


def _placed(path: Place, tables: Mapping[Place, int]) -> Place:
    """Name the element of each array of tables that a header lies in."""
    placed: Place = ()
    for key in path[:-1]:
        placed = (*placed, key)
        placed = (*placed, tables[placed]) if placed in tables else placed
    return (*placed, *path[-1:])
