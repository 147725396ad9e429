"""The spec that travels with a connector: hosts, scopes and why, settings, owned fields, capabilities, cost, limits.

A connector of another package brings it as a TOML file beside its code (`connectors.installed`); those of personasync
stand in plugin.toml. The keys are the same.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from connectors.declared import (
    ApiSpec,
    CampaignSpec,
    CheckSpec,
    EventSpec,
    PagingSpec,
    ProbeSpec,
    PushUnit,
    SignatureSpec,
    SpecPart,
    TemplateSpec,
)
from connectors.errors import FixSettingsError
from connectors.records import FieldType

ASKABLE = re.compile(r"[\w -]+")
"""Names of properties that can be asked for in the JSON of all of them; dots and quotes mean something there."""

Role = Literal["persona", "segment", "confidence", "reason", "since", "runner_up", "version", "memberships"]


class Scope(SpecPart):
    """An API scope that the connector needs, with the reason."""

    name: str
    why: str


class DeclaredField(SpecPart):
    """A field of the assignment that the connector writes."""

    name: str
    role: Role
    label: str
    type: FieldType
    optional: bool = False  # only where the connection's `extra_fields` names the role


class WebhookSpec(SpecPart):
    """A webhook subscription."""

    type: str
    property: str = ""


class ActionSpec(SpecPart):
    """A custom action in the platform's own workflows."""

    uid: str
    name: str
    description: str
    outputs: tuple[str, ...]


class DeliverySpec(SpecPart):
    """How its events reach `personasync serve`, and what [serve] has to say of them.

    Attributes:
        contacts_by: By what an event names its contact.
        connection_by: The setting by whose value a delivery names its connection; several connections of the connector
            have one address then. "": each has its own.
        secret: What [serve] NAME_secret is.
        secret_at: Where a person finds it on the platform; "" where `setup` keeps it.
        path: What [serve] NAME_path is, the secret last part of the address where deliveries may be unsigned; "": they
            never are.
        where: Where a person looks after webhooks on the platform.
        project: Folder of the app that a person uploads (`connectors.events.AppProject`); "": there is none.
        upload: The command that uploads it.
        signature: How deliveries are signed.
        events: Where they say what happened.
    """

    contacts_by: Literal["id", "address"] = "id"
    connection_by: str = ""
    secret: str = "Signing secret of its webhooks."  # noqa: S105 - what it is, in words
    secret_at: str = ""
    path: str = ""
    where: str = ""
    project: str = ""
    upload: str = ""
    signature: SignatureSpec = SignatureSpec()
    events: EventSpec = EventSpec()


class Capabilities(SpecPart):
    """What a connector can do; what is left out it can't.

    Attributes:
        fields: Whether fields of contacts can be written.
        fields_by_writing: Whether a field is there as soon as somebody writes it: `setup` makes none.
        groups: What a segment becomes there: a tag, a list, or nothing.
        needs_address: Whether a contact without an address can't be written to.
        longest_field_name: Characters of a field's name; 0: no limit is known.
        longest_text: Bytes of a text field's value; 0: no limit is known.
        templates: Dialect of the platform's mail templates, of those that `preview` knows; "": none of them.
        events: Whether its webhooks reach `personasync serve`.
        campaigns: Whether it tells who got, opened and clicked a campaign.
        incremental: Whether a pull reads only what changed.
    """

    fields: bool = False
    fields_by_writing: bool = False
    groups: Literal["none", "tags", "lists"] = "none"
    needs_address: bool = False
    longest_field_name: int = Field(default=0, ge=0)
    longest_text: int = Field(default=0, ge=0)
    templates: str = ""
    events: bool = False
    campaigns: bool = False
    incremental: bool = False

    @property
    def writes(self) -> bool:
        """Whether anything can be written there."""
        return self.fields or self.groups != "none"

    def words(self) -> list[str]:
        """Return what it can do, in a few words each.

        Returns:
            One or two words a capability, in a fixed order.
        """
        able = {
            "fields": self.fields,
            self.groups: self.groups != "none",
            "campaigns": self.campaigns,
            "events": self.events,
            "templates": bool(self.templates),
            "incremental pull": self.incremental,
        }
        return [word for word, can in able.items() if can]


SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


class WindowSpec(SpecPart):
    """A limit of the platform: at most `requests` in any `seconds`.

    Attributes:
        endpoints: What it counts, as "METHOD path"; (): every endpoint that no other window names.
        apart: Whether each of these has a window of its own.
    """

    requests: int = Field(gt=0)
    seconds: float = Field(gt=0)
    endpoints: tuple[str, ...] = ()
    apart: bool = False


class CallCost(SpecPart):
    """What calls cost in the platform's own currency.

    Attributes:
        unit: What the platform counts: "requests", "tokens".
        usual: Units of a call.
        calls: Units of a call to some endpoints, by "METHOD path".
        quota: Units that the account has in a period; 0: no quota is known.
        period: Of the quota.
    """

    unit: str = "requests"
    usual: int = Field(default=1, ge=0)
    calls: Mapping[str, int] = {}
    quota: int = Field(default=0, ge=0)
    period: Literal["second", "minute", "hour", "day"] = "day"

    def of(self, requests: Mapping[str, int]) -> int:
        """Return the units that *requests* (number by endpoint) cost.

        Args:
            requests: Number of requests by endpoint.

        Returns:
            Units of the platform's own currency.
        """
        return sum(count * self.calls.get(endpoint, self.usual) for endpoint, count in requests.items())

    def seconds(self, units: int) -> float:
        """Return the seconds until the quota has allowed *units*; the quota of the first period is there at once.

        Args:
            units: Of the platform's own currency.

        Returns:
            Seconds; 0 where there is no quota.
        """
        periods = (units - 1) // self.quota if self.quota and units else 0
        return float(periods * SECONDS[self.period])


class RateHeaderSpec(SpecPart):
    """Names of the headers by which the platform tells about its limit (`connectors.transport.RateHeaders`)."""

    most: str = ""
    left: str = ""
    milliseconds: str = ""
    today: str = ""


class ImporterSpec(SpecPart):
    """How the platform's own importer calls columns: the header of the address, and of tags where it takes them."""

    address: str
    tags: str = ""


class InitSpec(SpecPart):
    """What `init` asks and writes.

    Attributes:
        name: Of the connection.
        question: Whether there is one, asked of the user.
        settings: Keys that it writes; secrets as references.
        asks: Further settings: the question for each.
        defaults: What stands in these without an answer.
    """

    name: str
    question: str
    settings: Mapping[str, str] = {}
    asks: Mapping[str, str] = {}
    defaults: Mapping[str, str] = {}


