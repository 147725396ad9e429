"""People of a file who got mails, and answered at rates that a test names: what a platform would have told."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.records import CAMPAIGNS, DELIVERIES, ENGAGEMENTS
from connectors.table_schema import TableSchema
from sync.assign.job import assign
from sync.clock import now
from sync.pull.job import pull
from sync.session import Session, open_session

MAIN = '[workspace]\nname = "W"\n[connections.shop]\nconnector = "files"\ncontacts = "contacts.csv"\n[traits.kind]\n'
MAIN += 'connection = "shop"\nproperty = "kind"\n[personalize]\nmin_audience = 1\n'
SEGMENTS = '[[segments]]\nname = "everybody"\nrule = "kind = \'any\'"\n'
PERSONAS = '[personas.bo]\nname = "Bo"\nsegments = ["everybody"]\nstory = "Buys."\n'


@contextmanager
def opened(folder: Path, *, day: float = 0) -> Iterator[Session]:
    """Open the workspace as it is *day* days from now."""
    with open_session(folder, now=lambda: now() + timedelta(days=day), environment={}) as session:
        yield session


def made(folder: Path, people: int) -> Path:
    """Write a workspace of the persona Bo, and read and assign its people."""
    rows = [["id", "email", "kind", "consent"]]
    rows += [[str(n), f"p{n}@people.test", "any", "subscribed"] for n in range(people)]
    with (folder / "contacts.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    for name, text in (("personasync", MAIN), ("segments", SEGMENTS), ("personas", PERSONAS)):
        (folder / f"{name}.toml").write_text(text, "utf-8")
    with opened(folder, day=-60) as session:
        pull(session)
        if people:
            assign(session, as_of=session.now())
    return folder


def contact_of(session: Session) -> dict[str, str]:
    """Return the contact of each person."""
    return {person: key for key, person in session.control.links.mapping().items() if key.startswith("shop:")}


def mail(session: Session, name: str, at: datetime, contacts: Sequence[str], clicks: int, **of: Any) -> None:
    """Let a mail go out to *contacts*, of whom the first *clicks* click.

    Args:
        session: The open workspace.
        name: Of the mail; its id too.
        at: When it was sent.
        contacts: Their keys.
        clicks: How many of them click.
        of: ``parent``, ``variant``: whose variant it is.
    """
    key = {"connection": "shop", "campaign_id": name}
    variant = of.get("variant")
    _append(
        session,
        CAMPAIGNS,
        [{**key, "parent_id": of.get("parent"), "name": name, "variant": variant, "state": "sent", "sent_at": at}],
    )
    sent = [{**key, "contact_key": contact, "at": at, "status": "sent", "variant": variant} for contact in contacts]
    _append(session, DELIVERIES, sent)
    clicked = [
        {**key, "event_id": f"{name} {contact}", "kind": "click", "contact_key": contact, "at": at + timedelta(hours=1)}
        for contact in contacts[:clicks]
    ]
    _append(session, ENGAGEMENTS, clicked)


def campaign(session: Session, name: str, at: datetime, variants: Mapping[str, tuple[Sequence[str], int]]) -> None:
    """Let a campaign go out in variants: whom each reaches, and how many of them click."""
    _append(session, CAMPAIGNS, [{"connection": "shop", "campaign_id": name, "name": name, "sent_at": at}])
    for variant, (contacts, clicks) in variants.items():
        mail(session, f"{name} {variant}", at, contacts, clicks, parent=name, variant=variant)


def _append(session: Session, schema: TableSchema, rows: list[dict[str, Any]]) -> None:
    whole = [dict.fromkeys(schema.columns.names) | row for row in rows]
    session.warehouse.append(schema.name, pa.Table.from_pylist(whole, schema=schema.columns), recorded_at=session.now())
