"""What the author of a connector writes: small protocols, and the plain values that they hand over."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from connectors.fetched import erased_contact
from connectors.records import Consent, FieldDefinition, Finding, SetupStep, normalise_email


@dataclass(frozen=True, slots=True)
class SourceContact:
    """A contact as a platform shows it.

    Attributes:
        id: As the platform spells it.
        email: As the platform spells it; None: it has none.
        properties: Everything worth keeping, our own fields among it; a value that is no text becomes one.
        groups: All tags or lists that it is in, by their full names.
        state: "active", "archived", "deleted" or "merged".
        created_at: UTC.
        updated_at: UTC.
        merged_ids: Ids that were merged into this one.
    """

    id: str
    email: str | None
    consent: Consent
    properties: Mapping[str, Any] = field(default_factory=dict)
    groups: Collection[str] = ()
    state: str = "active"
    created_at: datetime | None = None
    updated_at: datetime | None = None
    additional_emails: Sequence[str] = ()
    merged_ids: Sequence[str] = ()

    def __post_init__(self) -> None:
        """See that there is an id.

        Raises:
            TypeError: There is none: the contact that has it would be missing, as if it were deleted.
        """
        key: Any = self.id  # as an answer has it, whatever the annotation says
        if not isinstance(key, str) or not key:
            raise TypeError("a contact has no id")

    def row(self, connection: str) -> dict[str, Any]:
        """Return it in the schema of `connectors.records.CONTACTS`.

        Returns:
            Values by column; an erased contact has its ids alone.
        """
        if self.state == "deleted":
            return erased_contact(connection, self.id, self.updated_at)
        known = {name: property_text(value) for name, value in self.properties.items()}
        others = [address for spelt in self.additional_emails if (address := normalise_email(spelt))]
        return {
            "connection": connection,
            "platform_id": self.id,
            "email": normalise_email(self.email),
            "additional_emails": others,
            "merged_ids": list(self.merged_ids),
            "state": self.state,
            "consent": self.consent,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "properties": json.dumps({name: value for name, value in known.items() if value is not None}),
        }


def property_text(value: Any) -> str | None:
    """Return a value of a property as text; None for none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, (dict, list)) else str(value)


@dataclass(frozen=True, slots=True)
class SourcePage:
    """One answer of a list of contacts.

    Attributes:
        contacts: In the platform's order.
        next: Where the next page begins; None: this was the last.
        total: How many contacts the platform announces; None: it does not say.
    """

    contacts: Sequence[SourceContact]
    next: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class WantedContact:
    """What one contact shall show: fields by name (None: empty), and groups, by full names, to enter and to leave."""

    id: str
    email: str | None
    fields: Mapping[str, str | None] = field(default_factory=dict)
    enter: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()

    def values(self, kinds: Mapping[str, str]) -> dict[str, str | float | None]:
        """Return the fields with numbers as numbers.

        Args:
            kinds: Types of our fields, by name (`connectors.connector.Connection.kinds`).

        Returns:
            By name of the field; None: emptied.
        """
        numbers = {name for name, kind in kinds.items() if kind == "number"}
        return {name: float(text) if text and name in numbers else text for name, text in self.fields.items()}


@dataclass(frozen=True, slots=True)
class RefusedContact:
    """Why the platform refused one contact of a batch that it took: its words, and a word to count by."""

    reason: str
    code: str = "refused"


Written = Mapping[str, SourceContact | RefusedContact]
"""What an answer says of the contacts of a batch, by id; a contact that it does not mention is looked at."""


class ContactSource(Protocol):
    """Reads contacts."""

    def page(self, since: datetime | None, place: str | None) -> SourcePage:
        """Return one page of the contacts that changed since a moment.

        Args:
            since: UTC, inclusive; None: everybody. A connector that is not incremental is always asked for everybody.
            place: `SourcePage.next` of the page before; None: the first page.
        """

    def fetch_contacts(self, ids: Sequence[str], addresses: Sequence[str]) -> Sequence[SourceContact]:
        """Return the contacts of *ids* and of normalised *addresses* that there are, as they are now."""

    def check(self) -> list[Finding]:
        """Look at credentials and the account, without writing."""


