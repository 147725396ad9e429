"""Who may do what: the scope table of the API, and the check of the token."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from connectors.sandbox.hubspot.calls import KINDS
from connectors.sandbox.hubspot.errors import Refusal, missing_scopes, no_such_resource
from connectors.sandbox.world import HUBSPOT_TOKEN

# an endpoint needs one scope out of each of its sets
Needs = tuple[tuple[str, ...], ...]

ANY = ()
CONTACTS_READ: Needs = (("crm.objects.contacts.read",),)
CONTACTS_WRITE: Needs = (("crm.objects.contacts.write",),)
DEALS_READ: Needs = (("crm.objects.deals.read",),)
CONTACT_DEFINITIONS_READ: Needs = (
    ("crm.schemas.contacts.read", "crm.objects.contacts.read", "crm.objects.contacts.write"),
)
CONTACT_DEFINITIONS_WRITE: Needs = (("crm.schemas.contacts.write",),)
DEAL_DEFINITIONS_READ: Needs = (("crm.schemas.deals.read", "crm.objects.deals.read", "crm.objects.deals.write"),)
DEAL_DEFINITIONS_WRITE: Needs = (("crm.schemas.deals.write",),)
LISTS_READ: Needs = (("crm.lists.read",),)
LISTS_CREATE: Needs = (("crm.lists.write",),)
LISTS_WRITE: Needs = (("crm.lists.read",), ("crm.lists.write",))
EMAILS_READ: Needs = (("content", "marketing.email.read", "marketing.email.write"),)
EMAILS_WRITE: Needs = (("content", "marketing.email.write"),)
EMAILS_PUBLISH: Needs = (("marketing-email", "transactional-email"),)
EVENTS_READ: Needs = (("content",),)
CONSENT_READ: Needs = (("communication_preferences.read", "communication_preferences.read_write"),)
CONSENT_WRITE: Needs = (("communication_preferences.write", "communication_preferences.read_write"),)
CONSENT_BATCH_READ: Needs = (("communication_preferences.statuses.batch.read",),)
CONSENT_BATCH_WRITE: Needs = (("communication_preferences.statuses.batch.write",),)
APP_READ: Needs = (("developers-read", "developers-write"),)
APP_WRITE: Needs = (("developers-write",),)
AUTOMATION: Needs = (("automation",),)
EXPORT: Needs = (("crm.export",),)
ACCOUNT_READ: Needs = (("oauth",),)  # which a service key has not
OWNERS_READ: Needs = (("crm.objects.owners.read",),)

_OF_KIND: dict[str, dict[str, Needs]] = {
    "write": {"contacts": CONTACTS_WRITE},  # deals are written by nobody but the sandbox itself
    "read": {"contacts": CONTACTS_READ, "deals": DEALS_READ},
    "definitions.read": {"contacts": CONTACT_DEFINITIONS_READ, "deals": DEAL_DEFINITIONS_READ},
    "definitions.write": {"contacts": CONTACT_DEFINITIONS_WRITE, "deals": DEAL_DEFINITIONS_WRITE},
}

# object types of every account that this one holds nothing of: its token was not given their scopes
_OWN_SCOPE = (
    *("appointments", "carts", "commercepayments", "companies", "courses", "feedback_submissions", "goals", "invoices"),
    *("leads", "line_items", "listings", "orders", "products", "quotes", "services", "subscriptions", "users"),
)
_OTHER_SCOPES = {kind: (f"crm.objects.{kind}.read",) for kind in _OWN_SCOPE} | {
    "company": ("crm.objects.companies.read",),
    "0-2": ("crm.objects.companies.read",),
    "goal_targets": ("crm.objects.goals.read",),
    "ticket": ("tickets",),
    "tickets": ("tickets",),
    "0-5": ("tickets",),
    **dict.fromkeys(("calls", "communications", "emails", "meetings", "notes", "postal_mail", "tasks"), ()),
}

NeedsOf = Callable[[Mapping[str, str]], Needs]


def fixed(needs: Needs) -> NeedsOf:
    """Return needs that do not depend on the path."""
    return lambda _path: needs


def by_kind(use: str, *parameters: str) -> NeedsOf:
    """Return the needs of *use* on the object types that the path names in *parameters*."""

    def needs(path: Mapping[str, str]) -> Needs:
        kinds = [KINDS[path[name].lower()] for name in parameters]
        if not all(kind in _OF_KIND[use] for kind in kinds):
            raise no_such_resource()
        return tuple(scope for kind in kinds for scope in _OF_KIND[use][kind])

    return needs


def check_kind(kind: str) -> None:
    """Refuse an object type that is none of `KINDS`.

    Raises:
        Refusal: 403 for what every account has, 404 for what nobody has.
    """
    if kind in KINDS:
        return
    if kind in _OTHER_SCOPES:
        raise missing_scopes([_OTHER_SCOPES[kind]])
    raise no_such_resource(f"Unable to infer object type from: {kind}")


def check_token(authorization: str | None) -> None:
    """Refuse a request that does not carry this account's token.

    Raises:
        Refusal: 401.
    """
    if authorization != f"Bearer {HUBSPOT_TOKEN}":
        message = (
            "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
            "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
        )
        raise Refusal(401, message, "INVALID_AUTHENTICATION")


def check_scopes(needs: Sequence[Sequence[str]], granted: frozenset[str] | None) -> None:
    """Refuse a token that lacks a scope; *granted* None means all of them.

    Raises:
        Refusal: 403 that lists, of each thing that is missing, all scopes that would do.
    """
    if granted is None:
        return
    missing = [choice for choice in needs if granted.isdisjoint(choice)]
    if missing:
        raise missing_scopes(missing)
