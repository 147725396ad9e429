"""Writing members: consent, compliance state, addresses, merge fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.addresses import check_address
from connectors.sandbox.mailchimp.call import read_moment
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.mailchimp.merge_values import merged_values

if TYPE_CHECKING:
    from connectors.sandbox.mailchimp.directory import Directory
    from connectors.sandbox.mailchimp.state import MailchimpState
    from connectors.sandbox.mailchimp.values import Document

NEW_STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
PATCH_STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending")
ERASED = "was permanently deleted and cannot be re-imported. The contact must re-subscribe to get back on the list."
KINDS: dict[str, type] = {
    "email_address": str,
    "status": str,
    "status_if_new": str,
    "merge_fields": dict,
    "language": str,
    "vip": bool,
    "email_type": str,
    "interests": dict,
    "marketing_permissions": list,
    "timestamp_opt": str,
    "timestamp_signup": str,
    "ip_opt": str,
    "ip_signup": str,
}


class MemberWriter:
    """Writes members of one audience."""

    def __init__(self, state: MailchimpState, list_id: str, *, skip_required: bool, source: str) -> None:
        self.state = state
        self.list_id = list_id
        self.directory: Directory = state.directory(list_id)
        self.skip_required = skip_required
        self.source = source

    def create(self, body: Document, status: str | None) -> Document:
        """Add a member."""
        check_kinds(body)
        address = body.get("email_address", "")
        check_address(address)
        if status not in NEW_STATUSES:
            raise wrong_status("status" if "status_if_new" not in body else "status_if_new", status, NEW_STATUSES)
        if self.blocked(address):
            raise problems.compliance_state(address, ERASED)
        self.check_interests(body)
        values, moments = self.values({}, body, new=True), moments_of(body)
        member_id = self.state.add_member(self.list_id, address, status=status, merge_fields=values, source=self.source)
        member = self.directory.find(member_id)
        if member is None:  # pragma: no cover - it was just added
            raise problems.not_found()
        if status == "unsubscribed":
            member["unsubscribe_reason"] = "N/A (Unsubscribed by admin)"
        self.finish(member, body, moments)
        return member

    def update(self, member: Document, body: Document, *, statuses: tuple[str, ...] = NEW_STATUSES) -> Document:
        """Change a member; nothing is changed when anything is refused."""
        check_kinds(body)
        address = body.get("email_address") or member["email_address"]
        moved = address.lower() != member["email_address"].lower()
        if moved:
            self.check_new_address(address)
        status = body.get("status")
        if status is not None:
            if status not in statuses:
                message = "status"
                raise wrong_status(message, status, statuses)
            self.check_consent(member, status)
        self.check_interests(body)
        values, moments = self.values(member["merge_fields"], body, new=False), moments_of(body)
        if moved:
            self.state.rename_member(self.list_id, member, address)
        member["email_address"] = address
        member["merge_fields"] = values
        if status is not None:
            self.set_status(member, status)
        self.finish(member, body, moments)
        return member

    def check_new_address(self, address: str) -> None:
        """Refuse an address that is bad, taken or erased."""
        check_address(address)
        taken = self.directory.find(subscriber_hash(address))
        if taken is not None:
            message = f'"{address}" is already in this list with a status of "{taken["status"]}".'
            raise problems.invalid_fields(("email address", message))
        if self.blocked(address):
            raise problems.compliance_state(address, ERASED)

    def check_consent(self, member: Document, status: str) -> None:
        """Refuse to subscribe somebody who left by themselves, complained or bounced; asking again is possible."""
        if status == "subscribed" and member["status"] != "subscribed" and member.get("compliance"):
            raise problems.compliance_state(member["email_address"])

    def set_status(self, member: Document, status: str) -> None:
        """Give a member a status, as a write of the API does."""
        if status == "subscribed" and member["status"] != "subscribed":
            member["timestamp_opt"] = self.state.now()
        if status == "cleaned":
            member["compliance"] = True
        if status == "unsubscribed" and member["status"] != "unsubscribed":
            member["unsubscribe_reason"] = "N/A (Unsubscribed by admin)"
        member["status"] = status

    def values(self, shown: dict[str, Any], body: Document, *, new: bool) -> Document:
        """Return the merge fields to keep."""
        given = body.get("merge_fields")
        if given is None and not new:
            return shown
        fields = self.state.fields(self.list_id).values()
        values, errors = merged_values(fields, shown, given or {}, skip_required=self.skip_required)
        if errors:
            raise problems.invalid_merge_fields(errors)
        return values

    def check_interests(self, body: Document) -> None:
        """Refuse a group that the audience does not have."""
        known = self.state.interests(self.list_id)
        if unknown := [key for key in body.get("interests", {}) if key not in known]:
            raise problems.invalid_fields(("interests", f"Invalid interest ID: {unknown[0]}"))

    def finish(self, member: Document, body: Document, moments: dict[str, str]) -> None:
        """Keep the plain keys of *body* and the time of the change."""
        for key in ("language", "vip", "email_type"):
            if key in body:
                member[key] = body[key]
        if body.get("interests"):
            member["interests"] = {**member.get("interests", {}), **body["interests"]}
        member |= moments
        if body.get("marketing_permissions"):
            member["permitted"] = any(entry.get("enabled") for entry in body["marketing_permissions"])
        member["last_changed"] = self.state.now()
        self.directory.save(member)

    def blocked(self, address: str) -> bool:
        """Tell whether the address was erased for good."""
        return f"{self.list_id}/{subscriber_hash(address)}" in self.state.blocked


def check_kinds(body: Document) -> None:
    """Refuse a body whose keys are of the wrong JSON type."""
    problems.expect_types(body, KINDS)
    for place, entry in enumerate(body.get("marketing_permissions", [])):
        problems.expect(entry, dict, f"marketing_permissions.item:{place}")


def moments_of(body: Document) -> dict[str, str]:
    """Return the times of a body as stamps."""
    keys = [key for key in ("timestamp_opt", "timestamp_signup") if body.get(key)]
    return {key: read_moment(key, body[key]) for key in keys}


def wrong_status(field: str, status: str | None, known: tuple[str, ...]) -> problems.ProblemError:
    """Return the refusal of a status; Mailchimp has one sentence for a missing and for a wrong one."""
    if status is None:
        return problems.invalid_fields((field, "This value should not be blank."))
    return problems.invalid_fields((field, f"Value must be one of: {', '.join(known)}"))
