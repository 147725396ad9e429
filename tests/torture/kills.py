"""Stop one command at one call, run it again (stopped once more, or not), and compare with the run that never was."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.world import World
from tests.torture import checks
from tests.torture.stage import KILLED, STUCK, Stage

AS_OF = ["--as-of", "2027-01-01T12:00:00+00:00"]  # the demo's people have bought by then
NEXT_DAY = ["--as-of", "2027-01-02T12:00:00+00:00"]
STEPS = {
    "bare": [],
    "new": [["setup", "--yes"]],
    "pulled": [["pull"], ["assign", *AS_OF]],
    "planned": [["plan"]],
    "applied": [["apply"]],
}


@dataclass(frozen=True)
class Scene:
    """A command, where it starts, and what people did there just before.

    Attributes:
        looks: Parts of the workspace that are compared.
    """

    name: str
    snapshot: str
    command: tuple[str, ...]
    looks: tuple[str, ...]
    before: Callable[[World], None] | None = None


def people_are_busy(world: World) -> None:
    """Let people edit, move, unsubscribe, join and leave on both platforms."""
    crm, email = HubSpotState.of(world), MailchimpState.of(world)
    ids = sorted(crm.contact_records.table, key=int)
    for key in ids[2:6]:
        crm.touch_contact(crm.contact_records.table[key], {"country": "DE"})
    crm.add_contact({"email": "late@people.test"}, created_at=world.clock.now())
    members = list(email.members(AUDIENCE).values())
    members[0]["status"], members[0]["last_changed"] = "unsubscribed", email.now()
    email.directory(AUDIENCE).save(members[0])
    email.add_member(AUDIENCE, "late@people.test")


def people_leave(world: World) -> None:
    """Let people unsubscribe after the plan was made: nothing that we send may bring them back."""
    email = MailchimpState.of(world)
    for member in list(email.members(AUDIENCE).values())[:8]:
        member["status"], member["last_changed"] = "unsubscribed", email.now()
        email.directory(AUDIENCE).save(member)


def people_edit_ours(world: World) -> None:
    """Let people change what we wrote: an undo has to leave it."""
    crm, email = HubSpotState.of(world), MailchimpState.of(world)
    for key in sorted(crm.contact_records.table, key=int)[:5]:
        crm.touch_contact(crm.contact_records.table[key], {"personasync_reason": "by hand"})
    for member in list(email.members(AUDIENCE).values())[:5]:
        member["merge_fields"]["PERSONA"] = "by hand"
        email.directory(AUDIENCE).save(member)


UNDO = ("undo", "last", "--yes")
DATA = ("contacts", "memberships", "orders", "versions", "persons", "cursors")
SCENES = (
    Scene("first pull", "new", ("pull",), DATA),
    Scene("pull of changes", "applied", ("pull",), DATA, people_are_busy),
    Scene("assign of the next day", "applied", ("assign", *NEXT_DAY), ("facts", "assigned", *DATA)),
    Scene("plan", "pulled", ("plan",), ("plan", "assigned", *DATA)),
    Scene("apply", "planned", ("apply",), ("ledger", "ours", "twice", *DATA)),
    Scene(
        "undo after people edited", "applied", ("undo", "last", "--yes"), ("ledger", "ours", "twice"), people_edit_ours
    ),
    Scene("apply after people left", "planned", ("apply",), ("ledger", "ours", "twice"), people_leave),
    Scene("undo", "applied", ("undo", "last", "--yes"), ("ledger", "ours", "twice", *DATA)),
)


@dataclass
class Verdict:
    """What came of some points."""

    kill_points: int = 0
    error_points: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    consent_changed: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.lost or self.duplicated or self.stuck or self.consent_changed)


@dataclass(frozen=True)
class Expected:
    """A scene when nothing stops it: how many calls it takes, and what stands at the end."""

    calls: int
    platform: checks.Found
    workspace: checks.Found
    consents: checks.Found


def undisturbed(stage: Stage, scene: Scene) -> Expected:
    """Run a scene to its end."""
    with stage.at(scene.snapshot, scene.before):
        consents = checks.consents(stage.tables())
        status = stage.command(list(scene.command))
        assert status == 0, stage.said
        assert stage.control is not None
        calls = stage.control.calls
        return Expected(calls, checks.platform(stage.tables()), _known(stage, scene), consents)


class Looked(Protocol):
    """What says which parts of the workspace are compared."""

    @property
    def looks(self) -> tuple[str, ...]:
        """Names of `checks.workspace`."""


def _known(stage: Stage, scene: Looked) -> checks.Found:
    def tell() -> int:
        print(json.dumps(checks.workspace(stage.workspace), default=str))
        return 0

    status = stage.fork(tell)
    if status != 0:
        return {"unreadable": stage.said[-500:]}
    facts = json.loads(stage.said)
    return {name: facts[name] for name in scene.looks}


def points(expected: Expected, share: float, offset: int) -> Iterator[int]:
    """Yield the calls at which the command is stopped: all of them, or every n-th."""
    step = max(round(1 / share), 1)
    yield from range(1 + offset % step, expected.calls + 1, step)


def killed(stage: Stage, scene: Scene, expected: Expected, at: int, second: int, verdict: Verdict) -> None:
    """Kill the command before call *at*, its recovery before call *second* (0: not), and let it end then."""
    where = f"{scene.name}, killed at {at}" + (f" and {second}" if second else "")
    with stage.at(scene.snapshot, scene.before):
        if stage.command(list(scene.command), at=at) == KILLED:
            verdict.kill_points += 1
        if second and stage.command(list(scene.command), at=second) == KILLED:
            verdict.kill_points += 1
        _recovered(stage, scene, expected, where, verdict)


def refused(stage: Stage, scene: Scene, expected: Expected, at: int, verdict: Verdict) -> None:
    """Let the disk be full, or broken, from call *at* on; then let it be well again."""
    error = errno.ENOSPC if at % 2 else errno.EIO
    where = f"{scene.name}, {errno.errorcode[error]} from {at} on"
    with stage.at(scene.snapshot, scene.before):
        status = stage.command(list(scene.command), at=at, error=error)
        verdict.error_points += 1
        if status == STUCK:
            verdict.stuck.append(f"{where}: stuck")
        _recovered(stage, scene, expected, where, verdict)


def _recovered(stage: Stage, scene: Scene, expected: Expected, where: str, verdict: Verdict) -> None:
    status = stage.command(list(scene.command))
    if status != 0 and not _done_already(stage.said):
        verdict.stuck.append(f"{where}: the same command ended with {status}: {stage.said[-400:]}")
        return
    tables = stage.tables()
    if checks.consents(tables) != expected.consents:
        verdict.consent_changed.append(where)
    state = {**checks.platform(tables), **_known(stage, scene)}
    differences = checks.differences({**expected.platform, **expected.workspace}, state)
    verdict.lost += [f"{where}: {difference}" for difference in differences["lost"]]
    verdict.duplicated += [f"{where}: {difference}" for difference in differences["duplicated"]]


def _done_already(said: str) -> bool:
    """A plan that was applied to its end just before the kill says so, and that is well."""
    return "was already applied" in said


def examine(stage: Stage, scene: Scene, *, share: float, offset: int, errors: float) -> Verdict:
    """Enumerate the calls of one scene."""
    verdict, expected = Verdict(), undisturbed(stage, scene)
    for at in points(expected, share, offset):
        killed(stage, scene, expected, at, 0, verdict)
        killed(stage, scene, expected, at, 1 + at * 7919 % expected.calls, verdict)
    if errors:
        for at in points(expected, share * errors, offset):
            refused(stage, scene, expected, at, verdict)
    return verdict


def told(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict for the last line."""
    return {
        "kill_points": verdict.kill_points,
        "error_points": verdict.error_points,
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "stuck": len(verdict.stuck),
        "consent_changed": len(verdict.consent_changed),
    }
