"""Trait catalogue: built-in traits, and those that a workspace maps from platforms and surveys."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from segmenter.errors import DefinitionError
from segmenter.traits.counts import CountedTrait
from segmenter.traits.definitions import ANYTHING, Limits, MappedTrait, SurveyTrait, Trait, trait_definition
from segmenter.traits.trait_families import Family, likely_family

ORDER_WINDOWS = (30, 90, 180, 365)
MAIL_WINDOWS = (7, 30, 90, 180, 365)
VISIT_WINDOWS = (30, 90, 365)
YEAR = 365
RATE_WINDOW = 90
TREND_WINDOW = 90
TRENDS = ("orders", "opens", "clicks")
DAYS_SINCE = {
    "days_since_order": "last_order",
    "days_since_first_order": "first_order",
    "days_since_delivery": "last_delivery",
    "days_since_open": "last_open",
    "days_since_click": "last_click",
    "days_since_visit": "last_visit",
    "days_since_answer": "last_answer",
    "tenure_days": "first_seen",
}
"""The trait, and the fact from whose moment it counts."""


COUNTED_FROM_ZERO = (
    *("orders_", "revenue_", "currencies", "categories"),
    *("count_", "deliveries_", "opens_", "clicks_", "bounces_", "complaints_", "replies_", "visits_", "forms_"),
)
"""How the names of traits begin that are 0 where nothing happened."""


def _number(
    name: str, meaning: str, unit: str, source: str, window: int | None = None, *, least: float | None = 0.0
) -> Trait:
    return Trait(name, meaning, unit, "number", source, window, least=least)


def _text(name: str, meaning: str, unit: str, source: str, family: Family = "behavioural") -> Trait:
    return Trait(name, meaning, unit, "text", source, family=family)


def _orders() -> Iterator[Trait]:
    yield _number("orders_total", "orders placed", "orders", "orders")
    yield _number("revenue_total", "sum of orders in the person's main currency", "main currency", "orders")
    for days in ORDER_WINDOWS:
        yield _number(f"orders_{days}d", f"orders placed in the last {days} days", "orders", "orders", days)
        yield _number(f"revenue_{days}d", f"sum of orders of the last {days} days", "main currency", "orders", days)
    yield _number("average_order", "average order value in the main currency", "main currency", "orders")
    yield _number("days_since_order", "days since the last order", "days", "orders")
    yield _number("days_since_first_order", "days since the first order", "days", "orders")
    yield _number("days_between_orders", "average days between orders; null below two", "days", "orders")
    yield _trend("orders", "orders placed", "orders")
    yield _text("currency", "the currency of most orders", "ISO 4217", "orders", "cultural")
    yield _number("currencies", "number of currencies ordered in; only the main one is summed", "currencies", "orders")
    worth = "predicted customer lifetime value; null where unknown"
    yield _number("clv", worth, "main currency", "person_values")
    expected = "predicted orders in the next 365 days"
    yield _number("expected_orders_365d", expected, "orders", "person_values")
    yield _text("favourite_category", "category with the most items ordered", "category", "order_lines")
    yield _text("last_category", "category of the last order", "category", "order_lines")
    yield _text("last_product", "product of the last order: its title, or its number", "product", "order_lines")
    yield _number("categories", "number of different categories ordered", "categories", "order_lines")


def _mail() -> Iterator[Trait]:
    for days in MAIL_WINDOWS:
        yield _number(f"deliveries_{days}d", f"emails delivered in the last {days} days", "emails", "deliveries", days)
        yield _number(f"opens_{days}d", f"emails opened in the last {days} days", "emails", "engagements", days)
        yield _number(f"clicks_{days}d", f"emails clicked in the last {days} days", "emails", "engagements", days)
    for kind in ("open", "click"):
        meaning = f"{kind} rate: share of delivered emails {kind}ed in the last {RATE_WINDOW} days"
        share, source, days = "share 0 to 1", "engagements", RATE_WINDOW
        name = f"{kind}_rate_{days}d"
        shrunk = f"{meaning}, smoothed towards the average rate where there are few (empirical Bayes)"
        yield Trait(name, f"{meaning}; null without deliveries", share, "number", source, days, least=0, most=1)
        yield Trait(f"{name}_shrunk", shrunk, share, "number", source, days, least=0, most=1)
    yield _trend("opens", "emails opened", "engagements")
    yield _trend("clicks", "emails clicked", "engagements")
    yield _number("days_since_delivery", "days since the last email was delivered", "days", "deliveries")
    yield _number("days_since_open", "days since an email was last opened", "days", "engagements")
    yield _number("days_since_click", "days since the last click in an email", "days", "engagements")
    yield Trait(
        "favourite_hour",
        "local hour of the day with the most first opens or clicks",
        "hour of the day (local time)",
        "number",
        "engagements",
        least=0,
        most=23,
    )
    yield _number("bounces_365d", "emails bounced in the last 365 days", "emails", "engagements", YEAR)
    yield _number("complaints_365d", "spam complaints in the last 365 days", "emails", "engagements", YEAR)
    yield _number("complaints_total", "spam complaints, all time", "emails", "engagements")
    yield _number("replies_365d", "emails replied to in the last 365 days", "emails", "engagements", YEAR)
    for days in VISIT_WINDOWS:
        yield _number(f"visits_{days}d", f"website visits in the last {days} days", "visits", "engagements", days)
    yield _number("days_since_visit", "days since the last website visit", "days", "engagements")
    yield _number("forms_365d", "forms submitted in the last 365 days", "forms", "engagements", YEAR)


def _answers() -> Iterator[Trait]:
    yield _number("days_since_answer", "days since the last survey answer", "days", "survey_answers")


def _trend(kind: str, what: str, source: str) -> Trait:
    days = TREND_WINDOW
    meaning = f"trend of {what}: last {days} days vs the {days} days before; above 0: increasing"
    unit = "log ratio, with 0.5 added to both counts"
    return _number(f"{kind}_trend_{days}d", meaning, unit, source, 2 * days, least=None)


def _people() -> Iterator[Trait]:
    yield _number("tenure_days", "days since the first contact record was created", "days", "contacts")
    yield _number("platforms", "number of connections with a contact of this person", "connections", "contacts")
    yield _text("consent", "strictest consent across the person's contacts", "consent", "contacts")
    yield _text("lifecycle_stage", "lifecycle stage in the CRM", "stage", "contacts")
    yield _text("country", "country, as the platform writes it", "country", "contacts", "geographic")
    yield _text("region", "state or region, as the platform writes it", "region", "contacts", "geographic")
    yield _text("city", "city, as the platform writes it", "city", "contacts", "geographic")
    yield _text("time_zone", "time zone, as the platform writes it", "time zone", "contacts", "geographic")
    yield _text("language", "language, as the platform writes it", "language", "contacts", "cultural")
    yield _text("company", "employer", "company", "contacts", "demographic")
    yield _text("industry", "industry of the company", "industry", "contacts", "demographic")
    yield _text("job_title", "job title", "job title", "contacts", "demographic")
    size = "number of employees of the company (lower end of a range)"
    yield Trait("employees", size, "employees", "number", "contacts", least=0.0, family="demographic")


BUILT_IN = {trait.name: trait for trait in (*_orders(), *_mail(), *_answers(), *_people())}

READ_FROM_CONTACTS = (
    *("lifecycle_stage", "country", "region", "city", "time_zone", "language"),
    *("company", "industry", "job_title", "employees"),
)
"""Built-in traits that a property of a contact tells; which one it is on a platform, its connector's spec says."""

