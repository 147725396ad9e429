"""Time zone offsets of contacts as a table, to compute local times in joins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from connectors.table_schema import COUNT, TEXT, TableSchema
from segmenter.late_arrow import pa
from segmenter.traits.builtin import TraitProperties
from segmenter.traits.local_time import zone_spelt

if TYPE_CHECKING:
    from ibis import Table

FIRST = datetime(1990, 1, 1, tzinfo=UTC)  # no mail of a campaign is older
STEP = timedelta(days=7)  # no zone changes its offset twice within a week
OFFSETS = TableSchema("offsets", (), (("spelt", TEXT), ("since", COUNT), ("until", COUNT), ("ahead", COUNT)))
EVER = 2**40  # epoch seconds


def offsets(contacts: Table, sources: TraitProperties, default: str, until: datetime) -> pa.Table:
    """Return the offsets of every zone that a contact has; see `segmenter.traits.local_time.with_local_hour`.

    What they say of a moment does not depend on *until*, as long as it is later.

    Args:
        contacts: Versions in force.
        sources: Which properties tell the zone, as in `segmenter.traits.builtin.Catalogue`.
        default: The workspace's zone; one that nobody knows counts as it.
        until: UTC; the last span begins before.

    Returns:
        Columns ``spelt``, ``since`` and ``until`` (epoch seconds), ``ahead`` (seconds before UTC).
    """
    table = zones(contacts, sources).to_pyarrow()
    rows = offset_rows(table["time_zone"].to_pylist(), default, until)
    kinds = OFFSETS.columns.types
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
    return pa.table(columns, schema=OFFSETS.columns)


def zones(contacts: Table, sources: TraitProperties) -> Table:
    """Return every zone that a contact has, as it is spelt: column ``time_zone``. Arguments as in `offsets`."""
    return zone_spelt(contacts, sources).select("time_zone").distinct()


def offset_rows(spelt: Iterable[str | None], default: str, until: datetime) -> list[tuple[str, int, int, int]]:
    """Return the rows of `offsets` for zones that are spelt so; the other arguments are as there."""
    last = until.year + 1
    return [
        (text, *span)
        for text in sorted({spelling or "" for spelling in spelt} | {""})
        for span in spans(iana(text) or default, last)
    ]


def iana(text: str) -> str | None:
    """Return the zone that a platform writes as *text* (``europe/london``, ``us_slash_eastern``), or None."""
    return _known().get(text.strip().casefold().replace("_slash_", "/").replace(" ", "_"))


@cache
def _known() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones()}


@cache
def spans(name: str, last: int) -> tuple[tuple[int, int, int], ...]:
    """Return when a zone was how many seconds before UTC: since and until in epoch seconds, and the offset.

    Args:
        name: As IANA writes it.
        last: Year until which changes are looked for.
    """
    zone = ZoneInfo(name)
    edges = [-EVER, *(int(at.timestamp()) for at in _changes(zone, datetime(last, 12, 31, tzinfo=UTC))), EVER]
    return tuple((since, until, _ahead(zone, max(since, int(FIRST.timestamp())))) for since, until in pairwise(edges))


def _changes(zone: ZoneInfo, last: datetime) -> Iterator[datetime]:
    at = FIRST
    while at < last:
        following = at + STEP
        if _ahead(zone, int(at.timestamp())) != _ahead(zone, int(following.timestamp())):
            yield _between(zone, at, following)
        at = following


def _between(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The second at which the offset changes, by halving."""
    before = _ahead(zone, int(low.timestamp()))
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        low, high = (middle, high) if _ahead(zone, int(middle.timestamp())) == before else (low, middle)
    return high


def _ahead(zone: ZoneInfo, epoch: int) -> int:
    offset = datetime.fromtimestamp(epoch, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0
