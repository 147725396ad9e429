"""Latest row versions, by an anti-join of superseded ones instead of a ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from connectors.records import CONTACTS
from connectors.table_schema import TableSchema
from segmenter.late_ibis import ibis

if TYPE_CHECKING:
    from ibis import Table

UNMEASURED = ("email", "additional_emails", "merged_ids", "machine", "variant", "price")


def overtaken(versions: Table, schema: TableSchema) -> Any:
    """Tell of each of *versions* (all there are of a row) whether another one is in force.

    Args:
        versions: With ``recorded_at`` (UTC) and ``sequence``.
        schema: Says which columns are the key.

    Returns:
        A boolean Ibis column.
    """
    order = [versions.recorded_at.desc(), versions.sequence.desc()]
    return ibis.row_number().over(group_by=[versions[key] for key in schema.key], order_by=order) > ibis.literal(0)


def every_overtaken(versions: Table, schema: TableSchema) -> Table:
    """Return the ``sequence`` of every version that another one overtook.

    Args:
        versions: All versions of a table.
        schema: Says which columns are the key.

    Returns:
        One column; rows with a single version have none.
    """
    counted = versions.group_by(list(schema.key)).aggregate(n=versions.count())
    several = versions.semi_join(counted.filter(counted.n > 1), list(schema.key))
    rows = several.select("sequence", overtaken=overtaken(several, schema))
    return rows.filter(rows.overtaken).select("sequence")


def in_force(versions: Table, known: Table, schema: TableSchema) -> Table:
    """Return the versions of a table that are in force, given the ``sequence`` of those *known* not to be.

    Columns that no trait is measured from are left out, and ``sequence`` is not.

    Args:
        versions: All versions of a table.
        known: Column ``sequence``, as `every_overtaken` returns it.
        schema: Says which columns there are.

    Returns:
        One row per key.
    """
    measured = [name for name in schema.columns.names if name not in UNMEASURED]
    return versions.anti_join(known, "sequence").select(*measured, "sequence")


def ranked_in_force(versions: Table, schema: TableSchema) -> Table:
    """Return the versions in force, by a ranking of all *versions* of a row; the columns of *schema* only."""
    newest = first_by(versions, schema.key, [versions.recorded_at.desc(), versions.sequence.desc()])
    return newest.select(*schema.columns.names)


def first_by(rows: Table, keys: Sequence[str], order: Sequence[Any]) -> Table:
    """Return the first row in an order of each combination of *keys*."""
    place = ibis.row_number().over(group_by=[rows[key] for key in keys], order_by=order)
    ranked = rows.mutate(place=place)
    return ranked.filter(ranked.place == 0).drop("place")


def keyed(contacts: Table, schema: TableSchema) -> Table:
    """Return rows of a table with the contact key of whom they are about; only contacts don't carry it.

    Args:
        contacts: Rows of any table.
        schema: Of that table.

    Returns:
        The same rows, with ``contact_key``.
    """
    if schema is not CONTACTS:
        return contacts
    return contacts.mutate(contact_key=contacts.connection.concat(":", contacts.platform_id))


def versions_about(versions: Table, keys: Table, schema: TableSchema) -> Table:
    """Return all versions of rows of which one is about some contacts.

    Args:
        versions: All versions of a table.
        keys: Column ``contact_key``.
        schema: Of that table.

    Returns:
        Also versions about others: a row may be handed from one contact to another.
    """
    theirs = keyed(versions, schema).semi_join(keys, "contact_key")
    if schema is CONTACTS or "contact_key" in schema.key:
        return theirs
    return versions.semi_join(theirs, list(schema.key))
