"""Backtest of the value model: fitted a quarter ago, beside what came since and beside rankings that need no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from ibis import Table

from connectors.records import ORDERS
from segmenter.value.baselines import TOP, Capture, compare_rankings
from segmenter.value.clv import TooLittle
from segmenter.value.holdout import Holdout, holdout
from segmenter.value.rfm_summary import History, purchase_history
from sync.session import Session
from sync.traits.clv import best_model
from sync.workspace.run_manifest import FIXED_SEED

BACK = timedelta(days=91)  # the forecast is tried on the last quarter


@dataclass(frozen=True, slots=True)
class Backtest:
    """How the value model would have done on the last quarter.

    Attributes:
        rankings: Share of the revenue that each ranking's top made; empty where too little was known then, or no order
            has an amount.
        forecast: Orders that it forecast beside those that came; None where too little was known then.
        model: Kind of the model that was fitted then.
    """

    rankings: Mapping[str, Capture] = field(default_factory=dict)
    forecast: Holdout | None = None
    model: str = ""

    @property
    def misses(self) -> bool:
        """Whether the forecast was wrong by more than chance and by more than matters."""
        return self.forecast is not None and self.forecast.misses


def backtest(session: Session, links: Table, after: History, as_of: datetime) -> Backtest:
    """Fit the model as of a quarter before a moment, and compare it with the orders until that moment.

    Args:
        session: The open workspace.
        links: Who is who.
        after: The purchase history until *as_of*.
        as_of: UTC.

    Returns:
        Nothing in it where the quarter before is too little to fit a model.
    """
    then = as_of - BACK
    before = purchase_history(session.warehouse.current(ORDERS.name), links, then)
    model = best_model(before, then)
    if isinstance(model, TooLittle):
        return Backtest()
    buyers = before.buyers.only(before.buyers.in_currency)
    orders = model.orders(buyers, BACK.days)
    later = after.buyers  # whoever was merged away since is none of them
    came = later.figures_of(buyers.person_ids, later.repeats) - buyers.repeats
    rankings: Mapping[str, Capture] = {}
    if model.priced:
        since = later.figures_of(buyers.person_ids, later.spent) - buyers.spent
        amount = orders * model.spend.expected(buyers.repeats, buyers.repeat_mean)
        naive = {"past spend": buyers.spent, "past orders": buyers.repeats, "recency": buyers.last - buyers.observed}
        rankings = compare_rankings(amount, naive, since, np.random.default_rng(FIXED_SEED))
    return Backtest(rankings, holdout(orders, np.maximum(came, 0.0)), model.frequency.kind)


def warning_of(tried: Backtest) -> list[str]:
    """Return what must be read before a ranking: that the forecast missed; nothing where it did not.

    Returns:
        One line, or none.
    """
    if tried.forecast is None or not tried.misses:
        return []
    off = sum(tenth.misses for tenth in tried.forecast.tenths)
    groups = f"{off} of {len(tried.forecast.tenths)} groups of buyers"
    missed = [*(["the total"] if tried.forecast.misses_total else []), *([groups] if off else [])]
    return [
        (
            f"Warning: the value model missed {' and '.join(missed)} in the last {BACK.days} days (see below). "
            "Don't take its values as money; compare ranks with those by past spend."
        )
    ]


def forecast_sentences(tried: Backtest) -> list[str]:
    """State the hold-out forecast: its error in total, of a buyer, and by tenth of the buyers.

    Returns:
        Lines for a terminal; empty where there was no backtest.
    """
    forecast = tried.forecast
    if forecast is None:
        return []
    low, high = 100 * forecast.interval.low, 100 * forecast.interval.high
    lines = [
        (
            f"Hold-out forecast ({tried.model}) of the last {BACK.days} days: {forecast.forecast:,.0f} orders, "
            f"{forecast.came:,.0f} came, error {100 * forecast.error:+.1f}% (95% CI {low:+.1f} to {high:+.1f}); "
            f"mean absolute error {forecast.mean_error:.2f} orders per buyer."
        )
    ]
    said = ", ".join(f"{tenth.forecast:.2f}/{tenth.came:.2f}{'!' if tenth.misses else ''}" for tenth in forecast.tenths)
    return [*lines, f"  Forecast/came per buyer, by tenth of the forecast, lowest first (! missed): {said}."]


def ranking_sentences(tried: Backtest) -> list[str]:
    """State how well the forecast ranked buyers, beside rankings that need no model.

    Returns:
        Lines for a terminal; empty where there was no backtest.
    """
    if not tried.rankings:
        return []
    lines = [
        (
            f"Backtest on the last {BACK.days} days: the top {TOP:.0%} by the model's forecast made "
            f"{tried.rankings['model'].share:.1%} of the revenue."
        )
    ]
    for name, capture in tried.rankings.items():
        if name != "model":
            low, high = 100 * capture.interval.low, 100 * capture.interval.high
            points = f"{100 * capture.behind:+.1f} pp (95% CI {low:+.1f} to {high:+.1f})"
            lines.append(f"  by {name}: {capture.share:.1%}; model vs {name} {points}.")
    return lines


def backtest_document(tried: Backtest) -> dict[str, Any]:
    """Return the backtest as plain JSON: ``tried`` (rankings) and ``forecast`` (None where there was none)."""
    rankings = {
        name: {"share": c.share, "model_minus_this": c.behind, "interval": [c.interval.low, c.interval.high]}
        for name, c in tried.rankings.items()
    }
    return {"tried": rankings, "forecast": _forecast_document(tried)}


def _forecast_document(tried: Backtest) -> dict[str, Any] | None:
    forecast = tried.forecast
    if forecast is None:
        return None
    finite = forecast.came > 0
    return {
        "model": tried.model,
        "days": BACK.days,
        "buyers": forecast.buyers,
        "orders_forecast": forecast.forecast,
        "orders_came": forecast.came,
        "error": forecast.error if finite else None,
        "interval": [forecast.interval.low, forecast.interval.high] if finite else None,
        "mean_error": forecast.mean_error,
        "misses": forecast.misses,
        "tenths": _tenths(forecast),
    }


def _tenths(forecast: Holdout) -> Sequence[dict[str, Any]]:
    return [
        {
            "buyers": tenth.buyers,
            "forecast": tenth.forecast,
            "came": tenth.came,
            "interval": [tenth.interval.low, tenth.interval.high],
            "misses": tenth.misses,
        }
        for tenth in forecast.tenths
    ]
