"""People, what they answered to each purpose and what they did; the same world with only forbidden data changed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pyarrow as pa

from connectors.records import TABLES

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CAMPAIGNS = ("spring", "summer", "autumn")
YES, NO = ("yes", "1", "Ja", "opt-in", "TRUE"), ("no", "0", "nein", "opt_out", "False")
SILENT = ("", "n/a", "perhaps")  # the last is in no table
PRODUCTS = ("tea", "tent", "lamp", "book")


@dataclass(frozen=True)
class Person:
    """One person: answers, and what nobody may use without them.

    Attributes:
        profiled: Whether the answers allow profiling.
        tracked: Whether they allow tracking.
        sensitive: A sensitive trait, for which the workspace names no purpose.
    """

    number: int
    answers: Mapping[str, str]
    profiled: bool
    tracked: bool
    traits: Mapping[str, str]
    sensitive: str
    orders: tuple[tuple[float, float, str], ...]  # days ago, amount, product
    acts: tuple[tuple[str, str, float], ...]  # kind, campaign, days ago
    mails: tuple[str, ...]
    score: str


def make_world(seed: int, people: int = 14) -> list[Person]:
    """Return the people of a world; the same seed gives the same."""
    chance = random.Random(seed)  # noqa: S311 - worlds, no secrets
    return [_person(chance, number) for number in range(people)]


def side_by_side(worlds: Iterable[Iterable[Person]]) -> list[Person]:
    """Return the people of several worlds in one workspace, numbered anew; each keeps its answers and its data."""
    return [replace(person, number=number) for number, person in enumerate(chain.from_iterable(worlds))]


def _person(chance: random.Random, number: int) -> Person:
    profiling, tracking, objects = (_answer(chance) for _ in range(3))
    objected = objects == "yes" and chance.random() < 0.3
    allowed = {name: said == "yes" and not objected for name, said in (("p", profiling), ("t", tracking))}
    words = {"yes": YES, "no": NO, "silent": SILENT}
    answers = {
        "profiling_ok": chance.choice(words[profiling]),
        "tracking_ok": chance.choice(words[tracking]),
        "objects": chance.choice(YES) if objected else "",
    }
    person = Person(number, answers, allowed["p"], allowed["t"], {}, "", (), (), (), "")
    return _lived(chance, replace(person, mails=tuple(chance.sample(CAMPAIGNS, chance.randint(0, 3)))))


def _answer(chance: random.Random) -> str:
    return chance.choices(["yes", "no", "silent"], [6, 2, 2])[0]


def _lived(chance: random.Random, person: Person) -> Person:
    """What a person is and did, all of it forbidden to use without profiling."""
    orders = tuple(
        (chance.uniform(0, 400), round(chance.uniform(5, 200), 2), chance.choice(PRODUCTS))
        for _ in range(chance.randint(0, 5))
    )
    traits = {"country": chance.choice(["CH", "DE", "FR"]), "jobtitle": chance.choice(["cook", "pilot"])}
    return replace(
        _acted(chance, person), orders=orders, traits=traits, sensitive=_faith(chance), score=str(chance.randint(1, 5))
    )


def _acted(chance: random.Random, person: Person) -> Person:
    """What only tracking tells, and replies and forms, which people sent themselves."""
    kinds = ["open", "click", "visit", "open"]
    acts = [
        (chance.choice(kinds), chance.choice(CAMPAIGNS), chance.uniform(0, 300)) for _ in range(chance.randint(0, 6))
    ]
    own = [act for act in person.acts if act[0] in {"reply", "form"}]
    own = own or [
        (kind, chance.choice(CAMPAIGNS), chance.uniform(0, 300)) for kind in chance.sample(["reply", "form"], 1)
    ]
    return replace(person, acts=tuple(acts + own))


def _faith(chance: random.Random) -> str:
    return chance.choice(["catholic", "jewish", "none", ""])


def with_forbidden_changed(world: Iterable[Person], seed: int) -> list[Person]:
    """Return the same world; only what nobody may use of a person is another: all, what tracking told, or faith."""
    chance = random.Random(seed)  # noqa: S311
    changed = []
    for person in world:
        other = replace(person, sensitive=_faith(chance))
        if not person.profiled:
            other = replace(_lived(chance, replace(person, acts=())), mails=person.mails)
            other = replace(other, mails=tuple(chance.sample(CAMPAIGNS, chance.randint(0, 3))))
        elif not person.tracked:
            other = _acted(chance, other)
        changed.append(other)
    return changed


def rows_of(world: Iterable[Person]) -> dict[str, pa.Table]:
    """Return a world as rows of the warehouse, by table."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for place, name in enumerate(CAMPAIGNS):
        sent = {"sent_at": NOW - (60 - 20 * place) * DAY, "name": name, "subject": name, "state": "sent"}
        # what the platform itself counted stays whoever consents
        totals = {"sent": 100, "opened": 40, "clicked": 10, "unsubscribed": 1, "bounced": 0, "complained": 0}
        rows["campaigns"].append({"connection": "email", "campaign_id": name, **sent, **totals, "currency": "EUR"})
    for person in world:
        _add(rows, person)
    return {name: pa.Table.from_pylist(listed, schema=TABLES[name].columns) for name, listed in rows.items() if listed}


def _add(rows: dict[str, list[dict[str, Any]]], person: Person) -> None:
    number, address = person.number, f"p{person.number}@people.test"
    key = {"connection": "email", "contact_key": f"mailto:{address}"}
    contact = {
        "connection": "crm", "platform_id": str(1000 + number), "email": address, "additional_emails": [],
        "merged_ids": [], "state": "active", "consent": "unknown" if number % 3 else "subscribed",
        "created_at": NOW - 500 * DAY, "updated_at": NOW - 40 * DAY,
    }  # fmt: skip
    properties = {**person.answers, **person.traits, "faith": person.sensitive}
    rows["contacts"].append({**contact, "properties": json.dumps(properties, sort_keys=True)})
    member = {**contact, "connection": "email", "platform_id": f"m{number}", "consent": "subscribed"}
    rows["contacts"].append({**member, "properties": "{}"})
    for place, (ago, amount, product) in enumerate(person.orders):
        order = {"connection": "email", "order_id": f"o{number}-{place}"}
        money = {"at": NOW - ago * DAY, "amount": amount, "currency": "EUR", "state": "placed"}
        rows["orders"].append({**key, **order, **money})
        line = {"line_id": "1", "product_id": product, "title": product, "category": product[:2]}
        rows["order_lines"].append({**order, **line, "quantity": 1.0, "price": amount})
    for mail in person.mails:
        at = NOW - (60 - 20 * CAMPAIGNS.index(mail)) * DAY
        variant = "ab"[number % 2]
        rows["deliveries"].append({**key, "campaign_id": mail, "at": at, "status": "sent", "variant": variant})
    for place, (kind, mail, ago) in enumerate(person.acts):
        event = {"event_id": f"e{number}-{kind}-{place}", "kind": kind, "campaign_id": mail, "at": NOW - ago * DAY}
        rows["engagements"].append({**key, **event, "url": f"https://shop.test/{person.number}"})
    answer = {"survey": "needs", "at": NOW - 30 * DAY}
    rows["survey_answers"].append({**key, **answer, "item": "q1", "value": person.score})
    rows["survey_answers"].append({**key, **answer, "item": "faith", "value": person.sensitive})
