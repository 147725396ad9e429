"""What one platform shows of a persona and another one can't."""

from __future__ import annotations

from connectors.records import Finding
from sync.session import Session

WORDS = {
    "memberships": "all segments",
    "runner_up": "next best segment",
    "since": "date",
    "version": "version of the rules",
}


def gap_findings(session: Session, name: str) -> list[Finding]:
    """Say what of an assignment other platforms of the workspace show, and this one does not.

    Args:
        session: The open workspace.
        name: The connection.

    Returns:
        Nothing where nothing else is written to; else one finding, which is no fault.
    """
    workspace, manifest = session.workspace, session.manifest
    others = [other for other in workspace.connections if other != name and workspace.writes(other, manifest)]
    if not others:
        return []
    mine = _shown(session, name)
    theirs = [part for other in others for part in _shown(session, other)]
    lacking = [part for part in dict.fromkeys(theirs) if part not in mine]
    text = f"Shows {', '.join(mine) or 'nothing'} of an assignment."
    if lacking:
        text += f" Other platforms also show: {', '.join(lacking)}."
    return [Finding("shows", "ok", text)]


def _shown(session: Session, name: str) -> list[str]:
    """What a connection shows of an assignment, in words, in the order of the spec."""
    workspace, manifest = session.workspace, session.manifest
    can = workspace.spec(name, manifest).capabilities
    parts = [WORDS.get(declared.role, declared.role) for declared in workspace.declared(name, manifest)]
    parts += ["the platform's own persona"] if workspace.platform_persona(name, manifest) else []
    parts += [f"field {slug!r}" for slug, field in workspace.fields.items() if name in field.targets]
    parts += ["a tag or list per segment"] if can.groups != "none" else []
    return list(dict.fromkeys(parts))
