"""Personas as plain data: what `personas show` prints as JSON, and assistants read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.personas.drafts import kept_profile, to_write
from sync.personas.versions import PersonaView, persona_view
from sync.session import Session


@dataclass(frozen=True, slots=True)
class PersonaCard:
    """One persona as `personas show` has it.

    Attributes:
        view: Its facts.
        invention: What the team wrote: of the version that was asked for, else as it is now.
        missing: What the team has still to write.
    """

    view: PersonaView
    invention: Mapping[str, str]
    missing: Sequence[str]

    @property
    def document(self) -> dict[str, Any]:
        """The persona as a JSON document."""
        view, profile, trust = self.view, self.view.profile, self.view.profile.trust
        document = profile.document()
        document["distinctive_traits"] = [fact for fact in document["distinctive_traits"] if fact["said"]]
        return {
            "slug": view.slug,
            "version": view.version.version if view.version else None,
            "digest": view.version.digest if view.version else None,
            "profile": {
                **document,
                "trust": {
                    **document["trust"],
                    "confidence": trust.confidence and round(trust.confidence, 4),
                    "grade": trust.grade,
                },
                "card": {family: [fact.trait for fact in facts] for family, facts in profile.card().items()},
            },
            "invention": dict(self.invention),
            "to_write": list(self.missing),
            "versions": [
                {"version": kept.version, "recorded_at": kept.recorded_at, "as_of": kept.as_of, "digest": kept.digest}
                for kept in view.versions
            ],
            "remark": view.remark,
        }


def persona_card(session: Session, name: str, number: int | None = None) -> PersonaCard:
    """Return one persona.

    Args:
        session: The open workspace.
        name: A persona, or a segment that has one.
        number: Of a version; None: the newest, with the texts of now.

    Returns:
        Facts, what the team wrote, and what it has still to write.

    Raises:
        FixSettingsError: There is no such persona or version, or nobody is assigned.
    """
    view = persona_view(session, name, number)
    if number is not None and view.version:
        return PersonaCard(view, dict(view.version.invention), [])
    workspace = session.workspace
    return PersonaCard(view, workspace.personas[view.slug].invention(), to_write(workspace, view.slug))


def personas_document(session: Session) -> dict[str, Any]:
    """Return all personas as a JSON document, with the age of their facts, and the segments without one.

    Returns:
        In the order of personas.toml.
    """
    kept, workspace = session.control.personas.in_force(), session.workspace
    personas = []
    for slug, persona in workspace.personas.items():
        version = kept.get(slug)
        profile = kept_profile(version) if version else None
        personas.append(
            {
                "slug": slug,
                "name": persona.name,
                "segments": list(persona.segments),
                "version": version.version if version else None,
                "as_of": version.as_of.isoformat() if version else None,
                "people": profile.trust.people if profile else None,
                "confidence": profile.trust.grade if profile else None,
                "to_write": to_write(workspace, slug),
            }
        )
    without = [segment.name for segment in workspace.segments if segment.name not in workspace.persona_of]
    return {"personas": personas, "segments_without": without}
