"""Rows that consent withholds: behaviour of people who may not be profiled, opens of those who may not be tracked.

One place decides for all readers: `Warehouse.current`, `as_of` and `history` return what `permitted` lets pass.
Contacts and memberships pass always: without them nobody could be written to, or taken out of a group. Whoever reads a
contact's properties asks `sync.session.Session.withheld`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from connectors.records import (
    ARMS,
    ASSIGNMENTS,
    DELIVERIES,
    ENGAGEMENTS,
    ORDER_LINES,
    ORDERS,
    SURVEY_ANSWERS,
    VALUES,
)
from segmenter.traits.tracking import TRACKED_KINDS

if TYPE_CHECKING:
    from ibis import Table

OF_CONTACTS = (ORDERS.name, DELIVERIES.name, ENGAGEMENTS.name, SURVEY_ANSWERS.name)
OF_PERSONS = (ASSIGNMENTS.name, VALUES.name, ARMS.name)
WITHHELD = frozenset((*OF_CONTACTS, *OF_PERSONS, ORDER_LINES.name))
"""Tables of which rows may be withheld."""


@dataclass(frozen=True, slots=True)
class WithheldRows:
    """Whose rows nobody may read.

    Attributes:
        unprofiled: Columns ``contact_key, person_id`` of people who may not be profiled.
        untracked: The same of people who may not be tracked.
    """

    unprofiled: pa.Table
    untracked: pa.Table

    def digest(self) -> str:
        """Return a short digest of whom it names.

        Returns:
            Sixteen hexadecimal digits, made of the person ids alone, whatever their order.
        """
        named = (sorted(set(part["person_id"].to_pylist())) for part in (self.unprofiled, self.untracked))
        return hashlib.sha256("\n\n".join("\n".join(part) for part in named).encode()).hexdigest()[:16]


def permitted(
    name: str, rows: Table, withheld: WithheldRows, memtable: Callable[[pa.Table], Table], orders: Callable[[], Table]
) -> Table:
    """Return those of *rows* that may be read.

    Args:
        name: The table that they are of.
        rows: Its rows, or versions of them.
        withheld: Whose rows may not.
        memtable: Makes a table of the engine.
        orders: Makes the table of all orders, which say whose lines are whose.
    """
    if withheld.unprofiled.num_rows:
        unprofiled = memtable(withheld.unprofiled)
        if name in OF_CONTACTS:
            rows = rows.anti_join(unprofiled, "contact_key")
        elif name in OF_PERSONS:
            rows = rows.anti_join(unprofiled.select("person_id").distinct(), "person_id")
        elif name == ORDER_LINES.name:
            theirs = orders().semi_join(unprofiled, "contact_key").select("connection", "order_id").distinct()
            rows = rows.anti_join(theirs, ["connection", "order_id"])
    if withheld.untracked.num_rows and name == ENGAGEMENTS.name:
        untracked = memtable(withheld.untracked).select(untracked_key="contact_key")
        marked = rows.left_join(untracked, rows.contact_key == untracked.untracked_key)
        hidden = marked.untracked_key.notnull() & marked.kind.isin(TRACKED_KINDS)
        rows = marked.filter(~hidden).drop("untracked_key")
    return rows
