"""What both local platforms share: people who buy by a stated model and answer by who they are, a clock, a file."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean

import pytest
import requests

from connectors.sandbox import marketer
from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.orders import As, OrderFileError, fill_from_orders, read_purchases
from connectors.sandbox.people import people
from connectors.sandbox.responses import Recipient, respond
from connectors.sandbox.server import Sandbox
from connectors.sandbox.tastes import TASTES, remember_taste
from connectors.sandbox.world import make_world

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_the_same_seed_gives_the_same_people() -> None:
    def told(seed: int) -> list[object]:
        return [(human.email, human.taste, human.orders) for human in people(200, seed=seed, now=NOON)]

    assert told(1) == told(1) != told(2)


def test_purchases_follow_the_published_model() -> None:
    """BG/NBD with CDNOW's parameters: E[X(t)] of Fader, Hardie & Lee (2005), equation 9, by numeric integration."""
    from scipy.special import hyp2f1  # noqa: PLC0415

    r, alpha, a, b = 0.243, 4.414, 0.793, 2.426
    pace = TASTES["bargain"].pace
    counts, expected = [], []
    for human in people(30_000, seed=7, now=NOON):
        if human.taste == "bargain" and human.orders:
            weeks = (NOON - human.since) / timedelta(weeks=1) * pace  # a faster pace is a longer time
            first = (a + b - 1) / (a - 1)
            factor = (alpha / (alpha + weeks)) ** r * hyp2f1(r, b, a + b - 1, weeks / (alpha + weeks))
            expected.append(first * (1 - factor))
            counts.append(len(human.orders) - 1)

    assert mean(counts) == pytest.approx(mean(expected), rel=0.06)


def test_what_speaks_to_somebody_is_clicked_more() -> None:
    world = make_world()
    addresses = [f"p{number}@people.test" for number in range(8_000)]
    for address in addresses:
        remember_taste(world, address, "gift")

    def clicks(content: str) -> int:
        responses = respond(world, [Recipient(address, content) for address in addresses], sent_at=NOON)
        return sum(response.kind == "click" for response in responses)

    plain, matched, missed = clicks("News"), clicks("A gift for all"), clicks("The sale has started")
    taste = TASTES["gift"]
    assert missed < plain < matched
    assert plain / 8_000 == pytest.approx(taste.open * taste.click, rel=0.15)


def test_everything_happens_within_three_days_and_the_same_each_time() -> None:
    world = make_world()
    recipients = [Recipient(f"p{number}@people.test", "Welcome") for number in range(3_000)]
    recipient_responses = respond(world, recipients, sent_at=NOON)
    shuffled = respond(make_world(), recipients[::-1], sent_at=NOON)

    assert all(NOON <= response.at <= NOON + timedelta(hours=72) for response in recipient_responses)
    assert Counter(recipient_responses) == Counter(shuffled)
    assert {response.kind for response in recipient_responses} >= {
        "open",
        "machine_open",
        "click",
        "order",
        "unsubscribe",
        "hard_bounce",
    }


def test_a_server_that_was_killed_comes_back_as_it_was(tmp_path: Path) -> None:
    state = tmp_path / "state.sqlite"
    command = [sys.executable, "-m", "connectors.sandbox", "--people", "30", "--state", str(state)]

    def start() -> tuple[subprocess.Popen[str], dict[str, str]]:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    def call(access: dict[str, str], method: str, path: str, body: object = None) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {access['hubspot_token']}"}
        answer = requests.request(method, access["hubspot_url"] + path, json=body, headers=headers, timeout=10)
        assert answer.status_code < 300, answer.text
        document: dict[str, object] = answer.json()
        return document

    process, access = start()
    made = call(access, "POST", "/crm/v3/objects/contacts", {"properties": {"email": "kept@people.test"}})
    marketer.advance_clock(access["mailchimp_url"], days=2)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    process, access = start()
    try:
        again = call(access, "GET", f"/crm/v3/objects/contacts/{made['id']}")
    finally:
        process.terminate()
        process.communicate(timeout=20)

    assert again["id"] == made["id"]
    assert process.returncode in {0, -signal.SIGTERM}


