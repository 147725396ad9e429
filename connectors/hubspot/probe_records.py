"""The contact and the list that `doctor --probe --write` makes in a HubSpot account, uses, and removes.

The only place that deletes anything at HubSpot: what it made itself, by the ids that it was given for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.errors import FixSettingsError, NotFoundError, PersonasyncError, RejectedError
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
        """Make both, or take over those that a killed probe left; what is there already stays.

        Raises:
            FixSettingsError: Somebody else's contact has the address.
        """
        self.contact_id = self.contact_id or self._contact()
        self.list_id = self.list_id or self._list()

    def _list(self) -> str:
        path = {"list_name": LIST_NAME, "object_type_id": CONTACT}
        try:
            listing = self._api.call(LIST_BY_NAME, path=path)["list"]
        except NotFoundError:
            body = {"name": LIST_NAME, "objectTypeId": CONTACT, "processingType": "MANUAL"}
            listing = self._api.call(LIST_CREATE, body=body)["list"]
        return str(listing["listId"])

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
        """Delete the list and archive the contact.

        Raises:
            FixSettingsError: One of them stays.
        """
        made = [
            (LIST_DELETE, "list_id", self.list_id, f"the list {LIST_NAME}"),
            (CONTACT_ARCHIVE, "contact_id", self.contact_id, f"the contact {self._address}"),
        ]
        left = [what for operation, name, key, what in made if key and not self._removed(operation, {name: key})]
        if left:
            raise FixSettingsError(f"HubSpot did not remove {' and '.join(left)}.", fix="Delete this in HubSpot.")

    def _removed(self, operation: Operation, path: Mapping[str, str]) -> bool:
        try:
            self._api.call(operation, path=path)
        except NotFoundError:
            return True
        except PersonasyncError:
            return False
        return True
