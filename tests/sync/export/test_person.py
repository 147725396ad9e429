"""One person's data: complete as JSON, readable as a letter, and gone with the person."""

from __future__ import annotations

import json

import pytest

from sync.pull.job import pull
from sync.session import Session
from tests.sync.conftest import Platforms, Run, say

__all__ = ["say"]

SUBJECTS = {"addresses", "sources", "data", "traits", "segment", "automated_decisions", "consent", "written", "pins"}
HEADINGS = (
    "Where the data come from",
    "What we know of you",
    "The group you are in",
    "How it is decided",
    "Your consent",
    "What we wrote about you, and where",
    "Your rights",
)


@pytest.mark.long
def test_a_persons_data_name_their_source_and_go_with_the_person(
    applied: str, session: Session, platforms: Platforms, say: Run
) -> None:
    written = {outcome.change.email for outcome in session.control.ledger.outcomes(applied, state="applied")}
    known = {row["properties"].get("email") for row in platforms.crm.contacts.values()} & written
    address = next(
        row["email_address"]
        for row in platforms.members()
        if row["status"] == "subscribed" and row["email_address"] in known
    )
    pull(session)
    session.warehouse.close()
    data, letter = platforms.folder / "data.json", platforms.folder / "letter.txt"

    assert say("export", "person", address.upper(), "--out", str(data))[0] == 0
    assert say("export", "person", address, "--letter", "--out", str(letter))[0] == 0
    status, _, error = say("export", "person", "nobody@people.test")

    assert (status, "No contact has the email address" in error) == (2, True)
    document = json.loads(data.read_text("utf-8"))
    assert document.keys() >= SUBJECTS
    assert document["addresses"] == [address]
    assert {source["platform"] for source in document["sources"]} == {"HubSpot", "Mailchimp"}
    assert {row["connection"] for row in document["data"]["contacts"]} == {"crm", "email"}
    assert {each["outcome"] for each in document["written"]} == {"applied"}
    assert {each["consent"] for each in document["consent"]} == {"subscribed", "unknown"}
    assert document["segment"]["reasons"]
    lines = letter.read_text("utf-8").splitlines()
    assert [line for line in lines if line in HEADINGS] == list(HEADINGS)
    assert any(line.startswith("You are in the group") for line in lines)
    assert any("you subscribed to emails" in line for line in lines)
    assert data.stat().st_mode & 0o777 == 0o600

    assert say("forget", address, "--yes")[0] == 0
    assert not data.exists()
    assert address not in letter.read_text("utf-8")