class ConnectorSpec(SpecPart):
    """A spec: [connectors.NAME] of plugin.toml, or the whole file of a connector of another package."""

    title: str
    kind: Literal["crm", "email", "files"]
    beta: bool = False  # nobody has seen it work with an account of the platform yet
    base_url: str = ""
    hosts: tuple[str, ...] = ()
    download_hosts: tuple[str, ...] = ()
    api_version: str = ""
    api_versions: Mapping[str, date] = {}  # when the platform ends each, the newest last
    paths_end: Mapping[str, date] = {}  # of paths that end at another time, by what they begin with
    secret: str = ""
    settings: tuple[str, ...] = ()
    provides: Mapping[str, tuple[str, ...]] = {}  # data that traits are made of, by the setting that brings them
    choices: Mapping[str, tuple[str, ...]] = {}  # what may stand in a setting; the first is its default
    persona_property: str = ""  # the platform's own persona, and the setting that lets us write it
    paths: tuple[str, ...] = ()  # settings that are files, meant from the workspace
    group_prefix: str = ""
    field_group: str = ""
    skip_merge_validation: bool = False
    scopes: tuple[Scope, ...] = ()
    fields: tuple[DeclaredField, ...] = ()
    properties: tuple[str, ...] = ()  # that every contact has beside the fields that the platform lists
    traits: Mapping[str, tuple[str, ...]] = {}  # properties that feed a built-in trait; the first that holds something
    webhooks: tuple[WebhookSpec, ...] = ()
    webhook_sources: tuple[str, ...] = ()
    deliveries: DeliverySpec = DeliverySpec()
    action: ActionSpec | None = None
    capabilities: Capabilities = Capabilities()
    cost: CallCost = CallCost()
    windows: tuple[WindowSpec, ...] = ()  # in place of `limits.requests`, where endpoints have limits of their own
    rate_headers: RateHeaderSpec = RateHeaderSpec()
    init: InitSpec | None = None  # of the connections that `init` proposes
    importer: ImporterSpec | None = None  # of `export --for`
    used_at: str = ""  # where a person finds what reads our fields and groups there, such as workflows: a clause
    unknown_tag: str = ""  # what a mail shows for a field that there is not: a clause with {name}
    prints_labels: bool = False  # whether mails show the label of a choice in place of its value
    erase: str = ""  # how a person erases a contact there: a sentence with {name} and {id}
    sample_field: str = ""  # a name for the template field that `init` shows
    limits: Mapping[str, int] = {}
    api: ApiSpec = ApiSpec()
    paging: PagingSpec = PagingSpec()
    checks: tuple[CheckSpec, ...] = ()  # what `doctor` asks
    test_account: CheckSpec | None = None  # where the platform says that an account is one for tests
    push: Mapping[str, tuple[PushUnit, ...]] = {}  # by endpoint: what its requests are sent for
    campaigns: CampaignSpec = CampaignSpec()
    probes: tuple[ProbeSpec, ...] = ()
    templates: TemplateSpec = TemplateSpec()

    @property
    def optional_roles(self) -> tuple[str, ...]:
        """Roles of the fields that a connection may switch on."""
        return tuple(field.role for field in self.fields if field.optional)

    def serve_keys(self, connector: str) -> dict[str, str]:
        """Return the keys that [serve] may have for this connector, and what each is.

        Args:
            connector: Its name.

        Returns:
            Description by key: ``NAME_secret``, and ``NAME_path`` where deliveries may be unsigned.
        """
        if not self.capabilities.events:
            return {}
        words = {f"{connector}_secret": self.deliveries.secret, f"{connector}_path": self.deliveries.path}
        return {key: text for key, text in words.items() if text}

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values, as a `connectors.connector.Connection` carries them.

        Returns:
            Value by key, tables within as mappings.
        """
        return self.model_dump()

    @model_validator(mode="after")
    def _fits(self) -> ConnectorSpec:
        """See that names refer to what is there."""
        if self.secret and self.secret not in self.settings:
            message = f"`settings` lacks {self.secret!r}, which `secret` names"
            raise ValueError(message)
        for what in ("choices", "paths"):
            if unknown := sorted(set(getattr(self, what)) - set(self.settings)):
                message = f"`settings` lacks {', '.join(map(repr, unknown))}, which `{what}` names"
                raise ValueError(message)
        if (by := self.deliveries.connection_by) and by not in self.settings:
            message = f"`settings` lacks {by!r}, which `deliveries.connection_by` names"
            raise ValueError(message)
        if self.fields and not self.capabilities.fields:
            message = "`fields` are declared, and [capabilities] does not say fields = true"
            raise ValueError(message)
        named = [*(field.name for field in self.fields), *(name for names in self.traits.values() for name in names)]
        if odd := [name for name in named if not ASKABLE.fullmatch(name)]:
            message = f"the warehouse can't ask for {odd[0]!r}: names have letters, digits, spaces, _ and - only"
            raise ValueError(message)
        return self


def parse_spec(text: str, *, where: str) -> ConnectorSpec:
    """Return the spec that a file holds.

    Args:
        text: TOML.
        where: The file, for messages.

    Returns:
        The checked spec.

    Raises:
        FixSettingsError: The file is no TOML, or a key is unknown, missing or wrong; names each.
    """
    try:
        return ConnectorSpec.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise FixSettingsError(f"{where} is not valid TOML: {error}.") from None
    except ValidationError as error:
        faults = [_fault(".".join(map(str, fault["loc"])), fault) for fault in error.errors()]
        raise FixSettingsError(f"{where}: {'; '.join(faults)}.") from None


def _fault(place: str, fault: Mapping[str, Any]) -> str:
    said = {"missing": "is missing", "extra_forbidden": "is not a key of a spec"}.get(fault["type"])
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{place!r} {said}" if said else f"{place!r}: {message}" if place else message
