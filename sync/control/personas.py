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
        facts: As `segmenter.profile.profile.Profile.document` wrote them.
        invention: As `segmenter.personalize.personas.Persona.invention` returned it.
    """

    version: int
    slug: str
    digest: str
    as_of: datetime
    recorded_at: datetime
    run_id: str
    facts: Mapping[str, Any]
    invention: Mapping[str, str]


class PersonaVersions:
    """Versions of personas; nothing is ever changed in one."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def record(
        self, slug: str, facts: Mapping[str, Any], invention: Mapping[str, str], *, as_of: datetime, run_id: str
    ) -> PersonaVersion | None:
        """Keep a version; None where the newest one of the persona says the same."""
        told = json.dumps([facts, invention], sort_keys=True)
        digest = hashlib.sha256(told.encode()).hexdigest()[:12]
        newest = self.newest(slug)
        if newest and newest.digest == digest:
            return None
        values = {
            "slug": slug,
            "digest": digest,
            "as_of": as_of,
            "recorded_at": self.now(),
            "run_id": run_id,
            "facts": dict(facts),
            "invention": dict(invention),
        }
        with self.engine.begin() as connection:
            connection.execute(insert(VERSION).values(values))
        return self.newest(slug)

    def of(self, slug: str) -> list[PersonaVersion]:
        """Return all versions of a persona, the oldest first."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(VERSION).where(VERSION.c.slug == slug).order_by(VERSION.c.version))
            return [_version(row) for row in rows]

    def newest(self, slug: str) -> PersonaVersion | None:
        """Return the newest version of a persona, None where there is none."""
        return self.in_force().get(slug)

    def in_force(self) -> dict[str, PersonaVersion]:
        """Return the newest version of every persona that has one, by slug."""
        newest = select(func.max(VERSION.c.version)).group_by(VERSION.c.slug)
        with self.engine.connect() as connection:
            rows = connection.execute(select(VERSION).where(VERSION.c.version.in_(newest)))
            return {row.slug: _version(row) for row in rows}


def _version(row: Row[Any]) -> PersonaVersion:
    return PersonaVersion(
        row.version, row.slug, row.digest, row.as_of, row.recorded_at, row.run_id, row.facts, row.invention
    )
