"""People to whom nothing is written: [exclude] of personasync.toml, as of a moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.records import email_key
from segmenter.rules.evaluate import as_ibis
from segmenter.rules.exclusion import BY_ADDRESS, BY_RULE

if TYPE_CHECKING:
    from ibis import Table

    from sync.control.reading import ReadableControl
    from sync.session import Session
    from sync.workspace.settings import Workspace


def named_persons(workspace: Workspace, control: ReadableControl) -> set[str]:
    """Return the persons who have an address that [exclude] lists."""
    return set(control.links.of_keys(email_key(address) for address in workspace.exclusion.addresses).values())


def excluded_persons(session: Session, as_of: datetime | None, people: Table | None = None) -> dict[str, str]:
    """Return everybody whom [exclude] means at a moment, with the reason.

    Args:
        session: The open workspace.
        as_of: UTC; None: nobody was assigned yet, and a rule has nobody to ask about.
        people: The trait table of *as_of*; None: it is made where a rule asks.

    Returns:
        By person id.
    """
    rule = session.workspace.exclusion.rule
    reasons: dict[str, str] = {}
    if rule is not None and as_of is not None:
        from sync.traits.compute import measured  # noqa: PLC0415 - Arrow, which one person's reasons need not load

        everybody = measured(session, as_of) if people is None else people
        matching = everybody.filter(as_ibis(rule.tree, everybody).fill_null(False)).select("person_id")  # noqa: FBT003
        reasons |= dict.fromkeys(matching.to_pyarrow()["person_id"].to_pylist(), BY_RULE)
    return reasons | dict.fromkeys(named_persons(session.workspace, session.control), BY_ADDRESS)


def exclusion_reason(
    workspace: Workspace, named: Collection[str], person_id: str, traits: Mapping[str, Any]
) -> str | None:
    """Return why nothing is written to one person, None where it may be.

    Args:
        workspace: The workspace.
        named: As `named_persons` returns them.
        person_id: The person.
        traits: Trait name -> value.
    """
    return workspace.exclusion.reason(named, {**traits, "person_id": person_id})
