"""Make a lost control store again, from the warehouse and the saved plans (`rebuild`).

Who is who stands in the warehouse, as the last `assign` left it: people keep their ids, and so their variants. What was
written stands in the plans; a change of a plan counts as ours where the platform showed its value at the last pull.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.errors import FixSettingsError
from connectors.records import CONTACTS, MEMBER, MEMBERSHIPS, Change, Outcome
from segmenter.identity import IdentityChanges
from sync.consent import opt_outs
from sync.plan.file import read_plan
from sync.pull.identities import follow_identities
from sync.session import RecordedRun, Session, recorded
from sync.traits.aggregates import KeptAggregates

LINKS_AT_ONCE = 10_000
PLANS = "plans"  # folder of the state
MISSING = (
    "Not rebuilt: objections that were noted by hand, who was erased, webhook events that nobody processed, pins, "
    "versions of personas, the list of earlier runs, and how experiments were defined at their start (from now on the "
    "files count as they are). Note the objections again, and erase those people again after the next pull, which "
    "brings them back."
)


@dataclass(slots=True)
class Rebuilt:
    """What was made again.

    Attributes:
        people: People who kept their ids.
        contacts: Links of contacts to people.
        fresh: Contacts whose person the warehouse does not tell: they got new ids where no address tells it either.
        changes: Changes of plans that the platforms show, which the ledger has again.
        plans: Plans that were read.
        unread: Plans that could not be read, each with its reason.
        missing: What is not there again.
    """

    people: int = 0
    contacts: int = 0
    fresh: int = 0
    changes: int = 0
    plans: int = 0
    unread: list[str] = field(default_factory=list)
    missing: str = MISSING


def rebuild(session: Session) -> Rebuilt:
    """Make the control store again. A kill half-way is no harm: the next one goes on.

    Args:
        session: Opened with ``healing=("control",)``.

    Returns:
        Counts of what was made again.

    Raises:
        FixSettingsError: The control store is not lost, or the warehouse is empty too.
    """
    if any(run.command != "rebuild" for run in session.control.runs.newest(20, but="serve")):
        raise FixSettingsError(
            "The control store is not lost: it has runs.",
            fix="To go back to an earlier state, use `personasync restore`.",
        )
    if not session.warehouse.last_sequence():
        raise FixSettingsError("The warehouse is empty too.", fix="Run `personasync pull`, or restore a backup.")
    done = Rebuilt()
    with recorded(session, "rebuild") as run:
        _links(session, run, done)
        follow = follow_identities(session.warehouse, session.control, run.run_id, new_id=session.new_person_id)
        done.fresh = follow.linked
        done.people = session.control.links.persons()
        opt_outs.follow_opt_outs(session.warehouse, session.control, run.run_id, session.now())
        _ledger(session, done)
        run.counts.update(people=done.people, contacts=done.contacts, fresh=done.fresh, changes=done.changes)
    return done


def _links(session: Session, run: RecordedRun, done: Rebuilt) -> None:
    if not session.warehouse.embedded:
        return
    kept = KeptAggregates(session.warehouse)
    if kept.mark() is None:
        return
    known = session.control.links.mapping()
    rows = kept.links.to_pyarrow()
    pairs = zip(rows["contact_key"].to_pylist(), rows["person_id"].to_pylist(), strict=True)
    lacking = [pair for pair in pairs if pair[0] not in known]
    for start in range(0, len(lacking), LINKS_AT_ONCE):
        session.control.links.write(IdentityChanges(dict(lacking[start : start + LINKS_AT_ONCE]), {}), run.run_id)
    done.contacts = rows.num_rows


def _ledger(session: Session, done: Rebuilt) -> None:
    """Note the changes of plans whose values the platforms show, under the run of their apply."""
    shown, members = _shown(session), _members(session)
    for path in sorted((session.workspace.state_dir / PLANS).glob("*.jsonl")):
        try:
            plan = read_plan(path)
        except FixSettingsError as error:
            done.unread.append(str(error))
            continue
        done.plans += 1
        if session.control.plans.get(plan.plan_id) is not None:
            continue
        applied = [change for change in plan.changes if _is_there(change, shown, members)]
        with recorded(session, f"apply {plan.plan_id}") as run:
            session.control.ledger.settle(run.run_id, [Outcome(change, "applied") for change in applied])
            relative = path.relative_to(session.workspace.directory).as_posix()
            summary = {key: value for key, value in plan.summary.items() if "samples" not in key}
            session.control.plans.record(
                plan.plan_id, run_id=run.run_id, path=relative, changes=len(plan.changes), summary=summary
            )
            session.control.plans.move(plan.plan_id, "applied")
            run.counts.update(plan=plan.plan_id, rebuilt=len(applied))
        done.changes += len(applied)


def _is_there(
    change: Change, shown: Mapping[tuple[str, str], Mapping[str, str]], members: set[tuple[str, ...]]
) -> bool:
    if change.kind == "group":
        return ((change.connection, change.name, change.platform_id) in members) == (change.after == MEMBER)
    values = shown.get((change.connection, change.platform_id))
    return values is not None and (values.get(change.name) or None) == (change.after or None)


def _shown(session: Session) -> dict[tuple[str, str], Mapping[str, str]]:
    contacts = session.warehouse.current(CONTACTS.name)
    rows = contacts.filter(contacts.state == "active").select("connection", "platform_id", "properties").to_pyarrow()
    return {
        (row["connection"], row["platform_id"]): json.loads(row["properties"] or "{}")
        for row in _rows(rows.to_batches())
    }


def _members(session: Session) -> set[tuple[str, ...]]:
    members = session.warehouse.current(MEMBERSHIPS.name)
    rows = members.filter(members.member).select("connection", "group_name", "platform_id").to_pyarrow()
    return {(row["connection"], row["group_name"], row["platform_id"]) for row in _rows(rows.to_batches())}


def _rows(batches: Sequence[object]) -> Iterator[Mapping[str, str]]:
    for batch in batches:
        yield from batch.to_pylist()  # type: ignore[attr-defined]


def set_aside(state_dir: Path) -> Path | None:
    """Move a control store that can't be used, and what lies beside it, to a folder of its own; return the folder.

    Returns:
        None where there is none.
    """
    files = [path for path in state_dir.glob("control.db*") if path.name != "control.db.lock"]
    if not files:
        return None
    number = 1 + sum(1 for _ in state_dir.glob("damaged-*"))
    folder = state_dir / f"damaged-{number}"
    folder.mkdir(mode=0o700)
    for path in files:
        path.replace(folder / path.name)
    return folder
