"""Persona versions: facts, and the profile text at that time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, func, insert, select

from sync.control import schema

VERSION = schema.persona_version


@dataclass(frozen=True, slots=True)
class PersonaVersion:
    """One version of one persona.

    Attributes:
        version: Counts up over all personas of the workspace.
        digest: Of facts and invention.
        as_of: The moment that the facts are of, UTC.
        profile: As `segmenter.profile.profile.Profile.document` wrote them.
        invention: As `segmenter.personalize.personas.Persona.invention` returned it.
    """

    version: int
    slug: str
    digest: str
    as_of: datetime
    recorded_at: datetime
    run_id: str
    profile: Mapping[str, Any]
    invention: Mapping[str, str]


class PersonaVersions:
    """Versions of personas; nothing is ever changed in one."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def record(
        self, slug: str, profile: Mapping[str, Any], invention: Mapping[str, str], *, as_of: datetime, run_id: str
    ) -> PersonaVersion | None:
        """Keep a version; None where the newest one of the persona says the same.

        Args:
            slug: The persona.
            profile: As `segmenter.profile.profile.Profile.document` returns it.
            invention: Text by place, as `segmenter.personalize.personas.Persona.invention` returns it.
            as_of: The moment that the profile is of, UTC.
            run_id: The run that made it.

        Returns:
            The version that was added.
        """
        text = json.dumps([profile, invention], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        newest = self.newest(slug)
        if newest and newest.digest == digest:
            return None
        values = {
            "slug": slug,
            "digest": digest,
            "as_of": as_of,
            "recorded_at": self.now(),
            "run_id": run_id,
            "profile": dict(profile),
            "invention": dict(invention),
        }
        with self.engine.begin() as connection:
            connection.execute(insert(VERSION).values(values))
        return self.newest(slug)

    def of(self, slug: str) -> list[PersonaVersion]:
        """Return all versions of a persona, the oldest first.

        Returns:
            Empty for a persona without versions.
        """
        with self.engine.connect() as connection:
            rows = connection.execute(select(VERSION).where(VERSION.c.slug == slug).order_by(VERSION.c.version))
            return [_version(row) for row in rows]

    def newest(self, slug: str) -> PersonaVersion | None:
        """Return the newest version of a persona, None where there is none.

        Returns:
            The version with the highest number.
        """
        return self.in_force().get(slug)

    def in_force(self) -> dict[str, PersonaVersion]:
        """Return the newest version of every persona that has one, by slug.

        Returns:
            Also of personas that personas.toml has no more.
        """
        newest = select(func.max(VERSION.c.version)).group_by(VERSION.c.slug)
        with self.engine.connect() as connection:
            rows = connection.execute(select(VERSION).where(VERSION.c.version.in_(newest)))
            return {row.slug: _version(row) for row in rows}


def _version(row: Row[Any]) -> PersonaVersion:
    return PersonaVersion(
        row.version, row.slug, row.digest, row.as_of, row.recorded_at, row.run_id, row.profile, row.invention
    )
