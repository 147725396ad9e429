"""A person's purposes: what each may be used for, with source, legal basis and date, from contacts and objections.

`person_standings` answers for one person (`explain`, `export`, the service); `withheld_people` for everybody. Both read
the same answers and decide by `segmenter.privacy.purposes`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.records import CONTACTS, SUBSCRIPTIONS, email_key, platform_key
from segmenter.privacy.purposes import (
    ConsentAnswer,
    ConsentPurpose,
    ConsentSource,
    Objection,
    PurposeStanding,
    standings_of,
)
from sync.consent.strictest import strictest_consent
from sync.control.rows import BY_COMMAND, NotedObjection
from sync.workspace.consent_rules import ConsentRules

if TYPE_CHECKING:
    import pyarrow as pa

    from sync.control.store import Control
    from sync.warehouse.store import Warehouse
    from sync.warehouse.withheld import WithheldRows

SUBSCRIBED = "subscribed"
BY_STATUS = "status"
"""The source of a standing that follows from the person's strictest status."""

ContactRow = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Withheld:
    """People whose data may not be used, by purpose: person ids."""

    mailing: frozenset[str] = frozenset()
    profiling: frozenset[str] = frozenset()
    tracking: frozenset[str] = frozenset()
    advertising: frozenset[str] = frozenset()

    def counts(self) -> dict[str, int]:
        """Return how many people are left out, by purpose; purposes that everybody allows are left out."""
        counted = {name: len(getattr(self, name)) for name in ("mailing", "profiling", "tracking", "advertising")}
        return {name: count for name, count in counted.items() if count}


NOBODY = Withheld()
PATH = re.compile(r"[^\W\d]\w*")  # a name that every engine reads as a key of JSON


def consent_answers(
    rules: ConsentRules, contacts: Sequence[ContactRow], subscriptions: Sequence[Mapping[str, Any]] = ()
) -> list[ConsentAnswer]:
    """Return every answer of one person.

    Args:
        rules: Of the workspace.
        contacts: All contacts of the person (`connectors.records.CONTACTS`); ``properties`` as JSON text or a mapping.
        subscriptions: Rows of `connectors.records.SUBSCRIPTIONS` of the person's addresses.
    """
    answers = []
    for row in contacts:
        mine = [source for source in rules.sources if source.connection == row["connection"]]
        shown = _properties(row) if mine else {}
        answers += [answer for source in mine if (answer := _answer(source, row, shown)) is not None]
    for row in subscriptions:
        named = [s for s in rules.sources if s.kind == "subscription" and s.connection == row["connection"]]
        answers += [
            ConsentAnswer(source, row["contact_key"], row["status"], row["at"].isoformat() if row["at"] else None)
            for source in named
            if source.name in {row["subscription_id"], row["name"]}
        ]
    return answers


def _properties(row: ContactRow) -> Mapping[str, Any]:
    shown: Mapping[str, Any] | str | None = row["properties"]
    return dict(json.loads(shown or "{}")) if isinstance(shown, str) or shown is None else shown


def _answer(source: ConsentSource, row: ContactRow, shown: Mapping[str, Any]) -> ConsentAnswer | None:
    key, gone = platform_key(row["connection"], row["platform_id"]), row["state"] != "active"
    if source.kind == "status":
        return ConsentAnswer(source, key, row["consent"], None, gone, row["updated_at"])
    text = shown.get(source.name)
    if source.kind != "property" or text is None:
        return None
    return ConsentAnswer(source, key, str(text), shown.get(source.dated), gone, row["updated_at"])


def standings_of_contacts(
    rules: ConsentRules,
    contacts: Sequence[ContactRow],
    noted: Sequence[NotedObjection] = (),
    subscriptions: Sequence[Mapping[str, Any]] = (),
) -> dict[ConsentPurpose, PurposeStanding]:
    """Return one person's standing for each purpose, in the order of `segmenter.privacy.purposes.PURPOSES`.

    Args:
        rules: Of the workspace.
        contacts: All contacts of the person, those that are gone too.
        noted: Objections of the person in the control store, the first one first.
        subscriptions: Of the person's addresses.

    Returns:
        Standings by purpose. Whatever the answers say, the strictest status may end mailing.
    """
    answers = consent_answers(rules, contacts, subscriptions)
    objection = _objection(rules, answers, noted)
    standings = standings_of(rules.purposes, answers, objection)
    status = strictest_consent(contacts)
    if status not in rules.push:
        standings["mailing"] = _by_status(standings["mailing"], status, allowed=False)
    if not rules.rule("advertising").sources and objection is None:
        standings["advertising"] = _by_status(standings["advertising"], status, allowed=status == SUBSCRIBED)
    return standings


