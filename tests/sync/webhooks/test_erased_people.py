"""An event about somebody who was erased leaves nothing; who subscribes anew gets their persona at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.sandbox.deeds import do
from sync.clock import now
from sync.erasure.job import forget
from tests.sync.conftest import Platforms
from tests.sync.webhooks.conftest import serving, session_on, wait_for

PERSONA = "personasync_persona"
WHO = "ada@new.test"


def named_in(folder: Path, text: str) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.long
def test_the_service_neither_writes_to_erased_people_nor_keeps_their_events(looped: Platforms) -> None:
    with serving(looped) as served:
        ada = served.newcomer(WHO)
        served.subscribe(WHO)
        served.turn(ada)
        served.idle()
        before = served.property(ada, PERSONA)
        with session_on(looped) as session:
            person = session.control.links.of_keys([f"mailto:{WHO}"])[f"mailto:{WHO}"]
            forget(session, {person})
            erased_at = max(record.erased_at for record in session.control.erasures.all().values())
        looped.crm.touch_contact(looped.crm.contacts[ada], {PERSONA: ""})
        served.turn(ada, value="lead", number=3)
        served.mailchimp("profile", email=WHO, merges__COUNTRY="DE")
        served.idle()
        silent = served.property(ada, PERSONA)
        wait_for(lambda: not named_in(looped.folder, WHO))  # the event goes just after it is settled
        do(looped.sandbox.world, "unsubscribe", WHO, {})
        served.mailchimp("unsubscribe", email=WHO, action="unsub")
        served.idle()
        # Mailchimp tells the second of a subscription: one within the second of the erasure is not newer
        wait_for(lambda: now().replace(microsecond=0) > erased_at)
        do(looped.sandbox.world, "subscribe", WHO, {})
        served.mailchimp("subscribe", email=WHO)
        served.idle()

    assert before
    assert silent == ""
    with session_on(looped) as session:
        assert session.control.links.of_keys([f"mailto:{WHO}"])
        assert session.control.erasures.count() == 0
