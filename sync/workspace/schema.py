"""The three files of a workspace as people write them: their shape, and nothing else."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from connectors.limits import TEXT_BYTES
from connectors.records import Consent
from segmenter.traits.trait_families import Family


def _no_scheme(name: str) -> str:
    if name == "mailto":
        message = "this name is kept for addresses; choose another"
        raise ValueError(message)
    return name


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
ConnectionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$"), AfterValidator(_no_scheme)]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """Part of a file; a key that nobody knows is an error."""

    # what people typed may be a secret in the wrong place: no error repeats it
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _is_zone(name: str) -> str:
    if name not in available_timezones():
        message = f"there is no time zone {name!r}; write it like Europe/Berlin"
        raise ValueError(message)
    return name


class WorkspacePart(Part):
    """[workspace]."""

    name: str = Field(min_length=1, description="The company or brand.")
    engine: str = Field(
        default="duckdb", description='Where data lie: "duckdb" (a file in .personasync), or an Ibis URL.'
    )
    state: str = Field(
        default="sqlite",
        description='Where runs, plans and the ledger lie: "sqlite" (a file in .personasync), or a postgresql:// URL.',
    )
    time_zone: Annotated[str, AfterValidator(_is_zone)] = Field(
        default="UTC", description="Where hours of the day are told for people whose own time zone is not known."
    )


class OpenPart(BaseModel):
    """Part of a file with keys that something else defines; they are checked where that is known."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    def extra(self) -> dict[str, object]:
        """Return the keys that this part does not define."""
        return dict(self.model_extra or {})


class ConnectionPart(OpenPart):
    """[connections.NAME]. Keys beside `connector` are the connector's, as plugin.toml names them."""

    connector: str = Field(description="hubspot, mailchimp or files.")

    def settings(self) -> dict[str, str]:
        """Return the connector's keys; secrets are references still."""
        return {key: str(value) for key, value in self.extra().items()}


class TraitPart(Part):
    """[traits.NAME]: a platform's property, or an item of a survey, as a trait."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["connection", "property"]}, {"required": ["survey", "item"]}]}
    )

    connection: str | None = Field(default=None, min_length=1, description="The connection that has the property.")
    property: str | None = Field(
        default=None, min_length=1, description="The platform's name of the property or merge field."
    )
    survey: str | None = Field(default=None, min_length=1, description="Instead of a property: the survey's name.")
    item: str | None = Field(default=None, min_length=1, description="The item of the survey whose answer counts.")
    type: Literal["number", "text", "boolean", "date"] = "text"
    meaning: str = ""
    family: Family | None = Field(
        default=None,
        description="What it tells of a persona. Default: what the name tells of, else demographic; of a survey's item "
        "psychographic. Cultural: language, market, holidays, stated preferences, nothing else.",
    )
    sensitive: bool = False
    words: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description='Of a number whose values are words: what each counts as, { "No" = 0, "Yes" = 1 }.',
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        told = {name for name in ("connection", "property", "survey", "item") if getattr(self, name)}
        if told not in ({"connection", "property"}, {"survey", "item"}):
            message = "a trait names either connection and property, or survey and item"
            raise ValueError(message)
        if self.words and self.type != "number":
            message = f"`words` are for numbers, and this is a {self.type}"
            raise ValueError(message)
        return self


class GuardrailsPart(Part):
    """[guardrails]: what stops an apply."""

    max_changed: Share = Field(default=0.2, description="Largest share of contacts whose shown values change at once.")
    max_removed: Share = Field(default=0.05, description="Largest share of contacts that lose a group at once.")
    max_unclassified: Share = Field(default=0.8, description="Largest share of persons without a segment.")
    max_data_age_hours: float = Field(default=48, gt=0, description="Oldest data that may decide.")
    max_facts_age_days: float = Field(
        default=30, gt=0, description="Older facts of a persona are named by `doctor`; they stop nothing."
    )


class ClassifyPart(Part):
    """[classify]: which sources say what a person is, in which order, and how sure they must be."""

    order: tuple[Literal["declared", "survey", "rules", "model"], ...] = Field(
        default=("declared", "survey", "rules", "model"),
        description="The first source that answers decides; one that is left out is not asked.",
    )
    declared: Slug | None = Field(default=None, description="The trait in which people say themselves what they are.")
    min_confidence: Share = Field(default=0.6, description="Least probability of the best segment.")
    min_margin: Share = Field(default=0.15, description="Least lead of its probability over the runner-up's.")
    min_known: Share = Field(default=0.5, description="Least share of a model's traits that are known for the person.")
    min_lead: Share = Field(
        default=0.15, description="Least lead over the segment that a person is in, twice in a row, to change it."
    )
    tools: tuple[Slug, ...] | None = Field(
        default=None,
        description="The typing tools that are asked, in this order; default: all, the one with most questions first.",
    )
    rest_days: float = Field(
        default=7, ge=0, description="Nobody moves twice within so many days, unless they said so themselves."
    )
    expiry_days: float = Field(
        default=90, gt=0, description="How long a segment is kept of which no source is sure any more."
    )


class ToolPart(Part):
    """[tools.NAME]: a typing tool of `survey design`, `survey import` or `discover --accept`."""

    who: str = Field(
        default="true",
        description="A condition over traits: whom the tool is asked about, such as orders_total = 0 for new leads. "
        "Default: everybody who answered.",
    )


class ValuePart(Part):
    """[value]: what an order earns and a contact costs, and which segments are worth pushing."""

    margin: float = Field(
        default=1.0, gt=0, le=1, description="Share of an order that is earned; 1: values are revenue."
    )
    contact_cost: float = Field(default=0.0, ge=0, description="Of one contact of one person, in your currency.")
    horizon_days: int = Field(default=365, ge=28, le=3650, description="How far values look ahead.")
    discount: Share = Field(default=0.1, description="A year's interest: what comes later counts for less.")
    focus: tuple[Slug, ...] | Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Push only these segments, or so many of the most valuable; default: all."
    )


class ConsentPart(Part):
    """[consent]: who may be written to. The strictest consent over a person's contacts decides."""

    push: tuple[Consent, ...] = Field(
        default=("subscribed", "unknown"),
        description='"unknown" is a CRM contact who neither opted out nor is in the audience.',
    )
    individual: tuple[Consent, ...] = Field(
        default=("subscribed",), description="Who may be shown values of their own; others get their persona's copy."
    )
    persona: tuple[Consent, ...] = Field(
        default=get_args(Consent), description="Who may be shown a persona's copy; others get the fallback."
    )


