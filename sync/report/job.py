"""The `report` step: collect the figures, render the HTML page and write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from segmenter.lift.effects import Comparison
from segmenter.personalize.fields import title_of_others
from segmenter.personalize.personas import UNCLASSIFIED
from sync.active_people import assigned_people
from sync.design.hues import GREY, hues_of
from sync.design.page import render
from sync.design.plots import Measured, Plot, Slice, parts_of_whole, plot
from sync.report import sections as parts
from sync.report.changes import KeyFigures, key_figures_of, report_changes
from sync.report.front import decisions, effect_plot
from sync.report.key_figures import key_figures, tiles
from sync.report.mail_summary import MailSummary, mail_summary
from sync.report.page import CampaignPart, ReportPage
from sync.report.persona_cards import cards
from sync.report.sentences import PersonaShare, Report, show_campaign
from sync.results.campaign_result import CampaignResult
from sync.results.campaigns import newest_campaigns
from sync.results.freshness import freshness
from sync.session import Progress, Session, no_progress, recorded
from sync.stages import stages
from sync.value.backtest import forecast_sentences, warning_of
from sync.value.ranking import SegmentValues

CHARTED = 12
"""Personas in the chart of the front page, the largest; *COMPARED* of them where their effects are drawn."""
COMPARED = 8


@dataclass(frozen=True, slots=True)
class Written:
    """A written report: its path, its summary and its figures; *mail* is what to paste into an email."""

    path: Path
    summary: Sequence[str]
    campaigns: Sequence[CampaignResult]
    advice: Mapping[str, Sequence[str]]
    changes: Sequence[str]
    mail: MailSummary


STAGES = 6


def write_report(session: Session, progress: Progress = no_progress) -> Written:
    """Write ``.personasync/reports/report-<time>.html`` and return what it says.

    Args:
        session: The open workspace.
        progress: Told which part of the report is being made.

    Returns:
        The path of the HTML page, its summary in sentences, and campaign figures as values.
    """
    with recorded(session, "report") as run:
        before = session.control.runs.latest("report", state="done")
        with session.warehouse.reading():
            stage = stages("report", progress, STAGES)
            made = _made(session, key_figures_of(before.counts.get("key_figures")) if before else None, stage)
        path = session.workspace.state_dir / "reports" / f"report-{session.now():%Y%m%d-%H%M%S}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_page(made.report, made.page), "utf-8")
        stage()
        run.counts.update(report=path.name, campaigns=len(made.measured), key_figures=made.kept.document())
    advice = {title: [line.text for line in lines] for title, lines in made.page.advice}
    mail = mail_summary(made.report.workspace, made.page.tiles, made.page.decisions, made.report.summary[0])
    return Written(path, made.report.summary, made.measured, advice, made.page.changes, mail)


@dataclass(frozen=True, slots=True)
class _Made:
    report: Report
    page: ReportPage
    measured: Sequence[CampaignResult]
    kept: KeyFigures


def _made(session: Session, before: KeyFigures | None, stage: Callable[[], None]) -> _Made:
    """Collect everything for the page."""
    ranked = parts.valued(session)  # first: it writes values, and what was read before would be read again
    stage()
    measured, shares = newest_campaigns(session), persona_shares(session)
    stage()
    newest = session.control.runs.latest("assign", state="done")
    as_of = datetime.fromisoformat(newest.counts["as_of"]) if newest else None
    worth = {share.name: float(share.persons) for share in shares if share.slug != UNCLASSIFIED}
    known = parts.worth_of(session, ranked)
    taught = parts.learned(session, measured, dict.fromkeys(worth, 0.0) | known if known else worth)
    stage()
    hues = _hues(session)
    newest_pair = parts.usable_comparison(taught.lifts)
    figures = key_figures(session, ranked, newest_pair, measured)
    tiled = {figure.key: figure.value for figure in figures if figure.value is not None}
    stage()
    kept = replace(_key_figures(session, shares, ranked, taught), tiles=tiled, complaints=_complaints(measured))
    names, rows = parts.offer_rows(taught.offers.bests)
    health = freshness(session.workspace.connections, session.control.cursors)
    lifts = parts.shown_lifts(taught.lifts, hues)
    title, chart = _front_chart(newest_pair, shares, hues)
    page = ReportPage(
        tiles=tiles(session, figures, health),
        decisions=decisions(taught.advice, {lift.about: lift.anchor for lift in reversed(lifts)}) if as_of else [],
        chart=chart,
        chart_title=title,
        refused=taught.refused,
        changes=report_changes(before, kept) if before else [],
        advice=parts.advice_lines(taught.advice) if as_of else [],
        values=parts.value_rows(session, ranked) if ranked else [],
        value_warnings=warning_of(ranked.tried) if ranked else [],
        value_notes=[*forecast_sentences(ranked.tried), *ranked.notes] if ranked else [],
        cards=cards(session, shares, measured, _worth_words(session, shares, known, ranked), as_of) if as_of else [],
        quality=parts.quality_sentences(session),
        drifts=parts.drifts(session, measured) if as_of else [],
        moves=parts.recent_moves(session, session.now()),
        lifts=lifts,
        offers=rows,
        offer_names=names,
        offer_notes=parts.offer_notes(taught.offers),
        campaigns=_campaign_parts(session, measured),
        shares=_slices(shares, hues),
    )
    stage()
    summary = [*summarise(shares, measured, parts.finding_sentences(taught.lifts)), *taught.refused]
    report = Report(session.workspace.name, session.now(), as_of, summary, health, _sync_sentences(session))
    return _Made(report, page, measured, kept)


def _complaints(measured: Sequence[CampaignResult]) -> dict[str, tuple[int, int]]:
    """Spam complaints and deliveries of the newest campaign that was delivered, by persona."""
    newest = next((result for result in measured if any(row.delivered for row in result.rows)), None)
    sums: dict[str, tuple[int, int]] = {}
    for row in newest.rows if newest else ():
        complained, delivered = sums.get(row.persona, (0, 0))
        sums[row.persona] = complained + row.complained, delivered + row.delivered
    return sums


def _hues(session: Session) -> dict[str, int]:
    """The hue of each persona by its name; of two with one name that of the first."""
    by_slug = hues_of(session.workspace.personas)
    return {persona.name: by_slug[slug] for slug, persona in reversed(list(session.workspace.personas.items()))}


def _front_chart(
    newest: tuple[str, Comparison] | None, shares: Sequence[PersonaShare], hues: Mapping[str, int]
) -> tuple[str, Plot | None]:
    """The chart of the front page: the newest comparison, else how large the personas are."""
    if newest is not None and (drawn := effect_plot(newest[1], hues, COMPARED)):
        which = f", the {COMPARED} largest" if len(newest[1].personas) > COMPARED else ""
        return f"Effect by persona{which}, “{newest[0]}”", drawn
    rows = [
        Measured(
            share.name,
            100 * share.share,
            100 * share.share,
            100 * share.share,
            f"{share.share:.0%}",
            f"{share.persons:,} people",
            GREY if share.slug == UNCLASSIFIED else hues.get(share.name, GREY),
        )
        for share in shares[:CHARTED]
        if share.persons
    ]
    which = f": the {CHARTED} largest" if len(shares) > CHARTED else ""
    return f"How large the personas are{which}", plot(
        "Share of all people", rows, lambda share: f"{share:g}%", bars=True
    )


def _key_figures(
    session: Session, shares: Sequence[PersonaShare], ranked: SegmentValues | None, taught: parts.LearnedSection
) -> KeyFigures:
    """The figures that the next report compares with."""
    return KeyFigures(
        session.now().isoformat(),
        names={share.slug: share.name for share in shares},
        shares={share.slug: share.share for share in shares},
        offers=parts.best_of_each(taught.offers.bests),
        ranks={segment.name: place for place, segment in enumerate(ranked.ranking, start=1)} if ranked else {},
        verdicts={lift.about: parts.verdict_of(lift) for lift in taught.lifts},
    )


def _campaign_parts(session: Session, measured: Sequence[CampaignResult]) -> list[CampaignPart]:
    links = parts.links_clicked(session, measured)
    return [
        CampaignPart(
            show_campaign(result),
            f"campaign-{place}",
            links.get((result.connection, result.campaign_id), []),
            parts.machine_sentence(result),
        )
        for place, result in enumerate(measured)
    ]


def _worth_words(
    session: Session, shares: Sequence[PersonaShare], worth: Mapping[str, float], ranked: SegmentValues | None
) -> dict[str, str]:
    """Total value of each persona as text, by slug."""
    days = session.workspace.value.horizon_days
    currency = ranked.currency if ranked else ""
    return {
        share.slug: f"value {worth[share.name]:,.0f} {currency} in the next {days} days"
        for share in shares
        if share.name in worth
    }


def _slices(shares: Sequence[PersonaShare], hues: Mapping[str, int]) -> list[Slice]:
    return parts_of_whole(
        [
            (share.name, share.share, GREY if share.slug == UNCLASSIFIED else hues.get(share.name, GREY))
            for share in shares
            if share.persons
        ]
    )


def render_page(report: Report, page: ReportPage) -> str:
    """Return the page as HTML; everything that stems from data is escaped, marks that turn the order of letters too."""
    return render("sync.report", "report.html.j2", report=report, page=page)


def persona_shares(session: Session) -> list[PersonaShare]:
    """Return each persona with its size, the largest first, the unclassified last."""
    assignments = assigned_people(session)
    slugs = assignments.select(slug=assignments.persona.fill_null(UNCLASSIFIED))
    counted = slugs.group_by("slug").aggregate(persons=slugs.count()).to_pyarrow()
    persons = {row["slug"]: int(row["persons"]) for row in counted.to_pylist()}
    total = max(sum(persons.values()), 1)
    shares = [
        PersonaShare(p.name, persons.get(slug, 0), persons.get(slug, 0) / total, p.story, tuple(p.segments), slug)
        for slug, p in session.workspace.personas.items()
    ]
    shares.sort(key=lambda share: -share.persons)
    if persons.get(UNCLASSIFIED):
        story = "No segment matches, too little data, or a segment without a persona. They get the fallback copy."
        shares.append(
            PersonaShare(title_of_others(assignments), persons[UNCLASSIFIED], persons[UNCLASSIFIED] / total, story)
        )
    return shares


def summarise(
    personas: Sequence[PersonaShare], measured: Sequence[CampaignResult], findings: Sequence[str]
) -> list[str]:
    """Return the report in a few sentences."""
    persons = sum(persona.persons for persona in personas)
    if not persons:
        return ["Nobody is assigned yet: run `personasync assign`."]
    largest = personas[0]
    sentences = [f"{persons:,} people. Largest persona: {largest.name}, {largest.share:.0%}.", *findings]
    if not measured:
        sentences.append("No campaign has been imported yet.")
    elif not findings:
        sentences.append("No campaign had variants, so there is nothing to compare yet.")
    return sentences


def _sync_sentences(session: Session) -> list[str]:
    applied = next((run for run in session.control.runs.newest(50) if run.command.startswith("apply ")), None)
    if applied is None:
        return ["Nothing has been applied to the platforms yet."]
    outcomes = (
        ", ".join(f"{count:,} {name}" for name, count in applied.counts.get("outcomes", {}).items())
        or "nothing to send"
    )
    return [f"Last apply {applied.started_at:%Y-%m-%d %H:%M} UTC: {outcomes}."]
