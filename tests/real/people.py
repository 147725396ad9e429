"""People of a real shop: customers of a public data set with their orders, addresses made up, on one server or both."""

from __future__ import annotations

import csv
import io
import random
import secrets
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
from psycopg.types.json import Jsonb

from tests.real.bottlecrm import BottleServer
from tests.real.ghost import GhostServer
from tests.real.stands import NO_MAIL

ORDERS_EACH = 3  # the latest; a deal is a request
IN_BOTH, CRM_ONLY = 0.75, 0.15  # the others read the newsletter and never bought
NO_NEWS, NO_MAIL_SHARE = 0.05, 0.03
OF_ONE = ("uuid", "transient_id")  # of members of Ghost, beside id and address
COPIES = """
    INSERT INTO {table} SELECT copy.* FROM {table} AS pattern, jsonb_array_elements(%s) AS meant,
    LATERAL jsonb_populate_record(pattern, meant) AS copy WHERE pattern.id = %s
"""


@dataclass
class RealPerson:
    """One human, and how both servers know them.

    Attributes:
        crm: Address in BottleCRM; "": not there.
        ghost: Address in Ghost; "": not there. Spelt another way than in BottleCRM.
        orders: Day, name and amount of each.
        no: Whether they said no to mail, on one of both.
        keys: Their id by server, "crm" and "email".
    """

    name: str
    country: str
    crm: str
    ghost: str
    orders: Sequence[tuple[date, str, float]]
    no_mail: bool = False
    no_news: bool = False
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def no(self) -> bool:
        """Whether nothing may be written of them."""
        return self.no_mail or self.no_news

    def segment(self, today: date) -> str:
        """Return where the rules of the workspace put them, by a reading of our own."""
        ages = [(today - day).days for day, _, _ in self.orders]
        if sum(age < 365 for age in ages) >= ORDERS_EACH and min(ages) < 60:
            return "champions"
        return "buyers" if any(age < 365 for age in ages) else "readers"


def people_of(shared: Path, count: int, today: date) -> list[RealPerson]:
    """Return *count* people; orders are moved so that the last day of the data is the day before *today*."""
    lines = pd.read_parquet(shared / "data/online_retail/online_retail.parquet")
    lines = lines[lines["CustomerID"].notna() & (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)]
    lines = lines.assign(
        day=pd.to_datetime(lines["InvoiceDate"]).dt.date, amount=lines["Quantity"] * lines["UnitPrice"]
    )
    invoices = lines.groupby(["CustomerID", "InvoiceNo"], as_index=False).agg(
        day=("day", "min"), amount=("amount", "sum"), country=("Country", "first")
    )
    ahead = today - timedelta(days=1) - invoices["day"].max()
    dice = random.Random(count)  # noqa: S311 - people, not secrets
    customers = [group for _, group in invoices.groupby("CustomerID")]
    dice.shuffle(customers)
    return [_person(number, customers, ahead, dice) for number in range(count)]


def _person(number: int, customers: Sequence[pd.DataFrame], ahead: timedelta, dice: random.Random) -> RealPerson:
    buys = number < len(customers) and dice.random() < IN_BOTH + CRM_ONLY
    bought = customers[number].sort_values("day").tail(ORDERS_EACH) if buys else None
    address = f"reader{number}@people.example"
    person = RealPerson(
        f"Reader {number}",
        str(bought["country"].iloc[0]) if bought is not None else "",
        crm=address if buys else "",
        ghost="" if buys and dice.random() < CRM_ONLY else address.replace("reader", "Reader"),
        orders=[]
        if bought is None
        else [
            (row.day + ahead, f"{row.InvoiceNo}", round(float(row.amount), 2)) for row in bought.itertuples(index=False)
        ],
    )
    person.no_news = bool(person.ghost) and dice.random() < NO_NEWS
    person.no_mail = bool(person.crm) and dice.random() < NO_MAIL_SHARE
    return person


def settle(people: Sequence[RealPerson], crm: BottleServer, site: GhostServer) -> None:
    """Put everybody on the servers, and note their ids.

    Each server makes one of a kind. Its database copies them: by its own import, Ghost takes a twentieth of a second
    for each.
    """
    field_of = {"target_model": "Contact", "key": NO_MAIL, "label": "No mail", "field_type": "checkbox"}
    crm.call("POST", "custom-fields/", field_of)
    _settle_in_crm([person for person in people if person.crm], crm)
    readers = [person for person in people if person.ghost]
    for alike in ([p for p in readers if not p.no_news], [p for p in readers if p.no_news]):
        if alike:
            _import(alike[:1], site)
            copy_member(alike[0], alike[1:], site)
    members = {member["email"]: member["id"] for member in site.members()}
    for person in readers:
        person.keys["email"] = (
            members[person.ghost.lower()] if person.ghost.lower() in members else members[person.ghost]
        )


