"""Health checks (`doctor`) of everything that a run needs, read-only, each finding with its fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

from connectors.errors import FixSettingsError, PersonasyncError
from connectors.records import MEMBERSHIPS, Finding
from sync.assign.sources import definitions_of
from sync.consent.erased_people import hasher
from sync.erasure.retention import retention_days, short_retentions
from sync.experiments.definitions import edited_experiments
from sync.fields import privacy_checks as creepiness
from sync.fields.platform_persona import co_owned_fields, field_options, resolved, unmatched_personas
from sync.monitor import drift as drifting
from sync.monitor import quality
from sync.ops import setup
from sync.ops import webhooks as hooks
from sync.ops.platform_gaps import gap_findings
from sync.ops.probe import assumption_findings
from sync.personas import drafts as persona_drafts
from sync.pull.identities import unlinked
from sync.pull.mapped import FIX, unknown_properties
from sync.report.persona_cards import picture
from sync.session import Session
from sync.traits import data_checks as fitness
from sync.workspace.permissions import permission_findings

REFUSED = "Until this is fixed, `assign` and `run` classify nobody."
DAILY = "Schedule `personasync run` daily, for example with cron."
CLOCKS_APART = timedelta(minutes=2)

Check = Callable[[Session, str], Sequence[Finding]]


def examine(session: Session, *, only: str | None = None) -> list[tuple[str, Finding]]:
    """Return findings by connection, and those about the workspace itself under "workspace".

    Args:
        session: The open workspace.
        only: One connection; None: all.

    Returns:
        Pairs of connection and finding, in the order in which they are printed.
    """
    findings = [("workspace", finding) for finding in _workspace(session)]
    names = [name for name in session.workspace.connections if only in {None, name}]
    for name in names:
        findings.extend((name, finding) for finding in _connection(session, name))
    return findings


def _connection(session: Session, name: str) -> list[Finding]:
    findings: list[Finding] = []
    try:
        connector = session.connector(name)
        findings += connector.check()
        if session.workspace.writes(name, session.manifest) and not any(
            finding.state == "fail" for finding in findings
        ):
            findings += [finding for check in CHECKS for finding in _settled(session, name, check)]
    except PersonasyncError as error:
        findings.append(Finding("settings", "fail", str(error)))
    return list(dict.fromkeys(findings))


def _settled(session: Session, name: str, check: Check) -> Sequence[Finding]:
    """Return what *check* finds; settings that stop it are a finding like others, so that one run shows all of them."""
    try:
        return check(session, name)
    except FixSettingsError as error:
        return [Finding("settings", "fail", error.what, error.fix)]


def _properties(session: Session, name: str) -> list[Finding]:
    """Whether each property that traits read is there."""
    lacking = unknown_properties(session, session.connector(name))
    return [Finding("properties", "fail", f"{sentence}.", FIX) for sentence in lacking]


def _fields(session: Session, name: str) -> list[Finding]:
    steps = setup.missing_steps(session, only=name)
    if not steps:
        return [Finding("fields", "ok", "All fields, tags and lists of personasync exist.")]
    listed = ", ".join(step.name for step in steps)
    return [Finding("fields", "warn", f"Missing: {listed}.", "Run `personasync setup`.")]


def _undefined(session: Session, name: str) -> list[Finding]:
    """Tags, lists and fields that were ours, that no definition names any more, and that are there still."""
    connector, findings = session.connector(name), []
    groups = session.undefined_groups(name)
    absent = {step.name for step in connector.missing((), groups)} if groups else set()
    present = [group for group in groups if group not in absent]
    ours, others = _members(session, name, present) if present else (Counter[str](), Counter[str]())
    for group in present:
        left = f"{ours[group]:,} contacts that personasync added and {others[group]:,} that others added"
        findings.append(
            Finding(
                "groups",
                "warn",
                f"{group!r} is no longer defined, and {left} are still in it.",
                "The next `personasync plan` takes out those that personasync added and that are marketable. Then "
                "delete it on the platform, if nobody uses it.",
            )
        )
    fields = session.control.ledger.undefined(name, "field", session.workspace.owned(name, session.manifest))
    known = connector.fields() if fields else {}
    findings += [
        Finding(
            "fields",
            "warn",
            f"{field!r} is no longer defined, and keeps the values that personasync wrote.",
            "Delete it on the platform, if no template uses it.",
        )
        for field in fields
        if field in known
    ]
    return findings


def _members(session: Session, name: str, groups: Sequence[str]) -> tuple[Counter[str], Counter[str]]:
    """Members of groups by the last pull: those whom we added, and others."""
    members = session.warehouse.current(MEMBERSHIPS.name)
    rows = members.filter(members.connection == name, members.member, members.group_name.isin(list(groups)))
    made = session.control.ledger.groups_made().to_pylist()
    mine = {
        (membership["group_name"], membership["platform_id"]) for membership in made if membership["connection"] == name
    }
    ours, others = Counter[str](), Counter[str]()
    for row in rows.select("group_name", "platform_id").to_pyarrow().to_pylist():
        (ours if (row["group_name"], row["platform_id"]) in mine else others)[row["group_name"]] += 1
    return ours, others


def _personas(session: Session, name: str) -> list[Finding]:
    """Whether each of our personas is one of the platform's own, where those are written."""
    findings = []
    for field in co_owned_fields(session, name):
        offered, personas = field_options(session.connector(name), field), session.workspace.personas
        findings += [
            Finding("personas", "warn", unmatched_persona.message, unmatched_persona.fix)
            for unmatched_persona in unmatched_personas(personas, offered, field, name)
        ]
        try:
            resolved(personas, offered, name)
        except FixSettingsError as error:
            findings.append(Finding("personas", "fail", error.what, error.fix))
        if not findings:
            findings.append(Finding("personas", "ok", f"Every persona matches an option of {field}."))
    return findings


