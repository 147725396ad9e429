"""Customer lifetime value of every buyer: the value model is refitted weekly and applied at each `assign`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from ibis import Table
from numpy.typing import NDArray

from connectors.errors import FixSettingsError, reason_of
from connectors.records import ORDERS, VALUES
from segmenter.value.clv import ModelFileError, Terms, TooLittle, ValueModel, fit_value_model, model_of
from segmenter.value.rfm_summary import Buyers, History, purchase_history
from sync.session import Session
from sync.workspace.run_manifest import FIXED_SEED

LASTS = timedelta(days=7)
"""Age at which the value model is refitted."""

CHANGED = 0.01
"""Relative change below which a value is not rewritten."""


@dataclass(frozen=True, slots=True)
class Valued:
    """Result of one run of the value model.

    Attributes:
        model: None where there is too little to fit one.
        history: Whose coming orders were asked about.
        written: People whose value is new or changed.
        notes: What must be known, in sentences.
    """

    model: ValueModel | None
    history: History
    written: int
    notes: Sequence[str]


def terms(session: Session) -> Terms:
    """Return what the workspace says about money.

    Returns:
        Margin (0 to 1), horizon (days) and discount (per year).
    """
    part = session.workspace.value
    return Terms(part.margin, part.horizon_days, part.discount)


def value_people(session: Session, as_of: datetime, links: Table | None = None) -> Valued:
    """Keep what each buyer's coming orders are worth, as versions in the warehouse.

    Args:
        session: The open workspace.
        as_of: UTC; nothing after it counts.
        links: Who is who, where it was loaded already.

    Returns:
        The model (None: too few buyers), the purchase history, and how many values were written.

    Raises:
        FixSettingsError: A model's file is damaged.
    """
    valued = value_now(session, as_of, session.links() if links is None else links)
    model, buyers = valued.model, valued.history.buyers
    if model is None:
        return replace(valued, written=_write(session, VALUES.columns.empty_table(), as_of))
    rows = pa.table(
        {
            "person_id": pa.array(buyers.person_ids, pa.string()),
            "clv": pa.array(_money(model, buyers, terms(session)), from_pandas=True),
            "expected_orders_365d": model.orders(buyers, 365),
            "currency": [model.currency] * len(buyers),
            "as_of": pa.array([as_of] * len(buyers), VALUES.columns.field("as_of").type),
            "version": [model.version] * len(buyers),
        }
    ).cast(VALUES.columns)
    return replace(valued, written=_write(session, rows, as_of))


def value_now(session: Session, as_of: datetime, links: Table) -> Valued:
    """Return what `value_people` says, by the value model that is kept; a new model is kept, no value is written.

    Args:
        session: The open workspace.
        as_of: UTC; nothing after it counts.
        links: Who is who.

    Raises:
        FixSettingsError: A model's file is damaged.
    """
    history = purchase_history(session.warehouse.current(ORDERS.name), links, as_of)
    return _valued(_model(session, history, as_of), history)


def value_as_of(session: Session, as_of: datetime, links: Table) -> Valued:
    """Return what `value_people` would have said at a past moment; a model is fitted and nothing is kept.

    Args:
        session: The open workspace.
        as_of: UTC; nothing after it counts.
        links: Who is who.
    """
    history = purchase_history(session.warehouse.current(ORDERS.name), links, as_of)
    return _valued(best_model(history, as_of), history)


def _valued(model: ValueModel | TooLittle, history: History) -> Valued:
    if isinstance(model, TooLittle):
        return Valued(None, history, 0, [model.sentence, *_left_out(history)])
    return Valued(model, history, 0, [*_said(model), *_left_out(history)])


def _money(model: ValueModel, buyers: Buyers, about: Terms) -> NDArray[np.float64]:
    """What each buyer is worth; unknown where no order has an amount."""
    return model.value(buyers, about) if model.priced else np.full(len(buyers), np.nan)


def _said(model: ValueModel) -> Iterator[str]:
    again = model.frequency.expected_of_new(365 / 7)
    seen = f"{model.buyers:,} buyers until {model.as_of:%Y-%m-%d}"
    yield f"Value model of {seen}: a new buyer is expected to place {again:.1f} more orders within a year."
    for warning in (model.frequency.fallback, model.spend.fallback, model.spend.warning):
        if warning:
            yield f"Value model: {warning}."


def _left_out(history: History) -> Iterator[str]:
    if history.other_currency:
        yield (
            f"{history.other_currency:,} buyers order mostly in a currency other than {history.currency}; "
            "they have no value, because no exchange rate is set."
        )
    if history.not_positive:
        yield (
            f"{history.not_positive:,} orders with an amount of zero or less are counted, but excluded "
            "from the average order value."
        )


def _write(session: Session, rows: pa.Table, as_of: datetime) -> int:
    """Add what is new or moved; who had a value and has none any more gets an empty one."""
    before = session.warehouse.current(VALUES.name)
    old = before.rename(old_clv="clv", old_orders="expected_orders_365d").select("person_id", "old_clv", "old_orders")
    now = session.warehouse.memtable(rows)
    joined = now.left_join(old, "person_id")
    near = (joined.clv - joined.old_clv).abs() <= CHANGED * joined.old_clv.abs()
    near &= (joined.expected_orders_365d - joined.old_orders).abs() <= CHANGED * joined.old_orders.abs()
    fresh = joined.filter(~near.fill_null(False)).select(*VALUES.columns.names).to_pyarrow()  # noqa: FBT003 - an expression
    lost = before.filter(before.clv.notnull()).anti_join(now, "person_id").select("person_id").to_pyarrow()
    nothing = pa.table(
        {
            **{n: pa.nulls(lost.num_rows, VALUES.columns.field(n).type) for n in VALUES.columns.names},
            "person_id": lost["person_id"],
            "as_of": pa.array([as_of] * lost.num_rows, VALUES.columns.field("as_of").type),
        }
    )
    both = pa.concat_tables([fresh.cast(VALUES.columns), nothing.select(VALUES.columns.names).cast(VALUES.columns)])
    return session.warehouse.append(VALUES.name, both, recorded_at=session.now())


def best_model(history: History, as_of: datetime) -> ValueModel | TooLittle:
    """Fit a model that is not kept; the same history gives the same model.

    Args:
        history: Everybody who bought until *as_of*.
        as_of: UTC.

    Returns:
        `TooLittle` where there are too few buyers.
    """
    return fit_value_model(history, as_of, np.random.default_rng(FIXED_SEED))


def _model(session: Session, history: History, as_of: datetime) -> ValueModel | TooLittle:
    """The newest model of the last days that saw nothing after the moment, else a new one."""
    folder = session.workspace.state_dir / "models" / "value"
    for path in sorted(folder.glob("*.json"), reverse=True):
        model = _read(path)
        if as_of - LASTS < model.as_of <= as_of and model.currency == history.currency:
            return model
    fitted = best_model(history, as_of)
    if isinstance(fitted, ValueModel):
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(fitted.document(), indent=2)
        (folder / f"{as_of:%Y%m%d-%H%M%S}-{fitted.version}.json").write_text(text, "utf-8")
    return fitted


def _read(path: Path) -> ValueModel:
    try:
        return model_of(json.loads(path.read_text("utf-8")))
    except (ModelFileError, ValueError, OSError) as error:
        fix = "Delete the file; the next `personasync assign` fits a new model."
        raise FixSettingsError(f"{path} can't be used: {reason_of(error)}.", fix=fix) from error
