"""Command results as text and tables for people, and as JSON documents for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sync.apply.text import NOTHING_SENT, left_out_of_apply, pending_after_apply, undone_sentences
from sync.cli.console import table
from sync.cli.layout import Table
from sync.clock import duration

if TYPE_CHECKING:
    from connectors.records import SetupStep
    from segmenter.personalize.creepiness import Concern
    from sync.apply.job import Applied
    from sync.apply.push import Sent
    from sync.apply.undo import Intended, Undone
    from sync.assign.job import Assigned
    from sync.assign.what_if import Move
    from sync.ops.run import Loop
    from sync.plan.job import Planned
    from sync.pull.job import Pulled
    from sync.results.campaign_result import CampaignResult

Rendered = list[str | Table]

ACTIONS = {
    "create_field": "create field",
    "extend_field": "add options to field",
    "create_group": "create group",
    "add_webhook": "add webhook",
    "write_files": "write files",
}


def as_document(result: Any) -> dict[str, Any]:
    """Return a result's dataclass as a document."""
    return asdict(result)


def render_setup(steps: Sequence[SetupStep]) -> str:
    """Return what setup would do, one line for each step."""
    lines = [f"  {step.connection}: {ACTIONS[step.action]} {step.name}  {step.detail}".rstrip() for step in steps]
    return "\n".join(["personasync would:", *lines])


def setup_done(steps: Sequence[SetupStep]) -> str:
    """Return what setup did, in a sentence."""
    done = "Created 1 item." if len(steps) == 1 else f"Created {len(steps)} items."
    return done if steps else "All fields, tags and lists exist already."


def pulled(result: Pulled) -> Rendered:
    """Return what was read."""
    shown: Rendered = [table("Read", "Rows", rows=list(result.rows.items()))]
    kept = sum(result.versions.values())
    shown.append(f"{kept:,} new or changed rows." if kept else "No new records.")
    if result.persons:
        joined = f", {result.joined:,} merged with another" if result.joined else ""
        shown.append(f"{result.persons:,} people{joined}.")
    shown.extend(f"Warning: {reject}" for reject in result.rejects)
    shown.extend(f"Warning: {sentence}" for sentence in result.unread)
    shown.extend(f"Rows with errors: {path}" for path in result.reject_files)
    shown.extend(f"Error: {sentence}" for sentence in result.strangers)
    if result.erased:
        shown.append(f"{result.erased:,} people were erased here too: a platform erased them for good.")
    shown.extend([f"Warning: {result.not_erased}"] if result.not_erased else [])
    return [*shown, *healed(result)]


def healed(result: Pulled) -> Rendered:
    """Return what a pull repaired."""
    shown: Rendered = [result.clock] if result.clock else []
    if result.reread:
        shown.append("The warehouse was older than the saved state, so all records were read again.")
    if result.healed:
        shown.append(
            f"{result.healed:,} contacts skipped by an earlier version are now linked to a person; "
            "the next `personasync assign` includes them."
        )
    return shown


def render_assigned(result: Assigned) -> Rendered:
    """Return the result of an assign."""
    rows = [(name, persons, f"{persons / max(result.persons, 1):.0%}") for name, persons in result.segments.items()]
    shown: Rendered = [table("Segment", "Persons", "Share", rows=rows)]
    shown.append(
        f"{result.persons:,} people as of {result.as_of:%Y-%m-%d %H:%M} UTC: {result.assigned:,} "
        f"assigned, {result.unclassified:,} unclassified; {result.changed:,} moved to another "
        f"segment, {result.new:,} new."
    )
    if result.measured_all_because:
        shown.append(f"Recalculated all {result.measured_anew:,} people: {result.measured_all_because}.")
    else:
        shown.append(f"Recalculated {result.measured_anew:,} people whose data changed.")
    shown.extend(cap_lines(result.caps))
    if result.pinned:
        shown.append(f"{result.pinned:,} pinned by hand; `personasync pins` lists them.")
    if result.excluded:
        shown.append(f"{result.excluded:,} excluded: nothing is written to them.")
    if result.withheld:
        from sync.plan.left_out import withheld_sentences  # noqa: PLC0415 - status and help need not load it

        shown.extend(withheld_sentences(result.withheld))
    shown.extend(result.value_notes)
    return shown


