"""Everything that a workspace holds about one person: as plain data, and as a letter (GDPR art. 15 and 20)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError
from connectors.records import (
    ARMS,
    ASSIGNMENTS,
    CAMPAIGNS,
    CONTACTS,
    DELIVERIES,
    ENGAGEMENTS,
    LAST_OPENS,
    MEMBERSHIPS,
    ORDER_LINES,
    ORDERS,
    SUBSCRIPTIONS,
    SURVEY_ANSWERS,
    VALUES,
    email_key,
    platform_key,
)
from sync.assign.explain import explain
from sync.assign.person_rows import SessionRows
from sync.erasure.traces import Traces, traces
from sync.export.write import OURS
from sync.session import Session
from sync.warehouse.erase import versions_naming, versions_of_keys

ADDRESS = email_key("")
BY_KEY = (
    DELIVERIES.name,
    ENGAGEMENTS.name,
    ORDERS.name,
    SURVEY_ANSWERS.name,
    SUBSCRIPTIONS.name,
    LAST_OPENS.name,
)
BY_PERSON = (ASSIGNMENTS.name, ARMS.name, VALUES.name)
HOW_DECIDED = {
    "pinned": "An employee put you into this group by hand.",
    "declared": "You told the company yourself which group fits you, in a form.",
    "survey": "A short survey that you answered points to this group.",
    "rules": "A rule that employees wrote applies to you. It compares the values that are listed with the reasons.",
    "model": "A statistical model was trained on groups of customers. It compares your values with theirs.",
}
AUTOMATED = (
    "A computer program sorts contacts into groups, so that emails fit their readers. It tries its sources in a fixed "
    "order and takes the first that is sure enough: {order}. The group decides which words and offers an email shows, "
    "and nothing else: no price, no contract and no access depends on it. You may object to it at any time, ask a "
    "person to look at it, and have wrong data corrected."
)
SOURCES = {
    "pinned": "what an employee set by hand",
    "declared": "what you said yourself",
    "survey": "a survey",
    "rules": "rules written by employees",
    "model": "a statistical model",
}
CONSENTS = {
    "subscribed": "you subscribed to emails",
    "unsubscribed": "you unsubscribed from emails",
    "cleaned": "emails to you came back, so none are sent",
    "pending": "you have not confirmed your subscription yet",
    "transactional": "you get only messages about your orders",
    "none": "no consent is known",
    "unknown": "you have not objected to emails",
}
RIGHTS = (
    "You may have these data corrected or deleted, object to the profile, and complain to a data protection authority."
)


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What is held about one person: plain values by subject, and the letter's lines."""

    document: Mapping[str, Any]
    letter: Sequence[str]


def personal_data(session: Session, email: str) -> PersonalData:
    """Gather what is held about the person behind an address.

    Args:
        session: The open workspace.
        email: Any address of the person, in any case.

    Returns:
        All versions of all rows about the person, oldest first, what was decided and written, and the letter.

    Raises:
        FixSettingsError: Nobody has that address, or nobody was assigned yet.
    """
    explanation = explain(session, SessionRows(session), email)
    person_id = str(explanation.document["person_id"])
    mine = traces(session, [person_id], reason="export")
    rows = _rows(session, mine)
    names = {slug: persona.name for slug, persona in session.workspace.personas.items()}
    order = ", then ".join(SOURCES[source] for source in ("pinned", *session.workspace.classify.order))
    document: dict[str, Any] = {
        "exported_at": session.now(),
        "person_id": person_id,
        "addresses": sorted(key.removeprefix(ADDRESS) for key in mine.keys if key.startswith(ADDRESS)),
        "sources": _sources(session, mine),
        "data": {name: [_without_numbers(row) for row in versions] for name, versions in rows.items() if versions},
        "traits": explanation.document["traits"],
        "segment": {name: explanation.document[name] for name in SHOWN},
        "would_change": explanation.document["would_change"],
        "automated_decisions": AUTOMATED.format(order=order),
        "consent": _consent(rows[CONTACTS.name]),
        "purposes": explanation.document["purposes"],
        "written": _written(session, mine),
        "pins": _pins(session, mine),
        "decided_at_once": _decided_at_once(session, mine),
    }
    return PersonalData(document, _letter(document, rows, names))


