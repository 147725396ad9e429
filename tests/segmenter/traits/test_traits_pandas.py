"""Counts, sums, days, rates and trends against pandas: the catalogue's meanings, written apart from the expressions.

The other traits: `test_traits_pandas_more`, which also sees that none is left out.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from segmenter.traits.builtin import catalogue
from segmenter.traits.traits import traits
from tests.segmenter.traits.trait_rows import NOW, Rows, contact, inputs, mail, order

PEOPLE = [f"p{number}" for number in range(12)]
ORDERS = {"orders": (30, 90, 180, 365)}
MAILED: dict[str, tuple[int, ...]] = dict.fromkeys(("opens", "clicks"), (7, 30, 90, 180, 365))
ANSWERED: dict[str, tuple[int, ...]] = {**MAILED, "bounces": (365,), "complaints": (365,), "replies": (365,)}
EACH = {"visits": (30, 90, 365), "forms": (365,)}
KIND = {"opens": "open", "clicks": "click", "bounces": "bounce", "complaints": "complaint", "replies": "reply"}


def history(seed: int) -> dict[str, Rows]:
    """Rows of a year and a half, some after the moment; the last person has none."""
    rng = np.random.default_rng(seed)
    rows: dict[str, Rows] = {"contacts": [contact(key) for key in PEOPLE], "orders": [], "deliveries": []}
    rows["engagements"] = []
    for number in range(600):
        key, ago = str(rng.choice(PEOPLE[:-1])), round(float(rng.uniform(-20, 500)), 3)
        what = number % 4
        if what == 0:
            state = "placed" if rng.random() < 0.8 else "cancelled"
            rows["orders"].append(order(key, number, ago, round(float(rng.gamma(2, 20)), 2), state=state))
        elif what == 1:
            rows["deliveries"].append(mail(key, f"c{number}", ago))
        else:
            kind = str(rng.choice([*KIND.values(), "visit", "form"]))
            rows["engagements"].append(mail(key, f"c{rng.integers(6)}", ago, kind) | {"event_id": f"e{number}"})
    return rows


def _past(rows: Rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    frame["person"] = frame.contact_key.str.extract(r":(p\d+)")[0]
    return frame[frame["at"] <= NOW]


def _within(frame: pd.DataFrame, days: int) -> pd.DataFrame:
    return frame[frame["at"] > NOW - timedelta(days=days)]


def _days(moments: pd.Series) -> pd.Series:
    return (NOW - moments).dt.total_seconds() / 86_400


def _counts(frame: pd.DataFrame, name: str, windows: tuple[int, ...]) -> dict[str, pd.Series]:
    return {f"{name}_{days}d": _within(frame, days).groupby("person").size() for days in windows}


def by_pandas(rows: dict[str, Rows]) -> pd.DataFrame:
    """Counts, sums, means, days, rates and trends; one row a person."""
    placed = _past(rows["orders"]).query("state == 'placed'")
    delivered, engaged = _past(rows["deliveries"]), _past(rows["engagements"])
    by = placed.groupby("person")
    columns = {"orders_total": by.size(), **_counts(placed, "orders", ORDERS["orders"])}
    columns |= _counts(delivered, "deliveries", MAILED["opens"])
    columns |= {f"revenue_{days}d": _within(placed, days).groupby("person").amount.sum() for days in ORDERS["orders"]}
    columns["revenue_total"] = by.amount.sum()
    for name, windows in ANSWERED.items():
        mails = engaged[engaged.kind == KIND[name]].groupby(["person", "campaign_id"])["at"].max().reset_index()
        columns |= _counts(mails, name, windows)
    for name, windows in EACH.items():
        columns |= _counts(engaged[engaged.kind == name[:-1]], name, windows)
    frame = pd.DataFrame(columns).reindex(PEOPLE).fillna(0.0)
    frame["average_order"] = by.amount.mean()
    frame["days_since_order"], frame["days_since_first_order"] = _days(by["at"].max()), _days(by["at"].min())
    span = frame.days_since_first_order - frame.days_since_order
    frame["days_between_orders"] = span / (frame.orders_total - 1).where(frame.orders_total > 1)
    frame["days_since_delivery"] = _days(delivered.groupby("person")["at"].max())
    for kind in ("open", "click", "visit"):
        frame[f"days_since_{kind}"] = _days(engaged[engaged.kind == kind].groupby("person")["at"].max())
    for kind in ("open", "click"):
        mails = frame.deliveries_90d.where(frame.deliveries_90d > 0)
        frame[f"{kind}_rate_90d"] = np.minimum(frame[f"{kind}s_90d"], frame.deliveries_90d) / mails
    for kind in ("orders", "opens", "clicks"):
        recent, both = frame[f"{kind}_90d"], frame[f"{kind}_180d"]
        frame[f"{kind}_trend_90d"] = np.log((recent + 0.5) / (both - recent + 0.5))
    return frame


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.slow
def test_counts_sums_days_rates_and_trends_are_those_of_pandas(seed: int) -> None:
    rows = history(seed)
    expected = by_pandas(rows)

    measured = traits(inputs(**rows), catalogue(()), NOW).to_pandas().set_index("person_id").loc[PEOPLE]

    for name in expected.columns:
        ours, theirs = measured[name].to_numpy("float64"), expected[name].to_numpy("float64")
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-6, err_msg=name)
