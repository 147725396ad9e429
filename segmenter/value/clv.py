"""Customer lifetime value: BG/NBD frequency times Gamma-Gamma order value."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmenter import minimum
from segmenter.value.bg_nbd import Frequency, fit_frequency
from segmenter.value.gamma_gamma import NO_AMOUNTS, SpendModel, fit_spend
from segmenter.value.rfm_summary import Buyers, History

Array = NDArray[np.float64]
MOST_FITTED = 50_000  # buyers; more change the parameters less than their own error
PERIOD_DAYS = 28.0  # of the discount's steps
FORMAT = 1
MODEL = "The value model"


class ModelFileError(ValueError):
    """A model's document is damaged, of another format, or was changed by hand."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Margin, discount rate and horizon of the workspace.

    Attributes:
        margin: Share of an order's amount that is earned; 1 makes values revenue.
        horizon_days: How far values look ahead.
        discount: A year's interest: what comes later counts for less.
    """

    margin: float = 1.0
    horizon_days: int = 365
    discount: float = 0.1


@dataclass(frozen=True, slots=True)
class ValueModel:
    """Fitted parameters, and on what.

    Attributes:
        as_of: UTC; nothing after it was seen.
        buyers: How many were there.
        currency: Of all amounts.
    """

    frequency: Frequency
    spend: SpendModel
    as_of: datetime
    buyers: int
    currency: str

    @property
    def version(self) -> str:
        """A short digest of the parameters."""
        return str(self.document()["digest"])[:12]

    @property
    def priced(self) -> bool:
        """Whether values are money; else they are orders, discounted."""
        return self.spend.kind != "none"

    def orders(self, buyers: Buyers, days: float) -> Array:
        """Return the expected orders of each buyer in the next *days*.

        Args:
            buyers: Their purchase history, in weeks.
            days: From the model's moment on, 0 or more.

        Returns:
            (buyers,) orders.
        """
        return self.frequency.expected(buyers.repeats, buyers.last, buyers.observed, days / 7)

    def value(self, buyers: Buyers, terms: Terms) -> Array:
        """Return what each buyer's coming orders are worth now, NaN for those who pay in another currency.

        CLV = margin * E[M] * sum over periods t of (E[Y(t)] - E[Y(t - 1)]) / (1 + d)^t, periods of about four weeks.

        Args:
            buyers: Their purchase history, in weeks.
            terms: Margin (0 to 1), horizon (days) and discount (per year).

        Returns:
            (buyers,) money in the model's currency; orders where no order has an amount.
        """
        periods = max(1, round(terms.horizon_days / PERIOD_DAYS))
        length = terms.horizon_days / periods
        step = (1 + terms.discount) ** (length / 365)
        kinds, back = np.unique(
            np.column_stack([buyers.repeats, buyers.last, buyers.observed]), axis=0, return_inverse=True
        )
        x, last, observed = kinds.T  # many share a history: each is looked at once
        orders, before = np.zeros(len(kinds)), np.zeros(len(kinds))
        for period in range(1, periods + 1):
            until = self.frequency.expected(x, last, observed, period * length / 7)
            orders += (until - before) / step**period
            before = until
        amount = self.spend.expected(buyers.repeats, buyers.repeat_mean)
        worth = (terms.margin if self.priced else 1.0) * amount * orders[back.reshape(-1)]
        return np.where(buyers.in_currency, worth, np.nan)

    def document(self) -> dict[str, Any]:
        """Return the model as a JSON document, with a digest over everything else in it.

        Returns:
            Plain JSON; `model_of` reads it.
        """
        content = {
            "format": FORMAT,
            "kind": "value",
            "as_of": self.as_of.isoformat(),
            "buyers": self.buyers,
            "currency": self.currency,
            "frequency": asdict(self.frequency),
            "spend": asdict(self.spend),
        }
        return {**content, "digest": _digest(content)}


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def model_of(document: Any) -> ValueModel:
    """Return the model that a document holds.

    Returns:
        The model, its digest checked and its parameters positive.

    Raises:
        ModelFileError: It is no value model, of another format, or does not match its digest.
    """
    if not isinstance(document, dict) or document.get("kind") != "value" or document.get("format") != FORMAT:
        raise ModelFileError("not a value model of this version")
    content = {name: value for name, value in document.items() if name != "digest"}
    try:
        if document.get("digest") != _digest(content):
            raise ModelFileError("its digest does not match: the file is damaged or was edited")
        model = ValueModel(
            frequency=Frequency(**content["frequency"]),
            spend=SpendModel(**content["spend"]),
            as_of=datetime.fromisoformat(content["as_of"]),
            buyers=int(content["buyers"]),
            currency=str(content["currency"]),
        )
        parameters = [float(n) for n in (model.frequency.r, model.frequency.alpha, model.spend.mean)]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(str(error)) from error
    if not all(math.isfinite(value) and value > 0 for value in parameters):
        raise ModelFileError("a parameter is not a positive number")
    return model


@dataclass(frozen=True, slots=True)
class TooLittle:
    """Why no model can be fitted: a sentence that names what is needed and what is there."""

    sentence: str


def fit_value_model(history: History, as_of: datetime, rng: np.random.Generator) -> ValueModel | TooLittle:
    """Fit a value model, or say what is missing for one.

    Args:
        history: Everybody who bought until *as_of*.
        as_of: UTC.
        rng: Draws the buyers that are fitted where there are more than `MOST_FITTED`.

    Returns:
        `TooLittle` holds the sentence that says how many buyers are needed.
    """
    buyers = history.buyers.only(history.buyers.in_currency)
    missing = _missing(buyers, priced=history.priced)
    if missing:
        return TooLittle(f"{missing}. There are no values yet.")
    fitted = buyers
    if len(buyers) > MOST_FITTED:
        fitted = buyers.only(rng.choice(len(buyers), MOST_FITTED, replace=False))
    frequency = fit_frequency(fitted.repeats, fitted.last, fitted.observed, fitted.log_gaps)
    spend = fit_spend(fitted.repeats, fitted.repeat_mean) if history.priced else NO_AMOUNTS
    return ValueModel(frequency, spend, as_of, len(buyers), history.currency)


def _missing(buyers: Buyers, *, priced: bool) -> str:
    """The most severe lack of data, "" for none."""
    repeaters = int(((buyers.repeats > 0) & ((buyers.repeat_mean > 0) | (not priced))).sum())
    weeks = float(buyers.observed.max()) if len(buyers) else 0.0
    if len(buyers) < minimum.BUYERS:
        return minimum.needs(MODEL, minimum.BUYERS, "buyers", len(buyers))
    if repeaters < minimum.AGAIN:
        what = "repeat buyers with an order above zero" if priced else "repeat buyers"
        return minimum.needs(MODEL, minimum.AGAIN, what, repeaters)
    if weeks < minimum.WEEKS:
        return minimum.needs(MODEL, minimum.WEEKS, "weeks of orders", int(weeks))
    return ""
