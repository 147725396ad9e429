"""Hours of the day are those where people are, before and after summer time begins."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenter.traits.builtin import catalogue
from segmenter.traits.traits import traits
from sync.assign.job import assign
from sync.session import Session
from sync.traits.compute import measured
from sync.warehouse.time_zones import OFFSETS, iana, offsets, spans
from tests.examples import examples
from tests.segmenter.traits.trait_rows import contact, inputs
from tests.sync.conftest import Platforms, Run, edit

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
END = datetime(2028, 1, 1, tzinfo=UTC)


@examples(60)
@given(st.sampled_from(ZONES), st.datetimes(datetime(1990, 1, 2), datetime(2028, 12, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - Hypothesis adds the zone
def test_offsets_are_those_of_the_zone_at_every_moment(name: str, at: datetime) -> None:
    epoch = int(at.timestamp())
    (ahead,) = [ahead for since, until, ahead in spans(name, 2028) if since <= epoch < until]

    assert timedelta(seconds=ahead) == at.replace(microsecond=0).astimezone(ZoneInfo(name)).utcoffset()


@pytest.mark.parametrize(
    ("spelt", "name"),
    [
        ("europe/london", "Europe/London"),
        ("us_slash_eastern", "US/Eastern"),
        ("america_slash_new_york", "America/New_York"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("Middle Earth", None),
        ("", None),
    ],
)
def test_zones_are_known_as_platforms_write_them(spelt: str, name: str | None) -> None:
    assert iana(spelt) == name


def favourite(zone: str | None, *opened: str) -> float | None:
    """The hour of somebody in *zone* who opened mails at these moments (UTC)."""
    rows: list[dict[str, Any]] = [
        {
            "connection": "email",
            "event_id": str(number),
            "kind": "open",
            "contact_key": "crm:a",
            "campaign_id": f"c{number}",
            "at": datetime.fromisoformat(at).replace(tzinfo=UTC),
        }
        for number, at in enumerate(opened)
    ]
    properties = {} if zone is None else {"time_zone": zone}
    tables = inputs(contacts=[contact("a", created_at=None, properties=json.dumps(properties))], engagements=rows)
    listed = {"": "America/New_York", **({zone: iana(zone) or "America/New_York"} if zone else {})}
    columns = list(zip(*[(text, *span) for text, name in listed.items() for span in spans(name, 2028)], strict=True))
    table = pa.table([pa.array(column) for column in columns], schema=OFFSETS.columns)
    people = traits(replace(tables, offsets=ibis.memtable(table)), catalogue(), END).to_pyarrow()
    hour: float | None = people["favourite_hour"][0].as_py()
    return hour


@pytest.mark.long
@pytest.mark.slow
def test_nine_o_clock_stays_nine_o_clock_when_summer_time_begins() -> None:
    winter, summer = ["2027-03-26T08:30", "2027-03-27T08:40"], ["2027-03-28T07:30", "2027-03-29T07:40"]
    noise = ["2027-01-05T17:00", "2027-01-06T17:00", "2027-01-07T17:00"]

    assert favourite("europe_slash_berlin", *winter, *summer, *noise) == 9
    assert favourite("europe/berlin", "2027-03-28T00:59:59") == 1
    assert favourite("europe/berlin", "2027-03-28T01:00:00") == 3
    assert favourite("europe/berlin", "2027-10-31T00:30") == favourite("europe/berlin", "2027-10-31T01:30") == 2


@pytest.mark.slow
def test_who_has_no_zone_or_one_that_nobody_knows_is_where_the_workspace_is() -> None:
    assert favourite(None, "2027-07-01T13:30") == favourite("Middle Earth", "2027-07-01T13:30") == 9
    assert favourite("asia/kolkata", "2027-07-01T13:30") == 19


@pytest.mark.long
def test_a_workspace_measures_hours_in_the_zones_of_its_contacts(
    ready: Session, platforms: Platforms, say: Run
) -> None:
    edit(platforms, "[workspace]", '[workspace]\ntime_zone = "Europe/Belin"')
    status, _, error = say("assign")
    edit(platforms, "Europe/Belin", "Asia/Tokyo")
    ready.reload()
    rows = offsets(
        ready.warehouse.current("contacts"),
        ready.workspace.catalogue.properties,
        ready.workspace.time_zone,
        ready.now(),
    ).to_pylist()

    assert status == 2
    assert "unknown time zone 'Europe/Belin'; use a name like Europe/Berlin" in error
    assert {row["ahead"] for row in rows if row["spelt"] == "" and row["since"] > 0} <= {9 * 3600}
    assert rows[-1]["ahead"] == 9 * 3600
    assign(ready, as_of=ready.now())
    assert measured(ready, ready.now()).count().to_pyarrow().as_py() > 100
