"""Values of people: kept as versions, joined as traits, refused with a sentence where too little is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from connectors.errors import FixSettingsError
from connectors.records import ORDERS, VALUES
from sync.assign.job import assign
from sync.clock import now
from sync.plan.job import plan
from sync.pull.identities import follow_identities
from sync.pull.job import pull
from sync.session import Session, open_session
from sync.traits.clv import value_people
from sync.traits.compute import measured
from sync.value.backtest import Backtest
from sync.value.ranking import rank_segments, ranking_document
from tests.segmenter.value.histories import simulated
from tests.sync.conftest import Platforms


def sell(session: Session, people: int = 700) -> None:
    """Give people orders: as a BG/NBD draws them, over a year and a half."""
    buyers, _ = simulated(people, np.random.default_rng(3))
    rows = []
    for place, who in enumerate(buyers.person_ids):
        first = session.now() - timedelta(weeks=float(buyers.observed[place]))
        repeats = int(buyers.repeats[place])
        at = [0.0, *np.linspace(1, max(1.0, buyers.last[place]), repeats)]
        rows += [
            {
                "connection": "crm",
                "order_id": f"v{who}-{n}",
                "contact_key": f"crm:v{who}",
                "at": first + timedelta(weeks=week),
                "amount": 10.0 + place % 30 + n % 4,
                "currency": "USD",
                "state": "placed",
                "campaign_id": None,
            }
            for n, week in enumerate(at)
        ]
    session.warehouse.append(ORDERS.name, pa.Table.from_pylist(rows, schema=ORDERS.columns), recorded_at=session.now())
    contacts = session.warehouse.current("contacts").to_pyarrow().to_pylist()
    made = [
        {
            **contacts[0],
            "connection": "crm",
            "platform_id": f"v{who}",
            "email": f"v{who}@people.test",
            "consent": "subscribed",
            "additional_emails": [],
            "merged_ids": [],
        }
        for who in buyers.person_ids
    ]
    schema = session.warehouse.current("contacts").to_pyarrow().schema
    session.warehouse.append("contacts", pa.Table.from_pylist(made, schema=schema), recorded_at=session.now())
    follow_identities(session.warehouse, session.control, "000000000000")


@pytest.mark.long
def test_too_few_buyers_are_told_with_both_numbers_and_nobody_has_a_value(session: Session) -> None:
    pull(session)
    as_of = session.now()
    done = assign(session, as_of=as_of)

    assert any(value_note.startswith("The value model needs 500 buyers, you have ") for value_note in done.value_notes)
    assert measured(session, as_of).clv.count().to_pyarrow().as_py() == 0


@pytest.mark.long
def test_values_are_traits_of_the_moment_and_are_written_once(session: Session) -> None:
    pull(session)
    sell(session)
    as_of = session.now()
    first, second = value_people(session, as_of), value_people(session, as_of)
    kept = session.warehouse.current(VALUES.name).to_pyarrow().to_pylist()

    assert first.model is not None
    assert (first.written, second.written) == (len(kept), 0)
    assert len(kept) >= 700
    assert all(row["clv"] is None or row["clv"] >= 0 for row in kept)
    assert {row["version"] for row in kept} == {first.model.version}
    assert measured(session, as_of - timedelta(days=1)).clv.count().to_pyarrow().as_py() == 0


def test_a_changed_model_file_is_an_error_with_its_mend(session: Session) -> None:
    pull(session)
    sell(session)
    as_of = session.now()
    value_people(session, as_of)
    (file,) = (session.workspace.state_dir / "models" / "value").glob("*.json")
    file.write_text(file.read_text("utf-8").replace('"currency": "USD"', '"currency": "EUR"'), "utf-8")

    with pytest.raises(FixSettingsError, match=r"its digest does not match.*Delete the file"):
        value_people(session, as_of)


@pytest.mark.long
def test_segments_are_ranked_by_value_with_the_naive_place_beside_it(session: Session) -> None:
    pull(session)
    sell(session)
    moment = session.now()
    session.now = lambda: moment
    assign(session, as_of=moment)
    segment_values = rank_segments(session)
    document = ranking_document(segment_values)

    assert rank_segments(session, tried=False) == replace(segment_values, tried=Backtest())
    assert segment_values.valued
    assert [segment.value for segment in segment_values.ranking] == sorted(
        (segment.value for segment in segment_values.ranking), reverse=True
    )
    assert {segment.name for segment in segment_values.ranking} == set(segment_values.advice)
    assert set(segment_values.tried.rankings) == {"model", "past spend", "past orders", "recency"}
    assert segment_values.tried.model == "bg/nbd"
    assert document["forecast"]["buyers"] >= 700
    assert len(document["forecast"]["tenths"]) == 10
    assert all(row["value_interval"][0] <= row["value"] <= row["value_interval"][1] for row in document["segments"])
    assert "Values are revenue, not profit: set `margin` in [value]." in segment_values.notes


def with_focus(platforms: Platforms, line: str) -> Iterator[Session]:
    file = platforms.folder / "personasync.toml"
    file.write_text(file.read_text("utf-8") + f"\n[value]\n{line}\n", "utf-8")
    with open_session(platforms.folder, now=now, environment=platforms.environment) as opened:
        pull(opened)
        assign(opened, as_of=opened.now())
        yield opened


@pytest.mark.long
@pytest.mark.parametrize("line", ['focus = ["regulars"]', "focus = 1"])
def test_only_segments_in_focus_are_pushed_and_the_plan_says_so(platforms: Platforms, line: str) -> None:
    for session in with_focus(platforms, line):
        planned = plan(session)
        groups = {change.name for change in planned.plan.changes if change.kind == "group"}
        personas = {change.after for change in planned.plan.changes if change.name == "personasync_persona"}

        assert len(groups) == 1
        assert len(personas - {"unclassified"}) == 1
        assert planned.focus.startswith("[value] focus: ")
        assert "get the fallback and are in no group" in planned.summary["focus"]


@pytest.mark.long
def test_a_focus_on_a_segment_that_there_is_not_names_those_that_there_are(platforms: Platforms) -> None:
    for session in with_focus(platforms, 'focus = ["regular"]'):
        with pytest.raises(FixSettingsError, match=r"there is no segment 'regular'.*regulars"):
            plan(session)
