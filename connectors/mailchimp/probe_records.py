"""The member and the tag that `doctor --probe --write` makes in an audience, uses, and removes.

The only place that adds a member, as unsubscribed, and that deletes anything at Mailchimp: what it made itself.
"""

from __future__ import annotations

from typing import Any

from connectors.errors import FixSettingsError, NotFoundError, PersonasyncError
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
        """Make both, or take over those that a killed probe left; what is there already stays.

        Raises:
            FixSettingsError: Somebody has the address.
        """
        self.contact_id = self.contact_id or self._member()
        if self.tags.id_of(TAG) is None:
            self.tags.create(TAG)

    def _member(self) -> str:
        key = member_key(self.address)
        try:
            known = self._api.call(self._api.sdk.lists.get_list_member, self._audience, key, fields=["status"])
        except NotFoundError:
            known = {"status": OURS[0]}
        if known["status"] not in OURS:
            raise FixSettingsError(f"{self.address} is a member already.", fix="Name another address by --contact.")
        body = {"email_address": self.address, "status_if_new": OURS[1], "status": OURS[1]}
        member = self._send("PUT", f"members/{key}", "members/{member}", body)
        return str(member["contact_id"])

    @property
    def tag_id(self) -> str:
        """The tag's id."""
        return str(self.tags.id_of(TAG))

    def remove(self) -> None:
        """Delete the tag and archive the member: one deleted for good could never come back for another probe.

        Raises:
            FixSettingsError: One of them stays.
        """
        if not self.contact_id:
            return
        member = (f"members/{member_key(self.address)}", "members/{member}", f"the member {self.address}")
        made = [member]
        if tag := self.tags.id_of(TAG):
            made.append((f"segments/{tag}", "segments/{segment}", f"the tag {TAG_PREFIX}{TAG}"))
        left = [what for path, endpoint, what in made if not self._removed(path, endpoint)]
        if left:
            raise FixSettingsError(f"Mailchimp did not remove {' and '.join(left)}.", fix="Remove this in Mailchimp.")

    def _removed(self, path: str, endpoint: str) -> bool:
        try:
            self._send("DELETE", path, endpoint)
        except NotFoundError:
            return True
        except PersonasyncError:
            return False
        return True

    def _send(self, method: str, path: str, endpoint: str, body: dict[str, Any] | None = None) -> Any:
        url = f"{self._api.transport.base_url}/lists/{self._audience}/{path}"
        skip = {"skip_merge_validation": "true"} if body else None  # a field that the audience requires
        return self._api.transport.json(Call(method, url, endpoint, params=skip, json=body, write=True))
