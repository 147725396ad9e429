"""Traits from Parquet to Parquet: our expression on DuckDB, vectorised pandas, pandas with a function a person.

All compute the traits in `NAMES`, as the catalogue defines them; ours by `segmenter.traits.traits.traits`, the way of
the product. pandas is written as one would who knows it: columns that are needed and no others, repeated texts as
categories, boolean columns summed by group, no `apply`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from people import NOW

from segmenter.traits.builtin import MAIL_WINDOWS, ORDER_WINDOWS, VISIT_WINDOWS, catalogue
from segmenter.traits.definitions import Inputs
from segmenter.traits.traits import traits

THREADS = 2  # as the warehouse has
SAMPLE = 2_000  # people of the contender with a function a person
TEXTS = ("currency", "favourite_category", "consent")
MAILED = {"opens": ("open", MAIL_WINDOWS), "clicks": ("click", MAIL_WINDOWS), "bounces": ("bounce", (365,))}
SEEN = {"visits": ("visit", VISIT_WINDOWS), "forms": ("form", (365,))}
TRENDS = ("orders", "opens", "clicks")
NAMES = (
    *("orders_total", "revenue_total", "average_order", "currency", "currencies", "categories", "favourite_category"),
    *(f"{name}_{days}d" for name in ("orders", "revenue") for days in ORDER_WINDOWS),
    *(f"deliveries_{days}d" for days in MAIL_WINDOWS),
    *(f"{name}_{days}d" for name, (_, windows) in {**MAILED, **SEEN}.items() for days in windows),
    *("days_since_order", "days_since_first_order", "days_between_orders", "days_since_delivery", "days_since_open"),
    *("days_since_click", "days_since_visit", "tenure_days", "platforms", "consent", "favourite_hour"),
    *("open_rate_90d", "click_rate_90d", *(f"{kind}_trend_90d" for kind in TRENDS)),
)
SINCE = {
    "days_since_first_order": "first_order",
    **{f"days_since_{name}": f"last_{name}" for name in ("order", "delivery", "open", "click", "visit")},
}
SECOND = 1 / 86_400  # of a day: ours counts days between whole seconds
STRICTEST_FIRST = ["unsubscribed", "cleaned", "pending", "transactional", "subscribed", "unknown"]


def ours(folder: Path, count: int) -> dict[str, Any]:
    """Measure by the expression."""
    del count
    started = time.perf_counter()
    engine = ibis.duckdb.connect(threads=THREADS)  # noqa: TID251 - a benchmark has no warehouse
    names = ("contacts", "links", "orders", "order_lines", "deliveries", "engagements")
    tables = {name: engine.read_parquet(folder / f"{name}.parquet") for name in names}
    inputs = Inputs(**tables, answers=engine.read_parquet(folder / "survey_answers.parquet"))
    engine.to_parquet(traits(inputs, catalogue(), NOW).select("person_id", *NAMES), folder / "traits.parquet")
    return {"seconds": round(time.perf_counter() - started, 2)}


def pandas_vectorised(folder: Path, count: int) -> dict[str, Any]:
    """Measure by columns."""
    del count
    started = time.perf_counter()
    people = _People(folder)
    series = {**_of_contacts(people), **_of_orders(people), **_of_mail(people)}
    frame = _with_ratios(pd.DataFrame(series, index=people.index))
    frame[["person_id", *NAMES]].to_parquet(folder / "pandas.parquet")
    return {"seconds": round(time.perf_counter() - started, 2)}


class _People:
    """Whose a contact key is: a number of a row of the result each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        links = pq.read_table(folder / "links.parquet").to_pandas()
        person = links.person_id.astype("category")
        self.ids = person.cat.categories
        self.index = pd.RangeIndex(len(self.ids))
        self._number = pd.Series(person.cat.codes.to_numpy(), index=pd.Index(links.contact_key))

    def events(self, name: str, columns: list[str], texts: list[str]) -> pd.DataFrame:
        """Read a table until the moment, with the ``person`` in place of the contact key."""
        path = self.folder / f"{name}.parquet"
        table = pq.read_table(path, columns=["contact_key", "at", *columns], read_dictionary=["contact_key", *texts])
        frame = table.to_pandas()
        key = frame.pop("contact_key").cat
        frame["person"] = self._number.reindex(key.categories).to_numpy()[key.codes]
        return frame[frame["at"] <= NOW]

    def contacts(self) -> pd.DataFrame:
        columns = ["connection", "platform_id", "consent", "created_at", "state"]
        table = pq.read_table(self.folder / "contacts.parquet", columns=columns, read_dictionary=["connection"])
        frame = table.to_pandas()
        frame = frame[frame.created_at <= NOW]
        keys = frame.connection.astype("str") + ":" + frame.platform_id
        return frame.assign(person=self._number.reindex(keys).to_numpy())


