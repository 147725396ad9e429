"""What people do on both platforms while we sync: edit, unsubscribe, merge, delete, tag by hand, touch our fields."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.hubspot import memberships
from connectors.sandbox.hubspot.contacts import archive_contact
from connectors.sandbox.hubspot.merging import erase, join
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.world import World

WORDS = ("", "by hand", "vip")
ROOM = 2  # an account may shrink to a half and grow to the double of what it was


class BusyPeople:
    """Everybody who works with both accounts, doing one thing at a time."""

    def __init__(self, world: World) -> None:
        self.world, self.crm, self.email = world, HubSpotState.of(world), MailchimpState.of(world)
        self.numbers = itertools.count(1)
        self.contacts_once, self.members_once = len(self._contacts()), len(self.members_now())
        self.deeds: tuple[Callable[[int], None], ...] = (
            self.edit_contact, self.edit_ours_in_crm, self.edit_member, self.edit_ours_in_email, self.unsubscribe,
            self.resubscribe, self.opt_out, self.add_to_both, self.add_contact, self.add_member, self.archive_contact,
            self.archive_member, self.erase_contact, self.erase_member, self.merge, self.change_address,
            self.join_list, self.leave_list, self.tag, self.untag, self.order,
        )  # fmt: skip

    def do(self, number: int) -> None:
        """Do something: which, and to whom, is in *number*. Some come where few are left, and go where many are."""
        deed = self.deeds[number % len(self.deeds)]
        if deed in (self.archive_contact, self.erase_contact, self.merge):
            deed = deed if len(self._contacts()) * ROOM > self.contacts_once else self.add_contact
        elif deed in (self.add_member, self.add_to_both):
            deed = deed if len(self.members_now()) < self.members_once * ROOM else self.erase_member
        deed(number // len(self.deeds))

    def members_now(self) -> list[dict[str, Any]]:
        return list(self.email.members(AUDIENCE).values())

    def members_by_id(self) -> dict[str, dict[str, Any]]:
        return {member["contact_id"]: member for member in self.members_now()}

    def _contacts(self) -> list[int]:
        return self.crm.contact_records.order

    def _contact(self, number: int) -> dict[str, Any] | None:
        ids = self._contacts()
        return self.crm.contact_records.table[str(ids[number % len(ids)])] if ids else None

    def _member(self, number: int) -> dict[str, Any] | None:
        members = self.members_now()
        return members[number % len(members)] if members else None

    def _touch(self, number: int, name: str, value: str) -> None:
        row = self._contact(number)
        if row is not None:
            self.crm.touch_contact(row, {name: value})

    def _save(self, member: dict[str, Any]) -> None:
        member["last_changed"] = self.email.now()
        self.email.directory(AUDIENCE).save(member)

    def edit_contact(self, number: int) -> None:
        self._touch(number, "country", ("DE", "GB", "US")[number % 3])

    def edit_ours_in_crm(self, number: int) -> None:
        self._touch(number, "personasync_reason", WORDS[number % 3])

    def edit_member(self, number: int) -> None:
        member = self._member(number)
        if member is not None:
            member["merge_fields"]["FNAME"] = f"Name {number}"
            self._save(member)

    def edit_ours_in_email(self, number: int) -> None:
        member = self._member(number)
        if member is not None:
            member["merge_fields"]["PERSONA"] = WORDS[number % 3]
            self._save(member)

    def unsubscribe(self, number: int) -> None:
        self._status(number, "unsubscribed")

    def resubscribe(self, number: int) -> None:
        self._status(number, "subscribed")

    def archive_member(self, number: int) -> None:
        self._status(number, "archived")

    def _status(self, number: int, status: str) -> None:
        member = self._member(number)
        if member is not None:
            member["status"] = status
            self._save(member)

    def opt_out(self, number: int) -> None:
        self._touch(number, "hs_email_optout", ("true", "")[number % 2])

    def add_to_both(self, number: int) -> None:
        del number
        address = f"new{next(self.numbers)}@people.test"
        self.crm.add_contact({"email": address}, created_at=self.world.clock.now())
        self.email.add_member(AUDIENCE, address)

    def add_contact(self, number: int) -> None:
        address = {} if number % 3 == 0 else {"email": f"new{next(self.numbers)}@people.test"}
        self.crm.add_contact({"firstname": "New", **address}, created_at=self.world.clock.now())

    def add_member(self, number: int) -> None:
        status = ("subscribed", "unsubscribed", "cleaned", "pending")[number % 4]
        self.email.add_member(AUDIENCE, f"new{next(self.numbers)}@people.test", status=status)

    def archive_contact(self, number: int) -> None:
        row = self._contact(number)
        if row is not None:
            archive_contact(self.crm, row["id"])

    def erase_contact(self, number: int) -> None:
        row = self._contact(number)
        if row is not None:
            erase(self.crm, row)

    def erase_member(self, number: int) -> None:
        member = self._member(number)
        if member is not None:
            self.email.remove_member(AUDIENCE, member)

    def merge(self, number: int) -> None:
        first, other = self._contact(number), self._contact(number + 1)
        if first is not None and other is not None and first["id"] != other["id"]:
            join(self.crm, first, other)

    def change_address(self, number: int) -> None:
        member = self._member(number)
        if member is not None:
            self.email.rename_member(AUDIENCE, member, f"moved{next(self.numbers)}@people.test")

    def join_list(self, number: int) -> None:
        self._list(number, joining=True)

    def leave_list(self, number: int) -> None:
        self._list(number, joining=False)

    def _list(self, number: int, *, joining: bool) -> None:
        row, lists = (
            self._contact(number),
            [contact_list for contact_list in self.crm.lists.values() if contact_list["deletedAt"] is None],
        )
        if row is None or not lists:
            return
        chosen = lists[number % len(lists)]
        members = self.crm.members.get(chosen["listId"], {})
        if joining and row["id"] not in members:
            memberships._join(self.crm, chosen["listId"], row["id"])
        elif not joining and row["id"] in members:
            memberships._leave(self.crm, chosen["listId"], row["id"])
        self.crm.lists[chosen["listId"]] = {**chosen, "updatedAt": iso(self.crm.now_ms())}

    def tag(self, number: int) -> None:
        self._tag(number, self.email.put_tag)

    def untag(self, number: int) -> None:
        self._tag(number, self.email.take_tag)

    def _tag(self, number: int, move: Callable[[str, dict[str, Any], str], bool]) -> None:
        member, tags = self._member(number), list(self.email.segments(AUDIENCE).values())
        if member is None or not tags:
            return
        chosen = tags[number % len(tags)]
        if move(AUDIENCE, member, str(chosen["id"])):
            chosen["updated_at"] = self.email.now()

    def order(self, number: int) -> None:
        member = self._member(number)
        if member is not None:
            order = {
                "id": f"o{next(self.numbers)}",
                "customer": {"id": f"c{number}", "email_address": member["email_address"]},
                "order_total": 10 + number % 90,
                "currency_code": "USD",
                "processed_at_foreign": self.email.now(),
                "lines": [],
            }
            self.email.add_order("shop", order)
