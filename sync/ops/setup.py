"""The setup job: create owned fields and groups, and register webhooks."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.connector import Connector
from connectors.records import FieldDefinition, SetupStep
from segmenter.personalize.personas import UNCLASSIFIED
from sync.ops import webhooks as hooks
from sync.session import Workbench, recorded

OF_WEBHOOKS = {"add_webhook", "write_files"}


def missing(bench: Workbench, *, only: str | None = None) -> list[SetupStep]:
    """Return what would have to be created on the platforms, without creating anything."""
    groups = bench.workspace.groups
    steps = []
    for connector in bench.connectors(only):
        if connector.pushes:
            steps.extend(connector.missing(definitions(bench, connector), groups))
    return steps


def unheard(bench: Workbench) -> list[SetupStep]:
    """Return what has to be done that the platforms' events reach the webhook service; a run does without it."""
    return [step for connector in bench.connectors() for step in hooks.missing(bench, connector.name)]


def create(bench: Workbench, steps: Sequence[SetupStep]) -> list[str]:
    """Do what `missing` and `unheard` returned, and return what a person has to know or do now."""
    notes = []
    with recorded(bench, "setup") as run:
        for step in steps:
            if step.action in OF_WEBHOOKS:
                notes.append(hooks.create(bench, step))
            else:
                bench.connector(step.connection).create(step)
        run.counts["created"] = len(steps)
    return [note for note in notes if note]


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
            name=template.targets[connector.name],
            label=template.label,
            type="enumeration" if template.type == "choice" else template.type,
            options=tuple((option, option) for option in template.options),
            default=template.fallback,
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
