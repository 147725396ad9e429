"""The member and the tag that `doctor --probe --write` makes in an audience, uses, and removes.

The only place that adds a member, as unsubscribed, and that deletes anything at Mailchimp: what it made itself.
"""

from __future__ import annotations

from typing import Any

from connectors.errors import FixSettingsError, NotFoundError
from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.by_id import member_key
from connectors.mailchimp.tags import Tags
from connectors.transport import Call

TAG_PREFIX, TAG = "personasync-", "probe"  # no tag of a segment: those have another prefix
OURS = ("archived", "unsubscribed")  # how a probe leaves the member, or a killed one


class MailchimpTestRecords:
    """A test member and a test tag.

    Attributes:
        contact_id: "" while there is none.
    """

    def __init__(self, api: MailchimpApi, audience: str, address: str, *, size: int) -> None:
        self._api, self._audience, self.address = api, audience, address
        self.tags = Tags(api, audience, prefix=TAG_PREFIX, size=size, workers=1)
        self.contact_id = ""

    def make(self) -> None:
        """Make both, or take over those that a killed probe left.

        Raises:
            FixSettingsError: Somebody has the address.
        """
        key = member_key(self.address)
        try:
            known = self._api.call(self._api.sdk.lists.get_list_member, self._audience, key, fields=["status"])
        except NotFoundError:
            known = {"status": OURS[0]}
        if known["status"] not in OURS:
            raise FixSettingsError(f"{self.address} is a member already.", fix="Name another address by --contact.")
        body = {"email_address": self.address, "status_if_new": OURS[1], "status": OURS[1]}
        member = self._send("PUT", f"members/{key}", "members/{member}", body)
        self.contact_id = str(member["contact_id"])
        if self.tags.id_of(TAG) is None:
            self.tags.create(TAG)

    @property
    def tag_id(self) -> str:
        """The tag's id."""
        return str(self.tags.id_of(TAG))

    def remove(self) -> None:
        """Delete the tag and archive the member: one deleted for good could never come back for another probe."""
        tag = self.tags.id_of(TAG)
        if tag is not None:
            self._send("DELETE", f"segments/{tag}", "segments/{segment}")
        if self.contact_id:
            self._send("DELETE", f"members/{member_key(self.address)}", "members/{member}")

    def _send(self, method: str, path: str, endpoint: str, body: dict[str, Any] | None = None) -> Any:
        url = f"{self._api.transport.base_url}/lists/{self._audience}/{path}"
        return self._api.transport.json(Call(method, url, endpoint, json=body, write=True))
