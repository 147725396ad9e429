"""Erasures of the platforms: HubSpot's privacy deletion, Mailchimp's permanently deleted member (ADR 24).

A person of whom no record is in use any more, and whom a platform erased, is erased here as well. Where other records
of a person are in use, the content of the erased one goes. A pull that finds very many at once erases nobody: that is
another account or a fault sooner than so many wishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.records import CONTACTS, platform_key
from sync.erasure.job import begin
from sync.session import Session
from sync.warehouse.erase import versions_of_keys

REASON = "erased on the platforms"
MOST, MOST_SHARE = 20, 0.1
"""People whom one pull erases; from then on the share of all people decides."""


@dataclass(frozen=True, slots=True)
class ErasedThere:
    """Whom the platforms erased, and we did not yet.

    Attributes:
        persons: Of whom no record is in use.
        records: Contact keys of erased records of other people, which still have content.
        too_many: Whether somebody should look first.
    """

    persons: frozenset[str]
    records: frozenset[str]
    too_many: bool

    @property
    def sentence(self) -> str:
        """What to do if there are too many."""
        return (
            f"{len(self.persons):,} people are gone from the platforms for good, all at once. Nobody was erased here: "
            "check that the connections point to the right accounts, then run "
            "`personasync forget --erased-on-platforms`."
        )


def erased_there(session: Session) -> ErasedThere:
    """Find whom the platforms erased since.

    Args:
        session: The open workspace, after a pull.

    Returns:
        People of whom no contact is in use any more, and records of others; nothing is erased here.
    """
    contacts = session.warehouse.current(CONTACTS.name)
    deleted = contacts.filter(contacts.state == "deleted").select(*CONTACTS.key).to_pyarrow().to_pylist()
    keys = {platform_key(row["connection"], row["platform_id"]) for row in deleted}
    if not keys:
        return ErasedThere(frozenset(), frozenset(), too_many=False)
    person_of = session.control.links.of_keys(keys)
    linked = session.control.links.of_persons(set(person_of.values()))
    pairs = {(n, k) for key in linked if not key.startswith("mailto:") for n, _, k in [key.partition(":")]}
    newest = {platform_key(r["connection"], r["platform_id"]): r for r in _versions(session, pairs)}
    alive = {linked[key] for key, row in newest.items() if row["state"] == "active"}
    persons = frozenset(person_of.values()) - alive
    of_alive = {key for key, person in person_of.items() if person in alive}
    full = {
        platform_key(row["connection"], row["platform_id"])
        for row in _versions(session, {(n, k) for key in of_alive for n, _, k in [key.partition(":")]})
        if row["email"] or row["additional_emails"] or row["properties"] not in {None, "{}"}
    }
    most = max(MOST, MOST_SHARE * session.control.links.persons())
    return ErasedThere(persons, frozenset(full), too_many=len(persons) > most)


def _versions(session: Session, pairs: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """Every version of some contacts, oldest first."""
    rows: list[dict[str, Any]] = versions_of_keys(session.warehouse, CONTACTS.name, pairs, CONTACTS.key)
    return rows


def follow_erasures(session: Session, began: datetime, *, confirmed: bool = False) -> ErasedThere:
    """Begin to erase whom the platforms erased; `sync.erasure.job.complete` does the rest.

    Args:
        session: The open workspace, after a pull.
        began: When the pull began, UTC: a subscription after it is a new consent.
        confirmed: Whether somebody said that so many are right.

    Returns:
        Whom it is about; if there are too many, nothing was begun.
    """
    gone = erased_there(session)
    if not gone.too_many or confirmed:
        begin(session, gone.persons, reason=REASON, records=gone.records, erased_at=began)
    return gone
