"""Workspace scaffold of `init`: three commented files, and JSON Schemas for editors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from sync.workspace.consent_parts import ConsentPart
from sync.workspace.definition_files import MAIN, PERSONAS, SEGMENTS
from sync.workspace.json_schema import published
from sync.workspace.manifest import load_manifest
from sync.workspace.providers import provided
from sync.workspace.schema import ConnectionPart, GuardrailsPart, PersonalizePart, PrivacyPart
from sync.workspace.settings import STATE


@dataclass(frozen=True, slots=True)
class NewConnection:
    """One connection of a new workspace. `settings`: its keys in personasync.toml, secrets as references."""

    name: str
    connector: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answers:
    """What `init` was told."""

    name: str
    connections: Sequence[NewConnection] = field(default_factory=tuple)


def write_workspace(directory: Path, answers: Answers) -> list[Path]:
    """Write the files of a new workspace that are not there yet, and return them. Never overwrites.

    Args:
        directory: The workspace's folder; made if it is missing.
        answers: What `init` asked.

    Returns:
        Paths; empty where all files were there.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _write_schemas(directory / STATE / "schemas")
    written = []
    for name in (MAIN, SEGMENTS, PERSONAS):
        try:
            with (directory / name).open("x", encoding="utf-8") as file:
                file.write(_rendered(f"{name}.j2", answers))
        except FileExistsError:
            continue
        written.append(directory / name)
    return written


def _rendered(template: str, answers: Answers) -> str:
    environment = Environment(  # noqa: S701 - TOML, not HTML; values are quoted by the filter below
        loader=PackageLoader("sync.workspace"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["toml"] = _toml
    connectors = load_manifest().connectors
    secrets = {name: spec.secret for name, spec in connectors.items()}
    return environment.get_template(template).render(
        name=answers.name,
        connections=answers.connections,
        secrets=secrets,
        newest={name: list(spec.api_versions)[-1] for name, spec in connectors.items() if spec.api_versions},
        targets={name: spec.sample_field for name, spec in connectors.items() if spec.sample_field},
        guardrails=GuardrailsPart(),
        consent=ConsentPart(),
        personalize=PersonalizePart(),
        privacy=PrivacyPart(),
        provided=_provided(answers),
    )


def _provided(answers: Answers) -> set[str]:
    """The data that the connections bring; all kinds where none is named yet."""
    connectors = load_manifest().connectors
    parts = {
        connection.name: ConnectionPart.model_validate({"connector": connection.connector, **connection.settings})
        for connection in answers.connections
    }
    every = {data for spec in connectors.values() for group in spec.provides.values() for data in group}
    return provided(parts, load_manifest()) if parts else every


def _toml(value: str | Sequence[str]) -> str:
    """Return a TOML string, or array of strings: JSON's, except that TOML escapes DEL too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write_schemas(directory: Path) -> None:
    """Put the schemas where the first line of each file says they are."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in published().items():
        (directory / name).write_text(text, "utf-8")
