"""The setup job: create owned fields and groups, and register webhooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from connectors.connector import Connector
from connectors.records import INTEREST_GROUP, FieldDefinition, SetupStep
from segmenter.personalize.personas import UNCLASSIFIED
from sync.ops import webhooks as hooks
from sync.session import Session, recorded

OF_WEBHOOKS = {"add_webhook", "write_files"}


def missing_steps(session: Session, *, only: str | None = None) -> list[SetupStep]:
    """Return what would have to be created on the platforms, without creating anything."""
    workspace, steps = session.workspace, []
    for connector in session.connectors(only):
        if workspace.writes(connector.name, session.manifest):
            fields = [*owned_fields(session, connector), *consent_fields(session, connector)]
            steps.extend(connector.missing(fields, workspace.groups_of(connector.name, session.manifest)))
    return steps


def consent_fields(session: Session, connector: Connector) -> list[FieldDefinition]:
    """Return the properties and merge fields that [consent] reads and that the platform does not have.

    We create them and never write them: a form, a preference page or somebody in the team fills them. One that there is
    stays as it is, whatever its type.

    Args:
        session: The open workspace.
        connector: Of the connection.
    """
    sources = [source for source in session.workspace.purposes.sources if source.connection == connector.name]
    named = [source.name for source in sources if source.kind == "property"]
    answers = dict.fromkeys(name for name in named if not name.startswith(INTEREST_GROUP))  # a form has the groups
    dates = dict.fromkeys(source.dated for source in sources if source.dated)
    if not answers:
        return []
    there = connector.fields()
    yes_or_no = [
        FieldDefinition(name, name.replace("_", " ").capitalize(), "enumeration", YES_OR_NO)
        for name in answers
        if name not in there
    ]
    return [
        *yes_or_no,
        *(FieldDefinition(name, name.replace("_", " ").capitalize(), "date") for name in dates if name not in there),
    ]


YES_OR_NO = (("yes", "Yes"), ("no", "No"))


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
        return unlike_labels([(each.name, each.title or each.name) for each in session.workspace.segments])
    personas = tuple((slug, persona.name) for slug, persona in session.workspace.personas.items())
    return (*personas, (UNCLASSIFIED, "Unclassified"))


def unlike_labels(options: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return values with labels that no two share, as HubSpot wants them: a label that stands twice names its value.

    Args:
        options: Value and label; values are unique.
    """
    many = Counter(label.casefold() for _, label in options)
    return tuple((value, label if many[label.casefold()] == 1 else f"{label} ({value})") for value, label in options)
