"""What people do by hand on either platform, done for them: sign up, unsubscribe, move, create, merge, erase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.hubspot.contacts import archive_contact, restore_contact
from connectors.sandbox.hubspot.merging import erase, join
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.world import World

Row = dict[str, Any]


class UnknownError(ValueError):
    """Nobody of that address is there, or nobody knows that deed."""


def do(world: World, deed: str, email: str, body: Row) -> Row:
    """Do *deed* to the contact of that address.

    Args:
        world: Where.
        deed: A key of `DEEDS`.
        email: Whose address.
        body: What else the deed needs: ``properties`` or ``merge_fields``, ``to`` (the new address), ``with`` (the
            address of whom to merge in).

    Raises:
        UnknownError: Nobody of that address is there, or nobody knows that deed.
    """
    if deed not in DEEDS:
        message = f"nobody knows how to {deed!r}; known: {', '.join(sorted(DEEDS))}"
        raise UnknownError(message)
    return DEEDS[deed](world, email, body)


def _create(world: World, email: str, body: Row) -> Row:
    crm = HubSpotState.of(world)
    properties = {"email": email, **body.get("properties", {})}
    return {"id": crm.add_contact(properties, created_at=world.clock.now())}


def _edit(world: World, email: str, body: Row) -> Row:
    crm, row = HubSpotState.of(world), _contact(world, email)
    crm.touch_contact(row, body.get("properties", {}))
    return {"id": row["id"]}


def _merge(world: World, email: str, body: Row) -> Row:
    return {"id": join(HubSpotState.of(world), _contact(world, email), _contact(world, body["with"]))["id"]}


def _archive(world: World, email: str, _body: Row) -> Row:
    row = _contact(world, email)
    archive_contact(HubSpotState.of(world), row["id"])
    return {"id": row["id"]}


def _restore(world: World, email: str, _body: Row) -> Row:
    crm = HubSpotState.of(world)
    for row in list(crm.contacts.values()):
        if row["properties"].get("email") == email and restore_contact(crm, row["id"]):
            return {"id": row["id"]}
    raise _nobody(email)


def _erase(world: World, email: str, _body: Row) -> Row:
    row = _contact(world, email)
    erase(HubSpotState.of(world), row)
    return {"id": row["id"]}


def _subscribe(world: World, email: str, body: Row) -> Row:
    state = MailchimpState.of(world)
    with state.told.by("user"):
        member = state.directory(AUDIENCE).find(subscriber_hash(email))
        if member is None:
            return {
                "id": state.add_member(AUDIENCE, email, merge_fields=body.get("merge_fields"), source="Hosted form")
            }
        return _saved(world, member, {"status": "subscribed", "compliance": False})


def _unsubscribe(world: World, email: str, _body: Row) -> Row:
    changed = {"status": "unsubscribed", "compliance": True, "unsubscribe_reason": "None given"}
    with MailchimpState.of(world).told.by("user"):
        return _saved(world, _member(world, email), changed)


def _clean(world: World, email: str, _body: Row) -> Row:
    return _saved(world, _member(world, email), {"status": "cleaned", "compliance": True})


def _archive_member(world: World, email: str, _body: Row) -> Row:
    with MailchimpState.of(world).told.by("admin"):
        return _saved(world, _member(world, email), {"status": "archived"})


def _erase_member(world: World, email: str, _body: Row) -> Row:
    state, member = MailchimpState.of(world), _member(world, email)
    with state.told.by("admin"):
        state.remove_member(AUDIENCE, member)
    return {"id": member["id"]}


def _edit_member(world: World, email: str, body: Row) -> Row:
    member = _member(world, email)
    with MailchimpState.of(world).told.by("user"):
        fields = {**member["merge_fields"], **body.get("merge_fields", {})}
        chosen = {**member.get("interests", {}), **body.get("interests", {})}
        return _saved(world, member, {"merge_fields": fields, "interests": chosen})


def _move(world: World, email: str, body: Row) -> Row:
    state, member = MailchimpState.of(world), _member(world, email)
    with state.told.by("user"):
        state.rename_member(AUDIENCE, member, body["to"])
        return _saved(world, member, {})


def _saved(world: World, member: Row, changed: Row) -> Row:
    state = MailchimpState.of(world)
    member |= {**changed, "last_changed": state.now()}
    state.directory(AUDIENCE).save(member)
    return {"id": member["id"]}


def _contact(world: World, email: str) -> Row:
    crm = HubSpotState.of(world)
    row = crm.contact(crm.by_email.get(email.lower(), ""))
    if row is None:
        raise _nobody(email)
    return row


def _member(world: World, email: str) -> Row:
    member = MailchimpState.of(world).directory(AUDIENCE).find(subscriber_hash(email))
    if member is None:
        raise _nobody(email)
    return member


def _nobody(email: str) -> UnknownError:
    return UnknownError(f"nobody has the address {email!r}")


DEEDS: dict[str, Callable[[World, str, Row], Row]] = {
    "create contact": _create,
    "edit contact": _edit,
    "merge contacts": _merge,
    "archive contact": _archive,
    "restore contact": _restore,
    "erase contact": _erase,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "clean": _clean,
    "archive member": _archive_member,
    "erase member": _erase_member,
    "edit member": _edit_member,
    "change address": _move,
}
