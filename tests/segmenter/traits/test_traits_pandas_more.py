"""The other traits against pandas: money of several currencies, lines, values, shrinkage, hours, contacts.

Written apart from the Ibis expressions, after each trait's meaning in the catalogue; shrinkage after Kleinman 1973.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from connectors.records import TABLES, VALUES
from segmenter.traits.builtin import BUILT_IN, catalogue
from segmenter.traits.definitions import Inputs
from segmenter.traits.traits import traits
from tests.segmenter.traits.test_traits_pandas import by_pandas, history
from tests.segmenter.traits.trait_rows import NOW, Rows, answer, contact, mail, order

PEOPLE = [f"p{number}" for number in range(12)]
STRICTEST = ["unsubscribed", "cleaned", "pending", "transactional", "subscribed", "unknown"]
TEXTS = {
    "lifecycle_stage": "lifecycle_stage",
    "country": "country",
    "region": "region",
    "city": "city",
    "time_zone": "time_zone",
    "language": "language",
    "company": "company",
    "industry": "industry",
    "job_title": "job_title",
}
ZONES = ["", "Europe/Berlin", "Asia/Kolkata", "America/New_York"]


def eventful(seed: int) -> dict[str, Rows]:
    """People with two contacts, orders with lines in several currencies, mails, answers and values."""
    rng = np.random.default_rng(seed)

    def some(*options: Any) -> Any:
        return options[int(rng.integers(len(options)))]

    rows: dict[str, Rows] = {name: [] for name in (*TABLES, "values")}
    for number, key in enumerate(PEOPLE):
        for connection in ("crm", "email")[: 1 + number % 2]:
            fields = {spelt: some("", f"{name} {rng.integers(3)}") for name, spelt in TEXTS.items()}
            fields |= {"time_zone": ZONES[number % len(ZONES)], "employees": some("", "50", "1,200-2,000")}
            rows["contacts"].append(
                contact(key)
                | {
                    "connection": connection,
                    "consent": some(*STRICTEST),
                    "state": "archived" if connection == "email" and number % 4 == 3 else "active",
                    "created_at": some(None, NOW - timedelta(days=float(rng.uniform(1, 900)))),
                    "properties": json.dumps(fields),
                }
            )
    for number in range(500):
        key, ago = str(rng.choice(PEOPLE[:-1])), round(float(rng.uniform(-20, 300)), 2)
        if number % 4 == 0:
            more = {
                "state": some("placed", "placed", "placed", "cancelled"),
                "currency": some("USD", "EUR", "EUR", None),
            }
            rows["orders"].append(order(key, number, ago, round(float(rng.gamma(2, 20)), 2), **more))
            for line in range(int(rng.integers(1, 4))):
                fields = {"product_id": f"s{rng.integers(4)}", "title": some(None, f"t{rng.integers(4)}")}
                fields |= {"category": some(None, "", "a", "b", "c"), "quantity": float(rng.integers(0, 4))}
                row = {"connection": "crm", "order_id": f"o{number}", "line_id": str(line), "price": 1.0, **fields}
                rows["order_lines"].append(row)
        elif number % 4 == 1:
            rows["deliveries"].append(mail(key, f"c{number}", ago))
        elif number % 8 == 2:
            rows["survey_answers"].append(answer(key, f"q{number}", "1", some(ago, None)))
        else:
            kind, campaign = some("open", "open", "click", "complaint", "visit"), some(f"c{rng.integers(9)}", None)
            rows["engagements"].append(mail(key, "c", ago, kind) | {"event_id": f"e{number}", "campaign_id": campaign})
        if number % 10 == 0:
            value = {"person_id": key, "clv": some(None, round(float(rng.uniform(1, 99)), 2)), "currency": "EUR"}
            value |= {
                "expected_orders_365d": float(rng.uniform(0, 5)),
                "as_of": NOW - timedelta(days=int(ago) // 30 * 30),
            }
            rows["values"].append(value | {"version": "v", "sequence": number})
    return rows


def tables(rows: dict[str, Rows]) -> Inputs:
    pairs = [(f"{row['connection']}:{row['platform_id']}", row["platform_id"]) for row in rows["contacts"]]
    pairs += [(f"mailto:{key}@people.test", key) for key in PEOPLE]
    made = {
        name: ibis.memtable(pa.Table.from_pylist(rows[name], schema=TABLES[name].columns))
        for name in ("contacts", "orders", "order_lines", "deliveries", "engagements", "survey_answers")
    }
    values = VALUES.columns.append(pa.field("sequence", pa.int64()))
    return Inputs(
        links=ibis.memtable(pd.DataFrame(pairs, columns=["contact_key", "person_id"])),
        answers=made.pop("survey_answers"),
        values=ibis.memtable(pa.Table.from_pylist(rows["values"], schema=values)),
        offsets=ibis.memtable(offsets()),
        **made,
    )


def offsets() -> pd.DataFrame:
    """Every hour of the last two years with what each zone was ahead of UTC then."""
    hours = pd.date_range(NOW - timedelta(days=400), NOW + timedelta(days=1), freq="h")
    frames = []
    for zone in ZONES[1:]:
        ahead = hours.tz_convert(ZoneInfo(zone)).map(lambda at: int(at.utcoffset().total_seconds()))
        since = hours.as_unit("s").astype("int64")
        frames.append(pd.DataFrame({"spelt": zone, "since": since, "until": since + 3600, "ahead": ahead}))
    return pd.concat(frames, ignore_index=True)


def past(rows: Rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    frame["person"] = frame.contact_key.str.extract(r":(p\d+)")[0]
    return frame[frame["at"].isna() | (frame["at"] <= NOW)]


def days(moments: pd.Series) -> pd.Series:
    return (NOW - pd.to_datetime(moments, utc=True)).dt.total_seconds() / 86_400


def money(placed: pd.DataFrame) -> dict[str, pd.Series]:
    """Of the currency of most orders; of equally many, the last in the alphabet."""
    orders = placed.assign(currency=placed.currency.fillna(""))
    counted = orders.groupby(["person", "currency"]).size().reset_index(name="n")
    main = counted.sort_values(["n", "currency"]).groupby("person").currency.last()
    own = orders[orders.currency == orders.person.map(main)]
    columns = {"currency": main.replace("", None), "currencies": orders.groupby("person").currency.nunique()}
    columns["revenue_total"], columns["average_order"] = (
        own.groupby("person").amount.sum(),
        own.groupby("person").amount.mean(),
    )
    for window in (30, 90, 180, 365):
        recent = own[own["at"] > NOW - timedelta(days=window)]
        columns[f"revenue_{window}d"] = recent.groupby("person").amount.sum()
    return columns


def bought(placed: pd.DataFrame, lines: Rows) -> dict[str, pd.Series]:
    sales = pd.DataFrame(lines).merge(placed[["connection", "order_id", "person", "at"]], on=["connection", "order_id"])
    sales["product"] = sales.title.fillna(sales.product_id)
    named = sales[sales.category.fillna("") != ""]
    pieces = named.groupby(["person", "category"]).quantity.sum().reset_index()
    most = pieces[pieces.quantity > 0].sort_values(["quantity", "category"]).groupby("person").category.last()
    return {
        "favourite_category": most,
        "last_category": named.sort_values(["at", "category"]).groupby("person").category.last(),
        "last_product": sales.sort_values(["at", "product"]).groupby("person")["product"].last(),
        "categories": named.groupby("person").category.nunique(),
    }


def shrunk(delivered: pd.Series, answered: pd.Series) -> pd.Series:
    """Beta-binomial by moments, weights equal to the numbers (Kleinman 1973)."""
    n, a = delivered.to_numpy(float), np.minimum(answered, delivered).to_numpy(float)
    seen = n > 0
    p, k, total = a.sum() / n.sum(), int(seen.sum()), n.sum()
    squares = (n[seen] * (a[seen] / n[seen] - p) ** 2).sum()
    rho = (squares / (p * (1 - p)) - (k - 1)) / (total - (n**2).sum() / total - (k - 1))
    strength = max(1.0, 1 / rho - 1) if rho > 1 / 1001 else 1000.0
    return pd.Series((a + p * strength) / (n + strength), index=delivered.index)


def hours(engaged: pd.DataFrame) -> pd.Series:
    """The hour where the person is of most first opens and clicks; of equally many, the earliest."""
    events = engaged[engaged.kind.isin(["open", "click"])].copy()
    events["which"] = events.campaign_id.fillna(events.event_id)
    first = events.groupby(["person", "kind", "which"])["at"].min().reset_index()
    zones = first.person.map(lambda key: ZONES[int(key[1:]) % len(ZONES)] or "UTC")
    first["hour"] = [at.astimezone(ZoneInfo(zone)).hour for at, zone in zip(first["at"], zones, strict=True)]
    counted = first.groupby(["person", "hour"]).size().reset_index(name="n")
    best = counted.sort_values(["n", "hour"], ascending=[False, True]).groupby("person").hour.first()
    return best.astype(float)


def people(contacts: Rows) -> dict[str, pd.Series]:
    frame = pd.DataFrame(contacts).rename(columns={"platform_id": "person"})
    known = frame[
        pd.to_datetime(frame.created_at, utc=True).isna() | (pd.to_datetime(frame.created_at, utc=True) <= NOW)
    ]
    active = known[known.state == "active"]
    properties = active.properties.map(json.loads)
    columns = {
        "tenure_days": days(known.groupby("person").created_at.min()),
        "platforms": active.groupby("person").connection.nunique(),
    }
    told_no = STRICTEST[:4]  # counts although the record that says so is gone
    counted = known[(known.state == "active") | known.consent.isin(told_no)]
    counted = counted[counted.person.isin(active.person)]
    rank = counted.consent.map(STRICTEST.index)
    columns["consent"] = rank.groupby(counted.person).min().map(lambda place: STRICTEST[place])
    for name, spelt in TEXTS.items():
        columns[name] = properties.map(lambda fields, spelt=spelt: fields[spelt] or None).groupby(active.person).max()
    written = properties.map(lambda fields: fields["employees"] or None).groupby(active.person).max()
    columns["employees"] = written.map({"50": 50.0, "1,200-2,000": 1200.0})
    return columns


def expected(rows: dict[str, Rows]) -> pd.DataFrame:
    placed = past(rows["orders"]).query("state == 'placed'")
    engaged, delivered = past(rows["engagements"]), past(rows["deliveries"])
    frame = pd.DataFrame(index=PEOPLE)
    parts = {**money(placed), **bought(placed, rows["order_lines"]), **people(rows["contacts"])}
    parts["days_since_answer"] = days(past(rows["survey_answers"]).groupby("person")["at"].max())
    parts["favourite_hour"] = hours(engaged)
    complaints = engaged[engaged.kind == "complaint"]
    mails = complaints.assign(which=complaints.campaign_id.fillna(complaints.event_id))
    parts["complaints_total"] = mails.groupby("person").which.nunique()
    quarter = NOW - timedelta(days=90)
    arrived = delivered[delivered["at"] > quarter].groupby("person").size().reindex(PEOPLE, fill_value=0)
    for kind in ("open", "click"):
        mine = engaged[engaged.kind == kind].assign(which=lambda events: events.campaign_id.fillna(events.event_id))
        last = mine.groupby(["person", "which"])["at"].max().reset_index()
        answered = last[last["at"] > quarter].groupby("person").size().reindex(PEOPLE, fill_value=0)
        parts[f"{kind}_rate_90d_shrunk"] = shrunk(arrived, answered)
    values = pd.DataFrame(rows["values"])
    newest = (
        values[values.as_of <= NOW]
        .sort_values(["as_of", "sequence"])
        .groupby("person_id")
        .tail(1)
        .set_index("person_id")
    )
    parts |= {"clv": newest.clv.astype(float), "expected_orders_365d": newest.expected_orders_365d}
    for name, column in parts.items():
        frame[name] = column.reindex(PEOPLE)
        if name.startswith("revenue_") or name in {"currencies", "categories", "complaints_total"}:
            frame[name] = frame[name].fillna(0.0)
    return frame


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_money_lines_values_shrinkage_hours_and_contacts_are_those_of_pandas(seed: int) -> None:
    rows = eventful(seed)
    wanted = expected(rows)

    measured = traits(tables(rows), catalogue(()), NOW).to_pandas().set_index("person_id").loc[PEOPLE]

    for name in wanted.columns:
        if BUILT_IN[name].type == "number":
            ours, theirs = measured[name].to_numpy("float64"), wanted[name].to_numpy("float64")
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-6, err_msg=name)
        else:
            ours, theirs = (
                [value if isinstance(value, str) else None for value in f[name]] for f in (measured, wanted)
            )
            assert ours == theirs, name
        assert measured[name].notna().any(), name


def test_no_trait_of_the_catalogue_is_left_out() -> None:
    assert {*by_pandas(history(1)).columns, *expected(eventful(1)).columns} == set(BUILT_IN)