def _by_status(standing: PurposeStanding, status: str, *, allowed: bool) -> PurposeStanding:
    reason = f"the strictest status is {status}"
    return PurposeStanding(standing.purpose, allowed, standing.basis, reason, BY_STATUS, status)


def _objection(
    rules: ConsentRules, answers: Sequence[ConsentAnswer], noted: Sequence[NotedObjection]
) -> Objection | None:
    """The objection that stands: one that was noted, else one that a platform shows."""
    if noted:
        by = f"noted by {noted[0].said_by}" if noted[0].source == BY_COMMAND else noted[0].source
        return Objection(f"{noted[0].noted_at:%Y-%m-%d}", by)
    shown = [a for a in answers if a.source in rules.objections and a.kind in {"yes", "not understood"}]
    return Objection(shown[0].day, shown[0].source.label) if shown else None


def person_standings(
    warehouse: Warehouse, control: Control, rules: ConsentRules, person_id: str
) -> dict[ConsentPurpose, PurposeStanding]:
    """Return one person's standing for each purpose, as it is now.

    Args:
        warehouse: Has the contacts as they were pulled.
        control: Has links and objections.
        rules: Of the workspace.
        person_id: The person.
    """
    keys = sorted(control.links.of_persons([person_id]))
    noted = control.objections.of(keys)
    contacts = warehouse.rows_of(CONTACTS.name, _named(keys)).to_pylist()
    contacts.sort(key=lambda row: (row["connection"], row["platform_id"]))
    return standings_of_contacts(rules, contacts, noted, _subscriptions(warehouse, rules, keys))


def _named(keys: Sequence[str]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415

    pairs = [key.partition(":")[::2] for key in keys if not key.startswith(email_key(""))]
    columns = list(zip(*pairs, strict=True)) or [(), ()]
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(CONTACTS.key, columns, strict=True)})


def _subscriptions(warehouse: Warehouse, rules: ConsentRules, keys: Sequence[str] | None) -> list[dict[str, Any]]:
    if not any(source.kind == "subscription" for source in rules.sources):
        return []
    rows = warehouse.current(SUBSCRIPTIONS.name)
    mine = rows if keys is None else rows.filter(rows.contact_key.isin(list(keys)))
    listed: list[dict[str, Any]] = mine.order_by(list(SUBSCRIPTIONS.key)).to_pyarrow().to_pylist()
    return listed


def withheld_people(warehouse: Warehouse, control: Control, rules: ConsentRules) -> Withheld:
    """Return everybody whose data may not be used, by purpose, as it is now.

    Status is not looked at here: who decides by it (mailing, advertising without sources) does so itself.

    Args:
        warehouse: Has the contacts as they were pulled.
        control: Has links and objections.
        rules: Of the workspace.

    Returns:
        Person ids by purpose; `NOBODY` where no source is named and nobody objected.
    """
    noted = control.objections.by_person()
    if not rules.sources and not noted:
        return NOBODY
    answers = _answers_by_person(warehouse, control, rules)
    silent = {rule.purpose for rule in rules.purposes if rule.sources and rule.basis == "consent"}
    everybody = set(control.links.mapping().values()) if silent else set()
    withheld: dict[str, set[str]] = {
        rule.purpose: everybody - answers.keys() if rule.purpose in silent else set() for rule in rules.purposes
    }
    for person in answers.keys() | noted.keys():
        given = answers.get(person, [])
        said = [noted[person]] if person in noted else []
        standings = standings_of(rules.purposes, given, _objection(rules, given, said))
        for rule in rules.purposes:
            if not standings[rule.purpose].allowed and (rule.sources or standings[rule.purpose].source):
                withheld[rule.purpose].add(person)
    return Withheld(**{purpose: frozenset(persons) for purpose, persons in withheld.items()})


