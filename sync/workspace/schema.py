"""Pydantic models of the workspace files."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from segmenter.traits.builtin import LIFECYCLE_STAGES
from segmenter.traits.trait_families import Family
from sync.workspace.assistant_part import AssistantPart
from sync.workspace.consent_parts import ConsentPart
from sync.workspace.decisions import DecisionsPart
from sync.workspace.notify_part import NotifyPart
from sync.workspace.schema_parts import (
    Address,
    ConnectionName,
    ExportPart,
    FilePart,
    OpenPart,
    RetentionPart,
    Share,
    Slug,
)


def _is_zone(name: str) -> str:
    if name not in available_timezones():
        message = f"unknown time zone {name!r}; use a name like Europe/Berlin"
        raise ValueError(message)
    return name


class WorkspacePart(FilePart):
    """[workspace]."""

    name: str = Field(min_length=1, description="Company or brand name.")
    engine: str = Field(
        default="duckdb",
        description='Where data are stored: "duckdb" (a file in .personasync), a postgresql:// or other Ibis URL.',
    )
    state: str = Field(
        default="sqlite",
        description=(
            'Where runs, plans and the change log are stored: "sqlite" (a file in .personasync), or '
            "a postgresql:// URL."
        ),
    )
    time_zone: Annotated[str, AfterValidator(_is_zone)] = Field(
        default="UTC", description="Default time zone, for people whose own is unknown."
    )


class ConnectionPart(OpenPart):
    """[connections.NAME]. Keys beside `connector` are the connector's, as plugin.toml names them."""

    connector: str = Field(description="Name of the connector; `personasync connectors` lists them.")

    def settings(self) -> dict[str, str]:
        """Return the connector's keys; secrets are references still."""
        return {key: str(value) for key, value in self.extra().items()}


PATH_SIGNS = frozenset(".:*'\"[]")


