"""Segment value ranking of the workspace: value, response, keep or merge, focus."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS, CONTACTS, DELIVERIES
from segmenter.lift.effects import Comparison
from segmenter.lift.randomization import HOLDOUT
from segmenter.stats.proportions import Interval
from segmenter.value.clv import ValueModel
from segmenter.value.focus import with_subsegments
from segmenter.value.keep_or_merge import SegmentAdvice, advise_on_segments
from segmenter.value.ranking import Costs, RankedSegment, SegmentPeople, SegmentResponse, most_valuable, rank_and_sum
from segmenter.value.rfm_summary import Array
from sync.active_people import assigned_people
from sync.fields.pushed_segments import in_focus
from sync.results.order_responses import ORDERED, orders_in_experiment, orders_in_newest_campaign
from sync.session import Progress, Session, no_progress
from sync.stages import stages
from sync.traits.clv import terms, value_as_of, value_now
from sync.value.backtest import Backtest, backtest, backtest_document
from sync.workspace.run_manifest import FIXED_SEED

BOUNCED = timedelta(days=365)  # a hard bounce says so long that no mail arrives
BELOW = "It is shrunk towards the average of all personas; below 0 it counts as 0."


@dataclass(frozen=True, slots=True)
class SegmentValues:
    """The ranking of a workspace's segments.

    Attributes:
        ranking: The most valuable first.
        valued: Whether the value model spoke; otherwise the order is that of past spend.
        tried: How the model would have done on the last quarter; empty where it was not asked for.
        notes: What must be known, in sentences.
        empty: Segments that nobody is in, in the order of segments.toml.
        total: 95% interval of the sum of all values; None where they are unknown.
    """

    ranking: Sequence[RankedSegment]
    advice: Mapping[str, SegmentAdvice]
    valued: bool
    currency: str
    tried: Backtest
    notes: Sequence[str]
    empty: Sequence[str] = ()
    total: Interval | None = None


STAGES = 4


def rank_segments(
    session: Session, as_of: datetime | None = None, progress: Progress = no_progress, *, tried: bool = True
) -> SegmentValues:
    """Rank the segments that people are assigned to.

    Args:
        session: The open workspace.
        as_of: UTC; orders after it don't count, and segments are those of then; None: now.
        progress: Told which part is being calculated.
        tried: Whether the forecast is tried on the last quarter, which is a third of the work.

    Returns:
        Segments by value per contact, with 95% intervals of value and rank, advice, and the backtest of the forecast.

    Raises:
        FixSettingsError: Nobody was assigned yet.
    """
    with session.warehouse.reading():
        return _ranked(session, as_of, stages("segments", progress, STAGES), tries=tried)


def _ranked(session: Session, past: datetime | None, stage: Callable[[], None], *, tries: bool) -> SegmentValues:
    now = past or session.now()
    links = session.links()
    valued = value_now(session, now, links) if past is None else value_as_of(session, past, links)
    stage()
    rows = _people(session, links, past)
    if not rows.num_rows and past is not None:
        raise FixSettingsError(
            f"Nobody had a segment on {past:%Y-%m-%d}.",
            fix="Pass a later --as-of: segments are those that were assigned then.",
        )
    if not rows.num_rows:
        raise FixSettingsError("Nobody has a segment yet.", fix="Run `personasync pull` and `personasync assign`.")
    model, history = valued.model, valued.history
    spent = history.buyers.figures_of(rows["person_id"], history.buyers.spent)
    worth = np.zeros(rows.num_rows)
    if model is not None:
        values = model.value(history.buyers, terms(session))
        worth = np.nan_to_num(history.buyers.figures_of(rows["person_id"], values))
    responses, notes = _responses(session)
    stage()
    segments = [_segment(name, rows, worth, spent, responses) for name in _names(session)]
    part = session.workspace.value
    costs = Costs(part.margin * model.spend.mean, part.contact_cost) if model and model.priced else Costs()
    beside = [response for name, response in responses.items() if name not in _names(session)]
    ranking, total = rank_and_sum(segments, costs, np.random.default_rng(FIXED_SEED), beside=beside)
    if model is None:
        ranking = sorted(ranking, key=lambda place: (place.naive, place.name))
    stage()
    advice = advise_on_segments(ranking, _messages(session), valued=model is not None)
    sentences = [*valued.notes, *notes, *_margin_note(session, model)]
    empty = tuple(segment.name for segment in segments if not len(segment.values))
    tried = backtest(session, links, history, now) if tries else Backtest()
    stage()
    currency = "orders" if model is not None and not model.priced else history.currency
    known = total if model is not None else None
    return SegmentValues(ranking, advice, model is not None, currency, tried, sentences, empty, known)


def _margin_note(session: Session, model: ValueModel | None) -> Iterator[str]:
    if model is None:
        yield "No values yet: segments are ranked by past spend."
    elif not model.priced:
        yield "No order has an amount: values are orders of the next year, discounted, without cost and margin."
    elif session.workspace.value.margin == 1:
        yield "Values are revenue, not profit: set `margin` in [value]."


def _names(session: Session) -> list[str]:
    return [segment.name for segment in session.workspace.segments]


def _people(session: Session, links: Table, past: datetime | None) -> pa.Table:
    """Everybody with a segment: ``person_id, segment, reachable``; who is reachable is known of now only."""
    warehouse = session.warehouse
    contacts = warehouse.current(CONTACTS.name)
    keyed = contacts.filter(contacts.state == "active").mutate(
        contact_key=lambda t: t.connection.concat(":", t.platform_id)
    )
    known = keyed.inner_join(links, "contact_key")
    may = known.consent.isin(list(session.workspace.consent.push))
    grouped = known.group_by("person_id").aggregate(
        may=may.cast("int64").min(), mails=known.email.notnull().cast("int64").max()
    )
    mails = warehouse.current(DELIVERIES.name)
    hard = mails.filter(mails.status == "hard", mails["at"] > session.now() - BOUNCED).inner_join(links, "contact_key")
    bounced = hard.select("person_id").distinct().mutate(hard=1)
    assigned = assigned_people(session)
    if past is not None:
        assigned = warehouse.as_of(ASSIGNMENTS.name, past).semi_join(assigned, "person_id")
    people = assigned.filter(assigned.segment.notnull()).select("person_id", "segment")
    people = people.inner_join(grouped, "person_id").left_join(bounced, "person_id")
    # of contacts that only orders tell of, consent is unknown: nobody may be written to
    arrives = ((people.may == 1) & (people.mails == 1) & people.hard.isnull()).fill_null(False)  # noqa: FBT003 - an expression
    return people.select("person_id", "segment", reachable=arrives).order_by("person_id").to_pyarrow()


def _segment(
    name: str, rows: pa.Table, worth: Array, spent: Array, responses: Mapping[str, SegmentResponse]
) -> SegmentPeople:
    mine = pc.equal(rows["segment"], name).to_numpy()
    reachable = rows["reachable"].to_numpy()
    return SegmentPeople(name, worth[mine], reachable[mine], spent[mine], responses.get(name))


def _messages(session: Session) -> dict[str, str]:
    """Copy of each segment as comparable text; without a persona it is the fallback."""
    personas, of = session.workspace.personas, session.workspace.persona_of
    return {
        name: json.dumps(dict(sorted(personas[of[name]].fields.items())) if name in of else {})
        for name in _names(session)
    }


def _responses(session: Session) -> tuple[dict[str, SegmentResponse], list[str]]:
    """Incremental orders per contact, and sentences on how they were measured.

    By segment, and by name for personas that no segment has (the unclassified): they tell what is common to all.

    Only people who got no mail tell that: the newest experiment with a holdout, else the holdout from all campaigns.
    Where nobody was held out, what the better words add is all that is known.
    """
    experiments = list(session.workspace.experiments.values())[::-1]
    held = [experiment.name for experiment in experiments if experiment.control == HOLDOUT]
    held += [HOLDOUT] if session.workspace.everybody else []
    for name in held:
        if responses := _measured(session, partial(orders_in_experiment, session, name)):
            what = "all campaigns" if name == HOLDOUT else name
            return responses, [f"Response: incremental orders per contact, {what} vs the holdout. {BELOW}"]
    for name in (experiment.name for experiment in experiments if experiment.control != HOLDOUT):
        if responses := _measured(session, partial(orders_in_experiment, session, name)):
            said = f"orders per contact in {name}, the best variant vs its control, not vs no email."
            return responses, [f"Response: {said} {BELOW}"]
    if responses := _measured(session, partial(orders_in_newest_campaign, session)):
        said = "in the newest campaign, the best variant vs the first, not vs no email."
        return responses, [f"Response: orders per contact {said} {BELOW}"]
    return {}, ["Response is not measured yet and counts as 0. Run `personasync experiment create` to measure it."]


def _measured(session: Session, measure: Callable[[], Sequence[Comparison]]) -> dict[str, SegmentResponse]:
    """Response from *measure*; none where there are no arms or orders, or a sample ratio mismatch."""
    personas = session.workspace.personas
    names = {segment: personas[slug].name for segment, slug in session.workspace.persona_of.items()}
    try:
        return best_arm(names, measure())
    except FixSettingsError:
        return {}


def supported(comparisons: Sequence[Comparison]) -> Comparison | None:
    """Return the orders of the arm that is best supported for everybody together; None where nothing tells of orders.

    Where people were held out, against them: that is what mailing adds. Each persona's own best arm would be the
    luckiest one.
    """
    about = [comparison for comparison in comparisons if comparison.question.metric == ORDERED]
    held = [comparison for comparison in about if comparison.question.control == HOLDOUT]
    return max(held or about, key=lambda candidate: candidate.everyone.interval.low, default=None)


def best_arm(names: Mapping[str, str], comparisons: Sequence[Comparison]) -> dict[str, SegmentResponse]:
    """Return what the best supported arm gains, by segment; and by name for personas that no segment has.

    Args:
        names: The persona's name by segment.
        comparisons: As a lift has them.
    """
    best = supported(comparisons)
    if best is None:
        return {}
    if best.everyone.difference <= 0:
        return _nothing(names, best)
    by_persona = {  # by its name, as everything that was measured
        persona.persona: SegmentResponse(persona.difference, persona.variance, best.question.control, persona.persona)
        for persona in best.personas
        if persona.verdict != "nobody" and persona.variance > 0
    }
    mine = {segment: by_persona[name] for segment, name in names.items() if name in by_persona}
    return mine | {f"beside {name}": response for name, response in by_persona.items() if name not in names.values()}


def _nothing(names: Mapping[str, str], best: Comparison) -> dict[str, SegmentResponse]:
    """No arm gains anything, and nobody has to send it: the best is to leave people alone, which gains 0 for sure."""
    measured = {persona.persona for persona in best.personas}
    return {
        segment: SegmentResponse(0.0, 0.0, best.question.control, name)
        for segment, name in names.items()
        if name in measured
    }


def focus(session: Session) -> tuple[list[str] | None, str]:
    """Return the segments in focus (None: all), and a sentence on them.

    Returns:
        Names of segments, those within a chosen one among them; "" as the sentence where all are pushed.

    Raises:
        FixSettingsError: `focus` names a segment that there is not.
    """
    wanted, names = session.workspace.value.focus, _names(session)
    if wanted is None:
        return None, ""
    if isinstance(wanted, int):
        ranked = rank_segments(session, tried=False).ranking
        active = (
            most_valuable(ranked, wanted, sorted(in_focus(session.workspace, session.control) or ())) if ranked else []
        )
    else:
        active = list(wanted)
    unknown = [name for name in active if name not in names]
    if unknown:
        raise FixSettingsError(
            f"personasync.toml, [value] focus: there is no segment {unknown[0]!r}.",
            fix=f"segments.toml has: {', '.join(names) or 'none'}.",
        )
    pushed = with_subsegments(active, session.workspace.steps)
    assigned = assigned_people(session)
    others = int(assigned.filter(assigned.segment.notnull(), ~assigned.segment.isin(sorted(pushed))).count().execute())
    sentence = (
        f"[value] focus: {', '.join(active) or 'no segment'} of {len(names)} segments; "
        f"{others:,} people of the others get the fallback and are in no group."
    )
    return sorted(pushed), sentence


def ranking_document(segment_values: SegmentValues) -> dict[str, Any]:
    """Return the ranking as plain data.

    Returns:
        Plain JSON; money and ranks are None where there is no value model.
    """
    rows = [
        {
            "segment": segment.name,
            "people": segment.people,
            "reachable": segment.reachable,
            "clv": segment.mean_value if segment_values.valued else None,
            "response": segment.gain,
            "value": segment.value if segment_values.valued else None,
            "value_interval": [segment.interval.low, segment.interval.high] if segment_values.valued else None,
            "ranks": list(segment.ranks) if segment_values.valued else None,
            "tie": segment.tie if segment_values.valued else None,
            "naive_rank": segment.naive,
            "verdict": segment_values.advice[segment.name].verdict,
            "merge_with": segment_values.advice[segment.name].merge_with or None,
            "reasons": list(segment_values.advice[segment.name].reasons),
        }
        for segment in segment_values.ranking
    ]
    rows += [{**dict.fromkeys(rows[0] if rows else ()), "segment": name, "people": 0} for name in segment_values.empty]
    return {
        "currency": segment_values.currency,
        "segments": rows,
        **backtest_document(segment_values.tried),
        "notes": list(segment_values.notes),
    }
