"""A person is erased from every byte, totals stay, and nobody comes back before consent comes anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors.records import ORDERS
from connectors.sandbox.deeds import DEEDS
from sync.apply.job import apply
from sync.assign.job import assign
from sync.clock import now
from sync.consent.objections import object_by_hand
from sync.erasure import job
from sync.erasure.erased_there import MOST
from sync.ops.doctor import examine
from sync.plan.file import read_plan
from sync.plan.job import plan
from sync.pull.job import pull
from sync.session import Session, open_session
from tests.sync.conftest import Platforms, Run, say

__all__ = ["say"]

pytestmark = pytest.mark.slow


def both(platforms: Platforms) -> list[str]:
    """Addresses of people whom both platforms have, subscribed."""
    known = {row["properties"].get("email") for row in platforms.crm.contacts.values()}
    members = [row["email_address"] for row in platforms.members() if row["status"] == "subscribed"]
    return [address for address in members if address in known]


def deed(platforms: Platforms, name: str, email: str, **body: Any) -> None:
    DEEDS[name](platforms.sandbox.world, email, body)


def person_of(session: Session, email: str) -> str | None:
    return session.control.links.of_keys([f"mailto:{email}"]).get(f"mailto:{email}")


def found_in(folder: Path, *texts: str) -> list[str]:
    """Where texts stand in the bytes of a folder's files."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        f"{path.name}: {text}" for path in files for text in texts if text.lower().encode() in path.read_bytes().lower()
    ]


def reopened(platforms: Platforms) -> Any:
    return open_session(platforms.folder, now=now, environment=platforms.environment)


@pytest.mark.long
def test_a_person_is_erased_from_every_byte_by_any_of_their_addresses(
    ready: Session, platforms: Platforms, say: Run
) -> None:
    planned = [change.email for change in read_plan(plan(ready).path).changes]
    address, second = next(each for each in both(platforms) if each in planned), "second@people.test"
    deed(platforms, "edit contact", address, properties={"hs_additional_emails": second})
    pull(ready)
    saved = plan(ready)
    person = person_of(ready, second)
    assert person == person_of(ready, address)
    ready.warehouse.close()
    assert say("export", "people", "--out", str(platforms.folder / "people.csv"))[0] == 0
    assert found_in(platforms.folder, address, str(person))
    changes = len(read_plan(saved.path).changes)

    assert say("forget", second)[0] == 2  # not without --yes
    status, out, error = say("forget", second.upper(), "--yes", "--json")

    assert status == 0, error
    assert found_in(platforms.folder, address, second, str(person)) == []
    done = json.loads(out)
    assert (done["people"], len(done["receipts"])) == (1, 1)
    assert json.loads((Path(done["receipts"][0])).read_text("utf-8"))["completed_at"]
    assert (platforms.folder / ".personasync" / "erasure.key").stat().st_mode & 0o777 == 0o600
    assert 0 < len(read_plan(saved.path).changes) < changes
    assert say("explain", address)[0] == 2
    assert "erased before" in say("forget", address, "--yes")[1]
    assert "no contact has" in say("forget", "nobody@people.test", "--yes")[2].lower()


@pytest.mark.long
def test_nobody_comes_back_with_a_pull_until_they_subscribe_anew(ready: Session, platforms: Platforms) -> None:
    address, other = both(platforms)[:2]
    job.forget(ready, {str(person_of(ready, address))})
    for full in (False, True):
        deed(platforms, "edit contact", address, properties={"country": "DE"})
        deed(platforms, "edit member", address, merge_fields={"COUNTRY": "DE"})
        pull(ready, full=full)
        assert person_of(ready, address) is None
    assert person_of(ready, other) is not None
    requests = ready.requests()["email"].get("GET members", 0)
    pull(ready)
    pull(ready)
    quiet = ready.requests()["email"]["GET members"] - requests
    assert quiet <= 6  # whom we erased does not make each pull read everything

    deed(platforms, "unsubscribe", address)
    pull(ready)
    assert person_of(ready, address) is None
    deed(platforms, "subscribe", address)
    pull(ready)

    assert person_of(ready, address) is not None
    assert ready.control.erasures.count() == 0


