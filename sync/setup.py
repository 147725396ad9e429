"""Create the fields and groups that we own, after showing them."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.connector import Connector
from connectors.records import FieldDefinition, SetupStep
from sync.workbench import Workbench, recorded

UNCLASSIFIED = "unclassified"


def missing(bench: Workbench, *, only: str | None = None) -> list[SetupStep]:
    """Return what would have to be created on the platforms, without creating anything."""
    groups = bench.workspace.groups
    steps = []
    for connector in bench.connectors(only):
        if connector.pushes:
            steps.extend(connector.missing(definitions(bench, connector), groups))
    return steps


def create(bench: Workbench, steps: Sequence[SetupStep]) -> None:
    """Do what `missing` returned."""
    with recorded(bench, "setup") as run:
        for step in steps:
            bench.connector(step.connection).create(step)
        run.counts["created"] = len(steps)


def definitions(bench: Workbench, connector: Connector) -> list[FieldDefinition]:
    """Return every field that we own through *connector*, as it shall be defined there."""
    workspace = bench.workspace
    manifest = bench.manifest.connectors[workspace.connections[connector.name].connector]
    owned = [
        FieldDefinition(
            name=declared.name,
            label=declared.label,
            type=declared.type,
            options=_options(bench, declared.role) if declared.type == "enumeration" else (),
            default=UNCLASSIFIED if declared.role == "persona" and declared.type == "text" else "",
        )
        for declared in manifest.fields
    ]
    templates = [
        FieldDefinition(
            name=template.targets[connector.name], label=template.label, type=template.type, default=template.fallback
        )
        for template in workspace.fields.values()
        if connector.name in template.targets
    ]
    return [*owned, *templates]


def _options(bench: Workbench, role: str) -> tuple[tuple[str, str], ...]:
    if role == "segment":
        return tuple((segment.name, segment.title or segment.name) for segment in bench.workspace.segments)
    personas = tuple((slug, persona.name) for slug, persona in bench.workspace.personas.items())
    return (*personas, (UNCLASSIFIED, "Unclassified"))
