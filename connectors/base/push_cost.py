"""How many requests a push takes, as the spec's ``[push]`` counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

from connectors.records import Change

Batch = Sequence[Sequence[Change]]
"""Contacts, each with its changes."""


def units_of(batches: Sequence[Batch], *, sample: int, groups: int, ids_page: int) -> dict[str, int]:
    """Return what there is of all that requests of a push may be sent for.

    Args:
        batches: What would be written.
        sample: Contacts that are looked at afterwards, at most.
        groups: Groups of ours that the connection has.
        ids_page: Contacts that one request can ask for.

    Returns:
        Number by unit: ``push`` (1), ``batch``, ``batch_with_groups``, ``contact``, ``contact_with_fields``,
            ``contact_with_groups``, ``sampled`` (contacts that are looked at afterwards), ``group_entered`` and
            ``group_left`` (each group once a batch), ``ids_page`` (pages of `ids_page` contacts, batch by batch),
            ``our_groups`` (each group of ours once for the push, and once for each batch with groups).
    """
    contacts = [mine for batch in batches for mine in batch]
    moved = [{(c.name, c.after is None) for mine in batch for c in mine if c.kind == "group"} for batch in batches]
    push, regrouped = int(bool(contacts)), sum(map(bool, moved))
    return {
        "push": push,
        "batch": len(batches),
        "batch_with_groups": regrouped,
        "contact": len(contacts),
        "contact_with_fields": sum(any(change.kind == "field" for change in mine) for mine in contacts),
        "contact_with_groups": sum(any(change.kind == "group" for change in mine) for mine in contacts),
        "sampled": min(sample, len(contacts)),
        "group_entered": sum(not leaves for groups_of in moved for _, leaves in groups_of),
        "group_left": sum(leaves for groups_of in moved for _, leaves in groups_of),
        "ids_page": sum(ceil(len(batch) / ids_page) for batch in batches),
        "our_groups": groups * (push + regrouped),
    }


def requests_of(push: Mapping[str, Sequence[str]], units: Mapping[str, int]) -> dict[str, int]:
    """Return the requests of a push.

    Args:
        push: Units by endpoint, as the spec has them.
        units: How many there are of each.

    Returns:
        Number by endpoint, without those that are not asked.
    """
    counts = {endpoint: sum(units[unit] for unit in asked) for endpoint, asked in push.items()}
    return {endpoint: number for endpoint, number in counts.items() if number}
