"""The traits that there are, by name: those built in, and those that a workspace maps from platforms and surveys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from segmenter.errors import DefinitionError
from segmenter.trait import MappedTrait, SurveyTrait, Trait

ORDER_WINDOWS = (30, 90, 365)
MAIL_WINDOWS = (7, 30, 90, 365)
RATE_WINDOW = 90


def _built_in() -> Iterator[Trait]:
    yield Trait("orders_total", "orders placed", "orders", "number", "orders")
    yield Trait("revenue_total", "sum of orders in the person's main currency", "main currency", "number", "orders")
    for days in ORDER_WINDOWS:
        yield Trait(f"orders_{days}d", f"orders placed in the last {days} days", "orders", "number", "orders", days)
        yield Trait(
            f"revenue_{days}d", f"sum of orders of the last {days} days", "main currency", "number", "orders", days
        )
    yield Trait("average_order", "mean amount of an order", "main currency", "number", "orders")
    yield Trait("days_since_order", "days since the last order", "days", "number", "orders")
    yield Trait("days_since_first_order", "days since the first order", "days", "number", "orders")
    yield Trait(
        "currencies", "currencies ordered in; only the most used one is summed", "currencies", "number", "orders"
    )
    yield Trait("favourite_category", "category of which most pieces were ordered", "category", "text", "order_lines")
    for days in MAIL_WINDOWS:
        yield Trait(
            f"deliveries_{days}d", f"mails delivered in the last {days} days", "mails", "number", "deliveries", days
        )
        yield Trait(f"opens_{days}d", f"mails opened in the last {days} days", "mails", "number", "engagements", days)
        yield Trait(f"clicks_{days}d", f"mails clicked in the last {days} days", "mails", "number", "engagements", days)
    for kind in ("open", "click"):
        yield Trait(
            f"{kind}_rate_{RATE_WINDOW}d",
            f"mails with a {kind} in the last {RATE_WINDOW} days, of those delivered; null without deliveries",
            "share 0 to 1",
            "number",
            "engagements",
            RATE_WINDOW,
        )
    yield Trait("days_since_click", "days since the last click in a mail", "days", "number", "engagements")
    yield Trait(
        "favourite_hour",
        "hour of the day in which most clicks and opens fell",
        "hour of the day (UTC)",
        "number",
        "engagements",
    )
    yield Trait("bounces_365d", "bounced mails of the last 365 days", "mails", "number", "engagements", 365)
    yield Trait("complaints_365d", "spam complaints of the last 365 days", "complaints", "number", "engagements", 365)
    yield Trait("tenure_days", "days since the first contact record was created", "days", "number", "contacts")
    yield Trait("platforms", "connections that know the person", "connections", "number", "contacts")
    yield Trait("consent", "strictest consent over the person's contacts", "consent", "text", "contacts")
    yield Trait("lifecycle_stage", "lifecycle stage in the CRM", "stage", "text", "contacts")
    yield Trait("country", "country, as the platform writes it", "country", "text", "contacts")


BUILT_IN = {trait.name: trait for trait in _built_in()}

PROPERTIES = {"lifecycle_stage": ("lifecyclestage",), "country": ("country", "country_code", "COUNTRY")}
"""Properties that a built-in trait is read from; the first one that any contact of the person shows wins."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Traits by name.

    Attributes:
        mapped: The workspace's own that a platform's property tells, by name.
        surveyed: The workspace's own that a survey's item tells, by name.
    """

    traits: Mapping[str, Trait]
    mapped: Mapping[str, MappedTrait]
    surveyed: Mapping[str, SurveyTrait]

    def digest(self) -> str:
        """Return a short digest of every definition; another catalogue has another one."""
        defined = [asdict(trait) for trait in self.traits.values()]
        defined += [asdict(trait) for trait in self.mapped.values()]
        defined += [asdict(trait) for trait in self.surveyed.values()]
        told = json.dumps(defined, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def catalogue(own: Sequence[MappedTrait | SurveyTrait] = ()) -> Catalogue:
    """Return the built-in traits together with the workspace's *own*.

    Raises:
        DefinitionError: A trait takes the name of a built-in one.
    """
    traits = dict(BUILT_IN)
    for trait in own:
        if trait.name in BUILT_IN:
            raise DefinitionError(
                "there is a built-in trait of that name; choose another", where=f"trait {trait.name!r}"
            )
        traits[trait.name] = _described(trait)
    mapped = {trait.name: trait for trait in own if isinstance(trait, MappedTrait)}
    surveyed = {trait.name: trait for trait in own if isinstance(trait, SurveyTrait)}
    return Catalogue(traits, mapped, surveyed)


def _described(trait: MappedTrait | SurveyTrait) -> Trait:
    if isinstance(trait, MappedTrait):
        meaning, source = f"property {trait.property} of {trait.connection}", "contacts"
    else:
        meaning, source = f"latest answer to {trait.item} of the survey {trait.survey}", "survey_answers"
    return Trait(trait.name, trait.meaning or meaning, "", trait.type, source, sensitive=trait.sensitive)