class SensitivePart(Part):
    """[sensitive]: what traits about health, religion, politics and the like may be used for. Nothing, by default."""

    purpose: str = Field(default="", description="Why sensitive traits are needed, in words; counsel should know it.")
    allow: tuple[Slug, ...] = Field(
        default=(), description="The sensitive traits that may enter models and rules for this purpose."
    )

    @model_validator(mode="after")
    def _purpose_first(self) -> Self:
        if self.allow and not self.purpose.strip():
            message = "`allow` needs a purpose"
            raise ValueError(message)
        return self


class PersonalizePart(Part):
    """[personalize]: how good a suggestion has to be, and what would be creepy."""

    next_people: int = Field(
        default=10, ge=1, description="Fewest people who bought both, before one suggests the other."
    )
    next_rest_days: int = Field(default=90, ge=0, description="What was bought within so many days is not suggested.")
    creepy: Literal["warn", "fallback"] = Field(
        default="warn",
        description='Values that read as if the reader was watched: "warn" shows them and says so, "fallback" shows '
        "the persona's copy or the fallback instead. Sensitive ones are never shown without a purpose.",
    )
    max_individual: int = Field(
        default=4, ge=0, description="Most values of the reader's own in a mail: more reads like a file on somebody."
    )
    recent_days: float = Field(
        default=3, ge=0, description="Naming back what was bought within so many days reads as being watched."
    )
    min_times: int = Field(
        default=2, ge=1, description="What was bought or looked at less often is chance, and not named back as theirs."
    )
    max_age_days: float = Field(
        default=730, gt=0, description="What people did longer ago they have forgotten, or have changed since."
    )
    min_audience: int = Field(
        default=20, ge=0, description="A segment of fewer people is skipped, since so few feel singled out."
    )

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        if self.recent_days >= self.max_age_days:
            message = "recent_days must be below max_age_days: everything would be too fresh or too old"
            raise ValueError(message)
        return self


class PrivacyPart(Part):
    """[privacy]: what may be told of people."""

    min_group_shown: int = Field(
        default=20, ge=0, description="Nothing is told of a group of fewer people, nor ever of fewer than ten."
    )