def cap_lines(caps: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return which segments are full, and who has the places."""
    return [
        f"Segment {name!r} is full: {cap['people']:,} people, cap {cap['cap']:,} by {cap['by']}; {cap['beyond']:,} "
        "others who qualify get what comes next for them."
        + (f" Of {cap['unknown']:,} people in it {cap['by']} is unknown." if cap["unknown"] else "")
        for name, cap in caps.items()
        if cap["beyond"]
    ]


def render_moves(moves: Sequence[Move]) -> Rendered:
    """Return who would move from one segment to another."""
    if not moves:
        return ["Nobody would move."]
    rows = [(move.before, move.after, move.persons, ", ".join(move.samples)) for move in moves]
    total = sum(move.persons for move in moves)
    return [
        table("From", "To", "Persons", "Example", rows=rows),
        f"{total:,} people would move. Nothing was saved.",
    ]


def planned(result: Planned, *, requests: bool = False) -> Rendered:
    """Return a plan's changes and its guardrail verdict; with *requests* what is sent, by kind."""
    from sync.plan.guardrails import how_to_override  # noqa: PLC0415 - status and help need not load it

    summary = result.summary
    shown = _changes(result.plan_id, summary)
    if result.focus:
        shown.append(result.focus)
    shown.extend(result.notes)
    shown += [
        f"{name}: {count:,} values set by users were skipped." for name, count in summary["values_of_others"].items()
    ]
    shown += [_foreign(name, count, summary) for name, count in summary["memberships_of_others"].items() if count]
    if summary["skipped"]:
        shown.append(table("Skipped", "Contacts", rows=list(summary["skipped"].items())))
        shown.extend(summary["left_out"])
    if summary["requests"]:
        shown.extend(_requests(summary) if requests else [])
        shown += [price.sentence(name) for name, price in result.cost.prices.items()]
        shown.append(f"Estimated time at this account's limits: {duration(60 * summary['minutes'])} or slightly more.")
    shown.extend(creepy(result.concerns))
    shown.extend(f"Blocked by guardrail: {breach.message}" for breach in result.breaches)
    if result.breaches:
        shown.append(how_to_override([breach.guardrail for breach in result.breaches]))
    shown.append(f"Saved as {result.path}")
    return shown


def _changes(plan_id: str, summary: Mapping[str, Any]) -> Rendered:
    if not summary["changes"]:
        shown: Rendered = ["Nothing to change: the platforms are up to date."]
    else:
        rows = list(summary["by_field"].items())
        shown = [table("Would change", "Contacts", rows=rows, title=f"Plan {plan_id}")]
        samples = [
            (s["contact"], s["connection"], s.get("field") or s.get("group"), s["before"] or "–", s["after"] or "–")
            for s in summary["samples"]
        ]
        shown.append(table("Example", "On", "Field or group", "Shows", "New", rows=samples))
    return shown + [_contacts(name, count, summary) for name, count in summary["changed_contacts"].items() if count]


def _requests(summary: Mapping[str, Any]) -> Rendered:
    sent = [(name, end, n) for name, ends in summary["requests"].items() for end, n in ends.items()]
    return [table("Connection", "Request", "Times", rows=sent)] if sent else []


def plan_again(plan_id: str, summary: Mapping[str, Any], *, requests: bool = False) -> Rendered:
    """Return what a saved plan would change, and what blocks it; with *requests* what is sent, by kind."""
    blocked = [f"Blocked by guardrail: {breach['message']}" for breach in summary["breaches"]]
    rest = [summary["focus"], *summary["notes"], *summary["left_out"], *blocked, summary["fix"]]
    sent = _requests(summary) if requests else []
    return [*_changes(plan_id, summary), *sent, *(line for line in rest if line)]


def _contacts(name: str, changed: int, summary: Mapping[str, Any]) -> str:
    """How many contacts of a connection would change, and in what way."""
    replaced, explained = summary["replaced_contacts"][name], summary["explained_contacts"][name]
    first = changed - replaced - explained
    return (
        f"{name}: {changed:,} contacts would change: {replaced:,} get a different value "
        f"({summary['moved_contacts'][name]:,} of them move to another segment, the others get another text), "
        f"{first:,} get their first values, tags or experiment copy, {explained:,} only a new "
        "reason, confidence or date."
    )


def _foreign(name: str, count: int, summary: Mapping[str, Any]) -> str:
    """Who is in our groups of a connection since others put them there: some by name."""
    some = [sample for sample in summary["memberships_of_others_samples"] if sample["connection"] == name]
    listed = [f"{sample['email'] or sample['platform_id']} in {sample['group']}" for sample in some]
    more = [f"{count - len(some):,} more"] if count > len(some) else []
    who = (
        "1 membership was added by others, so it stays"
        if count == 1
        else (f"{count:,} memberships were added by others, so they stay")
    )
    return f"{name}: {who}: {', '.join([*listed, *more])}."


def creepy(concerns: Sequence[Concern]) -> Rendered:
    """Return the values that readers may find intrusive, and for whom."""
    return [
        f"May feel intrusive: {concern.sentence()}" + (f" Example: {concern.example}." if concern.example else "")
        for concern in concerns
    ]


def applied_document(result: Applied) -> dict[str, Any]:
    """Return the result of an apply as a JSON document."""
    return {
        "plan": result.plan_id,
        "run": result.run_id,
        "outcomes": {f"{name} {state}": count for (name, state), count in sorted(result.states.items())},
        "reasons": {f"{name}: {reason}": count for (name, reason), count in sorted(result.reasons.items())},
        "failed": result.failed,
        "waiting": result.waiting,
        "skipped": result.skipped,
        "overtaken": result.overtaken,
        "taken_back": result.taken_back,
        "recovered": result.recovered,
    }


def applied(result: Applied) -> Rendered:
    """Return the result of an apply."""
    shown: Rendered = [*left_out_of_apply(result)]
    if not result.states and not result.failed:
        return [*shown, NOTHING_SENT]
    return [*shown, *_outcomes(result), *pending_after_apply(result)]


def _outcomes(result: Sent) -> Rendered:
    rows = [(name, state, count) for (name, state), count in sorted(result.states.items())]
    shown: Rendered = [table("Connection", "Outcome", "Changes", rows=rows)]
    if result.reasons:
        rows = [(name, reason, count) for (name, reason), count in result.reasons.most_common(20)]
        shown.append(table("Connection", "Reason", "Changes", rows=rows))
    return shown


def render_undo(intended: Intended) -> str:
    """Return what an undo would do, in lines."""
    lines = [
        f"  {name}: {len(changes):,} values, tags and list memberships would be restored"
        for name, changes in intended.restore.items()
    ]
    note = f"  skipped: {intended.changed_since:,} edited since, {intended.gone:,} of deleted contacts"
    return "\n".join([f"personasync would undo `{intended.run.command}`:", *lines, note])


def undone_document(result: Undone) -> dict[str, Any]:
    """Return the result of an undo as a JSON document."""
    return {
        "run": result.run_id,
        "undone": result.undone_run,
        "restored": result.restored,
        "left": result.left,
        "outcomes": {f"{name} {state}": count for (name, state), count in sorted(result.states.items())},
        "failed": result.failed,
    }


def undone(result: Undone) -> Rendered:
    """Return what an undo did."""
    return [*(_outcomes(result) if result.states else []), *undone_sentences(result)]


def loop_document(done: Loop) -> dict[str, Any]:
    """Return the result of a whole run as a JSON document."""
    return {
        "pulled": asdict(done.pulled),
        "assigned": asdict(done.assigned),
        "created": done.created,
        "plan": {"id": done.planned.plan_id, "path": str(done.planned.path), **done.planned.summary},
        "applied": applied_document(done.applied),
        "results": asdict(done.imported),
        "report": str(done.written.path),
        "seconds": done.seconds,
        "requests": done.requests,
        "writes": done.writes,
    }


def loop(done: Loop) -> Rendered:
    """Return what a whole run did."""
    rows = [(name, seconds, done.requests.get(name, 0)) for name, seconds in done.seconds.items()]
    return [
        *healed(done.pulled),
        *render_assigned(done.assigned),
        *creepy(done.planned.concerns),
        *applied(done.applied),
        *(f"Warning: {sentence}" for sentence in done.imported.unread),
        table("Step", "Seconds", "Requests", rows=rows),
        *(f"Deleted by [retention]: {count:,} {name}." for name, count in done.deleted.items()),
        *done.written.summary,
        f"Report: {done.written.path}",
    ]


def campaigns(results: Sequence[CampaignResult]) -> str | Table:
    """Return the newest campaigns: people who got them, and shares of these."""
    from segmenter.stats.proportions import Responses  # noqa: PLC0415 - status and help need not load it
    from sync.results.campaign_result import METRICS  # noqa: PLC0415

    rows = []
    for result in results:
        asked = [sum((row.responses(metric) for row in result.rows), Responses(0, 0)) for metric in METRICS]
        rates = [f"{100 * each.converted / each.people:.1f}%" if each.people else "–" for each in asked]
        sent = f"{result.sent_at:%Y-%m-%d}" if result.sent_at else "–"
        rows.append((result.name, sent, sum(row.delivered for row in result.rows), *rates))
    heads = ("Campaign", "Sent", "Delivered", *(metric.title for metric in METRICS))
    return table(*heads, rows=rows) if rows else "No campaign has been imported yet."


def render_manifest(manifest: Mapping[str, Any]) -> str:
    """Return who ran a command and with what, in one line."""
    made = [f"{name} {digest}" for name, digest in {**manifest["settings"], **manifest["models"]}.items()]
    who = f"Run by {manifest['by']} on {manifest['host']}, personasync {manifest['version']}"
    return f"{who}, Python {manifest['python']}, seed {manifest['seed']}. SHA-256: {', '.join(made)}."


def render_counts(document: Mapping[str, Any]) -> str:
    """Return a run's counts in one line."""
    listed = {**document, **document.get("tally", {}), **document.get("outcomes", {})}
    shown = {
        key: value
        for key, value in listed.items()
        if isinstance(value, int | str) and value != "" and key not in {"process", "plan"}
    }
    return ", ".join(f"{key} {value:,}" if isinstance(value, int) else f"{key} {value}" for key, value in shown.items())
