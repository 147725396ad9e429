"""The report's sections beside campaigns: values, lift, offers, migration, recommendations, data quality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import ibis
from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import CAMPAIGNS, ENGAGEMENTS
from segmenter.lift.advice import CampaignAdvice, MeasuredCampaign, advise_on_campaigns
from segmenter.lift.effects import EVERYONE, Comparison
from segmenter.lift.offers import Best
from segmenter.lift.text import NO_SENDS, RATES, apart_sentence, contrast, effect_sentence, offer_sentence, sentences
from segmenter.personalize.fields import probability
from sync.active_people import assigned_people
from sync.assign.sources import definitions_of
from sync.experiments.definitions import EditedExperimentError
from sync.monitor.drift import lifted, population, response_drift
from sync.monitor.migration import migration
from sync.monitor.stability import held
from sync.monitor.weighted import weighted_model
from sync.report.front import effect_plot
from sync.report.page import AdviceLine, LinkRow, MoveCell, Moves, OfferRow, ShownLift, ValueRow
from sync.results.campaign_result import CampaignResult
from sync.results.engagements import engagements
from sync.results.lift import Lift, lift_of_campaign, lift_of_experiment
from sync.results.offers import NOTHING, offers
from sync.results.offers import OfferResults as Offers
from sync.session import Session
from sync.value.ranking import SegmentValues, rank_segments

MOVES_BACK = timedelta(days=30)
LINKS_SHOWN = 8
NO_RATIO = "Sample ratio mismatch: the variants do not have the shares they should have. No result is shown."
DEPTHS = (0.05, 0.2, 0.5, 0.8)


@dataclass(frozen=True, slots=True)
class LearnedSection:
    """Lift results, offers and recommendations; *refused* names experiments without a result, and why."""

    lifts: Sequence[Lift]
    offers: Offers
    advice: CampaignAdvice
    refused: Sequence[str] = ()


def learned(session: Session, measured: Sequence[CampaignResult], worth: Mapping[str, float]) -> LearnedSection:
    """Compute the lift of experiments and of campaigns with variants, and what to do next.

    Args:
        session: The open workspace.
        measured: Campaigns, the newest first.
        worth: Of each persona (by name); see `segmenter.lift.advice.advise_on_campaigns`.
    """
    refused: list[str] = []
    lifts = [*_experiments(session, refused), *_campaigns(session, measured)]
    try:
        results = offers(session)
    except FixSettingsError:  # nothing to compare yet
        results = NOTHING
    usable = [MeasuredCampaign(lift.about, lift.comparisons) for lift in lifts if lift.mailed and not lift.broken]
    sent = any(row.delivered for result in measured for row in result.rows)
    advice = advise_on_campaigns(usable, results.bests, worth, results.apart) if sent else CampaignAdvice()
    return LearnedSection(lifts, results, advice, refused)


def _experiments(session: Session, refused: list[str]) -> Iterator[Lift]:
    for name in reversed(list(session.workspace.experiments)):
        try:
            yield lift_of_experiment(session, name)
        except EditedExperimentError as error:
            refused.append(f"{name} is excluded. {error}")
        except FixSettingsError:  # nobody is assigned to a variant yet
            continue


def _campaigns(session: Session, measured: Sequence[CampaignResult]) -> Iterator[Lift]:
    for result in measured:
        if len({row.variant for row in result.rows if row.variant}) > 1:
            yield lift_of_campaign(session, result.campaign_id)


def shown_lifts(lifts: Sequence[Lift], hues: Mapping[str, int]) -> list[ShownLift]:
    """Return each lift as the page shows it: a plot and sentences of the primary metric.

    Args:
        lifts: The newest experiments first, then campaigns.
        hues: By the persona's name.
    """
    entries = []
    for number, lift in enumerate(lifts):
        for place, comparison in enumerate(lift.comparisons):
            if comparison.question.metric == lift.primary:
                entries.append(_shown_lift(lift, comparison, hues, anchor=f"lift-{number}-{place}"))
    return entries


def _shown_lift(lift: Lift, comparison: Comparison, hues: Mapping[str, int], *, anchor: str) -> ShownLift:
    question = comparison.question
    headline = f"{RATES[question.metric]}: {contrast(comparison)}"
    if lift.broken or not lift.mailed:
        return ShownLift(lift.about, anchor, headline, NO_RATIO if lift.broken else NO_SENDS, [], [], lift.notes, None)
    pair = question.treated, question.control
    mine = [o for o in lift.comparisons if (o.question.treated, o.question.control) == pair and o is not comparison]
    early = (
        ["Interim: the experiment still runs. The intervals are peeking-safe, and wider for it."] if lift.early else []
    )
    others = [effect_sentence(other.everyone, other) for other in mine if other.everyone.verdict != "nobody"]
    hetero, everybody, *rest = (
        _hetero_first(comparison) if len(comparison.personas) > 1 else ["", *sentences(comparison)]
    )
    lead = f"{everybody} {hetero}".strip()
    notes = [*early, *lift.notes]
    return ShownLift(lift.about, anchor, headline, lead, rest, others, notes, effect_plot(comparison, hues))


def usable_comparison(lifts: Sequence[Lift]) -> tuple[str, Comparison] | None:
    """Return the newest comparison that counts: of orders where any were measured to differ, else the primary metric.

    Returns:
        The name of its experiment or campaign and the comparison; None where nothing was compared.
    """
    for lift in lifts:
        usable = [c for c in lift.comparisons if c.everyone.verdict != "nobody"]
        if lift.broken or not lift.mailed or not usable:
            continue
        orders = [c for c in usable if c.question.metric == "ordered" and c.everyone.verdict in {"more", "less"}]
        primary = [c for c in usable if c.question.metric == lift.primary]
        for comparison in (*orders, *primary):
            return lift.about, comparison
    return None


def _hetero_first(comparison: Comparison) -> list[str]:
    """Put whether personas differ before the effect on each."""
    everybody, *rest = sentences(comparison)
    return [rest[0], everybody, *rest[1:]] if rest else [everybody]


def offer_rows(bests: Sequence[Best]) -> tuple[list[str], list[OfferRow]]:
    """Return the names of all offers, and one row per persona and group of compared offers."""
    names = sorted({cell.offer for best in bests for cell in best.offers})
    rows = []
    for best in bests:
        rates = {cell.offer: f"{cell.rate:.1%} of {cell.responses.people:,}" for cell in best.offers}
        winner = best.best.offer if best.supported else ""
        rows.append(OfferRow(best.persona, [rates.get(name, "–") for name in names], winner, offer_sentence(best)))
    return names, rows


def offer_notes(offers: Offers) -> list[str]:
    """Name the offers that were never compared, and what was excluded."""
    return [*(apart_sentence(persona, groups) for persona, groups in offers.apart.items()), *offers.notes]


def best_of_each(bests: Sequence[Best]) -> dict[str, str]:
    """Return each persona's best supported offer; where offers were compared in groups, the best of each group."""
    best: dict[str, str] = {}
    for result in bests:
        if result.supported:
            name = result.best.offer
            best[result.persona] = f"{best[result.persona]}, {name}" if result.persona in best else name
    return best


