"""Counts that rules ask for: what happened in a window of any length, of one campaign, page or product.

`count(clicks, days = 14, campaign = "spring*")` in a rule is a trait like any other: everybody has one value, 0 where
nothing happened. How such a count is written in a rule says `segmenter.rules.counts`.
"""

from __future__ import annotations

import hashlib
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from segmenter.late_ibis import ibis
from segmenter.traits.definitions import Inputs
from segmenter.traits.windows import Windows, by_person

if TYPE_CHECKING:
    from ibis import Table

MAIL = ("campaign", "address", "product", "value")
COUNTABLE: Mapping[str, tuple[str, str | None, tuple[str, ...]]] = {
    "orders": ("orders", None, ("campaign", "product", "category")),
    "deliveries": ("deliveries", None, ("campaign",)),
    "opens": ("engagements", "open", MAIL),
    "clicks": ("engagements", "click", MAIL),
    "bounces": ("engagements", "bounce", MAIL),
    "complaints": ("engagements", "complaint", MAIL),
    "replies": ("engagements", "reply", MAIL),
    "visits": ("engagements", "visit", MAIL),
    "forms": ("engagements", "form", MAIL),
    "events": ("engagements", None, ("kind", *MAIL)),
}
"""What can be counted: its table, the kind of event (None: any), and what it can be filtered by."""
COLUMNS = {"address": "url", "product": "product", "value": "value", "kind": "kind"}
NUMBERS = ("value",)
"""Filters that compare numbers; all others are texts, in which * stands for anything."""
COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
ONCE_A_MAIL = ("open", "click", "bounce", "complaint", "reply")
LONGEST = 3660  # days


@dataclass(frozen=True, slots=True)
class CountFilter:
    """A condition on what is counted.

    Attributes:
        name: One of the filters in `COUNTABLE`.
        comparison: A key of `COMPARISONS`; "=" for texts.
        value: A text in which * stands for anything, whatever its capitals; or a number.
    """

    name: str
    comparison: str
    value: str | float


@dataclass(frozen=True, slots=True)
class CountedTrait:
    """A count that a rule asks for.

    Attributes:
        what: A key of `COUNTABLE`.
        days: Length of the window, None for all time.
    """

    what: str
    days: int | None
    filters: tuple[CountFilter, ...] = ()

    @property
    def name(self) -> str:
        """Its name among the traits: readable, and short enough for every engine."""
        window = f"_{self.days}d" if self.days else ""
        if not self.filters:
            return f"count_{self.what}{window}"
        document = json.dumps([[condition.name, condition.comparison, condition.value] for condition in self.filters])
        return f"count_{self.what}{window}_{hashlib.sha256(document.encode()).hexdigest()[:8]}"

    @property
    def text(self) -> str:
        """The count as rules write it."""
        days = [f"days = {self.days}"] if self.days else []
        return f"count({', '.join([self.what, *days, *map(_shown, self.filters)])})"

    @property
    def table(self) -> str:
        """The table that is counted."""
        return COUNTABLE[self.what][0]

    @property
    def kind(self) -> str | None:
        """The kind of event that is counted; None: rows of whatever kind."""
        return COUNTABLE[self.what][1]

    def by(self, *names: str) -> bool:
        """Tell whether it is filtered by one of *names*."""
        return any(condition.name in names for condition in self.filters)


def _shown(condition: CountFilter) -> str:
    value = (
        f"{condition.value:g}" if isinstance(condition.value, float) else "'" + condition.value.replace("'", "''") + "'"
    )
    return f"{condition.name} {condition.comparison} {value}"


def count_aggregates(inputs: Inputs, counted: Sequence[CountedTrait], windows: Windows) -> Iterator[Table]:
    """Yield tables of ``person_id`` and counts, which together hold every one of *counted*.

    Args:
        inputs: The tables.
        counted: What to count.
        windows: The moment.
    """
    lined = [trait for trait in counted if trait.by("product", "category") and trait.table == "orders"]
    for trait in lined:
        yield _orders_with(trait, inputs, windows)
    for table in ("orders", "deliveries", "engagements"):
        mine = [trait for trait in counted if trait.table == table and trait not in lined]
        if mine:
            yield _counted(_rows(table, inputs, mine, windows), mine, windows)


def _rows(table: str, inputs: Inputs, traits: Sequence[CountedTrait], windows: Windows) -> Table:
    """Rows of people, with the name of their campaign where it is asked for, and what counts once (``once``)."""
    rows: Any = windows.past({"orders": inputs.orders, "deliveries": inputs.deliveries}.get(table, inputs.engagements))
    if table == "orders":
        rows = rows.filter(rows.state == "placed")
    elif table == "deliveries":
        rows = rows.filter(rows.status == "sent")
    if any(trait.by("campaign") for trait in traits):
        rows = _with_campaigns(rows, inputs.campaigns)
    return by_person(rows.mutate(once=_once(table, rows)), inputs.links)


