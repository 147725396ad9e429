"""Consent check just before writing, by asking the platforms.

A plan stands on the last pull; who unsubscribes or is deleted meanwhile must not be written to. So each platform is
asked who changed since, in a request or a few, and people whose consent is another now are left out on every platform.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.errors import FixSettingsError, PersonasyncError, TryLaterError
from connectors.records import CONTACTS, Change, Outcome, email_key, normalise_email, platform_key
from segmenter.traits.people import NO_CONSENT
from sync.apply.push import CONSENT, OBJECTED, Sent, key
from sync.assign.exclusions import excluded_persons
from sync.consent.strictest import ContactRow, strictest_consent
from sync.plan.inputs import assigned_at
from sync.session import RecordedRun, Session

FRESH = timedelta(minutes=1)  # so long an answer holds while an apply goes on
FEW = 300  # people up to whom their records are named to the platforms
ADDRESS = email_key("")
GONE = "gone"  # code of outcomes
WORDS = {
    "unsubscribed": "unsubscribed",
    "cleaned": "bounced and cleaned",
    "pending": "has not confirmed the subscription",
    "transactional": "not subscribed",
    "archived": "archived",
    "deleted": "deleted",
    "merged": "merged into another contact",
}
Named = Mapping[str, tuple[Sequence[str], Sequence[str]]]
"""Platform ids and addresses by connection."""
AGAIN = "Nothing has been written since. Run the same command again when the platform responds."


@dataclass(slots=True)
class ConsentCheck:
    """Asks for some changes of an apply, and remembers the answer for a minute.

    Attributes:
        changes: All that shall be written: their people matter.
        whole: Whether what we know of everybody decides as well; else only what changed since the last pull, on which
            the plan stands.
        asked_at: When the platforms were asked last, UTC.
        persons: Who may not be written to, with the reason.
        records: Connection and platform id of contacts that are gone, with the reason.
        requests: What it took, by connection and endpoint.
    """

    session: Session
    changes: Sequence[Change]
    whole: bool = False
    asked_at: datetime | None = None
    persons: dict[str, str] = field(default_factory=dict)
    records: dict[tuple[str, str], str] = field(default_factory=dict)
    requests: dict[str, dict[str, int]] = field(default_factory=dict)

    def refused(self, changes: Iterable[Change]) -> list[Outcome]:
        """Return outcomes for those of *changes* that must not be written.

        Raises:
            TryLaterError: A platform did not answer.
            FixSettingsError: A platform can't be asked.
        """
        if self.asked_at is None or self.session.now() - self.asked_at > FRESH:
            self._ask()
        outcomes, objected = [], self.objected()
        for change in changes:
            if change.after is not None and change.person_id in objected:
                outcomes.append(Outcome(change, "skipped", OBJECTED, CONSENT))
            elif reason := self.persons.get(change.person_id):
                outcomes.append(Outcome(change, "skipped", reason, CONSENT))
            elif reason := self.records.get((change.connection, change.platform_id)):
                outcomes.append(Outcome(change, "skipped", reason, GONE))
        return outcomes

    def without_objections(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Leave out what would give anything to people who objected by now; asked before each request of an apply."""
        objected = self.objected()
        return [change for change in changes if change.after is None or change.person_id not in objected]

    def objected(self) -> set[str]:
        """Return the people who objected since the plan was made; with `whole`, everybody who did."""
        planned = self.session.control.runs.latest("plan")
        since = None if self.whole or planned is None else planned.started_at
        noted = self.session.control.objections.by_person()
        persons = {person for person, said in noted.items() if since is None or said.noted_at >= since}
        if not persons:
            return persons
        return persons | {old for old, new in self.session.control.links.merged().items() if new in persons}

    def _ask(self) -> None:
        at = self.session.now()
        planned = {change.person_id for change in self.changes}
        few = self._named_by(planned) if len(planned) <= FEW else None
        fresh: dict[str, ContactRow] = {}
        for name in self.session.workspace.connections:
            for row in self._changed(name, few):
                fresh[platform_key(name, row["platform_id"])] = row
        self._judge(fresh, planned)
        if self.whole:  # a plan leaves them out itself, and is stale when [exclude] or their traits change
            excluded = excluded_persons(self.session, assigned_at(self.session))
            self.persons |= {person: f"{excluded[person]}.".capitalize() for person in planned & excluded.keys()}
        self.asked_at = at

    def _named_by(self, persons: set[str]) -> Named:
        """Platform ids of people's contacts in use, by connection, and addresses that no contact of it shows."""
        linked = self.session.control.links.of_persons(persons)
        everything = {key.removeprefix(ADDRESS) for key in linked if key.startswith(ADDRESS)}
        ids: dict[str, list[str]] = {name: [] for name in self.session.workspace.connections}
        shown: dict[str, set[str]] = {name: set() for name in ids}
        for row in self._known(linked).values():
            if row["state"] == "active" and row["connection"] in ids:
                ids[row["connection"]].append(row["platform_id"])
                shown[row["connection"]] |= _shown_by(row)
        return {name: (ids[name], sorted(everything - shown[name])) for name in ids}

    def _changed(self, name: str, few: Named | None) -> list[dict[str, Any]]:
        connector = self.session.connector(name)
        cursor = self.session.control.cursors.get(name, CONTACTS.name)
        before = dict(connector.traffic.requests)
        try:
            rows = connector.consents(cursor, None) if few is None else connector.consents(cursor, *few[name])
        except PersonasyncError as error:
            message = f"Unsubscribes since the last pull could not be checked on {name}: {error}"
            raise (FixSettingsError if isinstance(error, FixSettingsError) else TryLaterError)(
                message, fix=AGAIN
            ) from error
        took = self.requests.setdefault(name, {})
        for endpoint, count in connector.traffic.requests.items():
            if new := count - before.get(endpoint, 0):
                took[endpoint] = took.get(endpoint, 0) + new
        listed: list[dict[str, Any]] = rows.to_pylist()
        return listed

    def _judge(self, fresh: Mapping[str, ContactRow], planned: set[str]) -> None:
        """Compare what people's contacts show now with what may be written to."""
        named = {key: _names(key, row) for key, row in fresh.items()}
        linked = self.session.control.links.of_keys({key for keys in named.values() for key in keys})
        into = self.session.control.links.merged()
        planned_as: dict[str, set[str]] = {}
        for person in planned:
            planned_as.setdefault(into.get(person, person), set()).add(person)
        touched: dict[str, dict[str, ContactRow]] = {person: {} for person in planned_as} if self.whole else {}
        for contact, row in fresh.items():
            for person in {linked[name] for name in named[contact] if name in linked} & planned_as.keys():
                touched.setdefault(person, {})[contact] = row
        noted = self._noted(fresh, planned_as)
        for contact, person in self.session.control.links.of_keys(noted).items():
            touched.setdefault(person, {}).setdefault(contact, noted[contact])
        known = {**self._known(self.session.control.links.of_persons(touched)), **noted}
        of_person: dict[str, dict[str, ContactRow]] = {}
        for contact, person in self.session.control.links.of_keys(known).items():
            of_person.setdefault(person, {})[contact] = known[contact]
        allowed = self.session.workspace.consent.push
        self.persons, self.records = {}, {}
        for person, rows in touched.items():
            before = of_person.get(person, {})
            now = {contact: _over(before.get(contact), row) for contact, row in rows.items()}
            consent = strictest_consent([*{**before, **now}.values()])
            if consent not in allowed:
                self.persons |= dict.fromkeys(planned_as[person], _why(before, now, consent))
            for row in now.values():
                if row["state"] != "active":
                    self.records[row["connection"], row["platform_id"]] = _since(row["state"], row["connection"])

    def _noted(self, fresh: Mapping[str, ContactRow], persons: Iterable[str]) -> dict[str, ContactRow]:
        """People's contacts that opted out since the last pull, as the webhook service saw, where no answer shows it.

        A record that is gone meanwhile shows no consent, or is in no answer.
        """
        shown = {contact for contact, row in fresh.items() if row["state"] == "active"}
        linked = self.session.control.links.of_persons(persons).keys() - shown
        seen = self.session.control.opt_outs.of(linked)
        known = self._known(seen)
        return {
            contact: {**row, "consent": seen[contact]}
            for contact, row in known.items()
            if row["state"] == "active" and row["consent"] != seen[contact]
        }

    def _known(self, keys: Iterable[str]) -> dict[str, ContactRow]:
        pairs = [key.partition(":")[::2] for key in keys if not key.startswith(ADDRESS)]
        if not pairs:
            return {}
        named = pa.Table.from_pylist([dict(zip(CONTACTS.key, pair, strict=True)) for pair in pairs])
        rows = self.session.warehouse.rows_of(CONTACTS.name, named).to_pylist()
        return {platform_key(row["connection"], row["platform_id"]): row for row in rows}


