"""People: find one; why this persona, what would change it, and what happened to the person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from sync.assign.explain import Explanation, explain
from sync.assign.members import members
from sync.assign.person_rows import rows_of_session
from sync.assign.timeline import timeline
from sync.console.pages import Asked, ConsolePage, Desk
from sync.design.hues import GREY, hues_of
from sync.session import Session
from sync.workspace.settings import Workspace

SECTION = "/people"
SIZE = 50
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Named:
    """A persona as pages show it: its name and hue."""

    name: str
    hue: int


def named_personas(workspace: Workspace) -> Mapping[str, Named]:
    """Return name and hue of each persona by slug."""
    hues = hues_of(workspace.personas)
    return {slug: Named(persona.name, hues.get(slug, GREY)) for slug, persona in workspace.personas.items()}


def addressed(path: str, **fixed: str) -> Callable[[int], str]:
    """Return the address of a page by its number, with what else was asked for."""
    kept = {name: value for name, value in fixed.items() if value}
    return lambda number: f"{path}?{urlencode({**kept, 'page': number})}"


def people_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return a page of people: everybody, those of a segment, or those whose address holds a text."""
    find = asked.query.get("find", "").strip()[:LONGEST]
    segment, page = asked.query.get("segment", ""), asked.number("page")

    read = partial(members, segment=segment or None, find=find, page=page, size=SIZE)
    listing = desk.reader.ask(("members", segment, find, page), read)
    workspace = desk.reader.workspace()
    values = {
        "listing": listing,
        "find": find,
        "segment": segment,
        "segments": [each.name for each in workspace.segments],
        "personas": named_personas(workspace),
        "address": addressed(SECTION, find=find, segment=segment),
        "person": person_address,
    }
    return ConsolePage(SECTION, "People", "people.html.j2", values)


def person_address(email: str) -> str:
    """Return the address of a person's page."""
    return f"{SECTION}/person?{urlencode({'email': email})}"


def person_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return one person: the decision with its reasons, and what would change it."""
    email = asked.query.get("email", "")[:LONGEST]

    explanation = desk.reader.ask(("explain", email), partial(_explained, email=email))
    values = {
        "document": explanation.document,
        "sentences": _first(explanation.sentences),
        "personas": named_personas(desk.reader.workspace()),
        "tabs": _tabs(email),
    }
    return ConsolePage(SECTION, str(explanation.document["email"]), "person.html.j2", values)


def _explained(session: Session, email: str) -> Explanation:
    return explain(session, rows_of_session(session), email)


def timeline_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return what happened to one person, a page at a time."""
    email, page = asked.query.get("email", "")[:LONGEST], asked.number("page")

    read = partial(timeline, email=email, page=page, size=SIZE)
    happened = desk.reader.ask(("timeline", email, page), read)
    address = addressed(f"{SECTION}/person/timeline", email=email)
    values = {"timeline": happened, "tabs": _tabs(email), "address": address}
    return ConsolePage(SECTION, happened.email, "timeline.html.j2", values)


def _tabs(email: str) -> list[tuple[str, str]]:
    asked = urlencode({"email": email})
    return [
        (f"{SECTION}/person?{asked}", "Why this persona"),
        (f"{SECTION}/person/timeline?{asked}", "What happened"),
    ]


def _first(sentences: Sequence[str]) -> list[str]:
    """The decision and what would change it, which stand before the first empty line of `explain`."""
    lines: list[Any] = list(sentences)
    return [line.strip() for line in lines[: lines.index("") if "" in lines else len(lines)]]
