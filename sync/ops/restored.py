"""After a restore: refusals of later count again, and who was erased since the backup is erased again."""

from __future__ import annotations

import shutil
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sync.consent.erased_people import KEY, hasher
from sync.control.carry_over import carry_over
from sync.erasure.job import COMMAND, begin, complete
from sync.session import Session, recorded

CONTROL = "control.db"


@dataclass(frozen=True, slots=True)
class KeptRefusals:
    """What a restored workspace knows in spite of its age.

    Attributes:
        readable: Whether the state of before could be read; if not, nothing was carried over.
        refusals: Opt-outs and objections, by contact key, that it knew.
        erased: People who are in the backup and were erased after it: they are erased again.
    """

    readable: bool
    refusals: int = 0
    erased: int = 0


def keep_refusals(session: Session, set_aside: Path) -> KeptRefusals:
    """Take over from the state that a restore moved aside what people refused since the backup.

    Args:
        session: The restored workspace, opened.
        set_aside: The folder of the state that was there before; it is only read.

    Returns:
        What counts again.

    Raises:
        TryLaterError: Another process took a store.
    """
    rows = carry_over(set_aside / CONTROL, session.control.erasures.engine, session.now)
    if rows is None:
        return KeptRefusals(readable=False)
    key = session.workspace.state_dir / KEY
    if (set_aside / KEY).is_file() and not key.exists():  # the first erasure came after the backup
        shutil.copyfile(set_aside / KEY, key)
        key.chmod(0o600)
    refusals = rows.get("opt_out", 0) + rows.get("objection", 0)
    return KeptRefusals(readable=True, refusals=refusals, erased=_erase_again(session))


def _erase_again(session: Session) -> int:
    control = session.control
    remembered = control.erasures.all()
    if not remembered:
        return 0
    hashes = hasher(session.workspace.state_dir, make=False)
    people: dict[datetime, set[str]] = defaultdict(set)
    for contact_key, person in control.links.mapping().items():
        record = remembered.get(hashes.digest(contact_key))
        if record is not None:
            people[record.erased_at].add(person)
    for erased_at, persons in people.items():
        begin(session, persons, reason="erased after the backup", erased_at=erased_at)
    with recorded(session, COMMAND) as run:
        done = complete(session, run)
        run.counts.update(people=done.people, records=done.records)
    return done.people