SHOWN = ("segment", "persona", "confidence", "source", "reasons", "runner_up", "since", "as_of", "version")


def _rows(session: Session, mine: Traces) -> dict[str, list[dict[str, Any]]]:
    """Every version of every row about the person, oldest first, by table."""
    warehouse = session.warehouse
    rows = {name: versions_naming(warehouse, name, "contact_key", mine.keys) for name in BY_KEY}
    rows |= {name: versions_naming(warehouse, name, "person_id", mine.persons) for name in BY_PERSON}
    for schema in (CONTACTS, MEMBERSHIPS):
        rows[schema.name] = versions_of_keys(warehouse, schema.name, mine.pairs, CONTACTS.key)
    orders = {(row["connection"], row["order_id"]) for row in rows[ORDERS.name]}
    rows[ORDER_LINES.name] = versions_of_keys(warehouse, ORDER_LINES.name, orders, ORDERS.key)
    campaigns = {(row["connection"], row["campaign_id"]) for row in rows[DELIVERIES.name]}
    rows[CAMPAIGNS.name] = [
        {name: row[name] for name in ("connection", "campaign_id", "name", "subject", "sent_at")}
        for row in versions_of_keys(warehouse, CAMPAIGNS.name, campaigns, CAMPAIGNS.key)
    ]
    return rows


def _without_numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name != "sequence" and value is not None}
    return {**shown, **({"properties": json.loads(shown["properties"])} if shown.get("properties") else {})}


def _sources(session: Session, mine: Traces) -> list[dict[str, str]]:
    parts, specs = session.workspace.connections, session.manifest.connectors
    return [
        {"connection": name, "platform": specs[parts[name].connector].title if name in parts else name, "id": key}
        for name, key in sorted(mine.pairs)
    ]


def _consent(contacts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """When each record began to show which consent, as far as it is known."""
    changes: list[dict[str, Any]] = []
    last: dict[str, str | None] = {}
    for row in contacts:
        key = platform_key(row["connection"], row["platform_id"])
        if row["consent"] is not None and last.get(key) != row["consent"]:
            at = row["updated_at"] if key in last else row["created_at"]
            changes.append({"source": row["connection"], "consent": row["consent"], "since": at or row["recorded_at"]})
            last[key] = row["consent"]
    return changes


def _written(session: Session, mine: Traces) -> list[dict[str, Any]]:
    """What was written to the platforms about the person, oldest first."""
    return [
        {
            "connection": noted.change.connection,
            "what": noted.change.name,
            "before": noted.change.before,
            "after": noted.change.after,
            "outcome": noted.state,
            "at": at,
        }
        for noted, at in session.control.ledger.about(mine.pairs)
    ]


def _decided_at_once(session: Session, mine: Traces) -> list[dict[str, Any]]:
    """What the webhook service decided about the person, and by what, oldest first."""
    return [
        {"at": decision.recorded_at, "by": decision.inputs, "decided": decision.assignment}
        for decision in session.control.decisions.of_persons(mine.persons)
    ]


def _pins(session: Session, mine: Traces) -> list[dict[str, Any]]:
    addresses = {key.removeprefix(ADDRESS) for key in mine.keys if key.startswith(ADDRESS)}
    return [asdict(pin) for pin in session.control.pins.all() if pin.email in addresses]


def data_as_text(held: PersonalData) -> str:
    """Return the data as JSON text, with moments in ISO 8601 (UTC)."""
    return json.dumps(held.document, indent=2, ensure_ascii=False, default=str)


def write_personal_data(held: PersonalData, path: Path, *, letter: bool) -> None:
    """Write the data, or the letter, for the owner of the file alone.

    Args:
        held: What is held.
        path: Of the file; overwritten.
        letter: Whether it is the letter.

    Raises:
        FixSettingsError: The file can't be written.
    """
    text = "\n".join(held.letter) if letter else data_as_text(held)
    part = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OURS), "w", encoding="utf-8") as file:
            file.write(text + "\n")
        part.replace(path)
    except OSError as error:
        raise FixSettingsError(
            f"{path} can't be written: {error.strerror or error}.", fix="Name a file in a folder that you can write to."
        ) from error


