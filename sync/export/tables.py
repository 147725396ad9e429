"""Tables for other tools: assignments, lift and ledger as Parquet, with a dbt source and OpenLineage events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS
from segmenter.lift.effects import EVERYONE, Comparison
from sync.active_people import assigned_people
from sync.export.dbt import sources_text
from sync.export.lineage import lineage_lines
from sync.export.write import write_table, write_text
from sync.results.lift import Lift, lift_of_campaign, lift_of_experiment
from sync.session import Session

NAMES = tuple(name for name in ASSIGNMENTS.columns.names if not name.startswith("pending"))
RATIO = "sample ratio mismatch"
LIFT = pa.schema(
    [
        ("about", pa.string()),
        ("metric", pa.string()),
        ("treated", pa.string()),
        ("control", pa.string()),
        ("persona", pa.string()),
        ("people_treated", pa.int64()),
        ("converted_treated", pa.int64()),
        ("people_control", pa.int64()),
        ("converted_control", pa.int64()),
        ("difference", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("verdict", pa.string()),
        ("interim", pa.bool_()),
    ]
)


@dataclass(slots=True)
class WrittenTables:
    """What was written.

    Attributes:
        folder: Where.
        rows: By table.
        events: OpenLineage events.
    """

    folder: Path
    rows: dict[str, int] = field(default_factory=dict)
    events: int = 0


def export_tables(session: Session, folder: Path) -> WrittenTables:
    """Write ``assignments.parquet``, ``lift.parquet``, ``ledger.parquet``, ``sources.yml`` and ``lineage.jsonl``.

    People are named by their id alone, without an address. Files that are there are replaced, each whole or not at all;
    `forget` finds who is erased in them.

    Args:
        session: The open workspace.
        folder: Made if it is missing.

    Returns:
        How many rows each table has.

    Raises:
        FixSettingsError: The folder can't be made, or a file can't be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FixSettingsError(
            f"{folder} can't be made: {error.strerror or error}.", fix="Name a folder that you can write to."
        ) from error
    written = WrittenTables(folder)
    with session.warehouse.reading():
        tables = {
            "assignments": assigned_people(session).select(*NAMES).order_by("person_id").to_pyarrow(),
            "lift": pa.Table.from_pylist(list(_lift_rows(session)), schema=LIFT),
        }
    tables["ledger"] = session.control.ledger.everything()
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        session.control.erasures.note_file(path)  # first: a file that nobody knows of can't be cleaned
        write_table(path, table)
        written.rows[name] = table.num_rows
    write_text(folder / "sources.yml", sources_text(tables))
    lines = list(lineage_lines(session, folder, tables))
    write_text(folder / "lineage.jsonl", "".join(f"{line}\n" for line in lines))
    written.events = len(lines)
    return written


def _lift_rows(session: Session) -> Iterator[dict[str, object]]:
    """Every comparison of each experiment, and of the newest campaign that was sent in variants."""
    for name in session.workspace.experiments:
        try:
            yield from _rows_of(lift_of_experiment(session, name))
        except FixSettingsError:  # nobody is in it yet, or it was edited: `lift` says which
            continue
    try:
        yield from _rows_of(lift_of_campaign(session, None))
    except FixSettingsError:
        return


def _rows_of(lift: Lift) -> Iterator[dict[str, object]]:
    for comparison in lift.comparisons:
        for row in _effects(comparison):
            known = {"about": lift.about, "interim": lift.early, **row}
            nothing = {"difference": None, "low": None, "high": None, "verdict": RATIO}
            yield {**known, **nothing} if lift.broken else known


def _effects(comparison: Comparison) -> Iterator[dict[str, object]]:
    asked = comparison.question
    for effect in (comparison.everyone, *comparison.personas):
        yield {
            "metric": asked.metric,
            "treated": asked.treated,
            "control": asked.control,
            "persona": None if effect.persona == EVERYONE else effect.persona,
            "people_treated": effect.treated.people,
            "converted_treated": effect.treated.converted,
            "people_control": effect.control.people,
            "converted_control": effect.control.converted,
            "difference": effect.difference,
            "low": effect.interval.low,
            "high": effect.interval.high,
            "verdict": effect.verdict,
        }
