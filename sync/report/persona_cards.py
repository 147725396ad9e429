"""Persona cards of the report: measured facts, and apart from them the profile written by your team."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from segmenter.personalize.fields import TemplateField
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.profile import text as words
from segmenter.profile.profile import Profile
from segmenter.stats.proportions import Responses, wilson
from sync.design.hues import GREY, hues_of
from sync.design.plots import spark
from sync.personas.avatars import avatar
from sync.personas.groups import as_they_were_assigned
from sync.personas.profiles import profiles
from sync.report.engagement_profile import FirstTime, Portrait, portraits
from sync.report.page import Card
from sync.report.sentences import PersonaShare
from sync.results.campaign_result import CLICKED, CampaignResult, ResultRow
from sync.session import Session

PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": "image/svg+xml"}
HEADLINES = 3
BEGINS = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
"""What the content of a picture begins with."""
SVG_HEAD = 1024  # bytes in which its root element stands
LARGEST_PICTURE = 1_000_000  # bytes: the report is one file, which people send around


def cards(
    session: Session,
    shares: Sequence[PersonaShare],
    measured: Sequence[CampaignResult],
    values: Mapping[str, str],
    as_of: datetime,
) -> list[Card]:
    """Return a card for each persona.

    Args:
        session: The open workspace.
        shares: The personas with their sizes.
        measured: Campaigns, the newest first.
        values: What a persona's people are worth, in words, by slug.
        as_of: Of the newest assignments.
    """
    drawn, facts = portraits(session, as_of), assigned_profiles(session, as_of)
    return [
        _card(session, share, drawn.get(share.slug, Portrait()), facts.get(share.slug), measured, values)
        for share in shares
    ]


def assigned_profiles(session: Session, as_of: datetime) -> dict[str, Profile]:
    """Return what is true of each persona's people as they were assigned, by slug; once while a session only reads.

    Args:
        session: The open workspace.
        as_of: Of the newest assignments.
    """
    return session.warehouse.read_once.get(
        ("assigned profiles", as_of), lambda: profiles(session, as_they_were_assigned(session), as_of)
    )


def _card(
    session: Session,
    share: PersonaShare,
    drawn: Portrait,
    profile: Profile | None,
    measured: Sequence[CampaignResult],
    values: Mapping[str, str],
) -> Card:
    name = UNCLASSIFIED if share.slug == UNCLASSIFIED else share.name
    responses = _responses(name, measured)
    persona = session.workspace.personas.get(share.slug)
    own = picture(session.workspace.directory, persona.picture) if persona else ""
    history = [(result.name, f"{rate:.1%}", f"{low:.1%} to {high:.1%}") for result, rate, low, high in responses]
    card = Card(
        share,
        f"persona-{share.slug}",
        hues_of(session.workspace.personas).get(share.slug, GREY),
        values.get(share.slug, ""),
        channels=[
            f"{channel.connection}: {channel.persons:,}, {channel.reachable:,} marketable" for channel in drawn.channels
        ],
        path=[_step(step) for step in drawn.path],
        copy=_copy(session, share.slug),
        history=history,
        hours=_hours_text(share.name, drawn),
        clicks=(history[0][1], history[0][2]) if history else ("", ""),
        course=spark([rate for _, rate, _, _ in reversed(responses)], lambda rate: f"{rate:.1%}"),
        quote=persona.quote if persona else "",
        picture=own or (avatar(share.slug) if persona else ""),
        drawn=not own,
    )
    return card if profile is None else _with_distinctive(card, profile)


def _with_distinctive(card: Card, profile: Profile) -> Card:
    lines = words.family_lines(profile)
    said = {family for family, distinctive in profile.card().items() if distinctive}
    quiet = [family for family in lines if family not in said]
    return replace(
        card,
        headlines=headlines(profile),
        distinctive=[(family.capitalize(), lines[family]) for family in lines if family in said],
        quiet=f"No significant differences: {', '.join(quiet)}." if quiet and not profile.silent else "",
        made_from=words.made_from(profile),
        typical=words.typical_sentences(profile),
        confidence=profile.trust.sentences(),
        silent=profile.silent,
    )


def headlines(profile: Profile) -> list[str]:
    """Return what sets a persona apart: the strongest fact of each family, and more until there are three."""
    families = [facts for facts in profile.card().values() if facts]
    first = [facts[0] for facts in families]
    more = sorted((fact for facts in families for fact in facts[1:]), key=lambda fact: fact.strength, reverse=True)
    chosen = first + more[: max(0, HEADLINES - len(first))]
    return [f"{words.what(fact)} (all {words.figure(fact, fact.everywhere)})" for fact in chosen]


def picture(directory: Path, name: str) -> str:
    """Return a picture as an address that holds it; "" where there is none, or it can't be used.

    It can't where it lies elsewhere, is too large, or its content is no picture of the kind that its name says.

    Args:
        directory: The workspace's folder; a picture outside of it is not read.
        name: Path of the file, from *directory*; "" for none.

    Returns:
        A ``data:`` address, base64.
    """
    path = (directory / name).resolve()
    kind = PICTURES.get(path.suffix.lower())
    if not name or kind is None or not path.is_relative_to(directory.resolve()) or not path.is_file():
        return ""
    content = path.read_bytes()
    if len(content) > LARGEST_PICTURE or not _is_picture(kind, content):
        return ""
    return f"data:{kind};base64,{b64encode(content).decode()}"


def _is_picture(kind: str, content: bytes) -> bool:
    return content.startswith(BEGINS[kind]) if kind in BEGINS else b"<svg" in content[:SVG_HEAD]


def _step(first_time: FirstTime) -> str:
    days = (
        f", after {first_time.days:,.0f} days"
        if first_time.days >= 1 and first_time.what in {"ordered", "received an email"}
        else ""
    )
    return f"{first_time.share:.0%} {first_time.what}{days}"


def _copy(session: Session, slug: str) -> list[tuple[str, str]]:
    persona = session.workspace.personas.get(slug)
    own = persona.fields if persona else {}
    return [
        (field.label or name, _shown_as(field, own.get(name, field.fallback)))
        for name, field in session.workspace.fields.items()
    ]


def _shown_as(field: TemplateField, copy: str) -> str:
    return f"individual value ({field.asked.replace('_', ' ')}); fallback “{copy}”" if field.asked else copy


def _responses(name: str, measured: Sequence[CampaignResult]) -> list[tuple[CampaignResult, float, float, float]]:
    """The persona's click rate in each campaign, all variants together."""
    responses = []
    for result in measured:
        rows: list[ResultRow] = [row for row in result.rows if row.persona == name]
        pooled = sum((row.responses(CLICKED) for row in rows), Responses(0, 0))
        if pooled.people:
            span = wilson(pooled)
            responses.append((result, pooled.rate, span.low, span.high))
    return responses


def _hours_text(name: str, drawn: Portrait) -> str:
    if not any(drawn.opens):
        return f"Opens and clicks of {name} by hour: none yet."
    best = max(range(len(drawn.opens)), key=lambda hour: drawn.opens[hour])
    peak = f"most of them from {best:02d}:00 to {best:02d}:59 local time"
    return f"{sum(drawn.opens):,} opens, {peak}; {sum(drawn.clicks):,} clicks."
