"""Description of the exported tables as sources of a dbt project (``sources.yml``). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pyarrow as pa

SAID = {
    "assignments": "The assignment in force of each active person. One row a person.",
    "lift": "Effects of experiments, and of the newest campaign in variants: treated less control, with 95% intervals.",
    "ledger": "Every change that was sent to a platform, with its outcome. One row a change.",
}
COLUMNS = {
    "person_id": "Pseudonymous id of a person, the same in all tables.",
    "segment": "Empty: unclassified.",
    "confidence": "0 to 1; empty where a rule decided.",
    "as_of": "Moment of the decision, UTC.",
    "persona": "Of assignments its name in personas.toml; of lift its title, empty for everyone together.",
    "difference": "Of rates, treated less control; empty after a sample ratio mismatch.",
    "low": "Lower limit of the 95% interval.",
    "high": "Upper limit of the 95% interval.",
    "interim": "Whether the end of the experiment has not come.",
    "state": "applied, unchanged, rejected, skipped, unknown; empty: no outcome yet.",
}
TESTS = {("assignments", "person_id"): ("not_null", "unique"), ("ledger", "run_id"): ("not_null",)}


def sources_text(tables: Mapping[str, pa.Table]) -> str:
    """Return a dbt ``sources.yml`` (version 2) of some tables, which dbt-duckdb reads as files.

    Args:
        tables: By name.
    """
    return "\n".join([*_head(), *(line for name, table in tables.items() for line in _table(name, table))]) + "\n"


def _head() -> Iterator[str]:
    yield "version: 2"
    yield "sources:"
    yield "  - name: personasync"
    yield f"    description: {_quoted('Segments, personas and what they brought, exported by personasync.')}"
    yield "    config:"
    yield "      external_location: \"{{ env_var('PERSONASYNC_TABLES', '.') }}/{name}.parquet\""
    yield "    tables:"


def _table(name: str, table: pa.Table) -> Iterator[str]:
    yield f"      - name: {name}"
    yield f"        description: {_quoted(SAID[name])}"
    yield "        columns:"
    for column in table.schema.names:
        yield f"          - name: {column}"
        if column in COLUMNS:
            yield f"            description: {_quoted(COLUMNS[column])}"
        tests = TESTS.get((name, column))
        if tests:
            yield f"            data_tests: [{', '.join(tests)}]"


def _quoted(text: str) -> str:
    """A text as YAML's double-quoted scalar, of which JSON's strings are a part."""
    return json.dumps(text)
