"""Tables of a spec that say how a platform is asked, and where its answers say what: data in place of code.

A path such as ``email.subject`` names a key of a key; a number is a place in a list. What a path leads to is found by
`connectors.base.reading`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

PushUnit = Literal[
    "push",
    "batch",
    "batch_with_groups",
    "contact",
    "contact_with_fields",
    "contact_with_groups",
    "sampled",
    "group_entered",
    "group_left",
    "ids_page",
    "our_groups",
]
"""What a request of a push is sent for: see `connectors.base.push_cost.units_of`."""


class SpecPart(BaseModel):
    """A table of a spec; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiSpec(SpecPart):
    """How requests say who we are.

    Attributes:
        auth_header: The header that proves it.
        auth: What stands in it; ``{secret}`` is the connection's.
        headers: Sent with each request; ``{api_version}`` is the spec's.
        path: Of the API below the setting ``site``, where users run the platform on servers of their own.
    """

    auth_header: str = "Authorization"
    auth: str = "{secret}"
    headers: Mapping[str, str] = {}
    path: str = ""


class PagingSpec(SpecPart):
    """How lists go on: by an offset, or where an answer says so.

    Attributes:
        place: The parameter that says where a page begins.
        size: The parameter that says how many entries it has.
        next: Where an answer says what `place` is next, or has an address that holds it; "": `place` is an offset.
    """

    place: str = "offset"
    size: str = "limit"
    next: str = ""


class CheckSpec(SpecPart):
    """A request that shows whether the account is open to us.

    Attributes:
        get: Path of the request.
        query: Its parameters.
        named: Where the answer names the account; "": it does not.
    """

    get: str
    query: Mapping[str, str | int] = {}
    named: str = ""


class ProbeSpec(SpecPart):
    """How assumptions are tested on an account; where nothing but `ids` is said, the connector's code does.

    Attributes:
        ids: Numbers of the assumptions in connectors/evidence.toml.
        untestable: Why no account can be asked, in a sentence.
        get: Path of the request whose answer is looked at.
        query: Its parameters.
        number: A header that must hold a plain number.
        every: List of the answer, each of whose entries must hold something at `has`.
        has: Paths within an entry.
        empty: What is said where that list is empty: nothing can be tested then.
        broken: What is said where it does not hold.
    """

    ids: tuple[str, ...]
    untestable: str = ""
    get: str = ""
    query: Mapping[str, str | int] = {}
    number: str = ""
    every: str = ""
    has: tuple[str, ...] = ()
    empty: str = ""
    broken: str = ""


class CampaignSpec(SpecPart):
    """Where the platform's record of a campaign says what.

    Attributes:
        id: Path of its id.
        name: Of the first of these that holds something; `subject` and `sent_at` likewise.
        totals: The platform's own, by column of `connectors.records.CAMPAIGNS`: each the sum of what stands there.
        counted: What is another as soon as anybody did anything.
    """

    id: str = "id"
    name: tuple[str, ...] = ("name",)
    subject: tuple[str, ...] = ()
    sent_at: tuple[str, ...] = ()
    totals: Mapping[str, tuple[str, ...]] = {}
    counted: tuple[str, ...] = ()


class SignatureSpec(SpecPart):
    """How deliveries are signed: HMAC-SHA256 with the secret (`connectors.signatures.SignatureScheme`).

    Attributes:
        header: Where the signature stands; "": the connector's code verifies.
        form: How: ``{hex}`` or ``{base64}``, and ``{milliseconds}`` or ``{seconds}`` of when it was made.
        time_header: A header that holds the time instead: ``NAME: {seconds}``.
        signs: What is signed, put together from ``{body}``, ``{time}``, ``{url}`` and ``{method}``.
        window: Seconds that the time may lie on either side of now.
    """

    header: str = ""
    form: str = "{hex}"
    time_header: str = ""
    signs: str = "{body}"
    window: int = Field(default=300, gt=0)

    @model_validator(mode="after")
    def _known(self) -> SignatureSpec:
        """See that what stands in braces is known."""
        allowed = {"form": {"hex", "base64", "milliseconds", "seconds"}, "time_header": {"milliseconds", "seconds"}}
        allowed["signs"] = {"body", "time", "url", "method"}
        for key, names in allowed.items():
            if odd := sorted(set(re.findall(r"\{(.*?)\}", getattr(self, key))) - names):
                message = f"`{key}` can't have {{{odd[0]}}}; it has {', '.join(sorted(names))}"
                raise ValueError(message)
        if not re.search(r"\{(hex|base64)\}", self.form):
            raise ValueError("`form` has neither {hex} nor {base64}")
        return self


class EventSpec(SpecPart):
    """Where a delivery says what happened to contacts.

    Attributes:
        list: Where its events stand; "": the body is one event.
        about: An object that only events about contacts have; "": all are about contacts.
        kind: Path of the platform's word.
        usual: That word where the event has none.
        at: Path of the moment; "": that of the signature, else of the delivery.
        id: Paths that together tell an event from others; (): the body and the time of its signature do.
        ids: Paths of the contact's ids.
        addresses: Paths of its addresses.
        values: Path of an object with the new values of properties.
        only_values: Kinds that mean nothing but `values`.
        gone: Kinds that mean that the contact was deleted.
        erased: Kinds that mean that it was deleted for good.
    """

    list: str = ""
    about: str = ""
    kind: str = ""
    usual: str = "event"
    at: str = ""
    id: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    values: str = ""
    only_values: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()


class TemplateSpec(SpecPart):
    """The platform's mail templates, where tags stand in two braces (`connectors.templates.DeclaredTags`).

    Attributes:
        marks: What only such a template has; (): the connector's code reads templates, or nobody does.
        fields: How a field is written, ``{name}`` its name; quotes may be of either kind.
        places: What the platform prints as an address.
        place_blocks: The same as the first word of a block.
        own: What else it prints; ``*`` stands for words with points.
    """

    marks: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    place_blocks: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