def advice_lines(campaign_advice: CampaignAdvice) -> list[tuple[str, list[AdviceLine]]]:
    """Return the recommendations under their headings; an empty one says so only where enough was compared."""
    compared, settled = campaign_advice.compared, campaign_advice.settled
    nothing = {
        "Stop": f"No significant negative result in {compared}." if compared else "",
        "Keep or scale": f"No significant positive result yet in {compared}." if compared else "",
        "Test next": f"Nothing: every persona has a significant winner among all offers. {settled}." if settled else "",
    }
    parts = (
        ("Stop", "stop", campaign_advice.stop),
        ("Keep or scale", "go", campaign_advice.go_on),
        ("Test next", "test", campaign_advice.test_next),
    )
    sections = [(title, tone, [tip.sentence for tip in tips] or [nothing[title]]) for title, tone, tips in parts]
    return [(title, [AdviceLine(tone, text) for text in texts]) for title, tone, texts in sections if any(texts)]


def recent_moves(session: Session, now: datetime) -> Moves:
    """Return who moved from which segment to which in the last thirty days, or since the first assignment."""
    runs = [run for run in session.control.runs.of_command("assign") if run.state == "done" and run.finished_at]
    if not runs:
        return Moves("", sentence="Nobody is assigned yet: run `personasync assign`.")
    ends = [run.finished_at for run in runs if run.finished_at is not None]
    before = max(ends[0], max((end for end in ends if end <= now - MOVES_BACK), default=ends[0]))
    title = f"From {before:%Y-%m-%d} to {now:%Y-%m-%d}"
    try:
        overlap = migration(session, before, now)
    except FixSettingsError as error:
        return Moves(title, sentence=str(error))
    titles = {segment.name: segment.title or segment.name for segment in session.workspace.segments}
    named = [titles.get(name, name) if name else "Unclassified" for name in overlap.columns]
    rows = []
    for row, counts in zip(overlap.rows, overlap.counts.tolist(), strict=True):
        whole = max(sum(counts), 1)
        cells = [
            MoveCell(int(n), sum(n / whole >= depth for depth in DEPTHS) if n else 0, row == column)
            for column, n in zip(overlap.columns, counts, strict=True)
        ]
        rows.append((titles.get(row, row) if row else "Unclassified", cells))
    people = int(overlap.counts.sum())
    stayed = f"{overlap.stayed():.0%} of the {people:,} people known at both dates stayed in their segment."
    once = " All assignments come from one run so far, so there is no migration yet." if len(runs) == 1 else ""
    return Moves(title, named, rows, stayed + once)


