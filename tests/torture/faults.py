"""Every way in which a platform fails, at every endpoint that we ask: the end is that of a run in which nothing did.

A command that gives up under a fault is run again once the fault is over, as a person or cron would.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from unittest import mock

from connectors.hubspot import scan as pulling
from connectors.hubspot.id_gap import Meeting
from connectors.sandbox.door import InjectedFault
from connectors.transport import transport
from connectors.transport.transport import Transport
from sync import session
from sync.workspace.manifest import Manifest, load_manifest
from tests.connectors.hubspot.patient import LessPatient
from tests.torture import checks
from tests.torture.kills import DATA, Verdict, _known, told
from tests.torture.stage import STUCK, Stage

EXPIRED = {"status": "error", "category": "EXPIRED_AUTHENTICATION", "message": "The OAuth token is expired."}
LIMIT = {"status": "error", "message": "Too many.", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}
MENU: Mapping[str, dict[str, Any]] = {
    "429 with Retry-After": {"kind": "status", "status": 429, "body": LIMIT, "headers": {"Retry-After": "1"}},
    "429 without": {"kind": "status", "status": 429, "body": LIMIT},
    "empty 429": {"kind": "empty", "status": 429},
    "empty 403": {"kind": "empty", "status": 403},
    "empty 500": {"kind": "empty", "status": 500},
    "502 page": {"kind": "html", "status": 502},
    "423": {"kind": "status", "status": 423, "body": {"status": "error", "message": "The record is locked."}},
    "477": {"kind": "status", "status": 477, "body": {"message": "Migration"}, "headers": {"Retry-After": "1"}},
    "reset before the effect": {"kind": "reset"},
    "reset after the effect": {"kind": "lost"},
    "twice lost": {"kind": "lost", "times": 2},
    "lost for good": {"kind": "lost", "times": 8},
    "cut JSON": {"kind": "truncate"},
    "hang": {"kind": "hang", "seconds": 1.5},
    "slow drip": {"kind": "drip", "seconds": 0.4},
    "expired token": {"kind": "status", "status": 401, "body": EXPIRED},
    "nothing done": {"kind": "idle"},
    "the page before": {"kind": "again"},
    "records move": {"kind": "move", "times": 3},
}
SMALL = {  # pages so small that a dozen people fill several
    "hubspot": {"page": 5, "search_page": 4, "memberships_page": 3, "batch": 4, "memberships_batch": 4},
    "mailchimp": {"page": 5, "report_page": 5, "segment_batch": 3},
}
EXPORT = {"export_from": 0, "export_look_seconds": 0}
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class FaultScene:
    """A command under faults."""

    name: str
    snapshot: str
    command: tuple[str, ...]
    looks: tuple[str, ...]
    jobs: bool = False
    full_pull: str = ""
    at: tuple[str, ...] = ("",)  # parts of the paths that are tried


SCENES = (
    FaultScene("setup", "bare", ("setup", "--yes"), ()),
    FaultScene("pull", "new", ("pull",), DATA),
    FaultScene("apply", "planned", ("apply",), ("ledger", "ours", "twice")),
    FaultScene("apply in jobs", "planned", ("apply",), ("ledger", "ours", "twice"), jobs=True),
    FaultScene("undo", "applied", ("undo", "last", "--yes"), ("ledger", "ours", "twice")),
    FaultScene("pull by export", "new", ("pull",), DATA, full_pull="export", at=("/contacts", "/exports/", "/_files/")),
)


@contextmanager
def small_pages(*, jobs: bool, exports: bool = False) -> Iterator[None]:
    """Small pages and batches, no waiting before another try, a short patience, and all paths for few contacts."""
    defaults = {**(Transport.__init__.__kwdefaults__ or {}), "wait": lambda _seconds: None}
    manifest = _manifest(jobs=jobs)
    with (
        mock.patch.object(session, "load_manifest", return_value=manifest),
        mock.patch.object(Transport.__init__, "__kwdefaults__", defaults),
        mock.patch.object(transport, "READ_SECONDS", 1.0),
        mock.patch.object(pulling, "FEW", 0),
        mock.patch.object(pulling, "Meeting", LessPatient if exports else Meeting),
    ):
        yield


def _manifest(*, jobs: bool) -> Manifest:
    manifest = load_manifest()
    more = {"mailchimp": {"batches_from": 1 if jobs else 10_000}, "hubspot": {"search_per_second": 10_000, **EXPORT}}
    changed = {
        name: manifest.connectors[name].model_copy(
            update={"limits": {**manifest.connectors[name].limits, **SMALL[name], **more[name]}}
        )
        for name in SMALL
    }
    return manifest.model_copy(update={"connectors": {**manifest.connectors, **changed}})


def examine(stage: Stage, *, share: float, offset: int) -> Iterator[tuple[str, Verdict]]:
    """Try the menu at every endpoint of every scene, each scene's verdict apart: seeds hit different calls."""
    turn = 0
    for scene in SCENES:
        verdict = Verdict()
        with small_pages(jobs=scene.jobs, exports=scene.full_pull == "export"):
            expected, calls = _undisturbed(stage, scene)
            for path, method, count in calls:
                if not any(part in path for part in scene.at):
                    continue
                for name, fault in MENU.items():
                    if fault["kind"] == "idle" and "/batch/" not in path:
                        continue
                    for seed in SEEDS:
                        turn += 1
                        if turn % max(round(1 / share), 1) == offset % max(round(1 / share), 1):
                            skip = seed * 7919 % count
                            hit = InjectedFault(**{**fault, "match": path, "method": method, "skip": skip})
                            where = f"{scene.name}, {method} {path} ({skip}), {name}"
                            _under_fault(stage, scene, hit, expected, where, verdict)
        yield scene.name, verdict


