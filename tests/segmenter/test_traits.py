"""Traits: equal to pandas, equal to what was published, and blind for what came after the moment."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.records import TABLES, TIME
from connectors.sandbox.orders import read_orders
from segmenter.catalogue import catalogue
from segmenter.trait import Inputs, MappedTrait, SurveyTrait
from segmenter.traits import traits

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Rows = list[dict[str, Any]]


def inputs(**rows: Rows) -> Inputs:
    """Make the tables; whoever has a contact is linked under their address and their platform id."""
    links = [{"contact_key": f"crm:{row['platform_id']}", "person_id": row["platform_id"]} for row in rows["contacts"]]
    links += [{"contact_key": f"mailto:{row['email']}", "person_id": row["platform_id"]} for row in rows["contacts"]]
    made = {
        name: ibis.memtable(pa.Table.from_pylist(rows.get(name, []), schema=TABLES[name].columns))
        for name in ("contacts", "orders", "order_lines", "deliveries", "engagements", "survey_answers")
    }
    keys = pa.schema([("contact_key", pa.string()), ("person_id", pa.string())])
    return Inputs(
        links=ibis.memtable(pa.Table.from_pylist(links, schema=keys)), answers=made.pop("survey_answers"), **made
    )


def contact(key: str, **more: Any) -> dict[str, Any]:
    return {
        "connection": "crm",
        "platform_id": key,
        "email": f"{key}@people.test",
        "additional_emails": [],
        "merged_ids": [],
        "state": "active",
        "consent": "unknown",
        "created_at": NOW - 400 * DAY,
        "updated_at": NOW,
        "properties": "{}",
        **more,
    }


def order(key: str, number: int, days_ago: float, amount: float = 10.0, **more: Any) -> dict[str, Any]:
    return {
        "connection": "crm",
        "order_id": f"o{number}",
        "contact_key": f"crm:{key}",
        "at": NOW - timedelta(days=days_ago),
        "amount": amount,
        "currency": "USD",
        "state": "placed",
        **more,
    }


def mail(key: str, campaign: str, days_ago: float, kind: str | None = None) -> dict[str, Any]:
    common = {
        "connection": "email",
        "campaign_id": campaign,
        "contact_key": f"mailto:{key}@people.test",
        "at": NOW - timedelta(days=days_ago),
    }
    return (
        {**common, "status": "sent"}
        if kind is None
        else {**common, "kind": kind, "event_id": f"{campaign}{kind}{key}{days_ago}"}
    )


def measured(
    given_inputs: Inputs, as_of: datetime = NOW, own: tuple[MappedTrait | SurveyTrait, ...] = ()
) -> dict[str, dict[str, Any]]:
    rows = traits(given_inputs, catalogue(own), as_of).to_pyarrow().to_pylist()
    return {row["person_id"]: row for row in rows}


def test_orders_are_counted_summed_and_dated() -> None:
    orders = [
        order("a", 1, 400, 5),
        order("a", 2, 100, 10),
        order("a", 3, 20.5, 30),
        order("a", 4, 5, 99, state="cancelled"),
    ]
    found = measured(inputs(contacts=[contact("a"), contact("b")], orders=orders))

    assert {name: found["a"][name] for name in ("orders_total", "orders_365d", "orders_90d", "orders_30d")} == {
        "orders_total": 3,
        "orders_365d": 2,
        "orders_90d": 1,
        "orders_30d": 1,
    }
    assert (found["a"]["revenue_total"], found["a"]["average_order"]) == (45.0, 15.0)
    assert found["a"]["days_since_order"] == pytest.approx(20.5)
    assert found["a"]["days_since_first_order"] == pytest.approx(400)
    assert (found["b"]["orders_total"], found["b"]["days_since_order"]) == (0, None)


def test_only_the_main_currency_is_summed() -> None:
    orders = [order("a", 1, 9, 10), order("a", 2, 8, 20), order("a", 3, 7, 1000, currency="SEK")]

    found = measured(inputs(contacts=[contact("a")], orders=orders))["a"]

    assert (found["revenue_total"], found["currencies"], found["orders_total"]) == (30.0, 2, 3)


def test_mails_are_counted_once_however_often_they_are_opened() -> None:
    deliveries = [mail("a", "c1", 5), mail("a", "c2", 40), mail("a", "c3", 200)]
    engagements = [mail("a", "c1", 4, "open"), mail("a", "c1", 3, "open"), mail("a", "c2", 39, "click")]

    found = measured(inputs(contacts=[contact("a"), contact("b")], deliveries=deliveries, engagements=engagements))

    assert {name: found["a"][name] for name in ("deliveries_7d", "deliveries_90d", "opens_7d", "clicks_90d")} == {
        "deliveries_7d": 1,
        "deliveries_90d": 2,
        "opens_7d": 1,
        "clicks_90d": 1,
    }
    assert (found["a"]["open_rate_90d"], found["a"]["click_rate_90d"]) == (0.5, 0.5)
    assert found["b"]["open_rate_90d"] is None
    assert found["a"]["days_since_click"] == pytest.approx(39)


def test_what_platforms_say_becomes_traits() -> None:
    properties = {"lifecyclestage": "lead", "country": "GB", "tier": "3", "renewal": "2027-01-05", "vip": "true"}
    mapped = (
        MappedTrait("tier", "crm", "tier", "number"),
        MappedTrait("renewal", "crm", "renewal", "date"),
        MappedTrait("vip", "crm", "vip", "boolean"),
    )
    found = measured(inputs(contacts=[contact("a", properties=json.dumps(properties))]), own=mapped)["a"]

    assert (found["lifecycle_stage"], found["country"], found["tier"]) == ("lead", "GB", 3.0)
    assert (str(found["renewal"]), bool(found["vip"])) == ("2027-01-05", True)
    assert found["tenure_days"] == pytest.approx(400)


def answer(key: str, item: str, value: str, days_ago: float | None) -> dict[str, Any]:
    at = None if days_ago is None else NOW - timedelta(days=days_ago)
    common = {"connection": "files", "survey": "needs", "contact_key": f"mailto:{key}@people.test"}
    return {**common, "item": item, "value": value, "at": at}


def test_the_latest_answer_until_the_moment_is_the_trait() -> None:
    own = (
        SurveyTrait("price_matters", "needs", "q1", "number"),
        SurveyTrait("cooks", "needs", "q2", "boolean"),
        SurveyTrait("why", "needs", "q3"),
        SurveyTrait("elsewhere", "other", "q1"),
    )
    answers = [answer("a", "q1", "4", 30), answer("a", "q2", "Yes", None), answer("a", "q3", "because", 3)]
    later = [
        {**answer("a", "q1", "2", 10), "contact_key": "crm:a"},
        {**answer("a", "q1", "5", -1), "connection": "crm"},
        answer("b", "q1", "a lot", 5),
    ]
    found = measured(inputs(contacts=[contact("a"), contact("b")], survey_answers=[*answers, *later]), own=own)

    assert [found["a"][trait.name] for trait in own] == [2.0, True, "because", None]
    assert [found["b"][trait.name] for trait in own] == [None, None, None, None]


def test_the_strictest_consent_of_a_person_counts() -> None:
    one, two = contact("a", consent="subscribed"), contact("a2", consent="unsubscribed")
    made = inputs(contacts=[one, two])
    links = made.links.mutate(person_id=ibis.literal("a"))

    found = traits(replace(made, links=links), catalogue(), NOW)

    assert [row["consent"] for row in found.to_pyarrow().to_pylist()] == ["unsubscribed"]


events = st.lists(st.tuples(st.sampled_from("ab"), st.floats(-50, 400), st.floats(1, 99)), max_size=12)


@settings(max_examples=25)
@given(events, st.floats(0, 300))
def test_nothing_after_the_moment_counts(found: list[tuple[str, float, float]], days_ago: float) -> None:
    as_of = NOW - timedelta(days=days_ago)
    orders = [order(who, number, days, round(amount, 2)) for number, (who, days, amount) in enumerate(found)]
    engagements = [mail(who, f"c{number}", days, "click") for number, (who, days, _) in enumerate(found)]
    deliveries = [mail(who, f"c{number}", days) for number, (who, days, _) in enumerate(found)]
    people = [contact("a"), contact("b"), contact("late", created_at=as_of + DAY)]

    def before(rows: Rows) -> Rows:
        return [row for row in rows if row["at"] <= as_of]

    everything = inputs(contacts=people, orders=orders, deliveries=deliveries, engagements=engagements)
    known_then = inputs(
        contacts=people[:2], orders=before(orders), deliveries=before(deliveries), engagements=before(engagements)
    )

    assert measured(everything, as_of) == measured(known_then, as_of)


def test_published_figures_of_online_retail_are_reproduced(shared: Path) -> None:
    """SCIENCE 10.4: 4,338 customers, 18,532 invoices; means and medians of recency, frequency and revenue."""
    found, _ = read_orders(shared / "data" / "online_retail" / "online_retail.parquet")
    customers = sorted({one.customer for one in found})
    first = datetime(2010, 12, 1, tzinfo=UTC)
    contacts = [contact(key, created_at=first) for key in customers]
    orders = [
        {**order(one.customer, number, 0, one.amount), "at": one.at, "currency": "GBP"}
        for number, one in enumerate(found)
    ]
    table = traits(inputs(contacts=contacts, orders=orders), catalogue(), datetime(2011, 12, 10, tzinfo=UTC))
    rfm = table.select("days_since_order", "orders_total", "revenue_total").to_pandas()
    whole_days = rfm["days_since_order"].astype(int)

    assert (len(customers), len(found)) == (4338, 18532)
    assert (round(whole_days.mean(), 2), whole_days.median()) == (
        pytest.approx(92.06, abs=0.6),
        pytest.approx(50, abs=1),
    )
    assert (round(rfm["orders_total"].mean(), 2), rfm["orders_total"].median()) == (4.27, 2)
    assert round(rfm["revenue_total"].mean(), 2) == 2054.27
    assert round(rfm["revenue_total"].median(), 2) == 674.48


def test_a_real_history_is_measured_as_pandas_measures_it(shared: Path) -> None:
    """CDNOW's sample, as of the end of its calibration."""
    log = pd.read_csv(shared / "data" / "cdnow" / "cdnowElog.csv").head(3000)
    log["at"] = pd.to_datetime(log["date"].astype(str), utc=True)
    as_of = pd.Timestamp("1997-09-30", tz="UTC")
    orders = [
        {**order(str(row.masterid), number, 0, float(row.sales)), "at": row.at.to_pydatetime()}
        for number, row in enumerate(log.itertuples())
    ]
    people = [contact(str(key), created_at=datetime(1997, 1, 1, tzinfo=UTC)) for key in log["masterid"].unique()]
    found = pd.DataFrame.from_dict(
        measured(inputs(contacts=people, orders=orders), as_of.to_pydatetime()), orient="index"
    )
    past = log[log["at"] <= as_of]
    windowed = past[past["at"] > as_of - pd.Timedelta(days=90)]
    by_person = past.groupby("masterid")
    expected = pd.DataFrame(
        {
            "orders_total": by_person.size(),
            "revenue_total": by_person["sales"].sum(),
            "days_since_order": (as_of - by_person["at"].max()).dt.days,
            "orders_90d": windowed.groupby("masterid").size(),
        }
    )
    expected.index = expected.index.astype(str)
    expected["orders_90d"] = expected["orders_90d"].fillna(0)
    ours = found.loc[expected.index, list(expected.columns)].astype(float)

    pd.testing.assert_frame_equal(ours, expected.astype(float), check_names=False)
    assert pa.types.is_timestamp(TIME)
