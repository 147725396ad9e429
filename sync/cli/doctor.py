"""Health check command: `doctor`."""

from __future__ import annotations

from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, OnlyOption, WorkspaceOption, app, bench_of, console_of

MARKS = {"ok": "ok", "warn": "look", "fail": "FAIL"}


@app.command()
def doctor(*, workspace: WorkspaceOption = HERE, only: OnlyOption = None, as_json: JsonOption = False) -> int:
    """Check connections and settings; show how to fix problems. Covers credentials, scopes, limits and fields."""
    from sync.ops.doctor import examine  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        findings = examine(bench, only=only)
    document = {
        "findings": [
            {"connection": name, "check": f.check, "state": f.state, "message": f.message, "mend": f.mend}
            for name, f in findings
        ]
    }
    rows = [(MARKS[f.state], name, f.check, f"{f.message} {f.mend}".strip()) for name, f in findings]
    console.result(document, table("", "Connection", "Check", "Finding", rows=rows))
    return 2 if any(f.state == "fail" for _, f in findings) else 0