def test_both_platforms_know_most_people_and_the_usual_dirt() -> None:
    world = make_world()
    fill(world, 1_000)
    crm, email = HubSpotState.of(world), MailchimpState.of(world)
    members = list(email.members(AUDIENCE).values())
    contacts = list(crm.contact_records.rows())
    shared = {m["email_address"].lower() for m in members} & set(crm.by_email)

    assert 850 < len(contacts) < 1_000
    assert 700 < len(members) < 900
    assert 600 < len(shared) < 800
    assert {"subscribed", "unsubscribed", "cleaned", "pending"} == {m["status"] for m in members}
    assert any(m["email_address"] != m["email_address"].lower() for m in members)
    assert any(not row["properties"].get("email") for row in contacts)
    assert any(row["properties"].get("hs_additional_emails") for row in contacts)


PAYING, ORDERS_EACH = 300, 3


@pytest.fixture
def invented_history(tmp_path: Path) -> Path:
    """A file in CDNOW's layout: some buy twice on a day, which is one order, and some got all for nothing."""
    paid = [
        f"{who:05d} 19970{month}{who % 28 + 1:02d} 1 {who % 90 + 1}.50" for who in range(PAYING) for month in (1, 4, 9)
    ]
    twice = [line.replace(".50", ".25") for line in paid[::7]]
    free = [f"{PAYING + who:05d} 19970315 1 0.00" for who in range(9)]
    path = tmp_path / "CDNOW_master.txt.gz"
    path.write_bytes(gzip.compress("\r\n".join(sorted([*paid, *twice, *free])).encode()))
    return path


@pytest.mark.parametrize("orders_as", ["ecommerce", "deals"])
def test_a_history_fills_both_platforms(invented_history: Path, orders_as: As) -> None:
    totals = filled_by(invented_history, orders_as)

    assert totals == {"customers": PAYING, "orders": PAYING * ORDERS_EACH, "lines_left_out": 9}


@pytest.mark.proof
@pytest.mark.parametrize("orders_as", ["ecommerce", "deals"])
def test_a_real_history_fills_both_platforms(shared: Path, orders_as: As) -> None:
    totals = filled_by(shared / "data" / "cdnow" / "CDNOW_master.txt.gz", orders_as)

    assert 23_000 < totals["customers"] <= 23_570  # some bought for nothing only


def filled_by(path: Path, orders_as: As) -> dict[str, int]:
    """Fill both platforms from a file of orders, look whether they hold what was told, and return that."""
    world = make_world()
    totals = fill_from_orders(world, path, orders_as=orders_as)
    crm, email = HubSpotState.of(world), MailchimpState.of(world)
    deals, orders = len(list(crm.deal_records.rows())), len(email.shop("orders", "orders"))
    last = max(order["processed_at_foreign"] for order in email.shop("orders", "orders").values()) if orders else ""

    assert (deals, orders) == ((totals["orders"], 0) if orders_as == "deals" else (0, totals["orders"]))
    assert len(email.members(AUDIENCE)) == len(list(crm.contact_records.rows())) == totals["customers"]
    assert not last or timedelta(0) <= world.clock.now() - datetime.fromisoformat(last) < timedelta(days=2)
    return totals


def test_a_file_that_is_no_order_history_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(OrderFileError, match="no column for the customer"):
        read_purchases(path)
    path.write_text("customer,date,amount\n1,soon,2\n")
    with pytest.raises(OrderFileError, match="row 1: 'soon' is no date"):
        read_purchases(path)


def test_both_platforms_share_one_clock_and_say_its_time() -> None:
    with Sandbox(make_world()) as sandbox:
        marketer.advance_clock(sandbox.hubspot_url, days=30)
        access = sandbox.access
        crm = requests.get(sandbox.hubspot_url, timeout=10).headers["Date"]
        email = requests.get(
            f"{access['mailchimp_url']}/ping", auth=("x", access["mailchimp_key"]), timeout=10
        ).headers["Date"]

    assert crm[:16] == email[:16] == (datetime.now(UTC) + timedelta(days=30)).strftime("%a, %d %b %Y")
