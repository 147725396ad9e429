"""Events of another HubSpot account that installed the same app: signed rightly, and about other people."""

from __future__ import annotations

import pytest

from sync.control.inbox import Inbox
from sync.control.schema import inbox_event
from sync.webhooks.strangers import FOREIGN
from sync.workspace.settings import load_workspace
from tests.sync.conftest import Platforms
from tests.sync.webhooks.conftest import Served, serving

OTHER = 62515


def states(inbox: Inbox, contact: str) -> list[str]:
    """What became of the events about a contact of either account."""
    query = inbox_event.select().where(inbox_event.c.contact.endswith(f":{contact}"))
    with inbox.engine.connect() as connection:
        return sorted(row.state for row in connection.execute(query))


def is_linked(served: Served, contact: str) -> bool:
    key = f"crm:{contact}"
    return key in served.service.control.links.of_keys({key})


def test_an_event_of_another_account_classifies_nobody(served: Served) -> None:
    contact = served.newcomer("ada@other-account.test")
    answer = served.hubspot([{**served.created(contact), "portalId": OTHER}])
    served.idle()

    assert answer.status_code == 200  # anything else brings it back for a day
    assert not is_linked(served, contact)
    assert served.property(contact, "personasync_persona") == ""


def test_who_is_erased_in_another_account_stays_here(looped: Platforms) -> None:
    with serving(looped) as served:
        contact = served.newcomer("bo@other-account.test")
        served.hubspot([served.created(contact)])
        served.idle()
        before = served.property(contact, "personasync_persona")
        del looped.crm.contacts[contact]  # as far as our account tells, they may be gone
        erased = {"subscriptionType": "contact.privacyDeletion", "portalId": OTHER}
        served.hubspot([{**served.created(contact, 2), **erased}])
        served.idle()

        assert before
        assert is_linked(served, contact)
        assert states(served.service.control.inbox, contact) == ["done", FOREIGN]


def test_events_of_both_accounts_about_the_same_number_are_told_apart(served: Served) -> None:
    contact = served.newcomer("cy@other-account.test")
    theirs = {**served.created(contact, 2), "portalId": OTHER, "subscriptionType": "contact.deletion"}
    served.hubspot([theirs, served.created(contact, 3)])
    served.idle()

    assert served.property(contact, "personasync_persona")
    assert states(served.service.control.inbox, contact) == ["done", FOREIGN]


def test_a_workflow_of_another_account_is_not_told_our_persona(served: Served) -> None:
    contact = served.newcomer("di@other-account.test")
    theirs = served.action(contact, "theirs", portal=OTHER)
    ours = served.action(contact, "ours")

    assert (theirs.status_code, theirs.text) == (403, "another account")
    assert ours.json()["outputFields"]["persona"]


def test_a_token_that_may_not_read_the_account_takes_the_number_from_the_settings(
    looped: Platforms, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = looped.folder / "personasync.toml"
    text = file.read_text("utf-8").replace("[connections.crm]", f'[connections.crm]\nportal_id = "{OTHER}"')
    file.write_text(text, "utf-8")

    assert load_workspace(looped.folder).connections["crm"].settings()["portal_id"] == str(OTHER)
    with serving(looped) as served:
        contact = served.newcomer("ed@other-account.test")
        served.hubspot([served.created(contact)])
        served.idle()

        assert not is_linked(served, contact)