def _once(table: str, rows: Any) -> Any:
    """What counts once: an order, a delivery, a mail however often it was answered, any other event each time."""
    if table == "orders":
        return rows.connection.concat("/", rows.order_id)
    if table == "deliveries":
        return rows.connection.concat("/", rows.campaign_id, "/", rows.contact_key)
    alone = ~rows.kind.isin(ONCE_A_MAIL) | rows.campaign_id.isnull()
    return rows.connection.concat("/", rows.kind, "/", ibis.ifelse(alone, rows.event_id, rows.campaign_id))


def _with_campaigns(rows: Any, campaigns: Table | None) -> Any:
    if campaigns is None:
        return rows.mutate(campaign_name=ibis.null("string"))
    named = campaigns.select("connection", "campaign_id", campaign_name=campaigns.name)
    joined = rows.left_join(named, ["connection", "campaign_id"])
    return joined.select(*rows.columns, "campaign_name")


def _counted(rows: Table, traits: Sequence[CountedTrait], windows: Windows) -> Table:
    counts = {trait.name: rows["once"].nunique(where=_condition(rows, trait, windows)) for trait in traits}
    return rows.group_by("person_id").aggregate(**counts)


def _condition(rows: Table, trait: CountedTrait, windows: Windows, *, but: Sequence[str] = ()) -> Any:
    parts = [ibis.literal(value=True)]
    if trait.days is not None:
        parts.append(windows.inside(rows["at"], trait.days))
    if trait.kind is not None:
        parts.append(rows.kind == trait.kind)
    parts += [_fits(rows, condition) for condition in trait.filters if condition.name not in but]
    return reduce(and_, parts)


def _fits(rows: Table, condition: CountFilter) -> Any:
    if condition.name == "campaign":
        return like(rows.campaign_id, str(condition.value)) | like(rows.campaign_name, str(condition.value))
    column = rows[COLUMNS[condition.name]]
    if condition.name in NUMBERS:
        return COMPARISONS[condition.comparison](column, condition.value).fill_null(False)  # noqa: FBT003 - an expression
    return like(column, str(condition.value))


def _orders_with(trait: CountedTrait, inputs: Inputs, windows: Windows) -> Table:
    """Orders of which a line fits."""
    lines = inputs.order_lines
    fits = []
    for condition in trait.filters:
        if condition.name == "product":
            fits.append(like(lines.product_id, str(condition.value)) | like(lines.title, str(condition.value)))
        elif condition.name == "category":
            fits.append(like(lines.category, str(condition.value)))
    wanted = lines.filter(reduce(and_, fits)).select("connection", "order_id").distinct()
    rows = _rows("orders", inputs, [trait], windows).semi_join(wanted, ["connection", "order_id"])
    counted = rows["once"].nunique(where=_condition(rows, trait, windows, but=("product", "category")))
    return rows.group_by("person_id").aggregate(**{trait.name: counted})


def like(column: Any, pattern: str) -> Any:
    """Tell whether a text is what *pattern* says: * stands for anything, capitals do not matter; never null.

    Args:
        column: An Ibis column of text.
        pattern: Such as "spring*".
    """
    text, wanted = column.fill_null("").lower(), pattern.lower()
    inner = wanted.strip("*")
    if "*" not in wanted:
        matching = text == wanted
    elif "*" in inner:
        expression = ".*".join(re.sub(r"([^\w\s])", r"\\\1", part) for part in wanted.split("*"))
        matching = text.re_search(f"^{expression}$")
    elif wanted.startswith("*") and wanted.endswith("*"):
        matching = text.contains(inner)
    else:
        matching = text.endswith(inner) if wanted.startswith("*") else text.startswith(inner)
    return matching & column.notnull()


def leaving_counts(
    table: str, rows: Table, counted: Sequence[CountedTrait], *, before: datetime, as_of: datetime
) -> Any | None:
    """Tell which rows of a table leave the window of a count between two moments (UTC); None: no count has one there.

    Args:
        table: "orders", "deliveries" or "engagements".
        rows: Its rows.
        counted: What is counted.
        before: The earlier moment.
        as_of: The later moment.
    """
    windows = Windows(as_of, left_since=before)
    conditions = []
    for trait in counted:
        if trait.table == table and trait.days is not None:
            inside = windows.inside(rows["at"], trait.days)
            conditions.append(inside if trait.kind is None else inside & (rows.kind == trait.kind))
    return reduce(or_, conditions) if conditions else None
