"""Everything that a workspace gives out about a world: tables, plan, report, models, exports, what the service sees."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import ibis
import pyarrow.csv as pacsv

from connectors.records import ARMS, ASSIGNMENTS, VALUES
from sync.assign.job import assign
from sync.export.job import export_audience, export_people
from sync.monitor.quality import judge_quality
from sync.plan.job import plan
from sync.pull.identities import follow_identities
from sync.report.job import write_report
from sync.session import Session, open_session
from sync.traits.compute import measured
from sync.warehouse.memory import Memory
from sync.webhooks.decide import Decider
from sync.webhooks.service import open_service
from tests.consent_worlds.world import NOW, Person, rows_of

SETTINGS = """\
[workspace]
name = "Worlds"
[connections.crm]
connector = "hubspot"
access_token = "env:HUBSPOT_TOKEN"
[connections.email]
connector = "mailchimp"
api_key = "env:MAILCHIMP_API_KEY"
audience = "a1"
[connections.sheet]
connector = "files"
answers = "answers.csv"
[traits.faith]
connection = "crm"
property = "faith"
sensitive = true
[traits.creed]
survey = "needs"
item = "faith"
sensitive = true
[traits.score]
survey = "needs"
item = "q1"
type = "number"
[guardrails]
max_data_age_hours = 1e6
max_unclassified = 1
max_changed = 1
[personalize]
min_audience = 0
next_people = 1
[privacy]
min_group_shown = 0
[serve]
[consent.profiling]
basis = "consent"
sources = [{ connection = "crm", property = "profiling_ok" }]
[consent.tracking]
basis = "consent"
sources = [{ connection = "crm", property = "tracking_ok" }]
[consent.objection]
sources = [{ connection = "crm", property = "objects" }]
"""
SEGMENTS = """\
[[segments]]
name = "openers"
rule = "opens_365d >= 1 and open_rate_90d_shrunk > 0.3"
[[segments]]
name = "swiss"
rule = "country = 'CH' and score >= 2"
[[segments]]
name = "buyers"
rule = "orders_365d >= 2 or count(orders, days=100) >= 1"
"""
PERSONAS = """\
[personas.ada]
name = "Ada"
segments = ["openers", "swiss"]
[personas.ada.fields]
headline = "For {job_title|you}"
[personas.bo]
name = "Bo"
segments = ["buyers"]
[personas.bo.fields]
headline = "Again?"
[fields.headline]
label = "Headline"
type = "text"
fallback = "Hello"
crm = "headline_field"
email = "HEADLINE"
[fields.offer]
label = "Offer"
type = "text"
fallback = "Our best"
trait = "next_product"
email = "OFFER"
"""
ENVIRONMENT = {"HUBSPOT_TOKEN": "token", "MAILCHIMP_API_KEY": "0123456789abcdef0123456789abcdef-us1"}


def outputs(folder: Path, world: Sequence[Person], *, until: str = "") -> dict[str, str]:
    """Run all steps about a world in a new workspace, offline, and return all that comes out.

    Args:
        folder: Does not exist yet.
        world: Its people.
        until: The output of the command line after which nothing more is run; "": all.

    Returns:
        Output -> its text, without ids of runs and plans.
    """
    folder.mkdir()
    for name, text in (("personasync", SETTINGS), ("segments", SEGMENTS), ("personas", PERSONAS)):
        (folder / f"{name}.toml").write_text(text)
    with _same_chance(), open_session(folder, now=lambda: NOW, environment=ENVIRONMENT) as session:
        numbers = count(1)
        session.new_person_id = lambda: f"person{next(numbers):04d}"
        for name, rows in rows_of(world).items():
            session.warehouse.append(name, rows, recorded_at=NOW - timedelta(hours=1))
        follow_identities(session.warehouse, session.control, "run", new_id=session.new_person_id)
        shown = dict(_up_to(until, _of_session(session, folder)))
    if until:
        return shown
    return {**shown, **_of_service(folder, world), **_files(folder)}


def _up_to(last: str, shown: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for name, text in shown:
        yield name, text
        if name == last:
            return


def _of_session(session: Session, folder: Path) -> Iterator[tuple[str, str]]:
    assigned = assign(session, as_of=NOW, override=frozenset({"max_data_age_hours"}))
    yield "assigned", repr(assigned)
    traits = measured(session, NOW).order_by("person_id")
    hidden = [name for name in traits.columns if name in {"faith", "creed"}]  # known, and used by nothing
    yield "traits", _csv(traits.drop(*hidden))
    for table in (ASSIGNMENTS, VALUES, ARMS):
        rows = session.warehouse.current(table.name)
        yield table.name, _csv(rows.order_by(list(table.key)))
        stored = session.warehouse.everything(table.name)
        yield f"{table.name} stored", _csv(stored.drop("sequence").order_by(list(table.key)))
    planned = plan(session)
    yield "plan", json.dumps([repr(change) for change in planned.plan.changes]) + _summary(planned.summary)
    yield "quality", repr(judge_quality(session))
    made = write_report(session)
    yield "report", repr(made).replace(str(folder), "")
    exported = export_people(session, folder / "people.csv")
    yield "people", repr(exported.left_out)
    yield "audience", repr(export_audience(session, folder / "audience.csv", segment="buyers").left_out)
    published = session.control.people.published({row["person_id"] for row in traits.to_pyarrow().to_pylist()})
    yield "published", repr(sorted(published.items()))


def _of_service(folder: Path, world: Sequence[Person]) -> dict[str, str]:
    """What the webhook service decides about everybody."""
    memory = Memory()
    with open_service(folder, now=lambda: NOW, environment=ENVIRONMENT) as service, closing(memory):
        contacts = rows_of(world)["contacts"].to_pylist()
        keys = {f"{row['connection']}:{row['platform_id']}" for row in contacts}
        person_of = service.control.links.of_keys(keys)
        decider = Decider(service, memory)
        published = service.control.people.published(set(person_of.values()))
        decided = decider.decide(contacts, person_of, published, NOW)
        decider.close()
    return {"service": repr(sorted(decided, key=lambda decision: decision.person_id))}


def _files(folder: Path) -> dict[str, str]:
    kept = [
        *folder.glob(".personasync/reports/*"),
        *folder.glob("*.csv"),
        *folder.glob(".personasync/models/**/*.json"),
    ]
    return {_plain(str(path.relative_to(folder))): _plain(path.read_text("utf-8")) for path in sorted(kept)}


def _summary(summary: dict[str, Any]) -> str:
    return json.dumps(summary, default=str, sort_keys=True)


def _csv(table: Any) -> str:
    import pyarrow as pa  # noqa: PLC0415

    sink = pa.BufferOutputStream()
    pacsv.write_csv(table.to_pyarrow(), sink)
    return str(sink.getvalue().to_pybytes().decode())


def _plain(text: str) -> str:
    return re.sub(r"\b[0-9]{8}-[0-9]{6}-[0-9a-f]{4,}\b", "ID", text)


@contextmanager
def _same_chance() -> Iterator[None]:
    """Ids of runs without chance: they stand in what is compared."""
    with patch("sync.control.runs.uuid4", lambda: UUID(int=0)), patch("sync.control.runs._COUNTER", count(1)):
        yield


@contextmanager
def _planted(*patches: AbstractContextManager[Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield


def _all_tracked(people: Any, _untracked: Any) -> Any:
    return people.mutate(tracked=ibis.literal(value=True))


LEAKS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    # orders of people without profiling are read, as if that table had been forgotten
    "orders": lambda: _planted(
        patch("sync.warehouse.withheld.OF_CONTACTS", ("deliveries", "engagements", "survey_answers"))
    ),
    # opens of people without tracking are read, kept and counted
    "opens": lambda: _planted(
        patch("sync.warehouse.withheld.TRACKED_KINDS", ("visit",)),
        patch("sync.traits.withhold.TRACKED_KINDS", ("visit",)),
        patch("segmenter.traits.traits.without_tracking", lambda rows, _untracked, _catalogue: rows),
        *(patch(f"segmenter.lift.{name}.with_tracked", _all_tracked) for name in ("outcomes", "exposures")),
    ),
    # people without profiling have a row of traits
    "traits": lambda: _planted(patch("sync.traits.compute.without_links", lambda links, _persons: links)),
    # a sensitive trait is used without a purpose
    "faith": lambda: _planted(patch("segmenter.privacy.sensitive.why_sensitive", lambda _trait, _catalogue: "")),
}
"""Planted leaks: what the worlds must catch."""
