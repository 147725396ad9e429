"""The setup job: create owned fields and groups, and register webhooks."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.connector import Connector
from connectors.records import FieldDefinition, SetupStep
from segmenter.personalize.personas import UNCLASSIFIED
from sync.ops import webhooks as hooks
from sync.session import Session, recorded

OF_WEBHOOKS = {"add_webhook", "write_files"}


def missing_steps(session: Session, *, only: str | None = None) -> list[SetupStep]:
    """Return what would have to be created on the platforms, without creating anything."""
    groups = session.workspace.groups
    steps = []
    for connector in session.connectors(only):
        if connector.pushes:
            steps.extend(connector.missing(owned_fields(session, connector), groups))
    return steps


def unheard(session: Session) -> list[SetupStep]:
    """Return what has to be done that the platforms' events reach the webhook service; a run does without it."""
    return [step for connector in session.connectors() for step in hooks.missing_webhooks(session, connector.name)]


def needed(session: Session) -> list[SetupStep]:
    """Return all that `missing_steps` and `unheard` find."""
    return [*missing_steps(session), *unheard(session)]


def create_missing(session: Session, steps: Sequence[SetupStep]) -> list[str]:
    """Do what `missing_steps` and `unheard` returned, and return what a person has to know or do now."""
    notes = []
    with recorded(session, "setup") as run:
        for step in steps:
            if step.action in OF_WEBHOOKS:
                notes.append(hooks.register_webhook(session, step))
            else:
                session.connector(step.connection).create(step)
        run.counts["created"] = len(steps)
    return [note for note in notes if note]


def owned_fields(session: Session, connector: Connector) -> list[FieldDefinition]:
    """Return every field that we own through *connector*, as it shall be defined there."""
    workspace = session.workspace
    owned = [
        FieldDefinition(
            name=declared.name,
            label=declared.label,
            type=declared.type,
            options=_options(session, declared.role) if declared.type == "enumeration" else (),
            default=UNCLASSIFIED if declared.role == "persona" and declared.type == "text" else "",
        )
        for declared in workspace.declared(connector.name, session.manifest)
    ]
    templates = [
        FieldDefinition(
            name=template.targets[connector.name],
            label=template.label,
            type="enumeration" if template.type == "choice" else template.type,
            options=tuple((option, option) for option in template.options),
            default=template.plain_fallback,
        )
        for template in workspace.fields.values()
        if connector.name in template.targets
    ]
    return [*owned, *templates]


def _options(session: Session, role: str) -> tuple[tuple[str, str], ...]:
    if role == "segment":
        return tuple((segment.name, segment.title or segment.name) for segment in session.workspace.segments)
    personas = tuple((slug, persona.name) for slug, persona in session.workspace.personas.items())
    return (*personas, (UNCLASSIFIED, "Unclassified"))
