"""Pydantic models of [consent]: who may be written to, and what feeds each purpose."""

from __future__ import annotations

from typing import Self, get_args

from pydantic import Field, model_validator

from connectors.records import Consent
from segmenter.privacy.purposes import LegalBasis
from sync.workspace.schema_parts import ConnectionName, FilePart

PLACES = ("property", "merge_field", "group", "column", "subscription", "status")


class ConsentSourcePart(FilePart):
    """An entry of `sources`: where the answer for a purpose stands."""

    connection: ConnectionName = Field(description="The connection that has the answer.")
    property: str | None = Field(default=None, min_length=1, description="Property of a contact.")
    merge_field: str | None = Field(default=None, min_length=1, description="Merge field of a member.")
    group: str | None = Field(
        default=None,
        pattern=r"^[^/]+/.+$",
        description='Group of an audience, as "Title/Name". A member who has not chosen it says no.',
    )
    column: str | None = Field(default=None, min_length=1, description="Column of a file of contacts.")
    subscription: str | None = Field(default=None, min_length=1, description="Name or ID of a subscription type.")
    status: tuple[Consent, ...] | None = Field(
        default=None, min_length=1, description="Statuses of a contact that are a yes; any other counts as unanswered."
    )
    date: str | None = Field(
        default=None, min_length=1, description="Property, merge field or column with the date of the answer."
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(getattr(self, place) is not None for place in PLACES) != 1:
            message = f"a source needs exactly one of {', '.join(PLACES)}"
            raise ValueError(message)
        if self.date is not None and (self.subscription is not None or self.status is not None):
            message = "`date` names a property, merge field or column; a subscription or status has its own date"
            raise ValueError(message)
        return self


class PurposePart(FilePart):
    """[consent.PURPOSE]: the legal basis of a purpose, and what feeds it."""

    basis: LegalBasis = Field(
        default="legitimate interest",
        description='Legal basis. "consent" needs a yes: no answer means no. "legitimate interest" and "contract" '
        "allow it until the person says no or objects.",
    )
    sources: tuple[ConsentSourcePart, ...] = Field(
        default=(), description="Where the answer stands. Of several answers the strictest decides."
    )


class AdvertisingPart(PurposePart):
    """[consent.advertising]: handing addresses to advertising platforms; consent by default."""

    basis: LegalBasis = Field(
        default="consent",
        description='Legal basis. Without `sources`, "consent" means: the strictest status must be subscribed.',
    )


class ObjectionPart(FilePart):
    """[consent.objection]: where people object (GDPR art. 21). A yes ends profiling, tracking and advertising."""

    sources: tuple[ConsentSourcePart, ...] = Field(
        default=(), description="Where an objection stands. `personasync object` notes one as well."
    )


class ConsentPart(FilePart):
    """[consent]: which consent states are marketable, and which consent each purpose needs. The strictest applies."""

    push: tuple[Consent, ...] = Field(
        default=("subscribed", "unknown"),
        description='"unknown" is a CRM contact who neither opted out nor is in the audience; "none" is a person of '
        "whom no source shows a consent, such as a file without a column for it.",
    )
    individual: tuple[Consent, ...] = Field(
        default=("subscribed",), description="Segments that may get individual values; others get their persona's copy."
    )
    persona: tuple[Consent, ...] = Field(
        default=get_args(Consent), description="Consent states that may get persona copy; others get the fallback."
    )
    mailing: PurposePart = Field(default=PurposePart(), description="Emails, beside the statuses in `push`.")
    profiling: PurposePart = Field(default=PurposePart(), description="Traits, segments and personas.")
    tracking: PurposePart = Field(default=PurposePart(), description="Opens, clicks, visits and hours of a person.")
    advertising: AdvertisingPart = Field(default=AdvertisingPart(), description="Audiences for advertising platforms.")
    objection: ObjectionPart = Field(default=ObjectionPart(), description="Objections (GDPR art. 21).")
