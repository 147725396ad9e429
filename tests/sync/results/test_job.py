"""Results of campaigns: complete however late people answer, and whatever became of the campaign on the platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS, CAMPAIGNS, DELIVERIES, ENGAGEMENTS, ORDERS
from connectors.sandbox import marketer
from connectors.sandbox.fill import AUDIENCE
from segmenter.lift.effects import Comparison
from segmenter.lift.exposures import BEFORE_ANY
from sync.results import lift as lifting
from sync.results import offers as learning
from sync.results.campaigns import newest_campaigns
from sync.results.job import results
from sync.results.order_responses import ORDERED, orders_in_newest_campaign
from sync.session import Session
from tests.sync.conftest import Platforms

VARIANTS = {"plain": "<p>News</p>", "sale": "<p>Save 20% in the sale</p>"}


def send(platforms: Platforms, title: str = "November") -> str:
    access = platforms.sandbox.access
    return marketer.send_campaign(
        access["mailchimp_url"], access["mailchimp_key"], AUDIENCE, title=title, subject="Hello", variants=VARIANTS
    )


def let_pass(platforms: Platforms, session: Session, days: float) -> None:
    marketer.advance_clock(platforms.sandbox.access["mailchimp_url"], days=days)
    before = session.now
    session.now = lambda: before() + timedelta(days=days)


def counted(session: Session, table: str = ENGAGEMENTS.name) -> set[tuple[Any, ...]]:
    rows = session.warehouse.current(table).to_pyarrow().to_pylist()
    return {tuple(sorted((key, str(value)) for key, value in row.items())) for row in rows}


def without_verdicts(comparison: Comparison) -> Comparison:
    """Without what the other metrics decide: the correction for multiplicity."""
    everyone, *personas = (replace(each, stands=False) for each in (comparison.everyone, *comparison.personas))
    common = replace(comparison.common, differ=False)
    return replace(comparison, everyone=everyone, personas=tuple(personas), common=common)


@pytest.fixture
def pushed(session: Session, applied: str) -> Session:
    """A workspace whose first plan was applied."""
    del applied
    return session


def test_late_answers_are_found_and_nothing_counts_twice(platforms: Platforms, pushed: Session) -> None:
    send(platforms)
    let_pass(platforms, pushed, 0.2)
    results(pushed)
    early = counted(pushed)
    let_pass(platforms, pushed, 4)
    results(pushed)
    late = counted(pushed)
    again = results(pushed)

    stated = next(row for row in newest_campaigns(pushed) if row.name == "November").totals
    clicked = {row["contact_key"] for row in _clicks(pushed)}
    assert 0 < len(early) < len(late)
    assert early < late
    assert len(clicked) == stated["clicked"]
    assert sum(again.versions.values()) == 0


def _clicks(session: Session) -> list[Mapping[str, Any]]:
    table = session.warehouse.current(ENGAGEMENTS.name)
    clicks: list[Mapping[str, Any]] = table.filter(table.kind == "click").to_pyarrow().to_pylist()
    return clicks


def test_a_campaign_that_was_deleted_on_the_platform_keeps_its_results(platforms: Platforms, pushed: Session) -> None:
    campaign = send(platforms)
    let_pass(platforms, pushed, 4)
    results(pushed)
    before = counted(pushed), counted(pushed, DELIVERIES.name)
    del platforms.email.campaigns[campaign]
    results(pushed)

    assert (counted(pushed), counted(pushed, DELIVERIES.name)) == before
    assert lifting.lift_of_campaign(pushed, "November").comparisons


def test_two_campaigns_of_one_name_are_told_apart_by_their_ids(platforms: Platforms, pushed: Session) -> None:
    first, second = send(platforms), send(platforms)
    let_pass(platforms, pushed, 4)
    results(pushed)

    with pytest.raises(FixSettingsError, match="2 campaigns have the name 'November'") as caught:
        lifting.lift_of_campaign(pushed, "November")
    assert all(campaign_id in str(caught.value) for campaign_id in (first, second))
    assert lifting.lift_of_campaign(pushed, first).about == "November"


def test_mails_from_before_any_assignment_say_so(platforms: Platforms, ready: Session) -> None:
    ready.warehouse.engine.truncate_table(ASSIGNMENTS.name)
    send(platforms)
    let_pass(platforms, ready, 4)
    results(ready)

    assert {row.persona for row in newest_campaigns(ready)[0].rows} == {BEFORE_ANY}


@pytest.mark.long
def test_amounts_of_other_currencies_are_left_out_and_told(platforms: Platforms, pushed: Session) -> None:
    send(platforms)
    let_pass(platforms, pushed, 4)
    results(pushed)
    plain = lifting.lift_of_campaign(pushed, None).spend[0]
    reached = pushed.warehouse.current(DELIVERIES.name).to_pyarrow().to_pylist()
    order = dict.fromkeys(ORDERS.columns.names) | {
        "connection": "email",
        "order_id": "yen",
        "contact_key": reached[0]["contact_key"],
        "at": reached[0]["at"] + timedelta(hours=1),
        "amount": 1e6,
        "currency": "JPY",
        "state": "placed",
    }
    rows = pa.Table.from_pylist([order], schema=ORDERS.columns)
    pushed.warehouse.append(ORDERS.name, rows, recorded_at=pushed.now())
    mixed = lifting.lift_of_campaign(pushed, None).spend[0]
    alone = orders_in_newest_campaign(pushed)

    assert [without_verdicts(each) for each in alone] == [
        without_verdicts(each)
        for each in lifting.lift_of_campaign(pushed, None).comparisons
        if each.question.metric == ORDERED
    ]
    assert alone[0].everyone.treated.converted
    assert (mixed.currency, mixed.left_out) == ("USD", 1)
    assert mixed.difference == pytest.approx(plain.difference)


@pytest.mark.long
def test_offers_of_all_campaigns_come_together(platforms: Platforms, pushed: Session) -> None:
    with pytest.raises(FixSettingsError, match="no campaign had variants"):
        learning.offers(pushed)
    send(platforms, "One")
    send(platforms, "Two")
    let_pass(platforms, pushed, 4)
    results(pushed)
    learned = learning.offers(pushed)
    bests = learned.bests

    people = sum(cell.responses.people for best in bests for cell in best.offers)
    table = pushed.warehouse.current(CAMPAIGNS.name)
    parents = table.filter(table.parent_id.isnull(), table.name.isin(["One", "Two"])).to_pyarrow().to_pylist()
    assert {cell.offer for best in bests for cell in best.offers} == set(VARIANTS)
    assert (learned.apart, learned.notes) == ({}, [])
    assert {trial.name for best in bests for trial in best.trials} == {"One", "Two"}
    assert not any(best.supported for best in bests)  # 120 people
    assert 0.9 * sum(row["sent"] for row in parents) < people <= sum(row["sent"] for row in parents)