def links_clicked(session: Session, measured: Sequence[CampaignResult]) -> dict[tuple[str, str], list[LinkRow]]:
    """Return the addresses that people clicked most in each campaign, without what follows "?": that may name a person.

    Args:
        session: The open workspace.
        measured: Campaigns.

    Returns:
        Rows by connection and campaign id; a campaign in which nobody clicked is left out.
    """
    clicked = _clicked(session, sorted({result.campaign_id for result in measured}))
    campaign = ["connection", "filed"]
    whole = clicked.select(*campaign, "person_id").distinct().group_by(campaign).aggregate(whole=lambda t: t.count())
    counted = clicked.group_by(*campaign, "address").aggregate(people=clicked.count())
    order = [counted.people.desc(), counted.address]
    ranked = counted.mutate(place=ibis.row_number().over(group_by=[counted[name] for name in campaign], order_by=order))
    shown = ranked.filter(ranked.place < LINKS_SHOWN).inner_join(whole, campaign)
    links_of_mails: dict[tuple[str, str], list[LinkRow]] = {}
    for row in shown.order_by(*campaign, "place").to_pyarrow().to_pylist():
        share = f"{row['people'] / row['whole']:.0%}"
        rows = links_of_mails.setdefault((row["connection"], row["filed"]), [])
        rows.append(LinkRow(row["address"], int(row["people"]), share))
    return links_of_mails


def _clicked(session: Session, campaigns: Sequence[str]) -> Table:
    """Who clicked what in some campaigns, those of their variants among them; each once."""
    table, links = session.warehouse.current(CAMPAIGNS.name), session.links()
    mails = table.select("connection", "campaign_id", filed=table.parent_id.coalesce(table.campaign_id))
    acts = engagements(session).inner_join(mails.filter(mails.filed.isin(campaigns)), ["connection", "campaign_id"])
    clicks = acts.filter(acts.kind == "click", ~acts.machine.fill_null(False))  # noqa: FBT003 - an expression
    clicks = clicks.inner_join(links, "contact_key")
    clicks = clicks.mutate(address=clicks.url.fill_null("(unknown link)").re_replace(r"[?#].*$", ""))
    return session.warehouse.read_once.get(
        ("clicked", tuple(campaigns)), lambda: clicks.select("connection", "filed", "address", "person_id").distinct()
    )


def machine_sentence(result: CampaignResult) -> str:
    """State the machine opens of a campaign (Apple MPP, scanners); "" where none."""
    n = sum(row.machine_only for row in result.rows)
    return f"{n:,} emails had machine opens only (Apple MPP, scanners); they do not count as opened." if n else ""


def valued(session: Session, *, tried: bool = True) -> SegmentValues | None:
    """Return the segments by value; None where nobody is assigned yet.

    Args:
        session: The open workspace.
        tried: Whether the forecast is tried on the last quarter.
    """
    try:
        return rank_segments(session, tried=tried)
    except FixSettingsError:
        return None


