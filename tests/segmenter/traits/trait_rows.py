"""Rows of people who order, open and answer, for the tests of traits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
from hypothesis import strategies as st

from connectors.records import TABLES
from segmenter.traits.definitions import Inputs, MappedTrait, SurveyTrait

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


DAY = timedelta(days=1)


Rows = list[dict[str, Any]]


def inputs(**rows: Rows) -> Inputs:
    """Make the tables; whoever has a contact is linked under their address and their platform id."""
    links = [{"contact_key": f"crm:{row['platform_id']}", "person_id": row["platform_id"]} for row in rows["contacts"]]
    links += [{"contact_key": f"mailto:{row['email']}", "person_id": row["platform_id"]} for row in rows["contacts"]]
    made = {
        name: ibis.memtable(pa.Table.from_pylist(rows.get(name, []), schema=TABLES[name].columns))
        for name in ("contacts", "orders", "order_lines", "deliveries", "engagements", "survey_answers")
    }
    keys = pa.schema([("contact_key", pa.string()), ("person_id", pa.string())])
    return Inputs(
        links=ibis.memtable(pa.Table.from_pylist(links, schema=keys)), answers=made.pop("survey_answers"), **made
    )


def contact(key: str, **more: Any) -> dict[str, Any]:
    return {
        "connection": "crm",
        "platform_id": key,
        "email": f"{key}@people.test",
        "additional_emails": [],
        "merged_ids": [],
        "state": "active",
        "consent": "unknown",
        "created_at": NOW - 400 * DAY,
        "updated_at": NOW,
        "properties": "{}",
        **more,
    }


def order(key: str, number: int, days_ago: float, amount: float = 10.0, **more: Any) -> dict[str, Any]:
    return {
        "connection": "crm",
        "order_id": f"o{number}",
        "contact_key": f"crm:{key}",
        "at": NOW - timedelta(days=days_ago),
        "amount": amount,
        "currency": "USD",
        "state": "placed",
        **more,
    }


def mail(key: str, campaign: str, days_ago: float, kind: str | None = None) -> dict[str, Any]:
    common = {
        "connection": "email",
        "campaign_id": campaign,
        "contact_key": f"mailto:{key}@people.test",
        "at": NOW - timedelta(days=days_ago),
    }
    return (
        {**common, "status": "sent"}
        if kind is None
        else {**common, "kind": kind, "event_id": f"{campaign}{kind}{key}{days_ago}"}
    )


def answer(key: str, item: str, value: str, days_ago: float | None) -> dict[str, Any]:
    at = None if days_ago is None else NOW - timedelta(days=days_ago)
    common = {"connection": "files", "survey": "needs", "contact_key": f"mailto:{key}@people.test"}
    return {**common, "item": item, "value": value, "at": at}


BASE_RATES = {"open_base": 0.2, "open_strength": 10.0, "click_base": 0.02, "click_strength": 20.0}


OWN = (
    MappedTrait("tier", "crm", "tier", "number"),
    MappedTrait("vip", "crm", "vip", "boolean"),
    SurveyTrait("why", "needs", "q1"),
    SurveyTrait("price", "needs", "q2", "number"),
)


KINDS = ("open", "click", "bounce", "complaint", "visit", "form", "reply", "unsubscribe")


happened = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(-60, 800).map(lambda halves: halves / 2),
        st.sampled_from(["order", "cancelled", "delivery", "answer", *KINDS]),
        st.integers(1, 4),
    ),
    max_size=30,
)


def history(events: list[tuple[str, float, str, int]]) -> dict[str, Rows]:
    """Rows of every event table; the number picks campaign, category, currency and answer."""
    rows: dict[str, Rows] = {name: [] for name in ("orders", "order_lines", "deliveries", "engagements")}
    rows["survey_answers"] = []
    for number, (who, days, kind, pick) in enumerate(events):
        if kind in {"order", "cancelled"}:
            state = {"state": "placed" if kind == "order" else "cancelled", "currency": ["USD", "EUR"][pick % 2]}
            rows["orders"].append(order(who, number, days, pick * 1.1, **state))
            line = {"connection": "crm", "order_id": f"o{number}", "line_id": "1", "quantity": pick}
            rows["order_lines"].append({**line, "product_id": f"p{pick}", "category": f"c{pick}"})
        elif kind == "delivery":
            rows["deliveries"].append(mail(who, f"c{number}", days))
        elif kind == "answer":
            key = {"connection": f"f{number}"}
            rows["survey_answers"].append({**answer(who, f"q{1 + pick % 2}", str(pick), days), **key})
        else:
            campaign = {"campaign_id": None} if kind in {"visit", "form"} else {}
            event = {**mail(who, f"c{pick}", days, kind), "event_id": f"e{number}", **campaign}
            rows["engagements"].append(event)
    return rows
