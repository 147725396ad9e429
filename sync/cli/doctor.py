"""Health check command: `doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import Console, table
from sync.cli.options import HERE, ConnectionOption, JsonOption, WorkspaceOption, app, console_of, session_of

MARKS = {"ok": "ok", "warn": "warn", "fail": "FAIL"}
STATES = {"held": "held", "broken": "BROKEN", "untestable": "not testable here"}
FAILED = 2


@app.command("doctor")
def doctor_command(
    *,
    workspace: WorkspaceOption = HERE,
    connection: ConnectionOption = None,
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Test on your accounts what personasync assumes of the platforms. Reads only."),
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="With --probe: also make a test contact, tag and list, use and remove them.")
    ] = False,
    production: Annotated[
        bool, typer.Option("--production", help="With --write: also in an account that is no test account.")
    ] = False,
    contact: Annotated[
        str | None, typer.Option("--contact", metavar="EMAIL", help="With --write: address of the test contact.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Check connections and settings; show how to fix problems. Covers credentials, scopes, limits and fields."""
    console = console_of(as_json=as_json)
    if (write and not probe) or ((production or contact) and not write):
        raise FixSettingsError("--write needs --probe, --production and --contact need --write.", fix="Add it.")
    if probe:
        from sync.ops.probe import CONTACT  # noqa: PLC0415 - heavy imports only where needed

        address = (contact or CONTACT) if write else ""
        return _probe(console, workspace, connection, address, production=production)
    return _examine(console, workspace, connection)


def _examine(console: Console, workspace: Path, connection: str | None) -> int:
    from sync.ops.doctor import examine  # noqa: PLC0415

    with session_of(workspace, reading=True) as session:
        findings = examine(session, only=connection)
    document = {
        "findings": [
            {"connection": name, "check": f.check, "state": f.state, "message": f.message, "fix": f.fix}
            for name, f in findings
        ]
    }
    rows = [(MARKS[f.state], name, f.check, f"{f.message} {f.fix}".strip()) for name, f in findings]
    console.result(document, table("", "Connection", "Check", "Finding", rows=rows))
    return FAILED if any(f.state == "fail" for _, f in findings) else 0


def _probe(console: Console, workspace: Path, connection: str | None, address: str, *, production: bool) -> int:
    from sync.ops import probe as job  # noqa: PLC0415

    with session_of(workspace, reading=True) as session:
        report = job.probe(session, only=connection, address=address, production=production)
    probed = report.probed
    document = {
        "probed": [
            {
                "connection": entry.connection,
                "assumption": entry.assumption.id,
                "state": entry.result.state,
                "says": entry.assumption.says,
                "saw": entry.result.saw,
                "blocks": list(entry.assumption.blocks),
            }
            for entry in probed
        ],
        "file": str(report.file),
    }
    rows = [
        (
            STATES[entry.result.state],
            entry.connection,
            entry.assumption.id,
            f"{entry.assumption.says} {entry.result.saw}".strip(),
        )
        for entry in probed
    ]
    refused = [entry for entry in probed if entry.result.state == "broken" and entry.assumption.blocks]
    counts = ", ".join(
        f"{sum(entry.result.state == state for entry in probed)} {text.lower()}" for state, text in STATES.items()
    )
    console.result(
        document,
        table("", "Connection", "", "Assumption", rows=rows),
        f"{counts.capitalize()}.",
        *(
            f"{entry.assumption.id}: {entry.assumption.broken} {job.refused_steps(entry.assumption)}"
            for entry in refused
        ),
        f"{report.file} has keys and types of the answers, no values; you may send it to the makers of personasync.",
    )
    return FAILED if refused else 0
