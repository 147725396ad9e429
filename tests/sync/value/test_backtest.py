"""The value model says how wrong it was before it ranks; orders without amounts; a ranking as of a past day."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmenter.value.holdout import holdout
from sync.assign.job import assign
from sync.cli.main import run
from sync.clock import now
from sync.pull.job import pull
from sync.session import open_session
from sync.value.backtest import Backtest, forecast_sentences, ranking_sentences, warning_of

PEOPLE = 620
MAIN = """[workspace]
name = "Shop"

[connections.shop]
connector = "files"
orders = "orders.csv"
orders_without_amounts = "yes"
"""
SEGMENTS = """[[segments]]
name = "regulars"
rule = "orders_total >= 3"

[[segments]]
name = "others"
rule = "orders_total >= 1"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop of orders without amounts, pulled and assigned a hundred days ago."""
    folder, rng = tmp_path_factory.mktemp("unpriced"), np.random.default_rng(2)
    rows: list[list[str]] = []
    for number in range(PEOPLE):
        at = now() - timedelta(days=float(rng.uniform(240, 600)))
        rate, stop = rng.gamma(1.2, 1 / 40), rng.beta(0.6, 3)
        while at < now():
            rows.append([f"o{len(rows)}", f"p{number}@people.test", f"{at:%Y-%m-%d}"])
            if rng.random() < stop:
                break
            at += timedelta(days=float(1 + rng.exponential(1 / rate)))
    with (folder / "orders.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["order_id", "email", "date"], *rows])
    for name, text in (("personasync", MAIN), ("segments", SEGMENTS), ("personas", "")):
        (folder / f"{name}.toml").write_text(text, "utf-8")
    then = now() - timedelta(days=100)
    with open_session(folder, now=lambda: then, environment={}) as session:
        assert pull(session).rejects == []
        assign(session, as_of=session.now())
    return folder


def document(capsys: pytest.CaptureFixture[str], folder: Path, *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["segments", "-w", str(folder), "--json", *more]) == 0
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.long
@pytest.mark.slow
def test_orders_without_amounts_are_forecast_and_ranked_in_orders(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = document(capsys, shop)

    assert told["currency"] == "orders"
    assert told["tried"] == {}
    assert (
        "No order has an amount: values are orders of the next year, discounted, without cost and margin."
        in told["notes"]
    )
    worth = {row["segment"]: row["clv"] for row in told["segments"]}
    assert worth["regulars"] > worth["others"] > 0
    forecast = told["forecast"]
    assert forecast["buyers"] > 500
    assert len(forecast["tenths"]) == 10
    assert forecast["interval"][0] <= forecast["error"] <= forecast["interval"][1]
    assert forecast["orders_came"] == sum(tenth["came"] * tenth["buyers"] for tenth in forecast["tenths"])


@pytest.mark.long
def test_a_ranking_as_of_a_past_day_sees_nothing_after_it(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = f"{now() - timedelta(days=99):%Y-%m-%d}"
    past, today = document(capsys, shop, "--as-of", day), document(capsys, shop)

    assert [note for note in past["notes"] if f"until {day}" in note]
    assert {row["segment"]: row["people"] for row in past["segments"]} == {
        row["segment"]: row["people"] for row in today["segments"]
    }  # nobody was assigned since
    assert {row["segment"]: row["clv"] for row in past["segments"]} != {
        row["segment"]: row["clv"] for row in today["segments"]
    }
    assert not list((shop / ".personasync").glob(f"models/value/{day.replace('-', '')}*"))

    assert run(["segments", "-w", str(shop), "--as-of", "2020-01-01"]) == 2
    assert "Nobody had a segment on 2020-01-01." in " ".join(capsys.readouterr().err.split())


def test_a_model_that_misses_is_named_before_the_ranking_with_its_groups() -> None:
    came = np.where(np.arange(1_000) < 100, 0.75, 1.0)
    low = Backtest({}, holdout(np.where(came < 1, 0.13, 1.0), came), "bg/nbd")
    total = Backtest({}, holdout(0.5 * came, came + (np.arange(1_000) % 2) / 100), "bg/nbd")

    assert warning_of(low)[0].startswith("Warning: the value model missed 1 of 10 groups of buyers in the last 91 days")
    assert "missed the total and 10 of 10 groups of buyers" in warning_of(total)[0]
    assert forecast_sentences(low)[0] == (
        "Hold-out forecast (bg/nbd) of the last 91 days: 913 orders, 975 came, error -6.4% (95% CI -7.6 to -5.1); "
        "mean absolute error 0.06 orders per buyer."
    )
    assert "0.13/0.75!, 1.00/1.00, " in forecast_sentences(low)[1]
    assert warning_of(Backtest()) == forecast_sentences(Backtest()) == ranking_sentences(Backtest()) == []
