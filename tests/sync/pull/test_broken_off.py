"""A pull that breaks off loses nothing for good, and leaves nobody unlinked whom it has read."""

from __future__ import annotations

import json

import pytest

from connectors.errors import PersonasyncError
from connectors.records import CONTACTS
from connectors.sandbox.door import InjectedFault
from sync.clock import now
from sync.pull.identities import unlinked
from sync.pull.job import properties_read, pull
from sync.session import Session, open_session
from tests.sync.conftest import Platforms, edit

SITE = """[traits.site]
connection = "crm"
property = "website"

[guardrails]"""


def broken(platforms: Platforms, session: Session, fault: InjectedFault) -> None:
    """Let a pull break off where a platform refuses a request."""
    platforms.sandbox.journal.faults[:] = [fault]
    with pytest.raises(PersonasyncError):
        pull(session)
    platforms.sandbox.journal.faults[:] = []


def websites(session: Session) -> set[str | None]:
    contacts = session.warehouse.current(CONTACTS.name)
    rows = contacts.filter(contacts.connection == "crm", contacts.state == "active").select("properties").to_pyarrow()
    return {json.loads(text).get("website") for text in rows["properties"].to_pylist()}


@pytest.mark.long
def test_a_new_property_is_read_of_everybody_when_the_first_try_breaks_off(platforms: Platforms) -> None:
    for row in platforms.crm.contacts.values():
        row["properties"]["website"] = "www.one.example"
    with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
        pull(session)
    edit(platforms, "[guardrails]", SITE)
    refused = InjectedFault(kind="status", platform="hubspot", match="contacts", status=403, times=1)
    with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
        broken(platforms, session, refused)
        after_a_try = "website" in properties_read(session, "crm")
        pull(session)

        assert (after_a_try, websites(session)) == (False, {"www.one.example"})
        assert "website" in properties_read(session, "crm")


@pytest.mark.parametrize("breaks", ["crm: orders", "email: contacts"])
def test_whom_a_pull_has_read_before_it_broke_off_is_linked(platforms: Platforms, ready: Session, breaks: str) -> None:
    address = next(row["email_address"] for row in platforms.members() if row["status"] == "subscribed")
    platforms.crm.add_contact(
        {"email": f"new-{address}", "hs_email_optout": "true"}, created_at=platforms.sandbox.world.clock.now()
    )
    platform, match = ("hubspot", "deals") if breaks == "crm: orders" else ("mailchimp", "members")
    broken(platforms, ready, InjectedFault(kind="status", platform=platform, match=match, status=403, times=1))

    assert unlinked(ready.warehouse, ready.control) == 0
