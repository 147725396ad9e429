"""Home: what needs you today, and how the workspace stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from segmenter.personalize.personas import NO_PERSONA, UNCLASSIFIED
from sync.console.pages import Asked, ConsolePage, Desk
from sync.design.hues import GREY, hues_of
from sync.design.plots import Slice, parts_of_whole
from sync.notify.conditions import Condition, conditions
from sync.ops.history import Past, Status, past, workspace_status
from sync.ops.next_step import NextStep, next_step, workspace_standing
from sync.plan.file import plan_code
from sync.session import Looked

RUNS = 6
NEEDED = ("doctor", "setup", "pull", "assign", "plan", "apply")
"""Without these steps the platforms do not show what the workspace decides."""
PLACES = {
    "plan": ("/plans", "Plans"),
    "apply": ("/plans", "Review the plan"),
    "experiment": ("/campaigns/new", "Create an experiment"),
    "lift": ("/campaigns", "See the experiment"),
    "results": ("/campaigns", "Campaigns"),
}
"""Where in the console a command is done, or what it is about is seen."""
OF_CONDITION = {"rejects": "/data", "complaints": "/campaigns", "jump": "/segments"}


@dataclass(frozen=True, slots=True)
class Todo:
    """Something that needs a person.

    Attributes:
        tone: "bad", "warn" or "good".
        place: Where to see or do it, and what the link says; "" for none.
    """

    tone: str
    title: str
    detail: str
    place: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class ShownStep:
    """The next sensible command; *tone*, *detail*, *place* and *text* as of a `Todo`."""

    step: NextStep
    tone: str
    detail: str
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Overview:
    """What Home shows: all of it is known without the warehouse."""

    wrong: list[Condition]
    status: Status
    runs: list[Past]
    assigned: Mapping[str, Any]
    todos: list[Todo]
    next: ShownStep | None
    slices: list[Slice]


def overview(looked: Looked, now: datetime) -> Overview:
    """Return what needs somebody: what `status --check`, `status` and `history` say, and what commands end with."""
    wrong, status = conditions(looked, now), workspace_status(looked)
    newest = looked.control.runs.latest("assign", state="done")
    assigned = newest.counts if newest else {}
    todos = [*_wrong(wrong), *_unsettled(status)]
    runs = past(looked, limit=RUNS, service=False)
    return Overview(wrong, status, runs, assigned, todos, _next(looked, now), _slices(looked, assigned))


def _wrong(wrong: list[Condition]) -> Iterator[Todo]:
    for condition in wrong:
        place = OF_CONDITION.get(condition.key.split(" ")[0], "/data")
        tone = "warn" if condition.key.split(" ")[0] in {"jump", "data"} else "bad"
        yield Todo(tone, condition.title, condition.detail, place, "See it")


def _unsettled(status: Status) -> Iterator[Todo]:
    if status.document["unsettled"]:
        yield Todo("warn", "Some changes are not confirmed", status.sentences[1], "/plans", "See the plan")


def _next(looked: Looked, now: datetime) -> ShownStep | None:
    """The step that every command ends with; None: it is to open the console."""
    step = next_step(workspace_standing(looked, now=now))
    first, *rest = step.command.split()
    if first == "console":
        return None
    place, text = PLACES.get(first, ("", ""))
    if first == "lift":
        place = f"/campaigns/experiments/{quote(rest[-1])}"
    plan = looked.control.plans.latest()
    waits = step.command == "plan --show" or first == "apply"
    detail = f"{plan.changes:,} changes wait. The plan's code is {plan_code(plan.plan_id)}." if plan and waits else ""
    return ShownStep(step, "warn" if first in NEEDED else "", detail, place, text)


def _slices(looked: Looked, assigned: Mapping[str, Any]) -> list[Slice]:
    """People by persona, under the names and hues of now; those of segments without a persona together."""
    workspace = looked.workspace
    sizes: Counter[str] = Counter()
    for segment, size in assigned.get("segments", {}).items():
        sizes[workspace.persona_of.get(segment, "")] += size
    unclassified = assigned.get("unclassified", 0)
    total = sizes.total() + unclassified
    if not total:
        return []
    hues = hues_of(workspace.personas)
    names = {slug: persona.name for slug, persona in workspace.personas.items()}
    shares = [(names.get(slug, NO_PERSONA), size / total, hues.get(slug, GREY)) for slug, size in sizes.most_common()]
    rest = [(UNCLASSIFIED, unclassified / total, GREY)] if unclassified else []
    return parts_of_whole([*(share for share in shares if share[1]), *rest])


def home_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return the page of what needs somebody today."""
    del asked
    with desk.reader.stores() as looked:
        known = overview(looked, desk.reader.now())
    return ConsolePage("/", "Home", "home.html.j2", {"known": known})
