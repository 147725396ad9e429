"""Mapped properties that a platform does not have: a trait of one would stay empty for everybody, in silence."""

from __future__ import annotations

import difflib

from connectors.connector import Connector
from connectors.errors import FixSettingsError
from sync.session import Session

NEAR = 3
FILES = "files"


def unknown_properties(session: Session, connector: Connector) -> list[str]:
    """Return a sentence for each trait, or source of consent, whose property the platform does not have.

    Files are not asked: reading them tells it.

    Args:
        session: The open workspace.
        connector: Of the connection.

    Returns:
        Empty where all are there, or where no trait is mapped.
    """
    workspace, name = session.workspace, connector.name
    facts = session.manifest.connectors[workspace.connections[name].connector]
    mapped = {f"traits.{trait}": part.property for trait, part in workspace.traits.items() if part.connection == name}
    mapped |= {f"consent: {asked!r}": asked for asked in workspace.purposes.asked_of(name)}
    if not mapped or facts.kind == FILES:
        return []
    known = [*connector.fields(), *facts.properties]
    return [
        f"[{trait}] reads {wanted!r}, which {facts.title} does not have{_hint(wanted, known)}"
        for trait, wanted in mapped.items()
        if wanted and wanted not in known
    ]


def _hint(wanted: str, known: list[str]) -> str:
    by_case = {name.casefold(): name for name in reversed(known)}
    near = difflib.get_close_matches(wanted.casefold(), by_case, n=NEAR)
    return f" (did you mean {', '.join(repr(by_case[name]) for name in near)}?)" if near else ""


FIX = (
    "Fix it in personasync.toml, or create the property on the platform; `personasync setup` creates those of "
    "[consent]."
)


def refuse_unknown_properties(session: Session, connector: Connector) -> None:
    """Stop before anything is read where a trait reads a property that there is not.

    Args:
        session: The open workspace.
        connector: Of the connection.

    Raises:
        FixSettingsError: Names every such trait, and the nearest names.
    """
    lacking = unknown_properties(session, connector)
    if lacking:
        raise FixSettingsError(f"personasync.toml: {'; '.join(lacking)}.", fix=FIX)