def test_an_erased_address_that_is_somebodys_second_address_goes_and_the_other_person_stays(
    ready: Session, platforms: Platforms
) -> None:
    erased, other = both(platforms)[:2]
    before = person_of(ready, other)
    job.forget(ready, {str(person_of(ready, erased))})
    deed(platforms, "edit contact", other, properties={"hs_additional_emails": erased})
    pull(ready)
    ready.warehouse.close()

    assert (person_of(ready, other), person_of(ready, erased)) == (before, None)
    assert found_in(platforms.folder / ".personasync", erased) == []


@pytest.mark.long
def test_an_objection_outlives_the_erasure_and_a_new_subscription(
    ready: Session, platforms: Platforms, say: Run
) -> None:
    """A new subscription is a consent to mails; nobody takes an objection back by it."""
    objects, other = both(platforms)[:2]
    object_by_hand(ready.workspace, ready.control, objects, by="test")
    job.forget(ready, {str(person_of(ready, objects)), str(person_of(ready, other))})
    assert not ready.control.objections.by_person()
    for name in ("unsubscribe", "subscribe"):
        for address in (objects, other):
            deed(platforms, name, address)
        pull(ready)

    withheld = ready.withheld().profiling
    assert str(person_of(ready, objects)) in withheld
    assert str(person_of(ready, other)) not in withheld
    job.forget(ready, {str(person_of(ready, objects))})  # erased once more, it still stands
    for name in ("unsubscribe", "subscribe"):
        deed(platforms, name, objects)
        pull(ready)
    assert ready.withheld().profiling == {person_of(ready, objects)}
    ready.warehouse.close()
    assert not json.loads(say("object", objects, "--withdraw", "--json")[1])["objects"]


@pytest.mark.long
def test_a_no_of_before_an_erasure_on_the_platforms_holds_until_consent_comes_anew(
    ready: Session, platforms: Platforms
) -> None:
    address = both(platforms)[0]
    deed(platforms, "edit contact", address, properties={"hs_email_optout": "true"})
    pull(ready)
    person = str(person_of(ready, address))
    deed(platforms, "erase contact", address)
    pull(ready)
    assert person_of(ready, address) == person  # Mailchimp still has them
    assert found_in_contacts(ready, "crm", address) == []
    deed(platforms, "erase member", address)

    pulled = pull(ready, full=True)

    assert pulled.erased == 1
    assert person_of(ready, address) is None
    deed(platforms, "create contact", address)  # somebody types them in again: no consent
    pull(ready)
    assign(ready, as_of=now())
    assert person_of(ready, address) is None
    assert address not in {change.email for change in read_plan(plan(ready).path).changes}
    deed(platforms, "subscribe", address)
    pull(ready)
    assert person_of(ready, address) not in {None, person}


def found_in_contacts(session: Session, connection: str, address: str) -> list[Any]:
    rows = session.warehouse.history("contacts").to_pyarrow().to_pylist()
    return [row for row in rows if row["connection"] == connection and row["email"] == address]