def leave_out(
    session: Session, refused: Sequence[Outcome], changes: Sequence[Change], sent: Sent, run: RecordedRun
) -> list[Change]:
    """Note what is *refused* in the ledger of *run*, count it in *sent*, and return the *changes* that are left."""
    session.control.ledger.settle(run.run_id, refused)
    for outcome in refused:
        sent.states[outcome.change.connection, outcome.state] += 1
        sent.reasons[outcome.change.connection, outcome.reason] += 1
    out = {key(outcome.change) for outcome in refused}
    return [change for change in changes if key(change) not in out]


def _names(name: str, row: ContactRow) -> set[str]:
    """Keys under which the identity map may know a contact."""
    merged = {platform_key(row["connection"], old) for old in row["merged_ids"] or ()}
    return {name, *merged, *map(email_key, _shown_by(row))}


def _shown_by(row: ContactRow) -> set[str]:
    shown = (normalise_email(address) for address in (row["email"], *(row["additional_emails"] or ())))
    return {address for address in shown if address}


def _over(known: ContactRow | None, row: ContactRow) -> ContactRow:
    """A contact as it is now; one that is gone keeps the consent that it had, where that is a refusal."""
    if row["state"] == "active" or known is None:
        return row
    return {**row, "consent": known["consent"] if row["consent"] == "unknown" else row["consent"]}


def _why(before: Mapping[str, ContactRow], now: Mapping[str, ContactRow], consent: str) -> str:
    if consent in {"unknown", NO_CONSENT}:
        return "This person no longer has marketing consent."
    said = next((row for row in now.values() if row["consent"] == consent), None)
    if said is not None:
        return _since(consent, said["connection"])
    known = next(row for row in before.values() if row["consent"] == consent)
    return f"{WORDS.get(consent, consent)} on {known['connection']}".capitalize() + "."


def _since(what: str, connection: str) -> str:
    return f"{WORDS.get(what, what)} on {connection} since the last pull".capitalize() + "."
