"""Traits: equal to pandas, equal to what was published."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from connectors.records import TABLES, TIME
from connectors.sandbox.orders import read_purchases
from segmenter.traits.builtin import Precedence, TraitProperties, catalogue
from segmenter.traits.definitions import Inputs, MappedTrait, SurveyTrait, Trait
from segmenter.traits.traits import base_rates, traits
from tests.segmenter.traits.trait_rows import BASE_RATES, NOW, answer, contact, inputs, mail, order


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
    by_person = measured(inputs(contacts=[contact("a"), contact("b")], orders=orders))

    assert {name: by_person["a"][name] for name in ("orders_total", "orders_365d", "orders_90d", "orders_30d")} == {
        "orders_total": 3,
        "orders_365d": 2,
        "orders_90d": 1,
        "orders_30d": 1,
    }
    assert (by_person["a"]["revenue_total"], by_person["a"]["average_order"]) == (45.0, 15.0)
    assert by_person["a"]["days_since_order"] == pytest.approx(20.5)
    assert by_person["a"]["days_since_first_order"] == pytest.approx(400)
    assert (by_person["b"]["orders_total"], by_person["b"]["days_since_order"]) == (0, None)


def test_only_the_main_currency_is_summed() -> None:
    orders = [order("a", 1, 9, 10), order("a", 2, 8, 20), order("a", 3, 7, 1000, currency="SEK")]

    values = measured(inputs(contacts=[contact("a")], orders=orders))["a"]

    assert (values["revenue_total"], values["currencies"], values["orders_total"]) == (30.0, 2, 3)


def test_mails_are_counted_once_however_often_they_are_opened() -> None:
    deliveries = [mail("a", "c1", 5), mail("a", "c2", 40), mail("a", "c3", 200)]
    engagements = [mail("a", "c1", 4, "open"), mail("a", "c1", 3, "open"), mail("a", "c2", 39, "click")]

    by_person = measured(inputs(contacts=[contact("a"), contact("b")], deliveries=deliveries, engagements=engagements))

    assert {name: by_person["a"][name] for name in ("deliveries_7d", "deliveries_90d", "opens_7d", "clicks_90d")} == {
        "deliveries_7d": 1,
        "deliveries_90d": 2,
        "opens_7d": 1,
        "clicks_90d": 1,
    }
    assert (by_person["a"]["open_rate_90d"], by_person["a"]["click_rate_90d"]) == (0.5, 0.5)
    assert by_person["b"]["open_rate_90d"] is None
    assert by_person["a"]["days_since_click"] == pytest.approx(39)


@pytest.mark.slow
def test_what_platforms_say_becomes_traits() -> None:
    properties = {"lifecycle_stage": "lead", "country": "GB", "tier": "3", "renewal": "2027-01-05", "vip": "true"}
    mapped = (
        MappedTrait("tier", "crm", "tier", "number"),
        MappedTrait("renewal", "crm", "renewal", "date"),
        MappedTrait("vip", "crm", "vip", "boolean"),
    )
    values = measured(inputs(contacts=[contact("a", properties=json.dumps(properties))]), own=mapped)["a"]

    assert (values["lifecycle_stage"], values["country"], values["tier"]) == ("lead", "GB", 3.0)
    assert (str(values["renewal"]), bool(values["vip"])) == ("2027-01-05", True)
    assert values["tenure_days"] == pytest.approx(400)


@pytest.mark.long
def test_where_contacts_disagree_the_trusted_connection_decides_then_the_newest_and_no_stage_goes_back() -> None:
    def says(key: str, days_ago: float, country: str, stage: str, **more: Any) -> dict[str, Any]:
        text = json.dumps({"country": country, "lifecycle_stage": stage, "tier": stage})
        return contact(key, updated_at=NOW - timedelta(days=days_ago), properties=text, **more)

    contacts = [says("1", 9, "DE", "customer"), says("2", 3, "AT", "lead"), says("3", 1, "", "guest")]
    contacts.append(says("4", 0, "US", "Sales Qualified Lead", connection="shop"))
    made = inputs(contacts=contacts)
    keys = [f"{record['connection']}:{record['platform_id']}" for record in contacts]
    made = replace(made, links=ibis.memtable({"contact_key": keys, "person_id": ["a"] * len(keys)}))
    own = [MappedTrait("tier", "crm", "tier")]

    def decided(*connections: str, **more: Any) -> tuple[Any, Any, Any]:
        known = catalogue(own, Precedence(connections, **more))
        [row] = traits(made, known, NOW).to_pyarrow().to_pylist()
        return row["country"], row["lifecycle_stage"], row["tier"]

    assert decided("crm", "shop") == ("AT", "customer", "guest")
    assert decided("shop", "crm") == ("US", "customer", "guest")
    assert decided(lifecycle_stages=("customer", "lead", "guest"))[1] == "guest"


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
    by_person = measured(inputs(contacts=[contact("a"), contact("b")], survey_answers=[*answers, *later]), own=own)

    assert [by_person["a"][trait.name] for trait in own] == [2.0, True, "because", None]
    assert [by_person["b"][trait.name] for trait in own] == [None, None, None, None]


def test_the_company_the_place_and_the_language_come_from_whichever_platform_tells_them() -> None:
    sources: TraitProperties = {
        "company": {"crm": ("company",)},
        "industry": {"crm": ("sector", "industry")},
        "job_title": {"crm": ("jobtitle",)},
        "employees": {"crm": ("staff",)},
        "region": {"crm": ("state",)},
        "country": {"email": ("country_code", "COUNTRY")},
        "city": {"crm": ("town",), "email": ("CITY",)},
        "language": {"crm": ("language",), "email": ("language",)},
        "time_zone": {"email": ("time_zone",)},
    }
    crm = {"company": "Acme", "industry": "RETAIL", "sector": "", "jobtitle": "Buyer", "staff": "1,000-5,000"}
    crm |= {"state": "Skåne", "COUNTRY": "of no use here", "CITY": "nor this"}
    members = {"COUNTRY": "SE", "language": "sv", "time_zone": "Europe/Stockholm", "CITY": "Lund", "state": "asleep"}
    contacts = [contact("a", properties=json.dumps(crm))]
    contacts.append(contact("a", properties=json.dumps(members), connection="email"))
    made = inputs(contacts=contacts)
    links = ibis.memtable({"contact_key": ["crm:a", "email:a"], "person_id": ["a", "a"]})
    table = traits(replace(made, links=links), catalogue(properties=sources), NOW)
    [person] = table.to_pyarrow().to_pylist()

    assert [person[name] for name in ("company", "industry", "job_title", "employees", "region")] == [
        "Acme",
        "RETAIL",
        "Buyer",
        1000.0,
        "Skåne",
    ]
    assert [person[n] for n in ("country", "language", "time_zone", "city")] == ["SE", "sv", "Europe/Stockholm", "Lund"]
    assert person["lifecycle_stage"] is None


def test_what_was_bought_most_and_last_is_told_whatever_the_order_of_the_rows() -> None:
    line = {"connection": "crm", "line_id": "1", "quantity": 1.0}
    orders = [order("a", 1, 30), order("a", 2, 20), order("a", 3, 10), order("a", 4, 1, state="cancelled")]
    lines = [
        {**line, "order_id": "o1", "category": "tents", "quantity": 3.0, "title": "Tent", "product_id": "t1"},
        {**line, "order_id": "o2", "category": "boots", "title": "Boot", "product_id": "b1"},
        {**line, "order_id": "o3", "category": "boots", "product_id": "b2"},
        {**line, "order_id": "o4", "category": "ropes", "quantity": 9.0, "title": "Rope"},
    ]
    [values] = measured(inputs(contacts=[contact("a")], orders=orders, order_lines=lines[::-1])).values()

    assert (values["favourite_category"], values["last_category"], values["last_product"]) == ("tents", "boots", "b2")
    assert (values["categories"], values["days_between_orders"]) == (2, 10)


def test_visits_and_forms_count_each_replies_and_complaints_once_a_mail() -> None:
    def done(kind: str, campaign: str | None, days: float, number: int) -> dict[str, Any]:
        return {**mail("a", "", days, kind), "campaign_id": campaign, "event_id": str(number)}

    events = [done("visit", None, 3, 1), done("visit", None, 40, 2), done("form", None, 2, 3), done("reply", "c", 5, 4)]
    more = [done("reply", "c", 4, 5), done("complaint", "c", 500, 6), done("complaint", "d", 9, 7)]
    [values] = measured(inputs(contacts=[contact("a")], engagements=[*events, *more])).values()

    names = ("visits_30d", "visits_90d", "forms_365d", "replies_365d", "complaints_365d", "complaints_total")
    assert [values[name] for name in names] == [1, 2, 1, 1, 1, 2]
    assert values["days_since_visit"] == pytest.approx(3)


def test_a_trend_compares_the_last_days_with_those_before() -> None:
    orders = [order("a", number, 10 + number) for number in range(3)] + [order("a", 9, 100), order("b", 10, 120)]
    by_person = measured(inputs(contacts=[contact("a"), contact("b"), contact("c")], orders=orders))

    assert by_person["a"]["orders_trend_90d"] == pytest.approx(math.log(3.5 / 1.5))
    assert by_person["b"]["orders_trend_90d"] == pytest.approx(math.log(0.5 / 1.5))
    assert by_person["c"]["orders_trend_90d"] == 0


@pytest.mark.slow
def test_a_rate_is_drawn_towards_everybodys_the_more_the_fewer_mails_there_were() -> None:
    """Binomial counts of persons whose rates follow a known beta distribution: its mean and strength come back."""
    chance = np.random.default_rng(7)
    a, b, persons = 2.0, 6.0, 4000
    n = chance.integers(1, 40, persons)
    x = chance.binomial(n, chance.beta(a, b, persons))
    columns = {"person_id": [str(i) for i in range(persons)], "deliveries_90d": n, "opens_90d": x, "clicks_90d": x * 0}
    [base] = base_rates(ibis.memtable(pa.table(columns))).to_pyarrow().to_pylist()

    assert base["open_base"] == pytest.approx(x.sum() / n.sum())
    assert base["open_base"] == pytest.approx(a / (a + b), abs=0.01)
    assert base["open_strength"] == pytest.approx(a + b, rel=0.15)
    assert (base["click_base"], base["click_strength"]) == (0.0, 1000.0)

    rows = [mail("few", "c1", 5), mail("few", "c1", 4, "open"), *[mail("many", f"c{i}", 5) for i in range(30)]]
    mails = {"deliveries": [r for r in rows if "kind" not in r], "engagements": [r for r in rows if "kind" in r]}
    opened = [mail("many", f"c{i}", 3, "open") for i in range(15)]
    mails["engagements"] += opened
    tables = inputs(contacts=[contact("few"), contact("many"), contact("none")], **mails)
    prior = ibis.memtable(pa.Table.from_pylist([BASE_RATES]))
    by_person = measured(replace(tables, base=prior))

    assert by_person["few"]["open_rate_90d_shrunk"] == pytest.approx((1 + 0.2 * 10) / (1 + 10))
    assert by_person["many"]["open_rate_90d_shrunk"] == pytest.approx((15 + 0.2 * 10) / (30 + 10))
    assert (by_person["none"]["open_rate_90d_shrunk"], by_person["none"]["open_rate_90d"]) == (pytest.approx(0.2), None)


@pytest.mark.parametrize("trait", catalogue().traits.values(), ids=lambda trait: trait.name)
def test_every_trait_says_what_it_means_in_which_unit_and_from_where(trait: Trait) -> None:
    assert trait.meaning
    assert trait.unit
    assert trait.source in TABLES
    assert trait.window is None or f"{trait.window}d" in trait.name or "trend" in trait.name


def test_the_strictest_consent_of_a_person_counts() -> None:
    first, two = contact("a", consent="subscribed"), contact("a2", consent="unsubscribed")
    made = inputs(contacts=[first, two])
    links = made.links.mutate(person_id=ibis.literal("a"))

    table = traits(replace(made, links=links), catalogue(), NOW)

    assert [row["consent"] for row in table.to_pyarrow().to_pylist()] == ["unsubscribed"]


@pytest.mark.long
def test_published_figures_of_online_retail_are_reproduced(shared: Path) -> None:
    """SCIENCE 10.4: 4,338 customers, 18,532 invoices; means and medians of recency, frequency and revenue."""
    purchases, _ = read_purchases(shared / "data" / "online_retail" / "online_retail.parquet")
    customers = sorted({purchase.customer for purchase in purchases})
    first = datetime(2010, 12, 1, tzinfo=UTC)
    contacts = [contact(key, created_at=first) for key in customers]
    orders = [
        {**order(purchase.customer, number, 0, purchase.amount), "at": purchase.at, "currency": "GBP"}
        for number, purchase in enumerate(purchases)
    ]
    table = traits(inputs(contacts=contacts, orders=orders), catalogue(), datetime(2011, 12, 10, tzinfo=UTC))
    rfm = table.select("days_since_order", "orders_total", "revenue_total").to_pandas()
    whole_days = rfm["days_since_order"].astype(int)

    assert (len(customers), len(purchases)) == (4338, 18532)
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
    frame = pd.DataFrame.from_dict(
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
    ours = frame.loc[expected.index, list(expected.columns)].astype(float)

    pd.testing.assert_frame_equal(ours, expected.astype(float), check_names=False)
    assert pa.types.is_timestamp(TIME)
