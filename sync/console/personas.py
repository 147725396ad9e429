"""Personas: who they are, facts from data apart from what the team wrote, versions, and posters."""

from __future__ import annotations

from functools import partial
from typing import Any

from connectors.errors import FixSettingsError
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.profile import text as words
from sync.console.pages import Asked, ConsolePage, Desk, Document
from sync.console.people import named_personas
from sync.design.hues import GREY, hues_of
from sync.design.plots import parts_of_whole
from sync.personas.avatars import avatar
from sync.personas.drafts import to_write
from sync.personas.versions import Compared, PersonaView, compare_versions, persona_view
from sync.posters.job import SIZES, Shape, poster_pages
from sync.report.job import persona_shares
from sync.report.persona_cards import picture
from sync.session import Session

SECTION = "/personas"


def personas_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return all personas with their sizes."""
    del asked
    shares = desk.reader.ask(("persona shares",), persona_shares)
    workspace = desk.reader.workspace()
    hues = hues_of(workspace.personas)
    values = {
        "shares": shares,
        "slices": parts_of_whole([(s.name, s.share, hues.get(s.slug, GREY)) for s in shares if s.persons]),
        "personas": named_personas(workspace),
        "pictures": {slug: _picture(desk, slug) for slug in workspace.personas},
        "quotes": {slug: persona.quote for slug, persona in workspace.personas.items()},
        "unclassified": UNCLASSIFIED,
        "without": [each.name for each in workspace.segments if each.name not in workspace.persona_of],
    }
    return ConsolePage(SECTION, "Personas", "personas.html.j2", values)


def avatars(session: Session) -> dict[str, str]:
    """Return the drawn avatar of each persona, by slug; the library that draws them loads slowly."""
    return {slug: avatar(slug) for slug in session.workspace.personas}


def _picture(desk: Desk, slug: str) -> str:
    """The team's picture, which may be another file by now, or else the avatar."""
    workspace = desk.reader.workspace()
    own = picture(workspace.directory, workspace.personas[slug].picture)
    return own or desk.reader.ask(("avatars",), avatars)[slug]


def persona_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return one persona: facts by family, its typical member, what the team wrote, and what changed last."""
    slug = asked.path["persona"]
    with desk.reader.whole_control() as control:
        kept = bool(control.personas.of(slug))  # else everybody is looked at
    key, look = ("persona", slug), partial(_persona, slug=slug)
    dated = None if kept else desk.reader.figures(key, look, tuple[PersonaView, list[Compared]])
    shown, compared = dated.answer if dated else desk.reader.ask(key, look)
    workspace = desk.reader.workspace()
    profile = shown.profile
    values: dict[str, Any] = {
        "view": shown,
        "profile": profile,
        "families": {} if profile.silent else words.family_lines(profile),
        "made_from": words.made_from(profile),
        "typical": words.typical_sentences(profile) if profile.typical else [],
        "trust": profile.trust.sentences(),
        "invention": workspace.personas[shown.slug].invention(),
        "missing": to_write(workspace, shown.slug),
        "named": named_personas(workspace)[shown.slug],
        "picture": _picture(desk, shown.slug),
        "compared": compared,
        "shapes": list(SIZES),
        "calculated": dated.at if dated else None,
    }
    return ConsolePage(SECTION, workspace.personas[shown.slug].name, "persona.html.j2", values)


def _persona(session: Session, slug: str) -> tuple[PersonaView, list[Compared]]:
    shown = persona_view(session, slug)
    several = len(shown.versions) > 1
    return shown, list(compare_versions(session, None, None, shown.slug)[0]) if several else []


def poster_document(desk: Desk, asked: Asked) -> Document:
    """Return a persona's poster, as `personas poster` writes it."""
    shape: Shape = "slide" if asked.path["shape"] == "slide" else "a4"
    pages = desk.reader.figures(("posters", shape), partial(poster_pages, shape=shape), dict[str, str]).answer
    if asked.path["persona"] not in pages:
        raise FixSettingsError(f"There is no persona {asked.path['persona']!r}.", fix="See the list of personas.")
    return Document(pages[asked.path["persona"]])