def _clock(session: Session, name: str) -> list[Finding]:
    """Our clock decides how old data are, the platform's what has changed: they should agree."""
    apart = abs(session.connector(name).now() - session.now())
    if apart > CLOCKS_APART:
        minutes = apart.total_seconds() / 60
        message = f"This machine's clock is off by {minutes:.0f} minutes."
        return [Finding("clock", "warn", message, "Synchronize this machine's clock (NTP).")]
    return [Finding("clock", "ok", "Clock in sync.")]


CHECKS: tuple[Check, ...] = (
    *(_properties, _fields, _undefined, _personas, _clock),
    *(gap_findings, hooks.findings, assumption_findings),
)
"""Of a connection that we write to, once its credentials and scopes are fine."""


def _workspace(session: Session) -> list[Finding]:
    workspace = session.workspace
    findings = [
        Finding(
            "files", "ok", f"{workspace.name}: {len(workspace.segments)} segments, {len(workspace.personas)} personas."
        )
    ]
    if not workspace.segments:
        findings.append(Finding("segments", "warn", "No segments defined.", "Add one to segments.toml."))
    findings += permission_findings(workspace.directory)
    findings += [Finding("personas", "warn", remark, "Reword it.") for remark in workspace.remarks]
    findings += [
        Finding("experiments", "fail", str(error).removesuffix(error.fix).strip(), error.fix)
        for error in edited_experiments(session)
    ]
    findings += [
        Finding("creepy", "warn", f"{concern.place}: {concern.message}", concern.fix)
        for concern in creepiness.of_settings(session)
    ]
    findings += _facts(session)
    findings += _people(session)
    findings += _data(session)
    findings += _kept(session)
    unsettled = session.control.ledger.unsettled()
    if unsettled:
        waiting = sum(len(changes) for changes in unsettled.values())
        findings.append(
            Finding(
                "ledger",
                "warn",
                f"{waiting:,} changes are not confirmed yet.",
                "Run `personasync pull` and `personasync plan`; unconfirmed changes are planned again.",
            )
        )
    return findings


def _people(session: Session) -> list[Finding]:
    """Whether everybody whom the platforms have is one of our people."""
    count = unlinked(session.warehouse, session.control)
    if not count:
        return []
    message = f"{count:,} active contacts are not linked to a person and get no persona."
    return [
        Finding("people", "fail", message, "Run `personasync pull`; if that doesn't help, `personasync pull --full`.")
    ]


def _kept(session: Session) -> list[Finding]:
    """How long rows are kept, and erasures that are not complete."""
    days = retention_days(session)
    shown = ", ".join(f"{name} {count} days" for name, count in days.items())
    findings = [Finding("retention", "ok", f"Deleted by `run` when older: {shown}.")] if days else []
    findings += [Finding("retention", "fail", sentence, fix) for sentence, fix in short_retentions(session)]
    if session.control.erasures.open_jobs():
        message = "An erasure was interrupted: some people are erased in part."
        findings.append(Finding("erasure", "fail", message, "Run `personasync forget`: it completes."))
    if session.control.erasures.count():
        try:
            hasher(session.workspace.state_dir, make=False)
        except FixSettingsError as error:
            findings.append(Finding("erasure", "fail", error.what, error.fix))
    return findings


def _facts(session: Session) -> list[Finding]:
    """Personas whose story rests on facts that are too old, or on another segment, or whose picture is not there."""
    findings = [
        Finding("personas", "warn", f"{reason[:1].upper()}{reason[1:]}.", f"Run `personasync personas draft {slug}`.")
        for slug, reason in persona_drafts.stale_personas(session)
    ]
    for slug, persona in session.workspace.personas.items():
        if persona.picture and not picture(session.workspace.directory, persona.picture):
            fix = "Put a .png, .jpg or .svg file of up to 1 MB into the workspace folder."
            findings.append(Finding("personas", "warn", f"{slug}: {persona.picture!r} can't be used.", fix))
    return findings


def _data(session: Session) -> list[Finding]:
    """What may not decide, or has changed; the traits themselves are not measured, `personasync quality` does that."""
    findings = [
        Finding("data", "fail", f"{breach.message} {REFUSED}", DAILY) for breach in fitness.too_old_connections(session)
    ]
    findings += (
        [Finding("data", "warn", sentence) for sentence in quality.stale_streams(session)] if not findings else []
    )
    findings += [
        Finding("data", "warn", f"{data_fault.table}: {data_fault.what}.", data_fault.fix)
        for data_fault in quality.faults(session)
    ]
    try:
        drifts, sentences = drifting.population(session, definitions_of(session.workspace).version)
    except PersonasyncError as error:
        return [*findings, Finding("model", "fail", str(error))]
    moved = [name for name, drift in drifts.items() if drift.alarm]
    fix = "Check `personasync quality`; if the drift persists, run `personasync fit` or `discover` again."
    if moved:
        findings.append(Finding("drift", "warn", f"Drift detected in: {', '.join(moved)}.", fix))
    return findings + [Finding("drift", "warn", sentence, fix) for sentence in sentences]