ANY = ""
"""In place of a connection's name: of every contact."""

TraitProperties = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Trait -> connection -> properties that it is read from; of one contact the first that holds something counts."""

NAMED_ALIKE: TraitProperties = {trait: {ANY: (trait,)} for trait in READ_FROM_CONTACTS}
"""Each of these traits is read from the property of its own name."""


LIFECYCLE_STAGES = (
    *("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist"),
)
"""The usual stages of a CRM, from first to last: of several the last one that a person has reached counts."""


@dataclass(frozen=True, slots=True)
class Precedence:
    """What decides where contacts of one person disagree.

    Attributes:
        connections: The first that has a value decides; those that are not named come after, in one place.
        lifecycle_stages: From first to last, whatever their case and blanks: the last stage reached counts.
    """

    connections: tuple[str, ...] = ()
    lifecycle_stages: tuple[str, ...] = LIFECYCLE_STAGES


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Traits by name.

    Attributes:
        mapped: The workspace's own that a platform's property tells, by name.
        surveyed: The workspace's own that a survey's item tells, by name.
        precedence: What decides where contacts of one person disagree.
        counted: The counts that rules ask for, by name.
        properties: What built-in traits are read from.
    """

    traits: Mapping[str, Trait]
    mapped: Mapping[str, MappedTrait]
    surveyed: Mapping[str, SurveyTrait]
    precedence: Precedence = Precedence()
    counted: Mapping[str, CountedTrait] = field(default_factory=dict)
    properties: TraitProperties = field(default_factory=lambda: NAMED_ALIKE)

    def digest(self) -> str:
        """Return a short digest of every definition; another catalogue has another one."""
        defined = [
            trait_definition(trait) for part in (self.traits, self.mapped, self.surveyed) for trait in part.values()
        ]
        text = json.dumps([defined, asdict(self.precedence), self.properties], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def catalogue(
    own: Sequence[MappedTrait | SurveyTrait] = (),
    precedence: Precedence = Precedence(),
    counted: Sequence[CountedTrait] = (),
    properties: TraitProperties = NAMED_ALIKE,
) -> Catalogue:
    """Return the built-in traits together with the workspace's *own* and the counts that its rules ask for.

    Args:
        own: Those that the workspace maps.
        precedence: What decides where contacts of one person disagree.
        counted: What its rules count.
        properties: What built-in traits are read from, by connection.

    Returns:
        Built-in traits first.

    Raises:
        DefinitionError: A trait takes the name of a built-in one.
    """
    traits = dict(BUILT_IN)
    for trait in own:
        if trait.name in BUILT_IN:
            raise DefinitionError("a built-in trait has this name; choose another", where=f"trait {trait.name!r}")
        traits[trait.name] = _described(trait)
    mapped = {trait.name: trait for trait in own if isinstance(trait, MappedTrait)}
    surveyed = {trait.name: trait for trait in own if isinstance(trait, SurveyTrait)}
    counts = {count.name: count for count in counted}
    for name, count in counts.items():
        if name in traits:
            raise DefinitionError("a count in a rule has this name; choose another", where=f"trait {name!r}")
        traits[name] = _number(name, count.text, count.what, count.table, count.days)
    return Catalogue(traits, mapped, surveyed, precedence, counts, properties)


def _described(trait: MappedTrait | SurveyTrait) -> Trait:
    if isinstance(trait, MappedTrait):
        meaning, source = f"property {trait.property} of {trait.connection}", "contacts"
        family = likely_family(f"{trait.name} {trait.property}", "demographic")
    else:
        meaning, source = f"latest answer to {trait.item} of the survey {trait.survey}", "survey_answers"
        family = likely_family(f"{trait.name} {trait.item}", "psychographic")
    family = trait.family or family
    limits = trait.limits if trait.limits != ANYTHING or trait.type != "number" else _implied(trait)
    what = trait.meaning or meaning
    return Trait(trait.name, what, "", trait.type, source, sensitive=trait.sensitive, family=family, limits=limits)


def _implied(trait: MappedTrait | SurveyTrait) -> Limits:
    """What a name says of numbers: years of birth since 1900, ages up to 120."""
    source = trait.property if isinstance(trait, MappedTrait) else trait.item
    words = {word.casefold() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", f"{trait.name} {source}")}
    if words & {"birth", "birthyear", "born"} and words & {"year", "birthyear", "born"}:
        return Limits(1900, 2100)
    return Limits(0, 120) if words == {"age"} else ANYTHING
