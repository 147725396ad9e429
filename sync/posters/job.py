"""The `personas poster` command: collect a persona's figures, write its page, and draw it as PDF and PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from connectors.errors import FixSettingsError
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.profile import text as words
from segmenter.profile.profile import Profile, profile_of
from sync.design.hues import GREY, hues_of
from sync.design.page import render
from sync.personas.versions import slug_of
from sync.posters.browser import INSTALL, draw, find_chromium
from sync.posters.poster import DAYS, VersionChange, apart_plot, busiest, change_of, facts_of, week_of, what_to_say
from sync.report import sections as parts
from sync.report.engagement_profile import Portrait, portraits
from sync.report.job import persona_shares
from sync.report.page import Card
from sync.report.persona_cards import assigned_profiles, cards
from sync.report.sentences import PersonaShare
from sync.results.campaigns import newest_campaigns
from sync.session import Progress, Session, no_progress
from sync.stages import stages
from sync.value.ranking import SegmentValues

Shape = Literal["a4", "slide"]
Format = Literal["html", "pdf", "png"]
STAGES = 4
FORMATS: tuple[Format, ...] = ("html", "pdf", "png")
SIZES: Mapping[Shape, tuple[int, int]] = {"a4": (794, 1123), "slide": (1280, 720)}
"""CSS pixels, 96 an inch: A4 is 210 by 297 mm, the slide 16 to 9."""


@dataclass(frozen=True, slots=True)
class Posters:
    """The posters that were made: files by persona; *remark* says what is missing, "" for nothing."""

    files: Mapping[str, Sequence[Path]]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """What all posters share, collected once."""

    as_of: datetime
    shares: Mapping[str, PersonaShare]
    cards: Mapping[str, Card]
    profiles: Mapping[str, Profile]
    portraits: Mapping[str, Portrait]
    learned: parts.LearnedSection
    ranked: SegmentValues | None


def make_posters(
    session: Session, name: str | None, *, shapes: Sequence[Shape], formats: Sequence[Format], folder: Path
) -> Posters:
    """Write one page for a persona, or for each, in each shape and format.

    Args:
        session: The open workspace.
        name: A persona, or a segment that has one; None: all.
        shapes: "a4" and "slide".
        formats: "html", "pdf", "png". HTML is always written first; it is removed again where it was not asked for.
        folder: Where to write; made if it is missing.

    Returns:
        Files by persona. Where no browser is installed, the HTML pages, and the remark says how to get the rest.

    Raises:
        FixSettingsError: There is no such persona, nobody is assigned, or the browser failed.
    """
    slugs = list(session.workspace.personas) if name is None else [slug_of(session, name)]
    if not slugs:
        raise FixSettingsError("There are no personas.", fix="Run `personasync personas draft --all`.")
    drawn = [kind for kind in formats if kind != "html"]
    chromium = find_chromium() if drawn else ""
    known = _collect(session)
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, list[Path]] = {}
    for slug in slugs:
        for shape in shapes:
            page = folder / f"{slug}-{shape}.html"
            page.write_text(poster_page(session, known, slug, shape), "utf-8")
            made = files.setdefault(slug, [])
            width, height = SIZES[shape]
            for kind in drawn if chromium else ():
                target = page.with_suffix(f".{kind}")
                draw(chromium, page, target, width=width, height=height)
                made.append(target)
            if "html" in formats or not chromium:
                made.insert(0, page)
            else:
                page.unlink()
    wanted = " or ".join(kind.upper() for kind in drawn)
    missing = f"No Chromium or Chrome is installed here, so no {wanted} was made. {INSTALL}"
    return Posters(files, missing if drawn and not chromium else "")


def poster_pages(session: Session, shape: Shape, progress: Progress = no_progress) -> dict[str, str]:
    """Return the poster of each persona.

    Args:
        session: The open workspace.
        shape: "a4" or "slide".
        progress: Told which part is being calculated.

    Returns:
        HTML files by slug.

    Raises:
        FixSettingsError: Nobody is assigned.
    """
    known = _collect(session, stages("posters", progress, STAGES))
    return {slug: poster_page(session, known, slug, shape) for slug in session.workspace.personas}


def _collect(session: Session, stage: Callable[[], None] = lambda: None) -> _Known:
    """What all posters share; *stage* is called after each of `STAGES` parts."""
    newest = session.control.runs.latest("assign", state="done")
    if newest is None:
        raise FixSettingsError("Nobody is assigned yet.", fix="Run `personasync assign`.")
    as_of = datetime.fromisoformat(newest.counts["as_of"])
    with session.warehouse.reading():
        ranked = parts.valued(session, tried=False)
        stage()
        measured, shares = newest_campaigns(session), persona_shares(session)
        stage()
        profiles, pictures = assigned_profiles(session, as_of), portraits(session, as_of)
        stage()
        worth = {share.name: float(share.persons) for share in shares if share.slug != UNCLASSIFIED}
        learned = parts.learned(session, measured, worth)
        stage()
        return _Known(
            as_of,
            {share.slug: share for share in shares},
            {card.share.slug: card for card in cards(session, shares, measured, {}, as_of)},
            profiles,
            pictures,
            learned,
            ranked,
        )


def poster_page(session: Session, known: _Known, slug: str, shape: Shape) -> str:
    """Return the poster of a persona as one HTML file."""
    card, profile = known.cards[slug], known.profiles.get(slug)
    portrait = known.portraits.get(slug, Portrait())
    hue = hues_of(session.workspace.personas).get(slug, GREY)
    say, avoid = what_to_say(card.share.name, known.learned.advice, known.learned.offers.bests)
    value, value_interval = _value(session, known.ranked, slug)
    width, height = SIZES[shape]
    return render(
        "sync.posters",
        "poster.html.j2",
        card=card,
        poster_css=_stylesheet(),
        shape=shape,
        size=f"@page {{ size: {width}px {height}px; margin: 0; }} .sheet {{ width: {width}px; height: {height}px; }}",
        hue=hue,
        as_of=known.as_of,
        workspace=session.workspace.name,
        value=value,
        value_interval=value_interval,
        facts=facts_of(profile) if profile else [],
        silent=profile.silent if profile else "No people.",
        plot=apart_plot(profile, hue) if profile else None,
        week=week_of(portrait.week),
        days=DAYS,
        busiest=busiest(portrait.week),
        channels=portrait.channels,
        say=say[:2],
        avoid=avoid[:2],
        change=_change(session, slug, profile),
        families=words.family_lines(profile) if profile and not profile.silent else {},
        horizon=session.workspace.value.horizon_days,
    )


@cache
def _stylesheet() -> str:
    return resources.files("sync.posters").joinpath("templates", "poster.css").read_text("utf-8")


def _value(session: Session, ranked: SegmentValues | None, slug: str) -> tuple[str, str]:
    """Value of the coming orders of a persona's people, and its interval where it stands for one segment."""
    mine = [
        entry
        for entry in (ranked.ranking if ranked is not None and ranked.valued else ())
        if session.workspace.persona_of.get(entry.name) == slug
    ]
    if ranked is None or not mine:
        return "", ""
    shown = f"{sum(entry.value for entry in mine):,.0f} {ranked.currency}".strip()
    span = mine[0].interval
    return shown, f"{span.low:,.0f} to {span.high:,.0f}" if len(mine) == 1 else ""


def _change(session: Session, slug: str, now: Profile | None) -> VersionChange:
    """What changed since the newest kept version that is older than these facts."""
    versions: list[Any] = list(session.control.personas.of(slug))
    if now is None or not versions:
        return VersionChange("no earlier version")
    older = [version for version in versions if version.as_of < now.moment] or versions[-1:]
    return change_of(now, profile_of(older[-1].profile), older[-1].version)
