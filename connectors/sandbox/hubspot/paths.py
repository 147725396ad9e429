"""One table: every endpoint, its numbered path, its paths of the dated versions, what it needs, and who answers it."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.sandbox.hubspot import (
    access,
    account,
    app_settings,
    associations,
    batch,
    consent,
    consent_v4,
    contacts,
    emails,
    events,
    exports,
    figures,
    lists,
    memberships,
    merging,
    objects,
    properties,
    search,
    sending,
)
from connectors.sandbox.hubspot.access import NeedsOf, by_kind, fixed
from connectors.sandbox.hubspot.calls import Handler

DATED = ("2026-03", "2026-09")
# numbered family -> the same of a dated version; None where no dated path exists
OBJECTS = ("/crm/v3/objects/{objectType}", "/crm/objects/{version}/{objectType}")
PROPERTIES = ("/crm/v3/properties/{objectType}", "/crm/properties/{version}/{objectType}")
SCHEMAS = ("/crm/v3/schemas", "/crm-object-schemas/{version}/schemas")
LISTS = ("/crm/v3/lists", "/crm/lists/{version}")
LIMITS = ("/crm/v3/limits", "/crm/limits/{version}")
LINKS = ("/crm/v4/associations/{objectType}/{toObjectType}", "/crm/associations/{version}/{objectType}/{toObjectType}")
LINKS_OF_ONE = ("/crm/v4/objects/{objectType}/{recordId}", "/crm/objects/{version}/{objectType}/{recordId}")
OWNERS = ("/crm/v3/owners", "/crm/owners/{version}")
EMAILS = ("/marketing/v3/emails", "/marketing/emails/{version}")
CONSENT = ("/communication-preferences/v3", None)
CONSENT_V4 = ("/communication-preferences/v4", "/communication-preferences/{version}")
ACCOUNT = ("/account-info/v3", "/account-info/{version}")
EXPORTS = ("/crm/v3/exports", "/crm/exports/{version}")
EVENTS = ("/email/public/v1/events", None)
APP = ("/webhooks/v3/{appId}", None)
CALLBACKS = ("/automation/v4/actions/callbacks", None)

ApiFamily = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class ApiPath:
    """One thing that the API does.

    Attributes:
        paths: The templates at which it is reached; the first, numbered one is its name.
        search: Whether it is counted in the lane of search.
    """

    method: str
    paths: tuple[str, ...]
    needs: NeedsOf
    handler: Handler
    search: bool = False


def at(
    method: str, family: ApiFamily, rest: str, needs: access.Needs | NeedsOf, handler: Handler, *, search: bool = False
) -> ApiPath:
    """Return the endpoint at *rest* below both paths of *family*."""
    numbered, dated = family
    paths = (numbered + rest, *(dated.replace("{version}", version) + rest for version in DATED if dated))
    return ApiPath(method, paths, needs if callable(needs) else fixed(needs), handler, search)


READ = by_kind("read", "objectType")
READ_BOTH = by_kind("read", "objectType", "toObjectType")
DEFINED = by_kind("definitions.read", "objectType")
DEFINE = by_kind("definitions.write", "objectType")
WRITE = by_kind("write", "objectType")

ENDPOINTS = (
    at("POST", OBJECTS, "", WRITE, contacts.post_contact),
    at("POST", OBJECTS, "/merge", WRITE, merging.merge),
    at("POST", OBJECTS, "/gdpr-delete", WRITE, merging.gdpr_delete),
    at("POST", OBJECTS, "/batch/create", WRITE, batch.create_contacts),
    at("POST", OBJECTS, "/batch/update", WRITE, batch.update_contacts),
    at("POST", OBJECTS, "/batch/upsert", WRITE, batch.upsert),
    at("POST", OBJECTS, "/batch/archive", WRITE, batch.archive_contacts),
    at("PATCH", OBJECTS, "/{recordId}", WRITE, contacts.patch_contact),
    at("DELETE", OBJECTS, "/{recordId}", WRITE, contacts.delete_contact),
    at("POST", OBJECTS, "/search", READ, search.search_records, search=True),
    at("POST", OBJECTS, "/batch/read", READ, objects.read_records),
    at("GET", OBJECTS, "", READ, objects.list_records),
    at("GET", OBJECTS, "/{recordId}", READ, objects.get_record),
    at("GET", LINKS_OF_ONE, "/associations/{toObjectType}", READ_BOTH, associations.of_one),
    at("POST", LINKS, "/batch/read", READ_BOTH, associations.of_many),
    at("GET", PROPERTIES, "/groups", DEFINED, properties.list_groups),
    at("POST", PROPERTIES, "/groups", DEFINE, properties.create_group),
    at("GET", PROPERTIES, "/groups/{groupName}", DEFINED, properties.get_group),
    at("PATCH", PROPERTIES, "/groups/{groupName}", DEFINE, properties.update_group),
    at("DELETE", PROPERTIES, "/groups/{groupName}", DEFINE, properties.archive_group),
    at("POST", PROPERTIES, "/batch/create", DEFINE, properties.batch_create),
    at("POST", PROPERTIES, "/batch/read", DEFINED, properties.read_properties),
    at("POST", PROPERTIES, "/batch/archive", DEFINE, properties.batch_archive),
    at("GET", PROPERTIES, "", DEFINED, properties.list_all),
    at("POST", PROPERTIES, "", DEFINE, properties.post_property),
    at("GET", PROPERTIES, "/{propertyName}", DEFINED, properties.get_property),
    at("PATCH", PROPERTIES, "/{propertyName}", DEFINE, properties.patch_property),
    at("DELETE", PROPERTIES, "/{propertyName}", DEFINE, properties.delete_property),
    at("GET", SCHEMAS, "", access.ANY, properties.custom_objects),
    at("GET", LIMITS, "/custom-properties", access.CONTACT_DEFINITIONS_READ, properties.custom_limits),
    at("POST", LISTS, "", access.LISTS_CREATE, lists.post_list),
    at("GET", LISTS, "", access.LISTS_READ, lists.get_many),
    at("POST", LISTS, "/search", access.LISTS_READ, lists.search_lists),
    at("GET", LISTS, "/object-type-id/{objectType}/name/{listName:path}", access.LISTS_READ, lists.get_by_name),
    at("POST", LISTS, "/records/memberships/batch/read", access.LISTS_READ, memberships.of_records),
    at("GET", LISTS, "/records/{objectType}/{recordId}/memberships", access.LISTS_READ, memberships.of_record),
    at("GET", LISTS, "/{listId}", access.LISTS_READ, lists.get_list),
    at("DELETE", LISTS, "/{listId}", access.LISTS_WRITE, lists.delete),
    at("PUT", LISTS, "/{listId}/restore", access.LISTS_WRITE, lists.restore),
    at("PUT", LISTS, "/{listId}/update-list-name", access.LISTS_WRITE, lists.rename),
    at("GET", LISTS, "/{listId}/memberships", access.LISTS_READ, memberships.page),
    at("DELETE", LISTS, "/{listId}/memberships", access.LISTS_WRITE, memberships.empty),
    at("GET", LISTS, "/{listId}/memberships/join-order", access.LISTS_READ, memberships.page_in_join_order),
    at("PUT", LISTS, "/{listId}/memberships/add", access.LISTS_WRITE, memberships.add),
    at("PUT", LISTS, "/{listId}/memberships/remove", access.LISTS_WRITE, memberships.remove),
    at("PUT", LISTS, "/{listId}/memberships/add-and-remove", access.LISTS_WRITE, memberships.add_and_remove),
    at("PUT", LISTS, "/{listId}/memberships/add-from/{sourceListId}", access.LISTS_WRITE, memberships.add_from),
    at("POST", EXPORTS, "/export/async", access.EXPORT, exports.start),
    at("GET", EXPORTS, "/export/async/tasks/{taskId}/status", access.EXPORT, exports.export_status),
    at("GET", OWNERS, "", access.OWNERS_READ, account.owners),
    at("GET", OWNERS, "/{ownerId}", access.OWNERS_READ, account.owner),
    at("GET", ACCOUNT, "/details", access.ACCOUNT_READ, account.details),
    at("GET", ACCOUNT, "/api-usage/daily/private-apps", access.ANY, account.daily_usage),
    at("GET", EMAILS, "/statistics/list", access.EMAILS_READ, figures.totals),
    at("GET", EMAILS, "/statistics/histogram", access.EMAILS_READ, figures.histogram),
    at("GET", EMAILS, "", access.EMAILS_READ, emails.list_emails),
    at("POST", EMAILS, "", access.EMAILS_WRITE, emails.post_email),
    at("GET", EMAILS, "/{emailId}", access.EMAILS_READ, emails.get_email),
    at("PATCH", EMAILS, "/{emailId}", access.EMAILS_WRITE, emails.patch_email),
    at("DELETE", EMAILS, "/{emailId}", access.EMAILS_WRITE, emails.delete_email),
    at("POST", EMAILS, "/{emailId}/publish", access.EMAILS_PUBLISH, sending.publish),
    at("GET", EVENTS, "", access.EVENTS_READ, events.list_email_events),
    at("GET", APP, "/settings", access.APP_READ, app_settings.get_settings),
    at("PUT", APP, "/settings", access.APP_WRITE, app_settings.put_settings),
    at("DELETE", APP, "/settings", access.APP_WRITE, app_settings.delete_settings),
    at("GET", APP, "/subscriptions", access.APP_READ, app_settings.list_subscriptions),
    at("POST", APP, "/subscriptions", access.APP_WRITE, app_settings.create_subscription),
    at("POST", APP, "/subscriptions/batch/update", access.APP_WRITE, app_settings.change_subscriptions),
    at("PATCH", APP, "/subscriptions/{subscriptionId}", access.APP_WRITE, app_settings.change_subscription),
    at("DELETE", APP, "/subscriptions/{subscriptionId}", access.APP_WRITE, app_settings.delete_subscription),
    at("POST", CALLBACKS, "/complete", access.AUTOMATION, app_settings.complete_actions),
    at("POST", CALLBACKS, "/{callbackId}/complete", access.AUTOMATION, app_settings.complete_action),
    at("GET", CONSENT, "/definitions", access.CONSENT_READ, consent.list_definitions),
    at("GET", CONSENT, "/status/email/{address:path}", access.CONSENT_READ, consent.consent_status),
    at("POST", CONSENT, "/subscribe", access.CONSENT_WRITE, consent.subscribe),
    at("POST", CONSENT, "/unsubscribe", access.CONSENT_WRITE, consent.unsubscribe),
    at("GET", CONSENT_V4, "/definitions", access.CONSENT_READ, consent_v4.list_definitions_v4),
    at("POST", CONSENT_V4, "/statuses/batch/read", access.CONSENT_BATCH_READ, consent_v4.read_many),
    at("POST", CONSENT_V4, "/statuses/batch/write", access.CONSENT_BATCH_WRITE, consent_v4.write_many),
    at("POST", CONSENT_V4, "/statuses/batch/unsubscribe-all/read", access.CONSENT_BATCH_READ, consent_v4.read_opt_outs),
    at("POST", CONSENT_V4, "/statuses/batch/unsubscribe-all", access.CONSENT_BATCH_WRITE, consent_v4.opt_out_many),
    at("GET", CONSENT_V4, "/statuses/{address}/unsubscribe-all", access.CONSENT_READ, consent_v4.read_opt_out),
    at("POST", CONSENT_V4, "/statuses/{address}/unsubscribe-all", access.CONSENT_WRITE, consent_v4.opt_out),
    at("GET", CONSENT_V4, "/statuses/{address}", access.CONSENT_READ, consent_v4.read_statuses),
    at("POST", CONSENT_V4, "/statuses/{address}", access.CONSENT_WRITE, consent_v4.write_status),
)
