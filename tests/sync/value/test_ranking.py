"""Values where there are no orders, several currencies, or campaigns that only harm."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from segmenter.lift.effects import LiftQuestion, compare_arms
from segmenter.lift.outcomes import Stratum
from segmenter.stats.means import Amounts, Paired
from sync.assign.job import assign
from sync.clock import now
from sync.pull.job import pull
from sync.session import Session, open_session
from sync.value.backtest import Backtest
from sync.value.ranking import best_arm, focus, rank_segments, ranking_document

MAIN = """\
[workspace]
name = "W"
[connections.shop]
connector = "files"
contacts = "contacts.csv"
orders = "orders.csv"
[traits.kind]
connection = "shop"
property = "kind"
[value]
focus = 1
"""
NO_MONEY = Paired(Amounts(2, 0.0, 0.0), Amounts(2, 0.0, 0.0), 0.0)
SEGMENTS = "".join(f'[[segments]]\nname = "{kind}"\nrule = "kind = \'{kind}\'"\n\n' for kind in ("euros", "dollars"))


@contextmanager
def shop(folder: Path, orders: list[list[str]], people: int) -> Iterator[Session]:
    """Every other one of the people is of the kind "dollars"; everybody has been assigned."""
    kinds = [["id", "email", "kind", "consent"]]
    kinds += [[str(n), f"p{n}@people.test", ("euros", "dollars")[n % 2], "subscribed"] for n in range(people)]
    head = [["order_id", "customer_id", "date", "amount", "currency"]]
    for name, rows in (("contacts", kinds), ("orders", head + orders)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    for name, text in (("personasync", MAIN), ("segments", SEGMENTS), ("personas", "")):
        (folder / f"{name}.toml").write_text(text, "utf-8")
    with open_session(folder, now=now, environment={}) as session:
        pull(session)
        assign(session, as_of=session.now())
        yield session


@pytest.mark.long
def test_without_any_order_segments_are_ranked_all_the_same_and_nothing_is_claimed(tmp_path: Path) -> None:
    with shop(tmp_path, [], 120) as session:
        segment_values = rank_segments(session)
        pushed, note = focus(session)

    assert not segment_values.valued
    assert "The value model needs 500 buyers, you have 0. There are no values yet." in segment_values.notes
    assert [(segment.name, segment.value, segment.naive) for segment in segment_values.ranking] == [
        ("dollars", 0.0, 1),
        ("euros", 0.0, 1),
    ]
    assert {row["value"] for row in ranking_document(segment_values)["segments"]} == {None}
    assert segment_values.tried == Backtest()
    assert pushed == ["dollars"]  # nothing tells them apart: by name, the same one every day
    assert "focus: dollars of 2 segments" in note


@pytest.mark.long
@pytest.mark.simulation
def test_money_of_another_currency_is_worth_nothing_that_anybody_knows(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    orders: list[list[str]] = []
    for person in range(900):
        currency = ("EUR", "USD")[person % 2] if person < 400 else "EUR"
        for _ in range(1 + int(rng.poisson(1.5))):
            day = now() - timedelta(days=float(rng.uniform(1, 500)))
            orders.append([str(len(orders)), str(person), f"{day:%Y-%m-%d}", f"{rng.uniform(10, 90):.2f}", currency])
    with shop(tmp_path, orders, 900) as session:
        segment_values = rank_segments(session)

    by_name = {segment.name: segment for segment in segment_values.ranking}
    assert (segment_values.valued, segment_values.currency) == (True, "EUR")
    assert any(
        note.startswith("200 buyers order mostly in a currency other than EUR; they") for note in segment_values.notes
    )
    assert by_name["euros"].mean_value > 1.5 * by_name["dollars"].mean_value > 0  # 250 of 450 there pay in euros
    assert segment_values.ranking[0].name == "euros"


@pytest.mark.parametrize(("treated", "gain"), [((40, 60), True), ((10, 12), False)])
def test_the_best_arm_is_never_worse_than_to_send_nothing(treated: tuple[int, int], gain: bool) -> None:  # noqa: FBT001
    counts = {("A", "mail"): treated[0], ("B", "mail"): treated[1], ("A", "holdout"): 20, ("B", "holdout"): 22}
    strata = [
        Stratum(persona, arm, 1_000, {"ordered": ordered}, NO_MONEY) for (persona, arm), ordered in counts.items()
    ]
    comparison = compare_arms(strata, LiftQuestion("ordered", "mail", "holdout", 0.01))

    responses = best_arm({"a": "A", "b": "B", "c": "C"}, [comparison])

    assert set(responses) == {"a", "b"}
    if gain:
        assert responses["a"].gain == pytest.approx(0.02)
    else:
        assert {(segment_response.gain, segment_response.variance) for segment_response in responses.values()} == {
            (0.0, 0.0)
        }
