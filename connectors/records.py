"""Record types shared by all connectors, and the table schemas (columns).

Bulk data travel as Arrow tables in the schemas below, single things as frozen dataclasses. Every
timestamp is UTC with microseconds. `contact_key` is the one way in which a row names a human: either
``<connection>:<platform id>`` or ``mailto:<normalised address>``; the identity map of the control store
turns either into a person id.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from connectors.table_schema import COUNT, FLAG, MOMENT, NUMBER, TEXT, TEXTS, TableSchema, arrow_type

if TYPE_CHECKING:
    import pyarrow as pa

    TIME: pa.DataType

Consent = Literal["subscribed", "unsubscribed", "cleaned", "pending", "transactional", "none", "unknown"]
"""Consent states: "unknown" is a CRM contact who never opted out, "none" somebody of whom no source shows a consent."""
ChangeKind = Literal["field", "group"]
OutcomeState = Literal["applied", "unchanged", "rejected", "skipped", "unknown"]
FieldType = Literal["text", "number", "enumeration", "date", "url"]

INTEREST_GROUP = "group:"  # before "Title/Name" of a Mailchimp group, among the properties of a connection
MEMBER = "member"  # the `after` (or `before`) of a group change: in the group; None is out of it


def __getattr__(name: str) -> Any:
    """Return `TIME`, the type of every moment: Arrow is imported when somebody asks for a type of it."""
    if name == "TIME":
        return arrow_type(MOMENT)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


CONTACTS = TableSchema(
    "contacts",
    ("connection", "platform_id"),
    (
        ("connection", TEXT),
        ("platform_id", TEXT),  # HubSpot record id; Mailchimp contact_id, else member id
        ("email", TEXT),  # normalised (see `normalise_email`), null where there is none
        ("additional_emails", TEXTS),
        ("merged_ids", TEXTS),  # platform ids that were merged into this one
        ("state", TEXT),  # active | archived | deleted | merged
        ("consent", TEXT),  # Consent; null where the source is none of contacts, such as a file of orders
        ("created_at", MOMENT),
        ("updated_at", MOMENT),
        ("properties", TEXT),  # JSON object, name -> text; holds what the platform shows, owned fields too
    ),
)


MEMBERSHIPS = TableSchema(
    "memberships",
    ("connection", "group_name", "platform_id"),
    (
        ("connection", TEXT),
        ("group_name", TEXT),  # our tag or list, without the platform's prefix
        ("platform_id", TEXT),
        ("member", FLAG),
    ),
)
ORDERS = TableSchema(
    "orders",
    ("connection", "order_id"),
    (
        ("connection", TEXT),
        ("order_id", TEXT),
        ("contact_key", TEXT),
        ("at", MOMENT),
        ("amount", NUMBER),
        ("currency", TEXT),  # ISO 4217, upper case
        ("state", TEXT),  # placed | cancelled
        ("campaign_id", TEXT),  # the campaign that the platform credits, else null
    ),
)
ORDER_LINES = TableSchema(
    "order_lines",
    ("connection", "order_id", "line_id"),
    (
        ("connection", TEXT),
        ("order_id", TEXT),
        ("line_id", TEXT),
        ("product_id", TEXT),
        ("title", TEXT),
        ("category", TEXT),
        ("quantity", NUMBER),
        ("price", NUMBER),
    ),
)
CAMPAIGNS = TableSchema(
    "campaigns",
    ("connection", "campaign_id"),
    (
        ("connection", TEXT),
        ("campaign_id", TEXT),
        ("parent_id", TEXT),  # the campaign whose variant this is, else null
        ("name", TEXT),
        ("subject", TEXT),
        ("variant", TEXT),  # label of the variant, else null
        ("state", TEXT),  # sent | sending | draft
        ("sent_at", MOMENT),
        # the platform's own totals, to compare with what we counted; null where it gives none
        ("sent", COUNT),
        ("opened", COUNT),  # people, not opens
        ("clicked", COUNT),  # people, not clicks
        ("unsubscribed", COUNT),
        ("bounced", COUNT),
        ("complained", COUNT),
        ("ordered", COUNT),
        ("revenue", NUMBER),
        ("currency", TEXT),
    ),
)
DELIVERIES = TableSchema(
    "deliveries",
    ("connection", "campaign_id", "contact_key"),
    (
        ("connection", TEXT),
        ("campaign_id", TEXT),
        ("contact_key", TEXT),
        ("at", MOMENT),
        ("status", TEXT),  # sent | hard | soft | dropped
        ("variant", TEXT),
    ),
)
ENGAGEMENTS = TableSchema(
    "engagements",
    ("connection", "event_id"),
    (
        ("connection", TEXT),
        ("event_id", TEXT),
        ("kind", TEXT),  # open | click | bounce | unsubscribe | complaint | visit | form | reply | others
        ("contact_key", TEXT),
        ("campaign_id", TEXT),
        ("at", MOMENT),
        ("url", TEXT),
        ("machine", FLAG),  # done by a mail program, not a human; null: the platform does not tell
        ("product", TEXT),
        ("value", NUMBER),  # as the source has it
    ),
)
SURVEY_ANSWERS = TableSchema(
    "survey_answers",
    ("connection", "contact_key", "survey", "item"),
    (
        ("connection", TEXT),
        ("contact_key", TEXT),
        ("survey", TEXT),
        ("item", TEXT),
        ("value", TEXT),
        ("at", MOMENT),
    ),
)
SUBSCRIPTIONS = TableSchema(
    "subscriptions",
    ("connection", "contact_key", "subscription_id"),
    (
        ("connection", TEXT),
        ("contact_key", TEXT),  # of the address: mailto:...
        ("subscription_id", TEXT),
        ("name", TEXT),  # of the subscription type, as people see it
        ("status", TEXT),  # SUBSCRIBED | UNSUBSCRIBED | NOT_SPECIFIED
        ("basis", TEXT),  # the legal basis that the platform has on record, else null
        ("at", MOMENT),  # since when, as the platform tells; null: not told
    ),
)
LAST_OPENS = TableSchema(
    "last_opens",
    ("connection", "contact_key"),
    (
        ("connection", TEXT),
        ("contact_key", TEXT),
        ("day", TEXT),  # ISO 8601, of the last open of who may not be tracked: all that deliverability needs
    ),
)
ASSIGNMENTS = TableSchema(
    "assignments",
    ("person_id",),
    (
        ("person_id", TEXT),
        ("segment", TEXT),  # null: unclassified
        ("persona", TEXT),  # null: unclassified
        ("confidence", NUMBER),  # 0 to 1; null: unclassified
        ("runner_up", TEXT),
        ("reasons", TEXT),  # in words
        ("source", TEXT),  # declared | survey | rules | model; null: unclassified
        ("version", TEXT),  # of the rules or the model that decided; of all together where none did
        ("as_of", MOMENT),
        ("since", MOMENT),  # as_of of the first assignment in an unbroken run of the same segment
        ("moved_at", MOMENT),  # when the person last came from another segment, or from none; null: never
        ("pending", TEXT),  # where the person goes if the answer stays, with pending_since; null: out of all
        ("pending_since", MOMENT),  # since when another answer waits; null: none waits
        ("pending_sure", FLAG),  # whether that answer had a lead when it was last given
        ("expires_at", MOMENT),  # nothing confirms the segment any more: it is kept until then; null: confirmed
    ),
)
VALUES = TableSchema(
    "person_values",
    ("person_id",),
    (
        ("person_id", TEXT),
        ("clv", NUMBER),  # what the coming orders are worth; null: not known (any more)
        ("expected_orders_365d", NUMBER),
        ("currency", TEXT),
        ("as_of", MOMENT),
        ("version", TEXT),  # digest of the value model
    ),
)
ARMS = TableSchema(
    "arms",
    ("experiment", "person_id"),
    (
        ("experiment", TEXT),  # "holdout": the global one, with the arms holdout and mailed
        ("person_id", TEXT),
        ("arm", TEXT),
        ("persona", TEXT),  # when the person was dealt in; null: unclassified
        ("at", MOMENT),  # when the person was dealt in
    ),
)
TABLES = {
    table.name: table
    for table in (
        *(
            CONTACTS,
            MEMBERSHIPS,
            ORDERS,
            ORDER_LINES,
            CAMPAIGNS,
            DELIVERIES,
            ENGAGEMENTS,
            SURVEY_ANSWERS,
            SUBSCRIPTIONS,
        ),
        *(LAST_OPENS, ASSIGNMENTS, VALUES, ARMS),
    )
}


Cursor = Mapping[str, str]
"""How far a stream has been read: a small JSON object that only its connector understands. {} is "from the start"."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one table, and where to go on once they are safe.

    Attributes:
        table: A name in `TABLES`.
        rows: In that table's schema.
        cursor: Position after this page; None while the stream can't be resumed from here. The last page
            of a stream always carries one.
        total: How many rows of this stream the platform announced, None where it does not say.
        groups: On the last page of memberships: the groups of which all members were read.
    """

    table: str
    rows: pa.Table
    cursor: Cursor | None = None
    total: int | None = None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """A field that we own on a platform (HubSpot property, Mailchimp merge field).

    Attributes:
        name: The platform's name: a property name, or a merge tag of at most 10 characters.
        options: For enumerations: (value, label) pairs, in order.
    """

    name: str
    label: str
    type: FieldType
    options: tuple[tuple[str, str], ...] = ()
    description: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One thing that `setup` would create or extend on a platform, shown before it is done."""

    connection: str
    action: Literal["create_field", "extend_field", "create_group", "add_webhook", "write_files"]
    name: str
    detail: str
    field: FieldDefinition | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one value of one contact: wanted minus current.

    Attributes:
        email: The contact's address as the platform shows it now; Mailchimp needs it for its paths.
        name: Field name, or group name without the platform's prefix.
        before: What the platform shows now, None where it shows nothing.
        after: What it shall show; None clears the field, or takes the contact out of the group.
    """

    connection: str
    platform_id: str
    person_id: str
    email: str | None
    kind: ChangeKind
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change.

    Attributes:
        reason: The platform's own words for a rejection, ours for skipping it; "" when applied.
        code: A short word to count by, such as ``compliance_state``.
    """

    change: Change
    state: OutcomeState
    reason: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A health check result of `doctor`: the check, its state, and the fix."""

    check: str
    state: Literal["ok", "warn", "fail"]
    message: str
    fix: str = ""


def normalise_email(address: str | None) -> str | None:
    """Return the form in which addresses are compared: trimmed, case folded, domain in its ASCII form.

    The local part is case folded too: in theory mailboxes may differ by case, in practice two spellings
    are one human. Nothing else is folded (no dots, no plus tags): those can be two humans.

    Returns:
        None for an empty address or one without exactly one usable ``@``.
    """
    words = (address or "").split()
    local, at, domain = words[0].rpartition("@") if len(words) == 1 else ("", "", "")
    if not at or not local or not domain:
        return None
    folded = domain.casefold().rstrip(".")
    if not folded.isascii():
        with suppress(UnicodeError):  # compared as it is: a domain that IDNA refuses still equals itself
            folded = folded.encode("idna").decode("ascii")
    return f"{local.casefold()}@{folded}" if folded else None


def email_key(address: str) -> str:
    """Return the `contact_key` of a normalised address.

    Args:
        address: As `normalise_email` returns it.

    Returns:
        The key, which begins with ``mailto:``.
    """
    return f"mailto:{address}"


def platform_key(connection: str, platform_id: str) -> str:
    """Return the `contact_key` of a contact as one connection knows it.

    Args:
        connection: Its name in personasync.toml.
        platform_id: The contact's id there.

    Returns:
        Both with a colon between.
    """
    return f"{connection}:{platform_id}"