class TraitPart(FilePart):
    """[traits.NAME]: a platform's property, or an item of a survey, as a trait."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["connection", "property"]}, {"required": ["survey", "item"]}]}
    )

    connection: str | None = Field(default=None, min_length=1, description="The connection that has the property.")
    property: str | None = Field(
        default=None, min_length=1, description="Name of the property or merge field on the platform."
    )
    survey: str | None = Field(default=None, min_length=1, description="Survey name, instead of a property.")
    item: str | None = Field(default=None, min_length=1, description="Survey item whose answer is used.")
    type: Literal["number", "text", "boolean", "date"] = "text"
    meaning: str = ""
    family: Family | None = Field(
        default=None,
        description="Trait family, for persona cards. Default: derived from the name, else demographic; psychographic "
        "for survey items. Cultural covers language, market, holidays and stated preferences only.",
    )
    sensitive: bool = False
    words: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description='Numeric value of each word, like { "No" = 0, "Yes" = 1 }.',
    )
    least: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        default=None, description="Smallest possible number; `quality` reports smaller ones."
    )
    most: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        default=None, description="Largest possible number; `quality` reports larger ones."
    )
    allowed: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = Field(
        default=(), description="Possible values of a text; `quality` reports others."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        keys = {name for name in ("connection", "property", "survey", "item") if getattr(self, name)}
        if keys not in ({"connection", "property"}, {"survey", "item"}):
            message = "a trait needs either connection and property, or survey and item"
            raise ValueError(message)
        if self.property and (self.property.startswith("$") or set(self.property) & PATH_SIGNS):
            message = (
                f"{self.property!r} can't be read as a trait: of . : * ' \" [ ] and a first $ the warehouse makes a "
                "path, and the trait would be empty. Rename the column"
            )
            raise ValueError(message)
        if self.words and self.type != "number":
            message = f'`words` need type = "number", but this trait has type {self.type}'
            raise ValueError(message)
        if (self.least is not None or self.most is not None) and self.type != "number":
            message = f'`least` and `most` need type = "number", but this trait has type {self.type}'
            raise ValueError(message)
        if self.least is not None and self.most is not None and self.least > self.most:
            message = f"`least` is {self.least:g}, above `most`, which is {self.most:g}: no value would be possible"
            raise ValueError(message)
        if self.allowed and self.type != "text":
            message = f'`allowed` needs type = "text", but this trait has type {self.type}'
            raise ValueError(message)
        return self


class PrecedencePart(FilePart):
    """[precedence]: which source decides where contacts of one person disagree about a text."""

    connections: tuple[ConnectionName, ...] = Field(
        default=(),
        description="Connections, the most trusted one first; of one connection the contact that changed last decides. "
        "Default: the order of [connections]. Omitted connections come last, in that order.",
    )
    lifecycle_stages: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = Field(
        default=LIFECYCLE_STAGES,
        description="Lifecycle stages from first to last: the last one that a person has reached counts, whichever "
        "contact shows it. Other stages count less than these.",
    )


class GuardrailsPart(FilePart):
    """[guardrails]: limits that block an apply."""

    max_changed: Share = Field(default=0.2, description="Maximum share of contacts whose values change in one plan.")
    max_removed: Share = Field(
        default=0.05, description="Maximum share of contacts that lose a tag or list in one plan."
    )
    max_unclassified: Share = Field(default=0.8, description="Maximum share of people without a segment.")
    max_data_age_hours: float = Field(default=48, gt=0, description="Maximum age of the data, in hours.")
    max_facts_age_days: float = Field(
        default=30, gt=0, description="`doctor` warns about persona facts older than this; nothing is blocked."
    )


class ClassifyPart(FilePart):
    """[classify]: sources of segment assignments, their order, and the confidence they need."""

    order: tuple[Literal["declared", "survey", "rules", "model"], ...] = Field(
        default=("declared", "survey", "rules", "model"),
        description="Order of the sources; the first one with an answer decides. Omitted sources are not used.",
    )
    declared: Slug | None = Field(default=None, description="Trait with the self-declared segment.")
    min_confidence: Share = Field(default=0.6, description="Minimum probability of the best segment.")
    min_margin: Share = Field(default=0.15, description="Minimum lead over the runner-up's probability.")
    min_known: Share = Field(
        default=0.5, description="Minimum share of the model's traits that are known for the person."
    )
    min_lead: Share = Field(
        default=0.15,
        description="Minimum lead over the current segment, twice in a row, before it changes (hysteresis).",
    )
    tools: tuple[Slug, ...] | None = Field(
        default=None,
        description="Typing tools to use, in this order. Default: all, most questions first.",
    )
    rest_days: float = Field(
        default=7, ge=0, description="Minimum days between two segment changes, except self-declared ones."
    )
    expiry_days: float = Field(
        default=90, gt=0, description="How long a segment is kept when no source confirms it any more."
    )


class ToolPart(FilePart):
    """[tools.NAME]: a typing tool of `survey design`, `survey import` or `discover --accept`."""

    who: str = Field(
        default="true",
        description=(
            "Who the tool classifies: a condition over traits, such as orders_total = 0 for new "
            "leads. Default: everyone who answered."
        ),
    )


class ValuePart(FilePart):
    """[value]: margin and contact cost for customer value, and which segments to push."""

    margin: float = Field(
        default=1.0, gt=0, le=1, description="Profit margin, as a share of the order; 1 if values are revenue."
    )
    contact_cost: float = Field(default=0.0, ge=0, description="Cost of one email to one person, in your currency.")
    horizon_days: int = Field(default=365, ge=28, le=3650, description="Time horizon of the value forecast.")
    discount: Share = Field(default=0.1, description="Annual discount rate.")
    focus: tuple[Slug, ...] | Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Push only these segments, or this number of the most valuable. Default: all."
    )


class ExcludePart(FilePart):
    """[exclude]: people to whom nothing is written, by any command or by the webhook service."""

    addresses: tuple[Address, ...] = Field(
        default=(), description="Email addresses of these people; any address of a person counts."
    )
    rule: str | None = Field(
        default=None, min_length=1, description="A condition over traits, such as country = 'CH' or in(\"staff\")."
    )


class SensitivePart(FilePart):
    """[sensitive]: permitted use of sensitive traits (health, religion, politics). None by default."""

    purpose: str = Field(default="", description="Purpose of processing sensitive traits; have counsel review it.")
    allow: tuple[Slug, ...] = Field(
        default=(), description="Sensitive traits that models and rules may use for this purpose."
    )
    innocent: tuple[str, ...] = Field(
        default=(), description="Items, columns and traits that hold a sensitive word and mean something else."
    )

    @model_validator(mode="after")
    def _purpose_first(self) -> Self:
        if self.allow and not self.purpose.strip():
            message = "`allow` needs a purpose"
            raise ValueError(message)
        return self


class PersonalizePart(FilePart):
    """[personalize]: limits of recommendations, and of values that may feel intrusive."""

    next_people: int = Field(
        default=10,
        ge=1,
        description="Minimum number of people who bought both, before one is recommended for the other.",
    )
    next_rest_days: int = Field(
        default=90, ge=0, description="Products bought within this many days are not recommended."
    )
    creepy: Literal["warn", "fallback"] = Field(
        default="warn",
        description='Values that may feel intrusive: "warn" shows them with a warning, "fallback" shows the persona\'s '
        "copy or the fallback instead. Sensitive values are never shown without a purpose.",
    )
    max_individual: int = Field(
        default=4, ge=0, description="Maximum number of individual values in one email; more may feel intrusive."
    )
    recent_days: float = Field(
        default=3, ge=0, description="Mentioning a purchase within this many days may feel intrusive."
    )
    min_times: int = Field(
        default=2, ge=1, description="Minimum number of purchases or views before a preference is mentioned."
    )
    max_age_days: float = Field(default=730, gt=0, description="Behavior older than this many days is not mentioned.")
    min_audience: int = Field(default=20, ge=0, description="A segment with fewer people is skipped.")

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        if self.recent_days >= self.max_age_days:
            message = "recent_days must be below max_age_days; otherwise no value can be shown"
            raise ValueError(message)
        return self


class PrivacyPart(FilePart):
    """[privacy]: smallest group that is reported."""

    min_group_shown: int = Field(
        default=20, ge=0, description="Groups with fewer people are not reported; never fewer than ten."
    )


class ServePart(OpenPart):
    """[serve]: the webhook service. Secrets are references, as in [connections.NAME]."""

    # further keys are secrets by connector: `connectors.spec.ConnectorSpec.serve_keys`

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port; 0 picks a free one.")
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s?#@]+)?$",
        description="Public URL of the service, which platforms may sign.",
    )
    workers: int = Field(
        default=1, ge=0, le=16, description="Number of workers in the service; 0 if `serve --worker` runs separately."
    )
    body_bytes: int = Field(default=1_048_576, ge=1024, description="Maximum body size of a webhook request.")
    requests_per_second: int = Field(default=500, ge=1, description="Maximum webhook requests per second.")
    tries: int = Field(default=5, ge=1, description="Attempts per contact before it is set aside as a dead letter.")

    def secret_at(self, key: str) -> str:
        """Return the reference that stands at a connector's key; "" where there is none."""
        return str(self.extra().get(key, ""))


