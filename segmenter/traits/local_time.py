"""Local hour of the day of a person, with daylight saving time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segmenter.traits.builtin import NAMED_ALIKE, TraitProperties
from segmenter.traits.people import texts_of, told_text
from segmenter.traits.timestamps import SECOND, microseconds

if TYPE_CHECKING:
    from ibis import Table

DAY, HOUR = 86_400, 3_600  # seconds
DAYS, THURSDAY = 7, 3  # 1970-01-01 was a Thursday


def zone_spelt(contacts: Table, sources: TraitProperties = NAMED_ALIKE) -> Table:
    """Return *contacts* with ``time_zone``: the zone as the platform writes it, null where there is none.

    Args:
        contacts: Versions in force.
        sources: Which properties tell it, as in `segmenter.traits.builtin.Catalogue`.

    Returns:
        Text as it was written there: no known IANA name is promised.
    """
    return contacts.mutate(time_zone=told_text(contacts, texts_of(contacts), sources, "time_zone"))


def with_local_hour(events: Table, at: str, people: Table, offsets: Table | None, *, weekday: bool = False) -> Table:
    """Return *events* with ``hour``, 0 to 23: the hour of the moment *at* where the person is.

    By the microseconds of the epoch: an engine's own hour may be that of its session's time zone.

    Args:
        events: With ``person_id``.
        at: The name of a column of moments (UTC).
        people: Columns ``person_id``, ``time_zone`` (as the platform writes it, or null).
        offsets: Columns ``spelt`` ("" for people without a zone), ``since`` and ``until`` (epoch seconds, the first
            included), ``ahead`` (seconds before UTC); None: everybody's hour is that of UTC.
        weekday: Whether ``weekday`` is wanted too, 0 (Monday) to 6, where the person is.

    Returns:
        The same rows, and ``hour`` as int64.
    """
    table = events.mutate(epoch=microseconds(events[at]) // SECOND)
    if offsets is not None:
        zone = people.select("person_id", spelt=people.time_zone.fill_null(""))
        table = table.left_join(zone, "person_id").drop("person_id_right")
        spans = offsets.rename(zone="spelt")
        inside = [table.spelt == spans.zone, table.epoch >= spans.since, table.epoch < spans.until]
        table = table.left_join(spans, inside)
        table = table.mutate(epoch=table.epoch + table.ahead.fill_null(0)).drop(
            "spelt", "zone", "since", "until", "ahead"
        )
    if weekday:
        table = table.mutate(weekday=((table.epoch // DAY + THURSDAY) % DAYS).cast("int64"))
    return table.mutate(hour=((table.epoch % DAY) // HOUR).cast("int64")).drop("epoch")