def value_rows(session: Session, segment_values: SegmentValues) -> list[ValueRow]:
    """Return the ranking as the page shows it."""
    titles = {segment.name: segment.title or segment.name for segment in session.workspace.segments}
    names = {segment: session.workspace.personas[slug].name for segment, slug in session.workspace.persona_of.items()}
    rows = []
    for place, entry in enumerate(segment_values.ranking, start=1):
        advice = segment_values.advice[entry.name]
        ranks = f"{entry.ranks[0]}–{entry.ranks[1]}" if entry.ranks[0] != entry.ranks[1] else f"{entry.ranks[0]}"
        into = f" into {titles.get(advice.merge_with, advice.merge_with)}" if advice.merge_with else ""
        rows.append(
            ValueRow(
                place,
                titles.get(entry.name, entry.name),
                names.get(entry.name, ""),
                entry.people,
                entry.reachable,
                f"{entry.value:,.0f} {segment_values.currency}" if segment_values.valued else "unknown",
                f"{entry.interval.low:,.0f} to {entry.interval.high:,.0f}" if segment_values.valued else "",
                ranks if segment_values.valued else "–",
                entry.naive,
                f"{advice.verdict}{into}: {'; '.join(advice.reasons)}",
            )
        )
    return rows


def worth_of(session: Session, segment_values: SegmentValues | None) -> dict[str, float]:
    """Return what each persona's people are worth together, by name; empty where no value is known."""
    worth: dict[str, float] = {}
    for entry in segment_values.ranking if segment_values is not None and segment_values.valued else ():
        if (slug := session.workspace.persona_of.get(entry.name)) is not None:
            name = session.workspace.personas[slug].name
            worth[name] = worth.get(name, 0.0) + entry.value
    return worth


def quality_sentences(session: Session) -> list[str]:
    """State the confidence of current assignments, and the age of the newest event."""
    people = assigned_people(session)
    row = (
        people.aggregate(
            persons=people.count(),
            unclassified=people.segment.isnull().sum(),
            confidence=probability(people).mean(),
            sure=probability(people).count(),
            kept=people.expires_at.notnull().sum(),
        )
        .to_pyarrow()
        .to_pylist()[0]
    )
    structural = [sentence for check in held(session) for sentence in check.sentences()] + weighted_model(session)
    if not row["persons"]:
        return structural
    share = (row["unclassified"] or 0) / row["persons"]
    lines = [f"{share:.0%} of {row['persons']:,} people are unclassified."]
    if row["confidence"] is not None:
        lines.append(f"Mean confidence of the {row['sure']:,} whom a model or survey placed: {row['confidence']:.0%}.")
    if row["kept"]:
        lines.append(
            f"{row['kept']:,} people keep a segment that no source confirms any more, until it expires (hysteresis)."
        )
    newest = session.warehouse.current(ENGAGEMENTS.name)["at"].max().to_pyarrow().as_py()
    when = f"{newest:%Y-%m-%d %H:%M} UTC" if newest else "none read yet"
    return [*lines, f"Newest open, click or visit: {when}.", *structural]


def drifts(session: Session, measured: Sequence[CampaignResult]) -> list[str]:
    """State drift of traits, response and incremental orders, as `quality` does."""
    moved, remarks = population(session, definitions_of(session.workspace).version)
    names = [name for name, drift in moved.items() if drift.alarm]
    lines = [f"Drift in: {', '.join(names)}."] if names else []
    return [*lines, *remarks, *response_drift(measured), *lifted(session)]


def verdict_of(lift: Lift) -> str:
    """Return the verdict on everyone in the primary metric."""
    return next(
        (comparison.everyone.verdict for comparison in lift.comparisons if comparison.question.metric == lift.primary),
        "nobody",
    )


def finding_sentences(lifts: Sequence[Lift]) -> list[str]:
    """Return a sentence on everyone for each lift; of one with a sample ratio mismatch only that."""
    lines = [f"{lift.about}: {NO_RATIO}" for lift in lifts if lift.broken]
    for lift in lifts:
        for comparison in lift.comparisons:
            if comparison.question.metric == lift.primary and lift.mailed and not lift.broken:
                lines.append(f"{lift.about}: {effect_sentence(comparison.everyone, comparison)}")
                lines += [
                    f"{lift.about}: {effect_sentence(each, comparison)}"
                    for each in comparison.personas
                    if comparison.common.differ and each.verdict in {"more", "less"} and each.persona != EVERYONE
                ]
    return lines
