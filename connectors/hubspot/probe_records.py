"""The contact and the list that `doctor --probe --write` makes in a HubSpot account, uses, and removes.

The only place that deletes anything at HubSpot: what it made itself, by the ids that it was given for it.
"""

from __future__ import annotations

from typing import Any

from connectors.errors import FixSettingsError, NotFoundError, RejectedError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.lists import CONTACT
from connectors.hubspot.operations import (
    CONTACTS_READ,
    LIST_BY_NAME,
    LIST_CREATE,
    VERSION,
    Operation,
)

MARK = "personasync probe"  # last name by which the contact is known as ours
LIST_NAME = "personasync-probe"  # no list of a segment: those have a colon and a space
TAKEN = 409

CONTACT_CREATE = Operation(
    "POST",
    "/crm/v3/objects/contacts",
    f"/crm/objects/{VERSION}/contacts",
    "contacts",
    ("crm.objects.contacts.write",),
    write=True,
    repeatable=False,
)
CONTACT_ARCHIVE = Operation(
    "DELETE",
    "/crm/v3/objects/contacts/{contact_id}",
    f"/crm/objects/{VERSION}/contacts/{{contact_id}}",
    "contacts/{contact}",
    ("crm.objects.contacts.write",),
    write=True,
)
LIST_DELETE = Operation(
    "DELETE",
    "/crm/v3/lists/{list_id}",
    f"/crm/lists/{VERSION}/{{list_id}}",
    "lists/{list}",
    ("crm.lists.write",),
    write=True,
)


class HubSpotTestRecords:
    """A test contact and a test list, by their ids; "" while there is none."""

    def __init__(self, api: HubSpotApi, address: str) -> None:
        self._api, self._address = api, address
        self.contact_id, self.list_id = "", ""

    def make(self) -> None:
        """Make both, or take over those that a killed probe left.

        Raises:
            FixSettingsError: Somebody else's contact has the address.
        """
        self.contact_id = self._contact()
        path = {"list_name": LIST_NAME, "object_type_id": CONTACT}
        try:
            listing = self._api.call(LIST_BY_NAME, path=path)["list"]
        except NotFoundError:
            body = {"name": LIST_NAME, "objectTypeId": CONTACT, "processingType": "MANUAL"}
            listing = self._api.call(LIST_CREATE, body=body)["list"]
        self.list_id = str(listing["listId"])

    def _contact(self) -> str:
        body: dict[str, Any] = {"properties": {"email": self._address, "lastname": MARK}}
        try:
            return str(self._api.call(CONTACT_CREATE, body=body)["id"])
        except RejectedError as error:
            if error.status != TAKEN:
                raise
        body = {"properties": ["lastname"], "propertiesWithHistory": [], "idProperty": "email"}
        body["inputs"] = [{"id": self._address}]
        contact = self._api.call(CONTACTS_READ, body=body)["results"][0]
        if contact["properties"].get("lastname") != MARK:
            message = f"{self._address} is a contact already, and was not made by a probe."
            raise FixSettingsError(message, fix="Name another address by --contact.")
        return str(contact["id"])

    def remove(self) -> None:
        """Delete the list and archive the contact."""
        if self.list_id:
            self._api.call(LIST_DELETE, path={"list_id": self.list_id})
        if self.contact_id:
            self._api.call(CONTACT_ARCHIVE, path={"contact_id": self.contact_id})
