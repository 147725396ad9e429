"""Table of HubSpot API operations: path in each API version, scopes, and the SDK method.

The version moves around in the path (PLATFORMS: path map), so there is a table and no replacing of text. Whatever
is not in this table can't be asked for: nothing here deletes, archives, subscribes or sends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hubspot import HubSpot

NUMBERED = "v3"
VERSION = "{version}"  # where a dated version stands in a path


@dataclass(frozen=True, slots=True)
class Operation:
    """One request.

    Attributes:
        numbered: Path of the version without a date.
        dated: Path of the dated versions, "" where there is none: then the numbered one is used.
        scopes: What a token needs for it; each is in plugin.toml, but for that of exports, which are switched on apart.
        sdk: The SDK's method, None where it has none.
        body: Name under which that method takes the body.
        write: Whether it changes something.
        repeatable: Whether sending it twice has the effect of once.
        search: Whether it is counted in the lane of search.
    """

    method: str
    numbered: str
    dated: str
    endpoint: str
    scopes: tuple[str, ...] = ()
    sdk: Callable[[HubSpot], Any] | None = None
    body: str = ""
    write: bool = False
    repeatable: bool = True
    search: bool = False

    def path(self, version: str) -> str:
        """Return the path of *version*, with names in braces.

        Args:
            version: A dated one, or `NUMBERED`.

        Returns:
            From the host on; the numbered path where no dated one exists.
        """
        return self.dated.replace(VERSION, version) if version != NUMBERED and self.dated else self.numbered


def _objects(kind: str, rest: str) -> tuple[str, str]:
    return f"/crm/v3/objects/{kind}{rest}", f"/crm/objects/{VERSION}/{kind}{rest}"


_CONTACTS_READ, _CONTACTS_WRITE = ("crm.objects.contacts.read",), ("crm.objects.contacts.write",)
_DEALS_READ, _SCHEMAS_WRITE = ("crm.objects.deals.read",), ("crm.schemas.contacts.write",)
_LISTS_READ, _LISTS_WRITE = ("crm.lists.read",), ("crm.lists.write",)
_CONTENT, _EXPORT = ("content",), ("crm.export",)
_PROPERTIES = ("/crm/v3/properties/contacts", "/crm/properties/{version}/contacts")
_LISTS = ("/crm/v3/lists", "/crm/lists/{version}")
_CONSENT_READ = ("communication_preferences.statuses.batch.read",)
_EXPORTS = ("/crm/v3/exports", "/crm/exports/{version}")


def _under(family: tuple[str, str], rest: str) -> tuple[str, str]:
    return family[0] + rest, family[1] + rest


CONTACTS_PAGE = Operation(
    "GET", *_objects("contacts", ""), "contacts", _CONTACTS_READ, lambda sdk: sdk.crm.contacts.basic_api.get_page
)
CONTACTS_SEARCH = Operation(
    "POST",
    *_objects("contacts", "/search"),
    "contacts/search",
    _CONTACTS_READ,
    lambda sdk: sdk.crm.contacts.search_api.do_search,
    "public_object_search_request",
    search=True,
)
SUBSCRIPTIONS_READ = Operation(
    "POST",
    "/communication-preferences/v4/statuses/batch/read",
    f"/communication-preferences/{VERSION}/statuses/batch/read",
    "communication-preferences/statuses/batch/read",
    _CONSENT_READ,
)
CONTACTS_READ = Operation(
    "POST",
    *_objects("contacts", "/batch/read"),
    "contacts/batch/read",
    _CONTACTS_READ,
    lambda sdk: sdk.crm.contacts.batch_api.read,
    "batch_read_input_simple_public_object_id",
)
CONTACTS_UPDATE = Operation(
    "POST",
    *_objects("contacts", "/batch/update"),
    "contacts/batch/update",
    _CONTACTS_WRITE,
    lambda sdk: sdk.crm.contacts.batch_api.update,
    "batch_input_simple_public_object_batch_input",
    write=True,
)
DEALS_PAGE = Operation(
    "GET", *_objects("deals", ""), "deals", _DEALS_READ, lambda sdk: sdk.crm.deals.basic_api.get_page
)
DEALS_SEARCH = Operation(
    "POST",
    *_objects("deals", "/search"),
    "deals/search",
    _DEALS_READ,
    lambda sdk: sdk.crm.deals.search_api.do_search,
    "public_object_search_request",
    search=True,
)
DEAL_CONTACTS = Operation(
    "POST",
    "/crm/v4/associations/deals/contacts/batch/read",
    "/crm/associations/{version}/deals/contacts/batch/read",
    "associations/batch/read",
    (*_DEALS_READ, *_CONTACTS_READ),
    lambda sdk: sdk.crm.associations.v4.batch_api.get_page,
    "batch_input_public_fetch_associations_batch_request",
)
PROPERTIES = Operation(
    "GET", *_PROPERTIES, "properties", _CONTACTS_READ, lambda sdk: sdk.crm.properties.core_api.get_all
)
PROPERTY_CREATE = Operation(
    "POST",
    *_PROPERTIES,
    "properties",
    _SCHEMAS_WRITE,
    lambda sdk: sdk.crm.properties.core_api.create,
    "property_create",
    write=True,
    repeatable=False,
)
PROPERTY_UPDATE = Operation(
    "PATCH",
    *_under(_PROPERTIES, "/{property_name}"),
    "properties/{name}",
    _SCHEMAS_WRITE,
    lambda sdk: sdk.crm.properties.core_api.update,
    "property_update",
    write=True,
)
PROPERTY_GROUPS = Operation(
    "GET",
    *_under(_PROPERTIES, "/groups"),
    "properties/groups",
    _CONTACTS_READ,
    lambda sdk: sdk.crm.properties.groups_api.get_all,
)
PROPERTY_GROUP_CREATE = Operation(
    "POST",
    *_under(_PROPERTIES, "/groups"),
    "properties/groups",
    _SCHEMAS_WRITE,
    lambda sdk: sdk.crm.properties.groups_api.create,
    "property_group_create",
    write=True,
    repeatable=False,
)
LIST_BY_NAME = Operation(
    "GET",
    *_under(_LISTS, "/object-type-id/{object_type_id}/name/{list_name}"),
    "lists/by name",
    _LISTS_READ,
    lambda sdk: sdk.crm.lists.lists_api.get_by_name,
)
LISTS_SEARCH = Operation(
    "POST",
    *_under(_LISTS, "/search"),
    "lists/search",
    _LISTS_READ,
    lambda sdk: sdk.crm.lists.lists_api.do_search,
    "list_search_request",
)
LIST_CREATE = Operation(
    "POST",
    *_LISTS,
    "lists",
    _LISTS_WRITE,
    lambda sdk: sdk.crm.lists.lists_api.create,
    "list_create_request",
    write=True,
    repeatable=False,
)
MEMBERS_PAGE = Operation(
    "GET",
    *_under(_LISTS, "/{list_id}/memberships"),
    "lists/memberships",
    _LISTS_READ,
    lambda sdk: sdk.crm.lists.memberships_api.get_page,
)
MEMBERSHIPS_READ = Operation(
    "POST", *_under(_LISTS, "/records/memberships/batch/read"), "lists/records/memberships/batch/read", _LISTS_READ
)
MEMBERS_ADD = Operation(
    "PUT",
    *_under(_LISTS, "/{list_id}/memberships/add"),
    "lists/memberships/add",
    (*_LISTS_READ, *_LISTS_WRITE),
    lambda sdk: sdk.crm.lists.memberships_api.add,
    "request_body",
    write=True,
)
MEMBERS_REMOVE = Operation(
    "PUT",
    *_under(_LISTS, "/{list_id}/memberships/remove"),
    "lists/memberships/remove",
    (*_LISTS_READ, *_LISTS_WRITE),
    lambda sdk: sdk.crm.lists.memberships_api.remove,
    "request_body",
    write=True,
)
EXPORT_START = Operation(
    "POST",
    *_under(_EXPORTS, "/export/async"),
    "exports",
    _EXPORT,
    lambda sdk: sdk.crm.exports.public_exports_api.start,
    "public_export_request",
    repeatable=False,
)
EXPORT_STATUS = Operation(
    "GET",
    *_under(_EXPORTS, "/export/async/tasks/{task_id}/status"),
    "exports/tasks/status",
    _EXPORT,
    lambda sdk: sdk.crm.exports.public_exports_api.get_status,
)
EMAILS_PAGE = Operation(
    "GET",
    "/marketing/v3/emails",
    "/marketing/emails/{version}",
    "emails",
    _CONTENT,
    lambda sdk: sdk.marketing.emails.marketing_emails_api.get_page,
)
EMAIL_EVENTS = Operation("GET", "/email/public/v1/events", "", "email events", _CONTENT)
ACCOUNT = Operation("GET", "/account-info/v3/details", "/account-info/{version}/details", "account")
EVERY = tuple(value for value in tuple(globals().values()) if isinstance(value, Operation))
"""All of them."""
