"""Findings on the workspace's own traits, used or not, and on contacts that repeat each other."""

from __future__ import annotations

import json
from typing import Any

from ibis import Table

from segmenter.monitor.own_traits import TraitFinding, expected_twins, own_findings
from segmenter.monitor.quality import DataFault
from segmenter.privacy.sensitive import usable_traits
from sync.session import Session

LEAST_PROPERTIES = 5  # of fewer, people are alike by chance
SAMPLE = 2_000  # contacts by which chance is estimated
BY_CHANCE = 0.1  # share of the twins that chance may explain


def trait_findings(session: Session, people: Table) -> list[TraitFinding]:
    """Profile every mapped property and survey item, whether anything uses it or not.

    Args:
        session: The open workspace.
        people: Everybody's traits.

    Returns:
        Findings in the order of [traits]; none on sensitive traits without a purpose.
    """
    catalogue = session.workspace.catalogue
    own = [
        trait
        for trait in usable_traits(catalogue, session.workspace.sensitive)
        if trait.name in catalogue.mapped or trait.name in catalogue.surveyed
    ]
    if not own:
        return []
    rows = people.select([trait.name for trait in own]).to_pyarrow()
    return [finding for trait in own for finding in own_findings(rows, trait)]


def twins(contacts: Table) -> list[DataFault]:
    """Find contacts whose properties all equal those of another contact of the same connection.

    Args:
        contacts: Active versions in force; ``properties`` is JSON text.

    Returns:
        One fault per connection, where chance does not explain it.
    """
    kinds = contacts.group_by("connection", "properties").aggregate(n=contacts.count())
    several = kinds.filter(kinds.n > 1)
    counted = several.group_by("connection").aggregate(extra=(several.n - 1).sum())
    faults = []
    for row in counted.order_by("connection").to_pyarrow().to_pylist():
        mine = contacts.filter(contacts.connection == row["connection"])
        people = int(mine.count().to_pyarrow().as_py())
        columns = _columns(mine)
        expected = expected_twins(columns) * (people / max(len(columns[0]), 1)) ** 2 if columns else float(people)
        if len(columns) >= LEAST_PROPERTIES and expected < BY_CHANCE * row["extra"]:
            who = f"{row['extra']:,} contacts of {row['connection']}"
            what = f"{who} repeat another contact in all {len(columns)} properties"
            fix = "Remove the repetitions in the source: they count twice in segments and models."
            faults.append(DataFault("contacts", what, int(row["extra"]), "", fix))
    return faults


def _columns(contacts: Table) -> list[list[Any]]:
    """The values of each property of some contacts; the sample hangs on the contacts' ids only."""
    digest: Any = contacts.platform_id.cast("string").hexdigest("md5")
    some = contacts.order_by(digest).limit(SAMPLE).select(text=contacts.properties)
    rows = [json.loads(text or "{}") for text in some.to_pyarrow()["text"].to_pylist()]
    names = sorted({name for row in rows for name, value in row.items() if value not in (None, "")})
    return [[row.get(name) for row in rows] for name in names]