class HoldoutPart(FilePart):
    """[holdout]: global holdout, never emailed, to measure the incremental value of all campaigns."""

    share: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="Share of all people; 0.05 to 0.1 is common."
    )
    salt: str = Field(default="everybody", description="Seed of the random holdout; don't change it once in use.")


class ResultsPart(FilePart):
    """[results]: attribution window, and machine opens."""

    order_days: int = Field(
        default=7, ge=1, description="Attribution window: orders within this many days after an email count."
    )
    machine_open_seconds: float = Field(
        default=120,
        ge=0,
        description=(
            "Opens within this many seconds after sending count as machine opens where the platform "
            "doesn't report them; 0 turns this off."
        ),
    )


class MainFile(FilePart):
    """personasync.toml."""

    workspace: WorkspacePart
    connections: dict[ConnectionName, ConnectionPart] = Field(default_factory=dict)
    traits: dict[Slug, TraitPart] = Field(default_factory=dict)
    precedence: PrecedencePart = PrecedencePart()
    guardrails: GuardrailsPart = GuardrailsPart()
    consent: ConsentPart = ConsentPart()
    exclude: ExcludePart = ExcludePart()
    value: ValuePart = ValuePart()
    classify: ClassifyPart = ClassifyPart()
    tools: dict[Slug, ToolPart] = Field(default_factory=dict)
    sensitive: SensitivePart = SensitivePart()
    decisions: DecisionsPart = DecisionsPart()
    personalize: PersonalizePart = PersonalizePart()
    privacy: PrivacyPart = PrivacyPart()
    retention: RetentionPart = RetentionPart()
    export: ExportPart = ExportPart()
    serve: ServePart | None = None
    holdout: HoldoutPart = HoldoutPart()
    results: ResultsPart = ResultsPart()
    notify: NotifyPart = NotifyPart()
    assistant: AssistantPart = AssistantPart()


class SegmentPart(FilePart):
    """[[segments]]."""

    name: Slug
    title: str = ""
    rule: str = Field(
        default="false",
        description=(
            "A condition over traits: orders_365d >= 3 and days_since_order < 60. Without a rule, "
            "people are assigned only by what they state, by a survey or by a model."
        ),
    )
    parent: Slug | None = Field(default=None, description="Parent segment.")
    priority: int | None = Field(
        default=None, description="Lower values are tried first. Default: the order in the file."
    )
    cap: int | None = Field(
        default=None, ge=1, description="Maximum number of people, those of segments within it included."
    )
    cap_by: str = Field(
        default="",
        description='Who they are: those with the highest value of this trait, such as "clv"; with "-" before it, the '
        'lowest. Or "confidence".',
    )


class SegmentsFile(FilePart):
    """segments.toml."""

    segments: tuple[SegmentPart, ...] = ()