@contextmanager
def _on_stage(stage: Stage, scene: FaultScene) -> Iterator[None]:
    with stage.at(scene.snapshot):
        if scene.full_pull:
            file = stage.workspace / "personasync.toml"
            setting = f'[connections.crm]\nfull_pull = "{scene.full_pull}"'
            file.write_text(file.read_text("utf-8").replace("[connections.crm]", setting), "utf-8")
        yield


def _undisturbed(stage: Stage, scene: FaultScene) -> tuple[dict[str, Any], list[tuple[str, str, int]]]:
    with _on_stage(stage, scene):
        consents = checks.consents(stage.tables())
        before = len(stage.log())
        assert stage.command(list(scene.command)) == 0, stage.said
        counted: dict[tuple[str, str], int] = {}
        for entry in stage.log()[before:]:
            key = _pattern(entry["path"]), entry["method"]
            counted[key] = counted.get(key, 0) + 1
        state = {**checks.platform(stage.tables()), **_known(stage, scene), "consents": consents}
    return state, [(path, method, count) for (path, method), count in sorted(counted.items())]


def _pattern(path: str) -> str:
    """The part of a path that all calls of an endpoint share."""
    parts = path.split("/")
    if "members" in parts and len(parts[-1]) == 32:
        return "/members/"
    if "_files" in parts:
        return "/_files/"
    if parts[-2:-1] == ["batches"]:
        return "/batches/"
    return path


def _under_fault(
    stage: Stage, scene: FaultScene, fault: InjectedFault, expected: Mapping[str, Any], where: str, verdict: Verdict
) -> None:
    with _on_stage(stage, scene):
        _set_faults(stage, [asdict(fault)])
        status = stage.command(list(scene.command))
        verdict.error_points += 1
        if status == STUCK or "Traceback" in stage.said or "Unexpected error" in stage.said:
            verdict.stuck.append(f"{where}: ended with {status}: {stage.said[-300:]}")
        _set_faults(stage, [])
        if status != 0:
            again = stage.command(list(scene.command))
            if again != 0 and "was already applied" not in stage.said:
                verdict.stuck.append(f"{where}: {status}, and again {again}: {stage.said[-300:]}")
                return
        tables = stage.tables()
        if checks.consents(tables) != expected["consents"]:
            verdict.consent_changed.append(where)
        state = {**checks.platform(tables), **_known(stage, scene), "consents": expected["consents"]}
        wanted = dict(expected)
        if fault.kind == "move":  # a record that moves has changed: who reads it before and after has two versions
            wanted.pop("versions", None)
            state.pop("versions", None)
        differing = checks.differences(wanted, state)
        verdict.lost += [f"{where}: {difference}" for difference in differing["lost"]]
        verdict.duplicated += [f"{where}: {difference}" for difference in differing["duplicated"]]


def _set_faults(stage: Stage, faults: list[dict[str, Any]]) -> None:
    body = json.dumps(faults).encode()
    request = urllib.request.Request(f"{stage.url}/_sandbox/faults", data=body, method="POST")
    urllib.request.urlopen(request, timeout=30).close()


def figures(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict for the last line."""
    return {**told(verdict), "error_points": 0, "faults": verdict.error_points}
