"""Caps: who is in a segment that may hold a number of people only. The others get what comes next for them.

Places go to pinned people first; then to those who got theirs within the days in which nobody moves twice
(`[classify] rest_days`), so that two people at the border don't change places every day; then by the ranking, and of
equal ones by person id. `assign` decides it for everybody at once. The webhook service gives free places away, and
takes none back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from segmenter.assign.decide import decide_all
from segmenter.assign.definitions import Definitions
from segmenter.late_arrow import pa
from segmenter.late_ibis import ibis
from segmenter.rules.caps import CONFIDENCE

if TYPE_CHECKING:
    from ibis import Table

    from sync.control.reading import ReadableControl

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cap:
    """A segment with a cap after an assign.

    Attributes:
        people: Who is in it, in the segments within it too.
        beyond: Who would be, but for the cap.
        last: What the last place went for, in the ranking's unit; None where there is room, or it is unknown.
        unknown: Of how many of *people* the ranking's value is unknown.
    """

    cap: int
    by: str
    people: int
    beyond: int
    last: float | None
    unknown: int = 0


def decide_within_caps(
    people: Table, definitions: Definitions, *, previous: Table, as_of: datetime
) -> tuple[pa.Table, dict[str, Cap]]:
    """Decide for everybody, and let nobody into a segment beyond its cap.

    Args:
        people: The trait table.
        definitions: The sources.
        previous: The assignments in force.
        as_of: UTC.

    Returns:
        Assignments in the schema of `ASSIGNMENTS`, and how full each segment with a cap is.
    """
    decided: pa.Table = decide_all(people, definitions, previous=previous, as_of=as_of).to_pyarrow()
    if not definitions.capped:
        return decided, {}
    rows: dict[str, Row] = {row["person_id"]: row for row in decided.to_pylist()}
    places = _Places(people, definitions, previous, as_of)
    while beyond := places.beyond(rows.values()):
        who = ibis.memtable(pa.Table.from_pylist([{"person_id": person} for person in sorted(beyond)]))
        some = people.semi_join(who, "person_id")
        again = decide_all(some, definitions, previous=previous, as_of=as_of, full=places.full())
        rows |= {row["person_id"]: row for row in again.to_pyarrow().to_pylist()}
    return pa.Table.from_pylist(list(rows.values()), schema=decided.schema), places.caps(rows.values())


class _Places:
    """Who has which place, and who was turned away."""

    def __init__(self, people: Table, definitions: Definitions, previous: Table, as_of: datetime) -> None:
        self._definitions = definitions
        self._away: set[tuple[str, str]] = set()  # person and segment
        traits = sorted({trait for trait, _ in definitions.rankings.values() if trait != CONFIDENCE})
        rows = people.select("person_id", *traits).to_pyarrow().to_pylist() if traits else []
        self._traits: dict[str, Row] = {row["person_id"]: row for row in rows}
        since = as_of - definitions.holding.rest
        held = previous.filter(
            previous.segment.isin(sorted({n for names in definitions.capped.values() for n in names}))
        )
        recent = held.select("person_id", "segment", "since").to_pyarrow().to_pylist()
        self._recent = {row["person_id"]: row["segment"] for row in recent if since < row["since"] <= as_of}

    def beyond(self, rows: Sequence[Row] | Any) -> set[str]:
        """Turn away who is beyond a cap; return whom."""
        surplus = set()
        for name, ordered in self._ordered(rows).items():
            most = self._definitions.steps.by_name()[name].segment.cap or 0
            pinned = sum(row["source"] == "pinned" for row in ordered)  # whom a person put there stays
            surplus |= {(row["person_id"], name) for row in ordered[max(most, pinned) :]}
        self._away |= surplus
        return {person for person, _ in surplus}

    def full(self) -> Table:
        """Return to whom which segments are closed."""
        rows = [{"person_id": person, "segment": name} for person, name in sorted(self._away)]
        columns = pa.schema([("person_id", pa.string()), ("segment", pa.string())])
        return ibis.memtable(pa.Table.from_pylist(rows, schema=columns))

    def caps(self, rows: Any) -> dict[str, Cap]:
        """Return how full each segment is."""
        caps, named = {}, self._definitions.steps.by_name()
        for name, ordered in self._ordered(rows).items():
            segment, beyond = named[name].segment, sum(place == name for _, place in self._away)
            worth = [value for row in ordered if (value := self._worth(name, row)) is not None]
            lowest = (max if self._definitions.rankings[name][1] else min)(worth, default=None)
            last = lowest if beyond else None
            caps[name] = Cap(segment.cap or 0, segment.cap_by, len(ordered), beyond, last, len(ordered) - len(worth))
        return caps

    def _ordered(self, rows: Any) -> dict[str, list[Row]]:
        """Who is in each segment with a cap, those first who stay first."""
        capped = self._definitions.capped
        inside: dict[str, list[Row]] = {name: [] for name in capped}
        for row in rows:
            for name, names in capped.items():
                if row["segment"] in names:
                    inside[name].append(row)
        for name, members in inside.items():
            members.sort(key=partial(self._rank, name))
        return inside

    def _rank(self, name: str, row: Row) -> tuple[bool, bool, bool, float, str]:
        person, worth = row["person_id"], self._worth(name, row)
        least_first = self._definitions.rankings[name][1]
        place = 0.0 if worth is None else worth if least_first else -worth
        stays = self._recent.get(person) in self._definitions.capped[name]
        return row["source"] != "pinned", not stays, worth is None, place, person

    def _worth(self, name: str, row: Row) -> float | None:
        trait, _ = self._definitions.rankings[name]
        value = row["confidence"] if trait == CONFIDENCE else self._traits.get(row["person_id"], {}).get(trait)
        return None if value is None or value != value else float(value)  # noqa: PLR0124 - NaN is no value


def closed_for_one(definitions: Definitions, before: str | None, free: Mapping[str, int]) -> list[str]:
    """Return the segments with a cap that one person may not enter now.

    Args:
        definitions: The sources.
        before: The segment in force; who has a place keeps it.
        free: Free places by segment.
    """
    return [name for name, names in definitions.capped.items() if before not in names and free.get(name, 0) <= 0]


def free_places(definitions: Definitions, control: ReadableControl) -> dict[str, int]:
    """Return the free places by segment with a cap, as the newest `assign` left them."""
    newest = control.runs.latest("assign", state="done")
    caps = newest.counts.get("caps", {}) if newest else {}
    named = definitions.steps.by_name()
    return {
        name: (named[name].segment.cap or 0) - int(caps.get(name, {}).get("people", 0)) for name in definitions.capped
    }


def caps_document(caps: Mapping[str, Cap]) -> dict[str, dict[str, Any]]:
    """Return caps as plain values."""
    return {name: asdict(cap) for name, cap in caps.items()}