def _settle_in_crm(people: Sequence[RealPerson], crm: BottleServer) -> None:
    """Put contacts and deals there. Its lists are in the order of when each was made, and slip where two are equal."""
    first, *others = people
    pattern = str(crm.call("POST", "contacts/", _contact(first))["id"])
    deals = [(person, order) for person in people for order in person.orders]
    first.keys["crm"] = pattern
    crm.call("POST", "opportunities/", {**_deal(deals[0][1]), "contacts": [pattern]})
    made = datetime.now(UTC)
    contacts = []
    for number, person in enumerate(others, 1):
        person.keys["crm"] = str(uuid.uuid4())
        moment = (made - timedelta(milliseconds=number)).isoformat()
        contacts.append({**_contact(person), "id": person.keys["crm"], "created_at": moment})
    copies = [
        {**_deal(order), "id": str(uuid.uuid4()), "created_at": (made - timedelta(milliseconds=number)).isoformat()}
        for number, (_, order) in enumerate(deals[1:], 1)
    ]
    with psycopg.connect(crm.database) as database, database.cursor() as cursor:
        cursor.execute(COPIES.format(table="contacts"), [Jsonb(contacts), pattern])
        (deal,) = cursor.execute("SELECT id FROM opportunity").fetchone() or ()
        cursor.execute(COPIES.format(table="opportunity"), [Jsonb(copies), deal])
        cursor.executemany(
            "INSERT INTO opportunity_contacts (opportunity_id, contact_id) VALUES (%s, %s)",
            [(copy["id"], person.keys["crm"]) for copy, (person, _) in zip(copies, deals[1:], strict=True)],
        )


def _contact(person: RealPerson) -> dict[str, Any]:
    first, _, last = person.name.partition(" ")
    own = {NO_MAIL: True} if person.no_mail else {}
    return {"first_name": first, "last_name": last, "email": person.crm, "city": person.country, "custom_fields": own}


def _deal(order: tuple[date, str, float]) -> dict[str, Any]:
    day, name, amount = order
    won = {"currency": "GBP", "stage": "CLOSED_WON", "closed_on": day.isoformat()}
    return {"name": name, "amount": str(amount), **won}


def copy_member(pattern: RealPerson, people: Sequence[RealPerson], site: GhostServer) -> None:
    """Let Ghost know more *people* who are like one whom it knows, in every table that names the member."""
    with closing(sqlite3.connect(site.database)) as database, database:
        database.row_factory = sqlite3.Row
        member = dict(
            database.execute("SELECT * FROM members WHERE email = ? COLLATE NOCASE", [pattern.ghost]).fetchone()
        )
        keys = [_like(member["id"]) for _ in people]
        own = zip(people, keys, strict=True)
        new = [{"id": key, "email": p.ghost, "name": p.name} | {n: str(uuid.uuid4()) for n in OF_ONE} for p, key in own]
        _insert(database, "members", [{**member, **values} for values in new])
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if "member_id" in {column["name"] for column in database.execute(f"PRAGMA table_info({table})")}:
                rows = database.execute(f"SELECT * FROM {table} WHERE member_id = ?", [member["id"]]).fetchall()  # noqa: S608
                copies = [{**dict(row), "id": _like(row["id"]), "member_id": key} for row in rows for key in keys]
                _insert(database, table, copies)


def _like(key: str) -> str:
    """Another id of the same second: Ghost sends nothing to whom an id makes younger than the letter."""
    return key[:8] + secrets.token_hex(8)


def _insert(database: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        columns = ", ".join(f'"{name}"' for name in rows[0])
        marks = ", ".join("?" * len(rows[0]))
        database.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", [tuple(row.values()) for row in rows])  # noqa: S608


def _import(people: Sequence[RealPerson], site: GhostServer) -> None:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["email", "name", "subscribed_to_emails"])
    rows.writerows([person.ghost, person.name, str(not person.no_news).lower()] for person in people)
    answer = site.session.post(
        f"{site.api}/members/upload/",
        files={"membersfile": ("members.csv", text.getvalue(), "text/csv")},
        timeout=300,
    )
    answer.raise_for_status()
    assert answer.json()["meta"]["stats"]["imported"] == len(people), answer.text[:500]
