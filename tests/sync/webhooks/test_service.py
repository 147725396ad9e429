"""New contacts get their persona on both platforms, over real sockets."""

from __future__ import annotations

from datetime import UTC, datetime

from sync.loop import run_loop
from tests.sync.webhooks.conftest import Served, benched


def test_a_contact_created_in_hubspot_shows_its_persona_on_both_platforms(served: Served) -> None:
    served.subscribe("ada@new.test")
    contact = served.platforms.crm.add_contact(
        {"email": "ada@new.test", "lifecyclestage": "lead"}, created_at=datetime.now(UTC)
    )

    assert served.hubspot([served.created(contact)]).status_code == 204
    served.idle()

    assert served.property(contact, "personasync_persona")
    assert served.field("ada@new.test", "PERSONA") == served.property(contact, "personasync_persona")


def test_a_subscriber_of_mailchimp_shows_their_persona_on_both_platforms(served: Served) -> None:
    contact = served.platforms.crm.add_contact(
        {"email": "bo@new.test", "lifecyclestage": "lead"}, created_at=datetime.now(UTC)
    )
    served.subscribe("bo@new.test")

    assert served.mailchimp("subscribe", email="bo@new.test", id="x1").status_code == 200
    served.idle()

    assert served.field("bo@new.test", "PERSONA")
    assert served.property(contact, "personasync_persona") == served.field("bo@new.test", "PERSONA")


def test_the_next_run_changes_nothing_of_what_the_service_did(served: Served) -> None:
    contact = served.platforms.crm.add_contact(
        {"email": "cy@new.test", "lifecyclestage": "lead"}, created_at=datetime.now(UTC)
    )
    served.hubspot([served.created(contact)])
    served.idle()

    with benched(served.platforms) as bench:
        loop = run_loop(bench)

    assert loop.planned.plan.changes == []
