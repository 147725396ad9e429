"""Kept statements say of a person what Ibis says, and are not asked any more once something about them changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.records import ASSIGNMENTS
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.assign.explain import Explanation, classify, explain
from sync.assign.person_rows import PersonRows, SessionRows, StatementRows, open_person_rows
from sync.clock import now
from sync.session import Session, Stores, open_session, open_stores
from sync.traits.one_person import OF_KEPT
from sync.warehouse.statements import FILE
from tests.sync.conftest import Moment, Platforms, connected

WHOLE_DAYS = (timedelta(0), timedelta(days=40), timedelta(days=-3))


@pytest.fixture
def shop(ready_moment: Moment, tmp_path: Path) -> Iterator[Platforms]:
    """A workspace that has pulled and assigned."""
    with Sandbox(make_world()) as sandbox:
        yield connected(sandbox, tmp_path / "workspace", ready_moment)


def plain(explanation: Explanation) -> tuple[str, list[str]]:
    """What the command prints, with --json and without."""
    return json.dumps(explanation.document, default=str, sort_keys=True), list(explanation.sentences)


def handful(session: Session) -> list[str]:
    """Addresses of people of every segment, and of none."""
    rows = session.warehouse.current(ASSIGNMENTS.name).to_pyarrow().to_pylist()
    kinds = {(row["segment"], row["source"]): row["person_id"] for row in rows}
    people = [*kinds.values(), *(row["person_id"] for row in rows[:2])]
    links = session.control.links.mapping().items()
    addresses = {person: key for key, person in links if key.startswith("mailto:")}
    return sorted({addresses[person].removeprefix("mailto:") for person in people if person in addresses})


def asked(shop: Platforms, email: str) -> Explanation:
    """Explain as the command does."""
    with open_stores(shop.folder, now=now) as stores, opened(stores, shop) as rows:
        return explain(stores, rows, email)


def opened(stores: Stores, shop: Platforms) -> AbstractContextManager[PersonRows]:
    return open_person_rows(stores, now=now, environment=shop.environment)


@pytest.mark.long
def test_kept_statements_give_the_documents_that_ibis_gives(shop: Platforms) -> None:
    with open_session(shop.folder, now=now, environment=shop.environment) as session:
        by_ibis, people = SessionRows(session), handful(session)
        moments = [session.now() + WHOLE_DAYS[place % len(WHOLE_DAYS)] for place in range(len(people))]
        expected = [plain(explain(session, by_ibis, email)) for email in people]
        asked_at = list(zip(people, moments, strict=True))
        decided = [plain(classify(session, by_ibis, email, as_of=at)) for email, at in asked_at]
    with open_stores(shop.folder, now=now) as stores:
        for _ in ("compiled", "kept"):
            with opened(stores, shop) as rows:
                assert isinstance(rows, StatementRows)
                assert [plain(explain(stores, rows, email)) for email in people] == expected
                assert [plain(classify(stores, rows, email, as_of=at)) for email, at in asked_at] == decided

    assert len(people) > 3
    assert len({json.loads(document)["segment"] for document, _ in expected}) > 2


def test_explain_reads_the_kept_aggregates_where_they_are_of_its_moment(shop: Platforms) -> None:
    with open_session(shop.folder, now=now, environment=shop.environment) as session:
        email = handful(session)[0]
    with open_stores(shop.folder, now=now) as stores, opened(stores, shop) as rows:
        assert isinstance(rows, StatementRows)
        only = {OF_KEPT: rows.statements[OF_KEPT]}
        explanation = explain(stores, replace(rows, person_traits=replace(rows.person_traits, statements=only)), email)

    assert explanation.document["traits"]["tenure_days"] is not None


def test_another_definition_is_not_answered_by_an_old_statement(shop: Platforms) -> None:
    with open_session(shop.folder, now=now, environment=shop.environment) as session:
        email = handful(session)[0]
    before = asked(shop, email).document["traits"]
    file = shop.folder / "personasync.toml"
    trait = '\n[traits.first_name_there]\nconnection = "crm"\nproperty = "firstname"\ntype = "text"\n'
    file.write_text(file.read_text("utf-8") + trait, "utf-8")

    after = asked(shop, email).document["traits"]

    assert after.keys() - before.keys() == {"first_name_there"}


def test_another_version_is_not_answered_by_an_old_statement(shop: Platforms, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_session(shop.folder, now=now, environment=shop.environment) as session:
        email = handful(session)[0]
    expected = asked(shop, email)
    file = shop.folder / ".personasync" / FILE
    kept = json.loads(file.read_text("utf-8"))
    spoilt = {"digest": kept["digest"], "statements": dict.fromkeys(kept["statements"], "SELECT 1 AS spoilt")}
    file.write_text(json.dumps(spoilt), "utf-8")
    monkeypatch.setattr("sync.assign.person_rows.version", lambda _: "another one")

    assert plain(asked(shop, email)) == plain(expected)
    again = json.loads(file.read_text("utf-8"))
    assert again["statements"] == kept["statements"]
    assert again["digest"] != kept["digest"]
