"""The report's key figures: how many people are marketable and classified, what personalization added, value, sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from connectors.records import CONTACTS
from segmenter.lift.effects import Comparison
from segmenter.stats.proportions import Responses, wilson
from sync.active_people import active_people, assigned_people
from sync.report.changes import KeyFigures, key_figures_of
from sync.report.front import (
    KeyFigure,
    Tile,
    count_change,
    count_text,
    extra_responses,
    share_change,
    tile_of,
    whole_share,
)
from sync.results.campaign_result import CLICKED, CampaignResult
from sync.results.freshness import CONTACTS as CONTACTS_STREAM
from sync.results.freshness import Freshness
from sync.session import Session
from sync.value.ranking import SegmentValues

HOUR = timedelta(hours=1)
REFUSED = ("rejected", "unknown")


def earlier_reports(session: Session) -> list[KeyFigures]:
    """Return the key figures of earlier reports, the oldest first; those in a form that is not known are left out."""
    runs = [run for run in session.control.runs.of_command("report") if run.state == "done"]
    kept = [key_figures_of(run.counts.get("key_figures")) for run in runs]
    return [figures for figures in kept if figures is not None]


def key_figures(
    session: Session,
    ranked: SegmentValues | None,
    newest: tuple[str, Comparison] | None,
    measured: Sequence[CampaignResult],
) -> list[KeyFigure]:
    """Return the key figures of the front page, the first five of the tiles.

    Args:
        session: The open workspace.
        ranked: Segments by value; None where nobody is assigned.
        newest: The newest comparison that counts, and its experiment or campaign.
        measured: Campaigns, the newest first.
    """
    about, comparison = newest or ("", None)
    return [*_people(session), _click_rate(measured), extra_responses(comparison, about), _value(session, ranked)]


def _people(session: Session) -> list[KeyFigure]:
    contacts = session.warehouse.current(CONTACTS.name)
    usable = contacts.filter(
        contacts.state == "active",
        contacts.consent.isin(list(session.workspace.consent.push)),
        contacts.email.notnull(),
    )
    keys = usable.select(contact_key=usable.connection.concat(":", usable.platform_id))
    reached = session.links().semi_join(keys, "contact_key")
    marketable = int(reached.person_id.nunique().to_pyarrow().as_py() or 0)
    people = int(active_people(session).count().to_pyarrow().as_py() or 0)
    assigned = assigned_people(session)
    sizes = assigned.aggregate(people=assigned.count(), placed=assigned.persona.count()).to_pyarrow().to_pylist()[0]
    total, placed = int(sizes["people"]), int(sizes["placed"])
    share = placed / total if total else None
    return [
        KeyFigure(
            "marketable", "Marketable people", float(marketable), f"of {people:,} people", count_text, count_change
        ),
        KeyFigure(
            "classified",
            "Have a persona",
            share,
            f"{placed:,} of {total:,} people" if total else "nobody is assigned yet",
            whole_share,
            share_change,
            0.0005,
        ),
    ]


def _click_rate(measured: Sequence[CampaignResult]) -> KeyFigure:
    label = "Click rate, newest campaign"
    for result in measured:
        clicks = sum((row.responses(CLICKED) for row in result.rows), Responses(0, 0))
        if clicks.people:
            span = wilson(clicks)
            detail = f"{span.low:.1%} to {span.high:.1%} (95% CI)"
            note = f"{result.name}: {clicks.converted:,} of {clicks.people:,} contacts clicked"
            return KeyFigure(
                "click rate", label, clicks.rate, detail, lambda rate: f"{rate:.1%}", share_change, 0.0005, note
            )
    return KeyFigure("click rate", label, None, "no campaign imported yet", whole_share, share_change)


def _value(session: Session, ranked: SegmentValues | None) -> KeyFigure:
    label = f"Order value, next {session.workspace.value.horizon_days} days"
    if ranked is None or not ranked.valued or ranked.total is None:
        return KeyFigure("value", label, None, "needs orders and assigned people", count_text, count_change)
    value = sum(entry.value for entry in ranked.ranking)
    unit = f", {ranked.currency}" if ranked.currency else ""
    detail = f"{ranked.total.low:,.0f} to {ranked.total.high:,.0f} (95% CI)"
    return KeyFigure("value", f"{label}{unit}", value, detail, count_text, count_change, note=" ".join(ranked.notes))


def sync_tile(session: Session, health: Sequence[Freshness]) -> Tile:
    """Return the state of the sync: changes that the platforms confirmed, and how old the data are."""
    read = [line.at for line in health if line.stream == CONTACTS_STREAM]
    ages = [session.now() - at for at in read if at is not None]
    late = len(ages) < len(read) or any(
        age > timedelta(hours=session.workspace.guardrails.max_data_age_hours) for age in ages
    )
    age = f"data {max(ages) / HOUR:,.0f} h old" if ages else "nothing read yet"
    tile = Tile("sync", "Sync", "–", f"nothing applied yet; {age}", "data old" if late else "no apply yet", "warn")
    run = next((run for run in session.control.runs.newest(50) if run.command.startswith("apply ")), None)
    tally = run.counts.get("tally", {}) if run else {}
    if run is None or not tally:
        return tile
    failed = sum(int(tally.get(name, 0)) for name in REFUSED)
    sent = int(tally.get("sent", 0))
    broken = run.state in {"failed", "refused"}
    state, tone = ("healthy", "good") if not (failed or late or broken) else ("data old", "warn")
    state, tone = (
        ("apply failed", "bad") if broken else (f"{failed:,} not confirmed", "warn") if failed else (state, tone)
    )
    shown = f"{(sent - failed) / sent:.1%}" if sent else "100%"
    detail = f"of {sent:,} changes confirmed; {age}" if sent else f"nothing to change; {age}"
    return replace(tile, shown=shown, detail=detail, change=state, tone=tone)


def tiles(session: Session, figures: Sequence[KeyFigure], health: Sequence[Freshness]) -> list[Tile]:
    """Return the tiles of the front page: each figure that is known, then the sync.

    Where the click rate is known but nothing was compared yet, the tile of the comparison says what is missing.
    """
    earlier = earlier_reports(session)
    return [*(tile_of(figure, earlier) for figure in figures), sync_tile(session, health)]
