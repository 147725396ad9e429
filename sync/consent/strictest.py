"""Strictest consent of a person, across active and deleted records. Pure.

The strictest consent of a person counts until a newer yes. A record that is archived, deleted or merged keeps the last
refusal that it showed; it is released by a yes that another record of the person came to show later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from segmenter.traits.people import NO_CONSENT, OUTLIVES, STRICTEST_FIRST

if TYPE_CHECKING:
    import pyarrow as pa

ContactRow = Mapping[str, Any]
NAMES = ("connection", "platform_id")


def strictest_consent(contacts: Sequence[ContactRow]) -> str:
    """Return a person's consent: the strictest of their contacts in use, and of the refusals of those that are gone."""
    given = {row["consent"] for row in contacts if row["state"] == "active" or row["consent"] in OUTLIVES}
    return next((consent for consent in STRICTEST_FIRST if consent in given), NO_CONSENT)


def with_last_refusals(incoming: pa.Table, in_force: Iterable[ContactRow]) -> pa.Table:
    """Return *incoming* contacts; those that are gone show the refusal that we know of them.

    Args:
        incoming: As a platform sends them.
        in_force: What we know of those that are gone. A refusal that was released is one no more.
    """
    import pyarrow as pa  # noqa: PLC0415 - who asks for one person's consent needs no tables

    known = {(row["connection"], row["platform_id"]): row for row in in_force}
    shown = incoming.select([*NAMES, "state", "consent", "updated_at"]).to_pylist()
    kept = [_kept(row, known.get((row["connection"], row["platform_id"]))) for row in shown]
    place = incoming.schema.get_field_index("consent")
    return incoming.set_column(place, "consent", pa.array(kept, pa.string()))


def _kept(row: ContactRow, known: ContactRow | None) -> str | None:
    consent: str | None = row["consent"]
    if row["state"] == "active" or known is None:
        return consent
    if known["consent"] in OUTLIVES:
        return consent if consent in OUTLIVES else str(known["consent"])
    same = known["state"] != "active" and known["updated_at"] == row["updated_at"]
    return str(known["consent"]) if same else consent


def gone(contacts: pa.Table) -> pa.Table:
    """Return the contacts that are not in use."""
    import pyarrow.compute as pc  # noqa: PLC0415

    return contacts.filter(pc.not_equal(contacts["state"], "active"))


def last_refusal(versions: Sequence[ContactRow]) -> str | None:
    """Return the refusal with which a record went: the consent that it last showed in use.

    Args:
        versions: Of one contact, oldest first.
    """
    in_use = [row["consent"] for row in versions if row["state"] == "active"]
    return in_use[-1] if in_use and in_use[-1] in OUTLIVES else None


def is_released(refused: Sequence[ContactRow], other: Sequence[ContactRow]) -> bool:
    """Tell whether another record of the person shows a yes that is newer than a refusal.

    That is a subscription that began later; or, on the same platform, a refusal of the other record that was lifted.

    Args:
        refused: Versions of the record that is gone, oldest first.
        other: Versions of the other one, oldest first.
    """
    no, newest = _refusal(refused), other[-1]
    if newest["state"] != "active" or newest["consent"] in OUTLIVES:
        return False
    start = _start(other, lambda row: row["state"] == "active" and row["consent"] == newest["consent"])
    subscribed = newest["consent"] == "subscribed"
    if start == 0:  # since when it has been so, only the platform can tell
        since: datetime | None = other[0]["created_at"]
        return subscribed and since is not None and since > (no["updated_at"] or no["recorded_at"])
    lifted = other[start - 1]["consent"] in OUTLIVES and newest["connection"] == no["connection"]
    return (subscribed or lifted) and _order(other[start]) > _order(no)


def _refusal(versions: Sequence[ContactRow]) -> ContactRow:
    """The version with which the last refusal began."""
    refusing = [place for place, row in enumerate(versions) if row["consent"] in OUTLIVES]
    in_use = [place for place in refusing if versions[place]["state"] == "active"]
    last = (in_use or refusing)[-1]
    return versions[_start(versions[: last + 1], lambda row: row["consent"] in OUTLIVES)]


def _start(versions: Sequence[ContactRow], holds: Any) -> int:
    """The place at which the run of versions begins that ends with the newest one."""
    place = len(versions) - 1
    while place and holds(versions[place - 1]):
        place -= 1
    return place


def _order(row: ContactRow) -> tuple[Any, int]:
    return row["recorded_at"], row["sequence"]
