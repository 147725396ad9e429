"""Persona versions: show one, and compare two (`personas show`, `personas diff`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.errors import FixSettingsError
from segmenter.profile.changes import PersonaChange, profile_changes, rewritten
from segmenter.profile.profile import Profile, profile_of
from sync.control.personas import PersonaVersion
from sync.personas.groups import PROPOSAL, assigned_groups, newest_moment
from sync.personas.profiles import profiles_of
from sync.session import Session

NOW = "now"


@dataclass(frozen=True, slots=True)
class PersonaView:
    """One persona's facts as they are shown.

    Attributes:
        version: None where no version is kept: the facts were taken just now.
        versions: All that are kept, the oldest first.
        remark: What must be known of their age; "" where nothing.
    """

    slug: str
    profile: Profile
    version: PersonaVersion | None
    versions: Sequence[PersonaVersion]
    remark: str = ""


def persona_view(session: Session, name: str, number: int | None = None) -> PersonaView:
    """Return a persona's facts: of the newest version, of version *number*, or taken now where none is kept.

    Args:
        session: The open workspace.
        name: A persona, or a segment that has one.
        number: Of a version.

    Returns:
        The profile, all versions, and a remark where the profile is older than the assignments.

    Raises:
        FixSettingsError: There is no such persona or version, or nobody is assigned.
    """
    slug = slug_of(session, name)
    versions = session.control.personas.of(slug)
    version = _numbered(versions, slug, number) if number is not None else versions[-1] if versions else None
    if version is None:
        profiles = profiles_of(session, assigned_groups(session), [slug])
        return PersonaView(
            slug, profiles[slug], None, (), f"No version is saved yet: run `personasync personas draft {slug}`."
        )
    profile = _profile(version)
    newest = newest_moment(session)
    if version is not versions[-1]:
        return PersonaView(slug, profile, version, versions)
    if any(source.name == PROPOSAL for source in profile.trust.sources):
        remark = f"These are the people of a proposal. Once they are assigned, run `personasync personas draft {slug}`."
        return PersonaView(slug, profile, version, versions, remark)
    if newest is None or profile.moment >= newest:
        return PersonaView(slug, profile, version, versions)
    remark = (
        f"People were reassigned since, as of {newest:%Y-%m-%d %H:%M} UTC. Run `personasync personas draft {slug}` "
        "to update the profile."
    )
    return PersonaView(slug, profile, version, versions, remark)


def slug_of(session: Session, name: str) -> str:
    """Return the persona of that name, or the one that stands for the segment of that name.

    Raises:
        FixSettingsError: There is neither.
    """
    workspace = session.workspace
    if name in workspace.personas:
        return name
    if name in workspace.persona_of:
        return workspace.persona_of[name]
    if name in workspace.steps.by_name():
        raise FixSettingsError(
            f"The segment {name!r} has no persona yet.", fix=f"Run `personasync personas draft {name}`."
        )
    known = ", ".join(workspace.personas) or "none"
    raise FixSettingsError(f"There is no persona {name!r}.", fix=f"personas.toml has: {known}.")


def _numbered(versions: Sequence[PersonaVersion], slug: str, number: int) -> PersonaVersion:
    persona_version = next((persona_version for persona_version in versions if persona_version.version == number), None)
    if persona_version is None:
        known = ", ".join(str(persona_version.version) for persona_version in versions) or "none yet"
        raise FixSettingsError(f"There is no version {number} of {slug!r}.", fix=f"Its versions: {known}.")
    return persona_version


def _profile(version: PersonaVersion) -> Profile:
    profile = profile_of(version.profile)
    if profile is None:
        raise FixSettingsError(
            f"Version {version.version} of {version.slug!r} was saved in an unknown format and can't be read.",
            fix=f"Run `personasync personas draft {version.slug}` to update the profile.",
        )
    return profile


@dataclass(frozen=True, slots=True)
class Compared:
    """Comparison of two versions of a persona.

    Attributes:
        old: The version before; *new* the one after.
        edited: Whether what people wrote is that of personas.toml now rather than that of *new*.
    """

    slug: str
    old: PersonaVersion
    new: PersonaVersion
    edited: bool
    changes: Sequence[PersonaChange]


def compare_versions(
    session: Session, old: str | None, new: str | None, only: str | None
) -> tuple[list[Compared], list[str]]:
    """Compare two versions of each persona, and say of which there is nothing to compare.

    Args:
        session: The open workspace.
        old: A version's number, or a day: what was in force then. None: the version before *new*.
        new: Likewise. None: the newest facts, with what personas.toml says now.
        only: One persona, or the segment that it stands for.

    Returns:
        One comparison per persona, and a sentence for each that has nothing to compare.

    Raises:
        FixSettingsError: There is no such persona or version.
    """
    slugs = [slug_of(session, only)] if only else list(session.workspace.personas)
    compareds: list[Compared] = []
    notes: list[str] = []
    for slug in slugs:
        versions = session.control.personas.of(slug)
        if not versions:
            notes.append(f"{slug}: no version is saved yet; run `personasync personas draft {slug}`.")
            continue
        last = _at(versions, new) if new else versions[-1]
        before = [version for version in versions if last and version.version < last.version]
        first = _at(versions, old) if old else before[-1] if before else last
        if first is None or last is None:
            notes.append(f"{slug}: there was no version at {old if first is None else new}.")
            continue
        compared = _compared(session, slug, first, last, edited=new is None)
        if first is last and not compared.changes:
            notes.append(f"{slug}: there is only version {last.version}, and no text changed since.")
        else:
            compareds.append(compared)
    _check_known(session, old, new)
    return compareds, notes


def _compared(session: Session, slug: str, old: PersonaVersion, new: PersonaVersion, *, edited: bool) -> Compared:
    invention = session.workspace.personas[slug].invention() if edited else new.invention
    changes = [*profile_changes(_profile(old), _profile(new)), *rewritten(old.invention, invention)]
    return Compared(slug, old, new, edited and dict(invention) != dict(new.invention), changes)


def _at(versions: Sequence[PersonaVersion], point: str) -> PersonaVersion | None:
    """The newest version up to a number or the end of a day; None where there was none yet."""
    if point.isdigit():
        candidates = [persona_version for persona_version in versions if persona_version.version <= int(point)]
    else:
        candidates = [persona_version for persona_version in versions if persona_version.recorded_at < _end_of(point)]
    return candidates[-1] if candidates else None


def _end_of(day: str) -> datetime:
    try:
        start = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    except ValueError as error:
        raise FixSettingsError(
            f"{day!r} is not a version or a date.", fix="Write a number, or a date such as 2026-11-24."
        ) from error
    return start + timedelta(days=1)


def _check_known(session: Session, *points: str | None) -> None:
    """A number beyond the newest is a mistake of typing, not the present."""
    newest = max((version.version for version in session.control.personas.in_force().values()), default=0)
    for point in points:
        if point and point.isdigit() and int(point) > newest:
            raise FixSettingsError(f"There is no version {point}.", fix=f"The newest is {newest}.")
