"""Probes (`doctor --probe`): what is assumed of the platforms, tested on the user's own accounts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from connectors.connector import Connector, HasProbes
from connectors.errors import FixSettingsError, not_writable
from connectors.evidence import Assumption, load_evidence
from connectors.probing import ProbeResult, Redaction, SeenAnswer, untestable
from connectors.records import Finding
from sync.breach import blocking_assumptions
from sync.session import Session, recorded

FILE = "probe.jsonl"
CONTACT = "personasync-probe@probe.example"
COMMAND = "doctor --probe"
NEVER = untestable("No account can be asked.")


@dataclass(frozen=True, slots=True)
class ProbedAssumption:
    """One assumption on one account."""

    connection: str
    assumption: Assumption
    result: ProbeResult


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What probes states.

    Attributes:
        file: What a user may send us: answers without anything that they say of anybody.
    """

    probed: Sequence[ProbedAssumption]
    file: Path


def probe(session: Session, *, only: str | None = None, address: str = "", production: bool = False) -> ProbeReport:
    """Test every assumption about the platforms of the workspace, and note what was states.

    Args:
        session: The open workspace.
        only: One connection; None: all.
        address: Of a test contact to be made, used and removed; "": nothing is written.
        production: Whether it may be made in an account that is no test account.

    Returns:
        Every assumption once for each account, in the order of the ledger.

    Raises:
        FixSettingsError: No connection has assumptions, or an account is no test account.
    """
    connectors = [connector for connector in session.connectors(only) if isinstance(connector, HasProbes)]
    if not connectors:
        raise FixSettingsError(
            "Nothing is assumed of this connection.",
            fix=f"Probe a connection to {_assumed_of(session)}.",
        )
    if address and not production:
        _refuse_production(connectors)
    redaction, file = Redaction(), session.workspace.state_dir / FILE
    lines: list[dict[str, Any]] = [{"personasync": version("personasync")}]
    probed: list[ProbedAssumption] = []
    with recorded(session, COMMAND) as run:
        for connector in connectors:
            name, states = connector.name, dict[str, str]()
            platform = session.workspace.connections[name].connector
            for entry, answers in _account(connector, platform, address):
                probed.append(entry)
                lines.append({"platform": platform, **_line(entry, answers, redaction)})
                if entry.result.state != "untestable":
                    states[entry.assumption.id] = entry.result.state
            session.control.probed.note(name, states, run.run_id)
        run.counts.update(Counter(entry.result.state for entry in probed))
        _write(file, lines)
    return ProbeReport(probed, file)


def _write(file: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    except OSError as error:
        raise not_writable(file) from error


def _assumed_of(session: Session) -> str:
    """The platforms of which something is assumed."""
    names = dict.fromkeys(assumption.platform for assumption in load_evidence().assumptions)
    return " or ".join(session.manifest.connectors[name].title for name in names if name in session.manifest.connectors)


def _refuse_production(connectors: Sequence[HasProbes]) -> None:
    reasons = [reason for connector in connectors if (reason := connector.production())]
    if reasons:
        raise FixSettingsError(
            f"{' '.join(dict.fromkeys(reasons))} With --write, a test contact and a test tag or list are made and "
            "removed there.",
            fix="Use a test account, or add --production if that is fine.",
        )


def _account(connector: HasProbes, platform: str, address: str) -> Iterator[tuple[ProbedAssumption, list[SeenAnswer]]]:
    """Yield each assumption about *platform* with what was found, and the answers that show it."""
    name = connector.name
    seen: list[SeenAnswer] = []
    results: dict[str, tuple[ProbeResult, list[SeenAnswer]]] = {}
    with closing(connector.probe(address=address, watch=seen.append)) as probes:  # what it made is removed at its end
        for number, result in probes:
            results[number] = result, seen[:]
            seen.clear()
    for assumption in load_evidence().assumptions:
        if assumption.platform == platform:
            result, answers = results.get(assumption.id, (NEVER, []))
            yield ProbedAssumption(name, assumption, result), answers


def _line(probed: ProbedAssumption, answers: Sequence[SeenAnswer], redaction: Redaction) -> Mapping[str, Any]:
    return {
        "assumption": probed.assumption.id,
        "state": probed.result.state,
        "answers": [redaction.answer(answer) for answer in answers],
    }


def assumption_findings(session: Session, name: str) -> list[Finding]:
    """Return where the assumptions about a connection stand, for `doctor`.

    Args:
        session: The open workspace.
        name: Name of the connection.

    Returns:
        None where nothing is assumed of it.
    """
    connector: Connector = session.connector(name)
    if not isinstance(connector, HasProbes):
        return []
    states = session.control.probed.of(name)
    if not states:
        note = "What personasync assumes of the platform was not tested on this account."
        return [Finding("assumptions", "ok", f"{note} `personasync doctor --probe` does it, by reading.")]
    broken = [number for number, (state, _) in states.items() if state == "broken"]
    blocking = {assumption.id for assumption in blocking_assumptions("apply", broken)}
    findings = [
        Finding(
            "assumptions",
            "fail" if assumption.id in blocking else "warn",
            f"{assumption.id} is broken: {assumption.says} {assumption.broken}",
            f"{refused_steps(assumption)} Then run `personasync doctor --probe`." if assumption.id in blocking else "",
        )
        for assumption in load_evidence().assumptions
        if assumption.id in broken
    ]
    last = max(moment for _, moment in states.values())
    held = len(states) - len(broken)
    return findings or [
        Finding("assumptions", "ok", f"{held} tested on this account and held, last on {last:%Y-%m-%d}.")
    ]


def refused_steps(assumption: Assumption) -> str:
    """Return what is refused where an assumption is broken, in a sentence."""
    steps = "`pull` and `apply` are" if "pull" in assumption.blocks else "`apply` is"
    return f"Until it holds, {steps} refused."
