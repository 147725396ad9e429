"""The world that foreign clients read, and what they must find: counted from its file, without the platforms' code."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.marketer import TIMEOUT
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import HUBSPOT_TOKEN, MAILCHIMP_KEY, World, make_world

PEOPLE = 420  # several pages of every size that the clients ask for
DAYS = 20  # since the campaigns went out
LISTED, TAGGED = 260, 230
LIST, TAG = "Loyal customers", "loyal"
HTML = '<p>Early access: <a href="https://shop.people.test/new">new arrivals</a></p>'

Row = dict[str, Any]
Reading = Any  # a JSON document, compared as it is


def new_world(path: Path) -> World:
    """Return a world whose people signed up before the campaigns, as of some days ago."""
    world = make_world(path, seed=17)
    world.settings.encoded_cursors = True  # assumption A4: all these clients send a cursor as it came
    world.clock.advance(timedelta(days=-DAYS))
    fill(world, PEOPLE)
    world.store.flush()
    return world


def send_campaigns(sandbox: Sandbox) -> None:
    """Do what a marketing team does before a client reads: a list, a tag, a mail on each platform; then days pass."""
    hubspot, mailchimp = _caller(sandbox.hubspot_url, None), _caller(sandbox.mailchimp_url, MAILCHIMP_KEY)
    contacts = [hubspot("GET", "/crm/v3/objects/contacts?limit=100")]
    while "paging" in contacts[-1]:
        after = contacts[-1]["paging"]["next"]["after"]
        contacts.append(hubspot("GET", f"/crm/v3/objects/contacts?limit=100&after={after}"))
    ids = [row["id"] for page in contacts for row in page["results"]]
    created = hubspot("POST", "/crm/v3/lists", {"name": LIST, "objectTypeId": "0-1", "processingType": "MANUAL"})
    hubspot("PUT", f"/crm/v3/lists/{created['list']['listId']}/memberships/add", ids[:LISTED])
    email = {"name": "November", "subject": "Early access", "content": {"plainTextVersion": HTML}}
    hubspot("POST", f"/marketing/v3/emails/{hubspot('POST', '/marketing/v3/emails', email)['id']}/publish")
    members = mailchimp("GET", f"/lists/{AUDIENCE}/members?count=1000&status=subscribed")["members"]
    addresses = [member["email_address"] for member in members[:TAGGED]]
    mailchimp("POST", f"/lists/{AUDIENCE}/segments", {"name": TAG, "static_segment": addresses})
    settings = {"title": "November", "subject_line": "Early access", "from_name": "Shop", "reply_to": "s@people.test"}
    body = {"type": "regular", "recipients": {"list_id": AUDIENCE}, "settings": settings}
    campaign = mailchimp("POST", "/campaigns", body)["id"]
    mailchimp("PUT", f"/campaigns/{campaign}/content", {"html": HTML})
    mailchimp("POST", f"/campaigns/{campaign}/actions/send")
    sandbox.world.clock.advance(timedelta(days=DAYS))
    hubspot("GET", "/email/public/v1/events")  # what people did meanwhile is filed when somebody asks
    mailchimp("GET", "/reports")


def _caller(url: str, key: str | None) -> Callable[..., Any]:
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {key or HUBSPOT_TOKEN}"

    def call(method: str, path: str, body: Any = None) -> Any:
        answer = session.request(method, url + path, json=body, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    return call


def read_world(path: Path) -> dict[str, Reading]:
    """Return what there is to read, by the name of the reading."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        rows = file.execute("SELECT name, key, body FROM document ORDER BY place").fetchall()
    tables: dict[str, dict[str, Row]] = {}
    for name, key, body in rows:
        tables.setdefault(name, {})[key] = json.loads(body)
    return _of_hubspot(tables) | _of_mailchimp(tables)


def _of_hubspot(tables: dict[str, dict[str, Row]]) -> dict[str, Reading]:
    contacts = [row for row in tables["hubspot.contacts"].values() if not row["archived"]]
    events = list(tables["hubspot.events"].values())
    people = [event for event in events if not event.get("filteredEvent")]
    counters = {
        "sent": "SENT",
        "delivered": "DELIVERED",
        "open": "OPEN",
        "click": "CLICK",
        "unsubscribed": "STATUSCHANGE",
    }
    return {
        "contacts": sorted(f"{row['id']} {row['properties'].get('email') or '-'}" for row in contacts),
        "deals": sorted(f"{row['id']} {row['properties']['amount']}" for row in tables["hubspot.deals"].values()),
        "lists": sorted(row["name"] for row in tables["hubspot.lists"].values()),
        "list members": sorted(key.partition("/")[2] for key in tables["hubspot.memberships"]),
        "events": dict(Counter(event["type"] for event in events)),
        "counters": {name: len(_recipients(people, kind)) for name, kind in counters.items()},
    }


def _recipients(events: Iterable[Row], kind: str) -> set[str]:
    return {event["recipient"] for event in events if event["type"] == kind}


def _of_mailchimp(tables: dict[str, dict[str, Row]]) -> dict[str, Reading]:
    members = list(tables[f"mailchimp.members.{AUDIENCE}"].values())
    reachable = [row for row in members if row["status"] == "subscribed"]  # others are asked for by name only
    (campaign,) = tables["mailchimp.campaigns"].values()
    (tag,) = tables[f"mailchimp.segments.{AUDIENCE}"]
    mails = list(tables[f"mailchimp.deliveries.{campaign['id']}"].values())
    acts = Counter(act["action"] for mail in mails for act in mail["activity"])
    who = {kind: [mail for mail in mails if kind in {act["action"] for act in mail["activity"]}] for kind in acts}
    return {
        "members": sorted(f"{row['email_address']} {row['status']}" for row in members),
        "tag members": sorted(row["email_address"] for row in reachable if tag in row["tags"]),
        "activity": dict(acts),
        "unsubscribes": sorted(mail["email_address"] for mail in mails if mail["unsubscribed"]),
        "report": {
            "emails_sent": len(mails),
            "opens_total": acts["open"],
            "unique_opens": len(who["open"]),
            "clicks_total": acts["click"],
            "unique_subscriber_clicks": len(who["click"]),
            "unsubscribed": sum(mail["unsubscribed"] is not None for mail in mails),
        },
        "orders": sorted(tables["mailchimp.orders.shop"]),
    }