class ServePart(Part):
    """[serve]: the webhook service. Secrets are references, as in [connections.NAME]."""

    host: str = Field(default="127.0.0.1", description="The address to listen at.")
    port: int = Field(default=8080, ge=0, le=65535, description="0 picks a free one.")
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#@]+)?$",
        description="Where platforms reach the service from outside: what HubSpot's signatures are made over.",
    )
    hubspot_secret: str = Field(default="", description="The HubSpot app's client secret.")
    mailchimp_secret: str = Field(default="", description="The secret that Mailchimp showed when the webhook was made.")
    mailchimp_path: str = Field(
        default="", description="A secret last part of Mailchimp's address, for a webhook that is not signed."
    )
    workers: int = Field(default=1, ge=0, le=16, description="Workers within the service; 0: `serve --worker` apart.")
    body_bytes: int = Field(default=1_048_576, ge=1024, description="Largest body of a delivery.")
    requests_per_second: int = Field(default=500, ge=1, description="Deliveries that are taken in a second.")
    tries: int = Field(default=5, ge=1, description="Times that a contact is tried before it is parked.")


class HoldoutPart(Part):
    """[holdout]: people who are never mailed, so that the worth of all campaigns together can be told."""

    share: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.0, description="Of all persons; 0.05 to 0.1 is usual.")
    salt: str = Field(default="everybody", description="Another one draws other people; leave it once it is in use.")


class ResultsPart(Part):
    """[results]: what counts as an answer to a campaign."""

    order_days: int = Field(default=7, ge=1, description="Orders up to so many days after a mail count.")
    machine_open_seconds: float = Field(
        default=120,
        ge=0,
        description="Opens so soon after sending count as a machine's where the platform does not tell; 0: none do.",
    )


class MainFile(Part):
    """personasync.toml."""

    workspace: WorkspacePart
    connections: dict[ConnectionName, ConnectionPart] = Field(default_factory=dict)
    traits: dict[Slug, TraitPart] = Field(default_factory=dict)
    guardrails: GuardrailsPart = GuardrailsPart()
    consent: ConsentPart = ConsentPart()
    value: ValuePart = ValuePart()
    classify: ClassifyPart = ClassifyPart()
    tools: dict[Slug, ToolPart] = Field(default_factory=dict)
    sensitive: SensitivePart = SensitivePart()
    personalize: PersonalizePart = PersonalizePart()
    privacy: PrivacyPart = PrivacyPart()
    serve: ServePart | None = None
    holdout: HoldoutPart = HoldoutPart()
    results: ResultsPart = ResultsPart()


class SegmentPart(Part):
    """[[segments]]."""

    name: Slug
    title: str = ""
    rule: str = Field(
        default="false",
        description="A condition over traits: orders_365d >= 3 and days_since_order < 60. Without it nobody is in the "
        "segment by rule, only by what they say, by a survey or by a model.",
    )
    parent: Slug | None = Field(default=None, description="The segment that this one is a part of.")
    priority: int | None = Field(default=None, description="Smaller is tried first; default: the order of the file.")


class SegmentsFile(Part):
    """segments.toml."""

    segments: tuple[SegmentPart, ...] = ()


class PersonaPart(Part):
    """[personas.SLUG]: who stands for a segment. All of it is invented by people; facts are kept elsewhere."""

    name: str
    segments: tuple[Slug, ...] = ()
    story: str = ""
    hs_persona: str = Field(
        default="", description="Its name among HubSpot's own personas, where it is called differently there."
    )
    quote: str = Field(default="", description="What the persona would say.")
    picture: str = Field(default="", description="A file in the workspace, .png, .jpg or .svg, for the report's card.")
    fields: dict[Slug, str | dict[ConnectionName, str]] = Field(
        default_factory=dict,
        description='Copy for the template fields; {crm = "...", email = "..."} where it differs by connection.',
    )


class FieldPart(OpenPart):
    """[fields.NAME]. Keys beside these are connections: the field's name there."""

    label: str = ""
    type: Literal["text", "url", "number", "date", "choice"] = "text"
    fallback: str = Field(description="Shown for people without a persona, and for personas without copy of their own.")
    trait: Slug | None = Field(
        default=None, description="The trait whose value is shown to the person; next_category and next_product too."
    )
    personalize: Literal["none", "persona", "individual"] | None = Field(
        default=None,
        description="How personal it may get: the fallback for all, persona copy, or the trait. Default: as far as the "
        "field goes.",
    )
    options: tuple[str, ...] = Field(default=(), description="Of a choice: what may be shown.")
    max_length: int = Field(
        default=TEXT_BYTES, ge=1, le=TEXT_BYTES, description="Most characters that the template has room for."
    )

    def targets(self) -> dict[str, str]:
        """Return the field's name on each connection."""
        return {connection: str(name) for connection, name in self.extra().items()}


class PersonasFile(Part):
    """personas.toml."""

    personas: dict[Slug, PersonaPart] = Field(default_factory=dict)
    fields: dict[Slug, FieldPart] = Field(default_factory=dict)