# -- the letter ------------------------------------------------------------------------------------------------
def _letter(
    document: Mapping[str, Any], rows: Mapping[str, Sequence[Mapping[str, Any]]], names: Mapping[str, str]
) -> list[str]:
    segment = document["segment"]
    return [
        f"What we hold about {', '.join(document['addresses'])}",
        f"As of {document['exported_at']:%d %B %Y}.",
        "",
        "Where the data come from",
        *(
            f"- {each['platform']} (connection {each['connection']}), record {each['id']}"
            for each in document["sources"]
        ),
        "",
        "What we know of you",
        *_facts(rows),
        "",
        "The group you are in",
        *_group(segment, names),
        *_history(rows[ASSIGNMENTS.name], names),
        "",
        "How it is decided",
        document["automated_decisions"],
        *([HOW_DECIDED[segment["source"]]] if segment["source"] in HOW_DECIDED else []),
        "",
        "Your consent",
        *(f"- {_day(each['since'])}, {each['source']}: {CONSENTS[each['consent']]}." for each in document["consent"]),
        "",
        "What your data may be used for",
        *(_purpose(purpose, standing) for purpose, standing in document["purposes"].items()),
        "",
        "What we wrote about you, and where",
        *(_line(each) for each in document["written"]),
        *(["- Nothing."] if not document["written"] else []),
        "",
        "Your rights",
        RIGHTS,
    ]


def _facts(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    newest = {platform_key(row["connection"], row["platform_id"]): row for row in rows[CONTACTS.name]}
    lines = [
        f"- {row['connection']}: {name}: {value}"
        for row in newest.values()
        for name, value in sorted(json.loads(row["properties"] or "{}").items())
    ]
    placed = {(row["connection"], row["order_id"]): row for row in rows[ORDERS.name]}
    lines += [
        f"- Order of {_day(row['at'])}: {row['amount']:,.2f} {row['currency']} ({row['state']})"
        for row in placed.values()
    ]
    mails = {(row["connection"], row["campaign_id"]): row for row in rows[CAMPAIGNS.name]}
    got = {(row["connection"], row["campaign_id"]): row for row in rows[DELIVERIES.name]}
    lines += [
        f"- Email of {_day(row['at'])}: {mails.get(key, {}).get('name') or key[1]} ({row['status']})"
        for key, row in got.items()
    ]
    acts = {(row["connection"], row["event_id"]): row for row in rows[ENGAGEMENTS.name]}
    lines += [f"- {_day(row['at'])}: {row['kind']}" for row in acts.values()]
    answers = {(row["survey"], row["item"]): row for row in rows[SURVEY_ANSWERS.name]}
    lines += [f"- Survey {survey}, question {item}: {row['value']}" for (survey, item), row in answers.items()]
    arms = {row["experiment"]: row for row in rows[ARMS.name]}
    lines += [f"- In the test {name} you are in the group {row['arm']}, by chance." for name, row in arms.items()]
    return lines or ["- Only your address."]


def _group(segment: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    if segment["segment"] is None:
        return [f"You are in no group: {segment['reasons']}."]
    persona = names.get(segment["persona"] or "", "no persona")
    return [
        f"You are in the group {segment['segment']!r} (persona {persona}) since {_day(segment['since'])}.",
        f"Reasons: {segment['reasons']}.",
    ]


def _history(assignments: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[str]:
    lines, last = [], object()
    for row in assignments:
        if row["segment"] != last:
            persona = names.get(row["persona"] or "", "no persona")
            group = f"{row['segment']} ({persona}): {row['reasons']}" if row["segment"] else f"none: {row['reasons']}"
            lines.append(f"- Since {_day(row['as_of'])}: {group}.")
            last = row["segment"]
    return ["All groups so far:", *lines] if len(lines) > 1 else []


def _line(written: Mapping[str, Any]) -> str:
    what = f"{written['what']} = {written['after']!r}" if written["after"] is not None else f"{written['what']} removed"
    return f"- {_day(written['at'])}, {written['connection']}: {what} ({written['outcome'] or 'not confirmed'})"


def _purpose(purpose: str, standing: Mapping[str, Any]) -> str:
    allowed = "yes" if standing["allowed"] else "no"
    since = f", since {standing['day']}" if standing["day"] else ""
    return f"- {purpose}: {allowed} ({standing['reason']}; legal basis: {standing['basis']}{since})."


def _day(moment: datetime | None) -> str:
    return f"{moment:%d %B %Y}" if moment else "an unknown day"
