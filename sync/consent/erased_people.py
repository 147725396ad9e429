"""Erased people do not come back with the next pull, until their consent comes anew (ADR 24).

What is remembered of them is a hash of each contact key, made with a key that only the workspace has (HMAC-SHA256,
RFC 2104): nobody can tell from it who it was, and who comes again is known. All keys of a person carry the same number
of the erasure: a second address is the same person.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.errors import FixSettingsError, not_writable
from connectors.records import CONTACTS, MEMBERSHIPS, ORDER_LINES, ORDERS, email_key, platform_key
from segmenter.late_arrow import pa
from sync.control.rows import BY_COMMAND

if TYPE_CHECKING:  # they load SQLAlchemy, and each command loads this
    from sync.control.erasures import Erased
    from sync.control.store import Control

KEY = "erasure.key"
OBJECTED = "objected:"
"""Before a contact key whose person objected (GDPR art. 21): its hash says that they still do if they come back."""
BEFORE_ERASURE = "the person, before the erasure"
KEY_BYTES = 32
NEW_CONSENT = "subscribed"
WITHOUT = {"unsubscribed", "cleaned", "pending", "transactional", "none", "deleted"}
"""What a record had shown if a subscription of it is a new one; of others only the day of subscribing tells."""
LOST_KEY = (
    "Copy it from a backup of this workspace, with the rest of .personasync. Without it nobody can tell who was erased."
)


class Hasher:
    """Hashes contact keys with the key of a workspace, ``.personasync/erasure.key``."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, contact_key: str) -> str:
        """Return the hash of a contact key: 64 hexadecimal digits."""
        return hmac.digest(self._key, contact_key.encode("utf-8", "surrogatepass"), "sha256").hex()

    def objection(self, contact_key: str) -> str:
        """Return the hash that says that the person of a contact key objected."""
        return self.digest(OBJECTED + contact_key)


