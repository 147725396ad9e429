"""Time windows: counts within the last N days, as of a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from segmenter.late_ibis import ibis
from segmenter.traits.timestamps import microseconds

if TYPE_CHECKING:
    from ibis import Table

MONEY = 10_000  # money is summed in ten-thousandths, as integers: in whatever order an engine adds, the sum is the same


@dataclass(frozen=True, slots=True)
class Windows:
    """The moment that is looked back from.

    Attributes:
        as_of: UTC; a window of 30 days holds what came after *as_of* - 30 days, until *as_of* itself.
        left_since: An earlier moment, UTC: then a window stands for what lay in it at that moment and lies before it
            at *as_of*. What came between the two moments is in neither. None: for what lies in it.
    """

    as_of: datetime
    left_since: datetime | None = None

    @property
    def moment(self) -> Any:
        """The moment as an expression."""
        return _moment(self.as_of)

    def past(self, rows: Table) -> Table:
        """Return the rows that had come until the moment.

        Returns:
            Rows whose ``at`` (UTC) is not after the moment.
        """
        return rows.filter(rows.at <= self.moment)

    def count(self, rows: Table, at: Any, days: int, where: Any = None) -> Any:
        """Count the rows whose moment *at* lies in the window of *days* and that are *where*.

        Args:
            rows: The rows.
            at: Ibis timestamp of a row, UTC.
            days: Length of the window, back from the moment.
            where: A boolean Ibis column; None: all rows.

        Returns:
            An Ibis aggregate, 0 for none.
        """
        inside = self.inside(at, days)
        return rows.count(where=inside if where is None else inside & where)

    def sum(self, values: Any, at: Any, days: int) -> Any:
        """Add up whole numbers whose moment *at* lies in the window of *days*.

        Args:
            values: An Ibis column of whole numbers.
            at: Ibis timestamp of a row, UTC.
            days: Length of the window, back from the moment.

        Returns:
            An Ibis aggregate, 0 for none.
        """
        return values.sum(where=self.inside(at, days)).fill_null(0)

    def inside(self, at: Any, days: int) -> Any:
        """Tell whether the moment *at* lies in the window of *days*.

        Args:
            at: Ibis timestamp, UTC.
            days: Length of the window.

        Returns:
            A boolean Ibis expression; where ``left_since`` is set, whether the row left the window since then.
        """
        if self.left_since is None:
            return (at > self.moment - ibis.interval(days=days)) & (at <= self.moment)
        span = timedelta(days=days)
        return (at > _moment(self.left_since - span)) & (at <= _moment(min(self.as_of - span, self.left_since)))


def _moment(moment: datetime) -> Any:
    return ibis.literal(moment).cast("timestamp('UTC', 6)")


def _spelt(word: str) -> Any:
    text: Any = ibis.literal(word.strip())
    return text.lower()


MOST_WHOLE = 9.2e18
"""An int64 holds a little more."""


def whole(values: Any, parts: int) -> Any:
    """Numbers as whole multiples of 1/*parts*; what does not fit (infinite, not a number) becomes null."""
    scaled = values * float(parts)
    # tried before it is rounded: Ibis rounds to a whole number, which fails where that is too large
    fits: Any = ibis.ifelse(scaled.abs() < MOST_WHOLE, scaled, ibis.null("float64"))
    return fits.round().cast("int64")


DATED = 18  # digits in front of a text that is ordered by moment
RANKED = 15  # digits in front of a text that is ordered by a count
BEFORE_ALL = 10**17  # microseconds; makes every moment of the calendar a positive number of at most 18 digits


def dated(at: Any, text: Any) -> Any:
    """Text behind its moment, so that the largest is the latest; of one moment, the last in the alphabet."""
    return (microseconds(at) + BEFORE_ALL).fill_null(0).cast("string").lpad(DATED, "0").concat(text)


def rank_text(count: Any, text: Any) -> Any:
    """Text behind its count (from 1), so that the largest is the most frequent."""
    return count.cast("string").lpad(RANKED, "0").concat(text)


def by_person(events: Table, links: Table) -> Table:
    """Return *events* with ``person_id`` in place of ``contact_key``; those of nobody are left out."""
    return events.inner_join(links, "contact_key").drop("contact_key")


def typed(text: Any, type_: str, words: Sequence[tuple[str, float]] = ()) -> Any:
    """What a platform or a respondent wrote, as a value; null where it can't be one. Booleans are 0 and 1.

    Args:
        text: As written.
        type_: Of the trait.
        words: What texts count as, whatever their capitals, where a number is meant.

    Returns:
        An Ibis column: float64, date, int8 (boolean) or text.
    """
    if type_ == "number":
        number = text.try_cast("float64")
        number = ibis.ifelse(number.isinf() | number.isnan(), ibis.null("float64"), number)
        plain = text.strip().lower()
        named = [(plain == _spelt(word), value) for word, value in words]
        return ibis.cases(*named, else_=number) if named else number
    if type_ == "date":
        day = text.substr(0, 10)
        return ibis.ifelse(day.re_search("^ *[0-9]"), day, ibis.null("string")).try_cast("date")  # not "infinity"
    if type_ == "boolean":
        return text.lower().isin(["true", "yes", "1"]).cast("int8")
    return text