@runtime_checkable
class Sink(Protocol):
    """Writes our own fields, and our own groups."""

    def fields(self) -> Mapping[str, FieldDefinition]:
        """Return every field that contacts have there, by name.

        Returns:
            Those of others too.
        """

    def group_names(self) -> Collection[str]:
        """Return the full names of the tags or lists that there are.

        Returns:
            Those of others too.
        """

    def create(self, step: SetupStep) -> None:
        """Make the field or the group of a step."""

    def write(self, batch: Sequence[WantedContact]) -> Written:
        """Write a batch of at most ``limits.batch`` contacts, and return what the answer says of them.

        Returns:
            Who was written, and who was refused with the platform's words.

        Raises:
            RejectedError: The platform refused the whole batch; it is halved until the bad record stands alone.
            NotFoundError: The one contact of the batch is not there any more.
        """


@dataclass(frozen=True, slots=True)
class SourceCampaign:
    """A campaign that went out.

    Attributes:
        id: As the platform spells it.
        sent_at: UTC.
        state: "sent" or "sending".
        totals: The platform's own, by column of `connectors.records.CAMPAIGNS`; None where it gives none.
        counted: What the platform has counted: the same means that nobody did anything since.
        record: The answer that told of it, for `ActsByCampaign.acts_of`.
    """

    id: str
    name: str | None
    sent_at: datetime | None
    subject: str | None = None
    state: str = "sent"
    totals: Mapping[str, float | None] = field(default_factory=dict)
    counted: str = ""
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class MailSent:
    """A campaign's mail to a contact (its id); `status` is "sent", "hard", "soft" (bounces) or "dropped"."""

    campaign: str
    contact: str
    at: datetime | None
    status: str = "sent"


@dataclass(frozen=True, slots=True)
class MailAct:
    """What a contact did with a mail: "open", "click", "bounce", "complaint" or "unsubscribe".

    Attributes:
        id: What tells it from every other act, and is the same each time it is read.
        campaign: None where the platform does not tell.
    """

    id: str
    kind: str
    campaign: str | None
    contact: str
    at: datetime | None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class SourceOrder:
    """An order; `contact` is an id, or None; `state` is "placed" or "cancelled"; `currency` as in ISO 4217."""

    id: str
    contact: str | None
    at: datetime | None
    amount: float
    currency: str
    state: str = "placed"


@runtime_checkable
class CampaignSource(Protocol):
    """Reads campaigns; one that also tells who got, opened and clicked them has one of the two methods below."""

    def campaigns(self) -> Iterable[SourceCampaign]:
        """Return every campaign that went out."""


@runtime_checkable
class ActsByCampaign(CampaignSource, Protocol):
    """Tells what became of the mails of a campaign."""

    def acts_of(self, campaigns: Sequence[SourceCampaign]) -> Iterator[Iterable[MailSent | MailAct]]:
        """Yield what became of the mails of *campaigns*, part by part.

        Args:
            campaigns: Those whose `SourceCampaign.counted` is another than at the last reading.
        """


@runtime_checkable
class ActsByTime(CampaignSource, Protocol):
    """Tells what became of mails since a moment."""

    def acts_since(self, since: datetime | None) -> Iterator[Iterable[MailSent | MailAct]]:
        """Yield what became of mails, part by part.

        Args:
            since: UTC, an hour before the last reading; None: everything.
        """


@runtime_checkable
class OrderSource(Protocol):
    """Reads orders."""

    def orders_since(self, since: datetime | None) -> Iterator[Iterable[SourceOrder]]:
        """Yield orders, part by part.

        Args:
            since: UTC, an hour before the last reading; None, or on a platform that can't tell: all of them.
        """
