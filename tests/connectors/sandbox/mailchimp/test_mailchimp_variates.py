"""Multivariate campaigns: equal parts, children, and a winner."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connectors.sandbox.mailchimp.directory import subscriber_hash

if TYPE_CHECKING:
    from tests.connectors.sandbox.mailchimp.conftest import Platform, Script

Json = Any  # a parsed JSON value, or what has no types

Send = Callable[..., str]
ADA = subscriber_hash("ada@people.test")
DAY = timedelta(days=1)


def variants(*, test_size: int = 100, criteria: str = "clicks") -> dict[str, Any]:
    return {"winner_criteria": criteria, "wait_time": 60, "test_size": test_size}


def test_a_variate_campaign_splits_everybody_evenly_into_children(
    platform: Platform, script: Script, send_campaign: Send
) -> None:
    platform.add(*(f"p{number}" for number in range(30)))
    script.acts = {f"p{number}": [("open", 5)] for number in range(30)}
    htmls = json.dumps(["<p>one</p>", "<p>two</p>", "<p>three</p>"])

    parent = send_campaign(htmls, type="variate", variate_settings=variants())
    platform.world.clock.advance(DAY)
    children = platform.get(f"/reports/{parent}/sub-reports")["reports"]
    campaign = platform.get(f"/campaigns/{parent}")
    reached = {
        child["id"]: {row["email_id"] for row in platform.get(f"/reports/{child['id']}/sent-to", count=500)["sent_to"]}
        for child in children
    }

    assert [child["emails_sent"] for child in children] == [10, 10, 10]
    assert sum(child["opens"]["unique_opens"] for child in children) == 30
    combinations = campaign["variate_settings"]["combinations"]
    assert [(combination["id"], combination["recipients"]) for combination in combinations] == [
        (child["id"], 10) for child in children
    ]
    assert [combination["content_description"] for combination in combinations] == [0, 1, 2]
    assert len(set().union(*reached.values())) == 30
    assert platform.get(f"/reports/{parent}/sent-to", count=500)["total_items"] == 30
    assert (campaign["emails_sent"], campaign["status"]) == (30, "sent")
    assert sorted(script.read.values()) == sorted(
        f"News\n{word}" for word in ("one", "two", "three") for _ in range(10)
    )
    assert platform.get("/campaigns")["total_items"] == platform.get("/reports")["total_items"] == 1
    assert platform.get(f"/campaigns/{children[0]['id']}")["parent_campaign_id"] == parent


def test_a_variate_campaign_sends_the_rest_what_won_the_test(
    platform: Platform, script: Script, send_campaign: Send
) -> None:
    platform.add(*(f"p{number}" for number in range(20)))
    settings = {**variants(test_size=50, criteria="opens"), "subject_lines": ["A", "B"]}
    parent = send_campaign(type="variate", variate_settings=settings)
    first = dict(script.read)
    readers_of_b = [email.partition("@")[0] for email, text in first.items() if text.startswith("B")]
    deliveries = platform.state.deliveries(parent)
    for contact_id, delivery in deliveries.items():
        if delivery["email_address"].partition("@")[0] in readers_of_b:
            deliveries[contact_id] = {
                **delivery,
                "activity": [{"action": "open", "timestamp": platform.state.now(), "ip": ""}],
            }
    waiting = platform.get(f"/campaigns/{parent}")

    platform.world.clock.advance(timedelta(minutes=61))
    done = platform.get(f"/campaigns/{parent}")

    assert (waiting["status"], waiting["emails_sent"]) == ("sending", 10)
    assert (done["status"], done["emails_sent"]) == ("sent", 20)
    winner = next(
        combination for combination in done["variate_settings"]["combinations"] if combination["subject_line"] == 1
    )
    assert done["variate_settings"]["winning_combination_id"] == winner["id"]
    assert {text for email, text in script.read.items() if email not in first} == {"B\nHello"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"winner_criteria": "luck"},
        {"winner_criteria": "opens", "test_size": 5},
        {"winner_criteria": "opens", "wait_time": 90},
        {"winner_criteria": "opens", "subject_lines": ["a"] * 3, "from_names": ["b"] * 3},
    ],
)
def test_settings_of_variants_are_checked(platform: Platform, wrong: dict[str, Any]) -> None:
    assert platform.refusal("POST", "/campaigns", json={"type": "variate", "variate_settings": wrong})