@pytest.mark.long
def test_forgetting_somebody_in_the_middle_of_an_apply_lets_the_rest_be_applied(
    ready: Session, platforms: Platforms, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = plan(ready)
    people = list(dict.fromkeys(change.person_id for change in saved_changes(saved.path)))

    settle = type(ready.control.ledger).settle

    def stop(ledger: Any, run_id: str, outcomes: Any) -> None:
        if ledger.unsettled():  # the first batch was sent, and nobody noted what became of it
            raise KeyboardInterrupt
        settle(ledger, run_id, outcomes)

    monkeypatch.setattr(type(ready.control.ledger), "settle", stop)
    with pytest.raises(KeyboardInterrupt):
        apply(ready, saved.path)
    monkeypatch.undo()
    assert ready.control.ledger.unsettled()

    job.forget(ready, {people[0]})

    applied = apply(ready, saved.path)
    assert applied.waiting == 0
    assert not applied.failed
    states = {change.person_id for changes in ready.control.ledger.unsettled().values() for change in changes}
    assert people[0] not in states
    assert people[0] not in {change.person_id for change in saved_changes(saved.path)}


def saved_changes(path: Path) -> list[Any]:
    return list(read_plan(path).changes)


STEPS = ("rewrite", "clean_files", "compacted")


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_that_was_killed_is_completed_by_the_next_command(
    ready: Session, platforms: Platforms, monkeypatch: pytest.MonkeyPatch, say: Run, step: str
) -> None:
    address = both(platforms)[0]
    person = str(person_of(ready, address))

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(job, step, stop)
        with pytest.raises(KeyboardInterrupt):
            job.forget(ready, {person})
    assert any(finding.check == "erasure" for _, finding in examine(ready))
    ready.warehouse.close()

    assert say("forget")[0] == 0

    assert found_in(platforms.folder, address, person) == []
    with reopened(platforms) as session:
        assert session.control.erasures.open_jobs() == []
        pull(session, full=True)
        assert person_of(session, address) is None


@pytest.mark.long
def test_a_pull_that_finds_very_many_erased_erases_nobody_before_somebody_looked(
    ready: Session, platforms: Platforms, say: Run
) -> None:
    everybody = [row["properties"]["email"] for row in platforms.crm.contacts.values() if "email" in row["properties"]]
    members = {row["email_address"] for row in platforms.members()}
    gone = everybody[: MOST + 5]
    for address in gone:
        deed(platforms, "erase contact", address)
        if address in members:
            deed(platforms, "erase member", address)

    pulled = pull(ready, full=True)

    assert pulled.erased == 0
    assert "Nobody was erased here" in pulled.not_erased
    ready.warehouse.close()
    status, out, error = say("forget", "--erased-on-platforms", "--yes", "--json")
    assert (status, json.loads(out)["people"]) == (0, len(gone)), error


def test_a_workspace_without_its_key_says_so(ready: Session, platforms: Platforms, say: Run) -> None:
    job.forget(ready, {str(person_of(ready, both(platforms)[0]))})
    ready.warehouse.close()
    (platforms.folder / ".personasync" / "erasure.key").unlink()

    status, _, error = say("pull")

    assert status == 2
    assert "erasure.key is missing" in error


@pytest.mark.long
def test_who_was_erased_while_the_service_ran_is_erased_by_the_next_pull(ready: Session, platforms: Platforms) -> None:
    """The service follows a privacy deletion at once: it drops links and addresses, and has no warehouse."""
    address = both(platforms)[0]
    person = str(person_of(ready, address))
    keys = list(ready.control.links.of_persons([person]))
    deed(platforms, "erase contact", address)
    deed(platforms, "erase member", address)
    ready.control.links.drop(keys)

    pulled = pull(ready, full=True)

    assert pulled.erased >= 1
    assignments = ready.warehouse.history("assignments").to_pyarrow().to_pylist()
    assert person not in {row["person_id"] for row in assignments}
    assert found_in_contacts(ready, "crm", address) == found_in_contacts(ready, "email", address) == []


def test_a_customer_who_is_no_contact_is_erased_as_well(ready: Session, platforms: Platforms, say: Run) -> None:
    orders = ready.warehouse.current("orders").to_pyarrow().to_pylist()
    row = {**orders[0], "order_id": "of a stranger", "contact_key": "mailto:stranger@people.test"}
    ready.warehouse.append("orders", pa.Table.from_pylist([row], schema=ORDERS.columns), recorded_at=now())
    ready.warehouse.close()

    assert say("forget", "stranger@people.test", "--yes")[0] == 0

    assert found_in(platforms.folder, "stranger@people.test", "of a stranger") == []
