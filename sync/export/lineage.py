"""OpenLineage events of the runs: which command read what and wrote what, for a data catalogue.

The form is that of OpenLineage's RunEvent, specification 2-0-2: https://openlineage.io/docs/spec/object-model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa

from sync.control.rows import Run
from sync.session import Session

SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
SCHEMA_FACET = "https://openlineage.io/spec/facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet"
CUSTOM_FACET = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunFacet"
NEWEST = 500  # runs
PLATFORMS = "(platforms)"
READS: Mapping[str, tuple[str, ...]] = {
    "pull": (PLATFORMS,),
    "results": (PLATFORMS,),
    "assign": ("contacts", "orders", "deliveries", "engagements", "survey_answers"),
    "plan": ("assignments", "contacts"),
    "apply": ("assignments",),
    "report": ("assignments", "deliveries", "engagements", "orders"),
}
WRITES: Mapping[str, tuple[str, ...]] = {
    "pull": ("contacts", "orders"),
    "results": ("campaigns", "deliveries", "engagements"),
    "assign": ("assignments",),
    "plan": (),
    "apply": (PLATFORMS,),
    "report": (),
}


def lineage_lines(session: Session, folder: Path, tables: Mapping[str, pa.Table]) -> Iterator[str]:
    """Return the events of the newest finished runs, oldest first, then of this export: a line of JSON each.

    Args:
        session: The open workspace.
        folder: Where the tables are.
        tables: By name.
    """
    for run in reversed(session.control.runs.newest(NEWEST)):
        if run.finished_at is not None and run.command.split()[0] in READS:
            for event in _events(session, run):
                yield json.dumps(event, default=str)
    moment = session.now()
    inputs = [_dataset(_warehouse(session), name) for name in ("assignments", "deliveries", "engagements", "orders")]
    outputs = [_file(folder / f"{name}.parquet", table) for name, table in tables.items()]
    what = f"export tables {moment.isoformat()}", "export tables"
    for kind in ("START", "COMPLETE"):
        yield json.dumps(_event(session, kind, moment, what, inputs=inputs, outputs=outputs))


def _events(session: Session, run: Run) -> Iterator[dict[str, Any]]:
    command = run.command.split()[0]
    inputs, outputs = (_datasets(session, table[command]) for table in (READS, WRITES))
    what = run.run_id, command
    yield _event(session, "START", run.started_at, what, inputs=inputs, outputs=outputs)
    ended = "FAIL" if run.state == "failed" else "COMPLETE"
    facets = {"personasync_manifest": {**_facet(CUSTOM_FACET), **run.counts.get("manifest", {}), "state": run.state}}
    assert run.finished_at is not None  # noqa: S101 - for mypy
    yield _event(session, ended, run.finished_at, what, inputs=inputs, outputs=outputs, facets=facets)


def _event(
    session: Session,
    kind: str,
    at: datetime,
    what: tuple[str, str],
    *,
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
    facets: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    key, job = what
    return {
        "eventType": kind,
        "eventTime": at.isoformat(),
        "run": {"runId": str(uuid5(NAMESPACE_URL, f"personasync:{key}")), "facets": dict(facets or {})},
        "job": {"namespace": f"personasync.{session.workspace.name}", "name": job},
        "inputs": inputs,
        "outputs": outputs,
        "producer": _producer(),
        "schemaURL": SCHEMA,
    }


def _datasets(session: Session, names: tuple[str, ...]) -> list[dict[str, Any]]:
    connections = [_dataset(part.connector, name) for name, part in session.workspace.connections.items()]
    return [
        dataset
        for name in names
        for dataset in (connections if name == PLATFORMS else [_dataset(_warehouse(session), name)])
    ]


def _dataset(namespace: str, name: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": name}


def _file(path: Path, table: pa.Table) -> dict[str, Any]:
    fields = [{"name": column.name, "type": str(column.type)} for column in table.schema]
    return {**_dataset("file", str(path.resolve())), "facets": {"schema": {**_facet(SCHEMA_FACET), "fields": fields}}}


def _warehouse(session: Session) -> str:
    return f"personasync.{session.workspace.name}.warehouse"


def _facet(schema: str) -> dict[str, str]:
    return {"_producer": _producer(), "_schemaURL": schema}


def _producer() -> str:
    return f"urn:personasync:{version('personasync')}"
