"""Between a deletion that the service followed and the next pull, results come in: nothing of the person stays."""

from __future__ import annotations

import pytest

from connectors.sandbox.deeds import DEEDS
from connectors.sandbox.fill import AUDIENCE
from sync.apply.job import apply
from sync.ops.demo import send_demo_campaign
from sync.plan.job import plan
from sync.pull.job import pull
from sync.results.job import results
from sync.session import Session
from tests.sync.conftest import Platforms
from tests.sync.erasure.test_forget import both, found_in, person_of

pytestmark = pytest.mark.long


def test_results_after_a_privacy_deletion_that_the_service_followed_bring_nothing_back(
    ready: Session, platforms: Platforms
) -> None:
    plan(ready)
    apply(ready, override=frozenset({"max_changed", "max_removed", "max_unclassified"}))
    url, key = platforms.sandbox.mailchimp_url, platforms.sandbox.access["mailchimp_key"]
    send_demo_campaign({"mailchimp_url": url, "mailchimp_key": key, "audience": AUDIENCE})
    results(ready)
    mailed = {row["contact_key"] for row in ready.warehouse.history("deliveries").to_pyarrow().to_pylist()}
    links = ready.control.links.of_keys(mailed)
    address = next(a for a in both(platforms) if person_of(ready, a) in set(links.values()))
    person = str(person_of(ready, address))
    keys = set(ready.control.links.of_persons([person]))
    DEEDS["erase contact"](platforms.sandbox.world, address, {})
    DEEDS["erase member"](platforms.sandbox.world, address, {})
    # what `sync.webhooks.handler` does when it hears of it
    ready.control.ledger.without_addresses(keys, {person})
    ready.control.people.erase(keys, {person})
    ready.control.links.drop(keys)

    ready.control.cursors.forget()
    results(ready)
    pull(ready)
    results(ready)
    ready.warehouse.close()

    assert found_in(platforms.folder, address, person) == []