def hasher(state_dir: Path, *, make: bool) -> Hasher:
    """Return what hashes contact keys in a workspace.

    Args:
        state_dir: The workspace's ``.personasync``.
        make: Whether a key is made where there is none yet: only while nobody was erased.

    Returns:
        A hasher whose hashes are equal to those that the workspace remembers.

    Raises:
        FixSettingsError: There is no key, or it can't be written.
    """
    path = state_dir / KEY
    if make and not path.exists():
        _make(path)
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError:
        raise FixSettingsError(f"{path.name} is missing.", fix=LOST_KEY) from None
    except (OSError, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise FixSettingsError(f"{path.name} is damaged or can't be read.", fix=LOST_KEY)
    return Hasher(key)


def _make(path: Path) -> None:
    """Write a new key for the owner alone: whole or not at all, and never over another one."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first
            os.link(unfinished, path)
    except OSError as error:
        raise not_writable(path) from error
    finally:
        unfinished.unlink(missing_ok=True)


class ErasedPeople:
    """Leaves rows about erased people out of what platforms send.

    Args:
        control: Has who was erased, and who is who.
        state_dir: The workspace's ``.personasync``, which has the key.
    """

    def __init__(self, control: Control, state_dir: Path) -> None:
        self._control, self._erasures = control, control.erasures
        self._known = self._erasures.all()
        self._hasher = hasher(state_dir, make=False) if self._known else None
        self._orders: set[tuple[str, str]] = set()  # orders that were left out: their lines are too
        self.left_out = 0

    def without(self, table: str, rows: pa.Table) -> pa.Table:
        """Return *rows* of a table without those about erased people.

        Contacts come back once they show a consent that is newer than the erasure; rows of before it never do.

        Args:
            table: Its name.
            rows: In its schema, as a platform sent them.

        Returns:
            In the same schema; *rows* itself where there is nothing to leave out. A contact of somebody else loses the
                addresses of erased people. `left_out` counts what went.
        """
        if self._hasher is None or not rows.num_rows:
            return rows
        if table == CONTACTS.name:
            return self._contacts(rows)
        if table == MEMBERSHIPS.name:
            keep = [self._open(platform_key(n, k)) is None for n, k in _pairs(rows, "connection", "platform_id")]
        elif table == ORDER_LINES.name:
            keep = [pair not in self._orders for pair in _pairs(rows, "connection", "order_id")]
        elif "contact_key" in rows.column_names:
            keep = self._events(rows)
            if table == ORDERS.name:
                pairs = _pairs(rows, "connection", "order_id")
                self._orders |= {pair for pair, kept in zip(pairs, keep, strict=True) if not kept}
        else:
            return rows
        self.left_out += len(keep) - sum(keep)
        return rows if all(keep) else rows.filter(pa.array(keep, pa.bool_()))

    def hidden(self, connection: str, platform_ids: Iterable[str]) -> frozenset[str]:
        """Return those of some contacts of a connection that belong to erased people: it has them, we do not.

        Args:
            connection: Its name.
            platform_ids: Of contacts that the platform shows.

        Returns:
            Platform ids; empty where nobody was erased, and without people whose consent came anew.
        """
        if self._hasher is None:
            return frozenset()
        return frozenset(key for key in platform_ids if self._open(platform_key(connection, key)) is not None)

    def _open(self, contact_key: str | None) -> Erased | None:
        """What is remembered of a contact key whose person has not come back."""
        record = self._record(contact_key)
        return record if record is not None and record.lifted_at is None else None

    def _record(self, contact_key: str | None) -> Erased | None:
        return self._known.get(self._hasher.digest(contact_key)) if contact_key and self._hasher else None

    def _events(self, rows: pa.Table) -> list[bool]:
        moments = rows["at"].to_pylist() if "at" in rows.column_names else [None] * rows.num_rows
        return [self._keeps(key, at) for key, at in zip(rows["contact_key"].to_pylist(), moments, strict=True)]

    def _keeps(self, contact_key: str | None, at: datetime | None) -> bool:
        record = self._record(contact_key)
        if record is None:
            return True
        return record.lifted_at is not None and at is not None and at > record.erased_at

    # -- contacts ------------------------------------------------------------------------------------------
    def _contacts(self, rows: pa.Table) -> pa.Table:
        kept, changed = [], False
        for row in rows.to_pylist():
            shown = self._contact(row)
            changed = changed or shown is not row
            kept += [shown] if shown is not None else []
        self.left_out += rows.num_rows - len(kept)
        return pa.Table.from_pylist(kept, schema=CONTACTS.columns) if changed else rows

    def _contact(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """The row; None where it is about somebody erased; another one where it shows an address of theirs."""
        keys = _keys(row)
        open_records = [record for key in keys if (record := self._open(key)) is not None]
        if not open_records:
            return row
        if self._is_new_consent(row, max(record.erased_at for record in open_records)):
            self._lift({record.erasure for record in open_records})
            if self._objected(keys):
                self._control.objections.note(keys, source=BY_COMMAND, by=BEFORE_ERASURE)
            return row
        if self._open(keys[0]) is None and self._control.links.of_keys(keys[:1]):
            return self._without_addresses(row)  # somebody whom we have: two records were merged, say
        self._recognise(row, keys, max(open_records, key=lambda record: record.erased_at))
        return None

    def _objected(self, keys: Collection[str]) -> bool:
        """Whether the person of one of some contact keys objected before the erasure."""
        return self._hasher is not None and any(self._hasher.objection(key) in self._known for key in keys)

    def _without_addresses(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row of somebody who was not erased, without the addresses of people who were."""
        others = [each for each in row["additional_emails"] or () if self._open(email_key(each)) is None]
        own = row["email"] if row["email"] and self._open(email_key(row["email"])) is None else None
        return {**row, "email": own, "additional_emails": others}

    def _is_new_consent(self, row: Mapping[str, Any], erased_at: datetime) -> bool:
        """Whether a contact subscribed after the erasure: as a new one, or after it had shown another consent."""
        if row["state"] != "active" or row["consent"] != NEW_CONSENT:
            return False
        record = self._record(_keys(row)[0])
        before = record.shown if record is not None else ""
        if before not in WITHOUT:
            return row["created_at"] is not None and row["created_at"] > erased_at
        # Platforms tell whole seconds, so a subscription in the second of the erasure looks earlier than it.
        return row["updated_at"] is not None and row["updated_at"] >= erased_at.replace(microsecond=0)

    def _lift(self, erasures: set[str]) -> None:
        self._erasures.lift(erasures)
        self._known = self._erasures.all()

    def _recognise(self, row: Mapping[str, Any], keys: Collection[str], record: Erased) -> None:
        """Remember what the contact shows, and further records and addresses of the same person."""
        assert self._hasher is not None  # noqa: S101 - for mypy
        own, *addresses = keys
        shown = (row["consent"] or "") if row["state"] == "active" else row["state"]
        records = [
            replace(record, digest=self._hasher.digest(own), shown=shown[:20]),
            *(replace(record, digest=self._hasher.digest(key), shown="") for key in addresses),
        ]
        if self._objected(keys):
            records += [replace(record, digest=self._hasher.objection(key), shown="") for key in keys]
        new = [each for each in records if self._known.get(each.digest) != each]
        if new:
            self._erasures.remember(new)
            self._known |= {each.digest: each for each in new}


def _keys(row: Mapping[str, Any]) -> list[str]:
    """A contact's key by its record, and those by its addresses."""
    addresses = [row["email"], *(row["additional_emails"] or ())]
    return [
        platform_key(row["connection"], row["platform_id"]),
        *(email_key(address) for address in dict.fromkeys(addresses) if address),
    ]


def _pairs(rows: pa.Table, first: str, second: str) -> list[tuple[str, str]]:
    return list(zip(rows[first].to_pylist(), rows[second].to_pylist(), strict=True))


def hidden_contacts(control: Control, state_dir: Path, connection: str, ids: Iterable[str]) -> frozenset[str]:
    """Return those of some contacts of a connection that belong to erased people: `connectors.connector.Connection`.

    Args:
        control: Has who was erased.
        state_dir: The workspace's ``.personasync``.
        connection: Its name.
        ids: Of contacts that the platform shows.

    Returns:
        Platform ids; empty where nobody was erased.
    """
    if not control.erasures.count():
        return frozenset()
    return ErasedPeople(control, state_dir).hidden(connection, ids)