def _windowed(frame: pd.DataFrame, name: str, at: pd.Series, windows: tuple[int, ...]) -> dict[str, pd.Series]:
    """Count rows of each person within windows."""
    inside = pd.DataFrame({f"{name}_{days}d": at > NOW - timedelta(days=days) for days in windows})
    counted = inside.groupby(frame.person.to_numpy()).sum()
    return {column: counted[column] for column in counted}


def _of_contacts(people: _People) -> dict[str, Any]:
    contacts = people.contacts()
    contacts["strictness"] = contacts.consent.map({name: place for place, name in enumerate(STRICTEST_FIRST)})
    first = contacts.groupby("person").created_at.min()
    active = contacts[contacts.state == "active"].groupby("person")
    consent = active.strictness.min().map(dict(enumerate(STRICTEST_FIRST)))
    return {
        "person_id": pd.Series(people.ids),
        "tenure_days": _days(first),
        "platforms": active.connection.nunique(),
        "consent": consent,
    }


def _of_orders(people: _People) -> dict[str, Any]:
    columns = ["connection", "order_id", "amount", "currency", "state"]
    orders = people.events("orders", columns, ["connection", "currency", "state"])
    orders = orders[orders.state == "placed"]
    by_currency = orders.groupby(["person", "currency"], observed=True).size().rename("n").reset_index()
    by_currency["currency"] = by_currency.currency.astype("str")
    main = by_currency.sort_values(["n", "currency"]).drop_duplicates("person", keep="last")
    mine = orders.currency.astype("str") == orders.person.map(main.set_index("person").currency)
    amounts = orders.amount.where(mine, 0.0)
    spent = pd.DataFrame(
        {f"revenue_{d}d": amounts.where(orders["at"] > NOW - timedelta(days=d), 0.0) for d in ORDER_WINDOWS}
    )
    spent = spent.assign(revenue_total=amounts, priced=mine).groupby(orders.person.to_numpy()).sum()
    at = orders.groupby("person")["at"].agg(["min", "max", "size"])
    series = {
        "orders_total": at["size"],
        "currency": main.set_index("person").currency,
        "currencies": by_currency.groupby("person").size(),
        "first_order": at["min"],
        "last_order": at["max"],
        **_windowed(orders, "orders", orders["at"], ORDER_WINDOWS),
        **{name: spent[name] for name in spent},
    }
    return series | _of_lines(people, orders)


def _of_lines(people: _People, orders: pd.DataFrame) -> dict[str, Any]:
    columns = ["connection", "order_id", "category", "quantity"]
    path = people.folder / "order_lines.parquet"
    lines = pq.read_table(path, columns=columns, read_dictionary=["connection", "category"]).to_pandas()
    lines["connection"] = lines.connection.astype(orders.connection.dtype)
    bought = lines.merge(orders[["connection", "order_id", "person"]], on=["connection", "order_id"])
    pieces = bought.groupby(["person", "category"], observed=True).quantity.sum().reset_index()
    pieces["category"] = pieces.category.astype("str")
    best = pieces[pieces.quantity > 0].sort_values(["quantity", "category"]).drop_duplicates("person", keep="last")
    return {
        "categories": pieces.groupby("person").size(),
        "favourite_category": best.set_index("person").category,
    }


def _of_mail(people: _People) -> dict[str, Any]:
    mails = people.events("deliveries", ["status"], ["status"])
    mails = mails[mails.status == "sent"]
    series = _windowed(mails, "deliveries", mails["at"], MAIL_WINDOWS)
    series["last_delivery"] = mails.groupby("person")["at"].max()
    del mails
    done = people.events("engagements", ["kind", "connection", "campaign_id"], ["kind", "connection", "campaign_id"])
    for name, (kind, windows) in SEEN.items():
        rows = done[done.kind == kind]
        series |= _windowed(rows, name, rows["at"], windows)
    answered = []
    for name, (kind, windows) in MAILED.items():
        rows = done[done.kind == kind]
        once = rows.groupby(["person", "connection", "campaign_id"], observed=True)["at"].agg(["min", "max"])
        once = once.reset_index()
        series |= _windowed(once, name, once["max"], windows)
        if kind != "bounce":
            answered.append(once[["person", "min"]])
    for kind in ("open", "click", "visit"):
        series[f"last_{kind}"] = done[done.kind == kind].groupby("person")["at"].max()
    return series | {"favourite_hour": _favourite_hour(pd.concat(answered))}


def _favourite_hour(answered: pd.DataFrame) -> pd.Series:
    hours = answered.groupby(["person", answered["min"].dt.hour.rename("hour")]).size().rename("n").reset_index()
    hours = hours.sort_values(["n", "hour"], ascending=[True, False]).drop_duplicates("person", keep="last")
    return hours.set_index("person").hour.astype("float64")


def _days(moments: pd.Series) -> pd.Series:
    return (NOW - moments).dt.total_seconds() / 86_400.0


