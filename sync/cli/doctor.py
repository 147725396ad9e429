"""Health check command: `doctor`."""

from __future__ import annotations

from sync.cli.console import table
from sync.cli.options import HERE, ConnectionOption, JsonOption, WorkspaceOption, app, console_of, session_of

MARKS = {"ok": "ok", "warn": "look", "fail": "FAIL"}


@app.command("doctor")
def doctor_command(
    *, workspace: WorkspaceOption = HERE, connection: ConnectionOption = None, as_json: JsonOption = False
) -> int:
    """Check connections and settings; show how to fix problems. Covers credentials, scopes, limits and fields."""
    from sync.ops.doctor import examine  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
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
    return 2 if any(f.state == "fail" for _, f in findings) else 0
