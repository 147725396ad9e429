"""New contacts get their persona on both platforms, over real sockets."""

from __future__ import annotations

from datetime import UTC, datetime

from sync.ops.run import run_loop
from tests.sync.conftest import Platforms
from tests.sync.webhooks.conftest import Served, serving, session_on, wait_for


def test_a_contact_created_in_hubspot_shows_its_persona_on_both_platforms(served: Served) -> None:
    served.subscribe("ada@new.test")
    contact = served.platforms.crm.add_contact(
        {"email": "ada@new.test", "lifecyclestage": "lead"}, created_at=datetime.now(UTC)
    )

    assert served.hubspot([served.created(contact)]).status_code == 200
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


def test_the_next_run_changes_nothing_of_what_the_service_did(looped: Platforms) -> None:
    with serving(looped) as served:
        contact = served.newcomer("cy@new.test")
        served.hubspot([served.created(contact)])
        served.idle()
        shown = served.property(contact, "personasync_persona")

    with session_on(looped) as session:
        loop = run_loop(session)

    assert shown
    assert loop.planned.plan.changes == []


def test_our_own_write_that_comes_back_causes_no_work(served: Served) -> None:
    contact = newcomer(served, "di@new.test")
    served.hubspot([served.created(contact)])
    served.idle()
    sent = len(served.platforms.sandbox.journal.entries)
    shown = served.property(contact, "personasync_persona")

    change = {"subscriptionType": "contact.propertyChange", "propertyName": "personasync_persona"}
    served.hubspot([{**served.created(contact, 7), **change, "propertyValue": shown}])
    served.idle()

    assert len(served.platforms.sandbox.journal.entries) == sent


def test_a_workflow_is_answered_with_the_persona(served: Served) -> None:
    contact = newcomer(served, "ed@new.test")

    answer = served.action(contact, "ap-1")

    assert answer.status_code == 200
    fields = answer.json()["outputFields"]
    assert fields["hs_execution_state"] == "SUCCESS"
    assert fields["segment"] == served.property(contact, "personasync_segment")


def test_a_contact_who_opted_out_is_left_alone(served: Served) -> None:
    contact = served.platforms.crm.add_contact(
        {"email": "fi@new.test", "lifecyclestage": "lead"}, created_at=datetime.now(UTC), opted_out=True
    )
    before = served.platforms.writes()
    served.hubspot([served.created(contact)])
    served.idle()

    assert [write for write in served.platforms.writes()[len(before) :] if "batch/read" not in write] == []
    assert served.property(contact, "personasync_persona") == ""


def test_a_delivery_that_is_not_theirs_is_refused_and_nothing_is_kept(served: Served) -> None:
    url = served.address + "/webhooks/hubspot"
    answers = [
        served.session.post(url, data=b"[]", timeout=5),
        served.session.post(url, data=b"[]", headers={"X-HubSpot-Signature": "\xff" * 64}, timeout=5),
        served.session.post(served.address + "/webhooks/mailchimp", data=b"type=subscribe", timeout=5),
        served.session.post(served.address + "/webhooks/mailchimp/guess", data=b"type=subscribe", timeout=5),
        served.session.get(url, timeout=5),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 200]
    assert served.service.control.inbox.backlog().waiting == 0


def test_a_body_that_is_too_large_is_refused_before_it_is_read(served: Served) -> None:
    answer = served.session.post(served.address + "/webhooks/hubspot", data=b"x" * 1_100_000, timeout=5)

    assert answer.status_code == 413


def test_the_operator_sees_how_it_stands(served: Served) -> None:
    contact, before = newcomer(served, "gi@new.test"), figures(served)
    pushed = before["personasync_event_to_pushed_seconds_count"]
    taken = before.get('personasync_deliveries_total{platform="hubspot",status="200"}', 0)
    served.hubspot([served.created(contact)])
    served.idle()
    wait_for(lambda: figures(served)["personasync_event_to_pushed_seconds_count"] > pushed)

    assert served.session.get(served.address + "/health", timeout=5).json() == {"state": "ok"}
    assert served.session.get(served.address + "/ready", timeout=5).json() == {"ready": True, "reasons": []}
    assert figures(served)['personasync_deliveries_total{platform="hubspot",status="200"}'] == taken + 1
    assert figures(served)["personasync_contacts_waiting"] == 0


def figures(served: Served) -> dict[str, float]:
    page = served.session.get(served.address + "/metrics", timeout=5).text
    lines = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def newcomer(served: Served, email: str) -> str:
    return served.platforms.crm.add_contact({"email": email, "lifecyclestage": "lead"}, created_at=datetime.now(UTC))