def _with_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill counts with 0, and add what follows from others."""
    counted = [name for name in frame if name in NAMES and name not in TEXTS and "days_since" not in name]
    counted = [name for name in counted if name not in {"tenure_days", "favourite_hour"}]
    frame[[*counted, "priced"]] = frame[[*counted, "priced"]].fillna(0)
    for name, moment in SINCE.items():
        frame[name] = _days(frame[moment])
    between = frame.days_since_first_order - frame.days_since_order
    frame["days_between_orders"] = between / (frame.orders_total - 1).where(frame.orders_total > 1)
    frame["average_order"] = frame.revenue_total / frame.priced.where(frame.priced > 0)
    mails = frame.deliveries_90d.where(frame.deliveries_90d > 0)
    for kind in ("open", "click"):
        frame[f"{kind}_rate_90d"] = np.minimum(frame[f"{kind}s_90d"], frame.deliveries_90d) / mails
    for kind in TRENDS:
        recent, both = frame[f"{kind}_90d"], frame[f"{kind}_180d"]
        frame[f"{kind}_trend_90d"] = np.log((recent + 0.5) / (both - recent + 0.5))
    return frame


def pandas_groups(folder: Path, count: int) -> dict[str, Any]:
    """Measure a sample with a function a person; the seconds are multiplied by the share of people in the sample.

    Only the function is timed: reading and sorting out whose an event is are left out, to its favour.
    """
    people = _People(folder)
    some = set(range(0, count, max(count // SAMPLE, 1)))
    orders = people.events("orders", ["amount", "currency", "state"], [])
    mails = people.events("deliveries", ["status"], [])
    done = people.events("engagements", ["kind", "connection", "campaign_id"], ["connection", "campaign_id"])
    orders, mails, done = (frame[frame.person.isin(some)] for frame in (orders, mails, done))
    started = time.perf_counter()
    work: tuple[tuple[pd.DataFrame, Callable[[pd.DataFrame], Mapping[str, Any]]], ...] = (
        (orders[orders.state == "placed"], _orders_of_one),
        (mails[mails.status == "sent"], _mails_of_one),
        (done, _engagements_of_one),
    )
    for frame, function in work:
        made = {person: function(rows) for person, rows in frame.groupby("person")}
        pd.DataFrame.from_dict(made, orient="index")
    seconds = time.perf_counter() - started
    return {"seconds": round(seconds * count / len(some), 1), "sampled": len(some), "sample_seconds": round(seconds, 2)}


def _orders_of_one(rows: pd.DataFrame) -> dict[str, Any]:
    main = rows.currency.value_counts().index[0]
    mine = rows[rows.currency == main]
    values = {
        "orders_total": len(rows),
        "currency": main,
        "currencies": rows.currency.nunique(),
        "revenue_total": mine.amount.sum(),
        "average_order": mine.amount.mean(),
        "days_since_order": (NOW - rows["at"].max()).total_seconds() / 86_400,
        "days_since_first_order": (NOW - rows["at"].min()).total_seconds() / 86_400,
    }
    for days in ORDER_WINDOWS:
        since = NOW - timedelta(days=days)
        values[f"orders_{days}d"] = int((rows["at"] > since).sum())
        values[f"revenue_{days}d"] = mine.amount[mine["at"] > since].sum()
    return values


def _mails_of_one(rows: pd.DataFrame) -> dict[str, Any]:
    counts = {f"deliveries_{days}d": int((rows["at"] > NOW - timedelta(days=days)).sum()) for days in MAIL_WINDOWS}
    return {**counts, "days_since_delivery": (NOW - rows["at"].max()).total_seconds() / 86_400}


def _engagements_of_one(rows: pd.DataFrame) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, (kind, windows) in MAILED.items():
        last = rows[rows.kind == kind].groupby(["connection", "campaign_id"], observed=True)["at"].max()
        values |= {f"{name}_{days}d": int((last > NOW - timedelta(days=days)).sum()) for days in windows}
    for name, (kind, windows) in SEEN.items():
        at = rows["at"][rows.kind == kind]
        values |= {f"{name}_{days}d": int((at > NOW - timedelta(days=days)).sum()) for days in windows}
    return values


def mismatches(folder: Path, count: int) -> dict[str, Any]:
    """Count the values that differ between ours and vectorised pandas, over all persons and traits."""
    del count
    mine = pd.read_parquet(folder / "traits.parquet").set_index("person_id").sort_index()
    theirs = pd.read_parquet(folder / "pandas.parquet").set_index("person_id").sort_index()
    if not mine.index.equals(theirs.index):
        raise SystemExit(f"pandas has {len(theirs)} persons, ours {len(mine)}, or others")
    wrong = 0
    for name in NAMES:
        first, other = mine[name], theirs[name]
        if name in TEXTS:
            same = (first == other) | (first.isna() & other.isna())
        else:
            near = SECOND if "days" in name else 1e-9
            same = np.isclose(
                first.to_numpy("float64"), other.to_numpy("float64"), rtol=1e-9, atol=near, equal_nan=True
            )
        differing = int((~np.asarray(same, dtype=bool)).sum())
        if differing:
            print(f"  {name}: {differing} differ", file=sys.stderr)
        wrong += differing
    return {"found": {"traits_mismatches": wrong}}