def rows_withheld(people: Withheld, control: Control) -> WithheldRows | None:
    """Return whose rows the warehouse withholds; None: nobody's.

    Args:
        people: Whose data may not be used; only profiling and tracking count here.
        control: Has the links.

    Returns:
        Contact keys and person ids of these people, all keys that lead to them.
    """
    if not people.profiling and not people.tracking:
        return None
    from sync.warehouse.withheld import WithheldRows  # noqa: PLC0415

    keys = control.links.of_persons(people.profiling | people.tracking)
    return WithheldRows(_keys_of(keys, people.profiling), _keys_of(keys, people.tracking))


def _keys_of(person_of: Mapping[str, str], persons: frozenset[str]) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415

    mine = sorted((key, person) for key, person in person_of.items() if person in persons)
    columns = {"contact_key": [key for key, _ in mine], "person_id": [person for _, person in mine]}
    return pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})


def _answers_by_person(warehouse: Warehouse, control: Control, rules: ConsentRules) -> dict[str, list[ConsentAnswer]]:
    answers: dict[str, list[ConsentAnswer]] = {}
    if not rules.sources:
        return answers
    person_of = control.links.mapping()
    for row in _shown(warehouse, rules):
        person = person_of.get(platform_key(row["connection"], row["platform_id"]))
        if person is not None:
            answers.setdefault(person, []).extend(consent_answers(rules, [row]))
    for row in _subscriptions(warehouse, rules, None):
        if row["contact_key"] in person_of:
            answers.setdefault(person_of[row["contact_key"]], []).extend(consent_answers(rules, (), [row]))
    return answers


def _shown(warehouse: Warehouse, rules: ConsentRules) -> Iterator[ContactRow]:
    """Contacts with the properties that sources read, and no others: ``properties`` is a mapping.

    The engine reads a name as a path: where one has a dot, a slash or a quote, whole properties are read here instead.
    """
    names = list(dict.fromkeys(n for s in rules.sources if s.kind == "property" for n in (s.name, s.dated) if n))
    contacts = warehouse.current(CONTACTS.name)
    mine = contacts.filter(contacts.connection.isin(sorted({source.connection for source in rules.sources})))
    plain = all(map(PATH.fullmatch, names))
    shown = mine.properties.cast("json") if plain else None
    columns = {f"shown_{place}": shown[name].str for place, name in enumerate(names)} if shown is not None else {}
    if not plain:
        columns["properties"] = mine.properties
    kept = ("connection", "platform_id", "state", "consent", "updated_at")
    rows = mine.select(*kept, **columns).order_by(["connection", "platform_id"])
    for batch in rows.to_pyarrow_batches():
        for row in batch.to_pylist():
            if plain:
                properties = {name: row[f"shown_{place}"] for place, name in enumerate(names)}
            else:
                whole = _properties(row)
                properties = {name: whole.get(name) for name in names}
            yield {**{name: row[name] for name in kept}, "properties": properties}


def not_understood(warehouse: Warehouse, rules: ConsentRules, connection: str) -> list[str]:
    """Return a sentence for each answer of a connection that is in no table: where it stands, and how often.

    Args:
        warehouse: Has the contacts as they were pulled.
        rules: Of the workspace.
        connection: Its name.

    Returns:
        Sentences, sorted by source and answer, each with one contact as an example; contacts that are gone don't count.
    """
    unknown: dict[tuple[str, str], list[str]] = {}
    mine = [s for s in rules.sources if s.connection == connection and s.kind == "property"]
    for row in _shown(warehouse, rules) if mine else ():
        for answer in consent_answers(rules, [row]):
            if answer.source in mine and answer.kind == "not understood" and not answer.gone:
                unknown.setdefault((answer.source.label, str(answer.text)), []).append(answer.contact_key)
    return [
        f"{label}: {text[:60]!r} is not understood as a yes or a no ({len(keys):,} contacts, such as {min(keys)}). "
        "It never counts as consent."
        for (label, text), keys in sorted(unknown.items())
    ]
