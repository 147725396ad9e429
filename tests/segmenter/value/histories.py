"""Order histories for the tests: the public ones, and some that are generated with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from connectors.records import ORDERS
from segmenter.value.rfm_summary import Buyers, History, purchase_history

Array = NDArray[np.float64]
END_OF_CALIBRATION = datetime(1997, 9, 30, tzinfo=UTC)
ONLINE_RETAIL_SPLIT = datetime(2011, 6, 30, 23, 59, tzinfo=UTC)


def close(values: Sequence[float], wanted: Sequence[float], by: Sequence[float]) -> bool:
    """Tell whether each figure is within its own distance of the one that is wanted."""
    return all(abs(first - other) <= distance for first, other, distance in zip(values, wanted, by, strict=True))


def orders_of(log: pd.DataFrame, *, currency: str = "USD") -> tuple[ibis.Table, ibis.Table]:
    """Make tables of orders and links from a log with columns who, at (UTC), amount."""
    rows = pa.table(
        {
            "connection": ["shop"] * len(log),
            "order_id": [str(n) for n in range(len(log))],
            "contact_key": [f"shop:{who}" for who in log["who"]],
            "at": pa.array(log["at"].dt.to_pydatetime().tolist(), ORDERS.columns.field("at").type),
            "amount": log["amount"].to_numpy(float),
            "currency": log["currency"].tolist() if "currency" in log else [currency] * len(log),
            "state": log["state"].tolist() if "state" in log else ["placed"] * len(log),
            "campaign_id": pa.nulls(len(log), pa.string()),
        }
    ).cast(ORDERS.columns)
    people = sorted({str(who) for who in log["who"]})
    links = pa.table({"contact_key": [f"shop:{who}" for who in people], "person_id": people})
    return ibis.memtable(rows), ibis.memtable(links)


def known(log: pd.DataFrame, as_of: datetime) -> History:
    orders, links = orders_of(log)
    return purchase_history(orders, links, as_of)


def log_of(rows: Sequence[tuple[str, str, float]], **more: list[str]) -> pd.DataFrame:
    """Make a log from (who, day, amount)."""
    who, day, amount = zip(*rows, strict=True) if rows else ((), (), ())
    at = pd.to_datetime(list(day), utc=True)
    return pd.DataFrame({"who": list(who), "at": at, "amount": list(amount), **more})


@cache
def cdnow(data: Path) -> pd.DataFrame:
    """The sample of 2,357 people, who numbered so that text sorts as the published tables do."""
    log = pd.read_csv(data / "cdnow" / "cdnowElog.csv")
    at = pd.to_datetime(log["date"].astype(str), utc=True)
    return pd.DataFrame({"who": log["sampleid"].map("{:05d}".format), "at": at, "amount": log["sales"]})


@cache
def online_retail(data: Path) -> pd.DataFrame:
    """Clean lines (SCIENCE 10.4), summed to invoices."""
    lines = pd.read_parquet(data / "online_retail" / "online_retail.parquet")
    text = lines["InvoiceNo"].astype(str)
    kept = lines[
        lines["CustomerID"].notna() & ~text.str.startswith("C") & (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)
    ]
    frame = pd.DataFrame(
        {
            "who": kept["CustomerID"].astype(int).astype(str),
            "invoice": kept["InvoiceNo"].astype(str),
            "at": pd.to_datetime(kept["InvoiceDate"], utc=True),
            "amount": kept["Quantity"] * kept["UnitPrice"],
        }
    )
    return frame.groupby("invoice").agg(who=("who", "first"), at=("at", "min"), amount=("amount", "sum")).reset_index()


def simulated(
    people: int,
    rng: np.random.Generator,
    *,
    r: float = 0.6,
    alpha: float = 6.0,
    a: float = 0.8,
    b: float = 2.5,
    k: int | None = None,
) -> tuple[Buyers, Array]:
    """Draw buyers from a BG/NBD with Gamma-Gamma amounts (p 6, q 4, gamma 15), seen for 30 to 80 weeks.

    With *k* from an MBG/CNBD-k: gaps are Erlang-k, and people may stop after the first order too.

    Returns:
        The buyers, and how many orders each places in the 26 weeks after.
    """
    rate = rng.gamma(r, 1 / alpha, people)
    stop = rng.beta(a, b, people)
    observed = rng.uniform(30, 80, people)
    repeats, last, later = np.zeros(people), np.zeros(people), np.zeros(people)
    log_gaps, now = np.zeros(people), np.zeros(people)
    alive = np.ones(people, dtype=bool) if k is None else rng.random(people) >= stop
    while alive.any():
        gap = rng.exponential(1 / rate) if k is None else rng.gamma(k, 1 / rate)
        now = now + gap
        seen = alive & (now <= observed)
        log_gaps[seen] += np.log(gap[seen])
        repeats[seen] += 1
        last[seen] = now[seen]
        later[alive & (now > observed) & (now <= observed + 26)] += 1
        alive = alive & (now <= observed + 26) & (rng.random(people) >= stop)
    scale = rng.gamma(4.0, 1 / 15.0, people)  # nu
    mean = np.where(repeats > 0, rng.gamma(6.0 * np.maximum(repeats, 1)) / (np.maximum(repeats, 1) * scale), np.nan)
    spent = np.nan_to_num(mean) * repeats + rng.gamma(6.0, size=people) / scale
    ids = np.array([f"{n:06d}" for n in range(people)], dtype=object)
    return Buyers(ids, repeats, last, observed, mean, spent, np.ones(people, dtype=bool), log_gaps), later
