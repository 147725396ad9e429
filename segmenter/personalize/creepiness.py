"""Creepiness checks: values, audiences and emails that feel too personal, each with a reason and a fix.

Personal is what a reader expects the sender to know; creepy is what makes them ask how the sender knew. Nothing here
changes a value: it is judged, and `segmenter.personalize.fields` shows or holds back what was judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Literal

from segmenter.late_ibis import ibis
from segmenter.personalize.fields import TemplateField
from segmenter.privacy.sensitive import NO_PURPOSE, Purpose, find_sensitive, why_sensitive, words
from segmenter.traits.builtin import Catalogue
from segmenter.traits.next_best_offer import NEXT

if TYPE_CHECKING:
    from ibis import Table

Reason = Literal["sensitive", "recent", "once", "old", "audience", "tokens"]
OF_VALUES: tuple[Reason, ...] = ("sensitive", "recent", "once", "old")
"""What a value itself can be; of several reasons the first is told."""
NEVER_SHOWN: tuple[Reason, ...] = ("sensitive",)
"""Special categories of data reach no mail without a named purpose (`segmenter.privacy.sensitive`)."""


@dataclass(frozen=True, slots=True)
class CreepinessLimits:
    """Limits of a workspace on personalization.

    Attributes:
        max_individual: Most values of the reader's own in one mail.
        recent_days: What was bought or looked at within so many days is not named back.
        min_times: What was bought or looked at less often is not named back as theirs.
        max_age_days: Oldest doing that a value may rest on.
        min_audience: Fewest people whom words of a group's own may address.
        held_back: The reasons for which a value is not shown: the persona's copy or the fallback is.
    """

    max_individual: int = 4
    recent_days: float = 3
    min_times: int = 2
    max_age_days: float = 730
    min_audience: int = 20
    held_back: tuple[Reason, ...] = NEVER_SHOWN


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence behind a trait's value.

    Attributes:
        names: What it names back to the person, if it does.
        since: Traits that count the days since; the newest of them is its age. () where the age is not known.
        times: The trait that counts how often.
    """

    names: Literal["bought", "viewed", ""] = ""
    since: tuple[str, ...] = ()
    times: str | None = None


ORDERED, ANSWERED = ("days_since_order",), ("days_since_open", "days_since_click", "days_since_visit")
NAMING: Mapping[str, Evidence] = {
    "last_product": Evidence("bought", ORDERED),
    "last_category": Evidence("bought", ORDERED),
    "favourite_category": Evidence("", ORDERED, "orders_total"),
    **{name: Evidence("", ORDERED) for name in NEXT},
}
BY_SOURCE: Mapping[str, Evidence] = {
    "orders": Evidence("", ORDERED),
    "order_lines": Evidence("", ORDERED),
    "engagements": Evidence("", ANSWERED),
    "survey_answers": Evidence("", ("days_since_answer",)),
}
VIEWING = frozenset(
    {"viewed", "visited", "browsed", "cart", "basket", "wishlist", "searched", "angesehen", "warenkorb"}
)
PAGES = frozenset({"url", "page", "seite"})  # of these it takes one, and that it was the first or the last
FIRST_OR_LAST = frozenset({"first", "last", "recent", "recently", "landing", "letzte", "zuletzt"})


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that a reader may find creepy.

    Attributes:
        place: The field, template line or persona.
        message: What it is, and why that matters.
        people: How many it is about; 0 where that is not counted.
        persona: Slug of the persona that they have; "" where it is about no persona.
        held_back: Whether they are shown the persona's copy or the fallback instead.
        example: The address of one of them; "" where nobody is named.
    """

    reason: Reason
    place: str
    message: str
    fix: str
    people: int = 0
    persona: str = ""
    held_back: bool = False
    example: str = ""

    def sentence(self) -> str:
        """Return it as people read it."""
        return f"{self.place}: {self.message} {self.fix}"


def evidence(name: str, catalogue: Catalogue) -> Evidence:
    """Return what trait *name* rests on."""
    if name in NAMING:
        return NAMING[name]
    if is_viewing(name, catalogue):
        return Evidence("viewed", ("days_since_visit",), "visits_365d")
    return BY_SOURCE.get(catalogue.traits[name].source, Evidence())


def is_viewing(name: str, catalogue: Catalogue) -> bool:
    """Return whether a mapped trait tells what somebody looked at: by its name, its meaning or its property's."""
    mapped = catalogue.mapped.get(name)
    if mapped is None:
        return False
    terms = set(words(f"{name} {mapped.meaning} {mapped.property}".replace("_", " ")))
    return bool(terms & VIEWING) or bool(terms & PAGES and terms & FIRST_OR_LAST)


def traits_needed(shown: Iterable[str], catalogue: Catalogue) -> list[str]:
    """Return the traits besides *shown* ones that `with_creepiness` asks for, each once.

    Args:
        shown: Names of the traits that fields show.
        catalogue: What they are made from.

    Returns:
        Trait names, in a fixed order.
    """
    traits: dict[str, None] = {}
    for name in shown:
        rests = evidence(name, catalogue)
        traits |= dict.fromkeys((*rests.since, *((rests.times,) if rests.times else ())))
    return list(traits)


def sensitive_values(values: Iterable[str | None]) -> list[str]:
    """Return those of *values* that speak of a special category of data, or of children.

    Returns:
        In the order of *values*, repeated ones too; None and "" never count.
    """
    return [value for value in values if value and find_sensitive(value, whole=True)]


def with_creepiness(
    people: Table,
    shown: Sequence[str],
    catalogue: Catalogue,
    limits: CreepinessLimits,
    sensitive: Mapping[str, Sequence[str]],
) -> Table:
    """Return *people* with a column ``creepy_TRAIT`` for each trait that is shown: the reason, or null.

    Args:
        people: The traits *shown*, and those that `traits_needed` names.
        shown: Traits that fields show to the people whom they are about.
        catalogue: What they are.
        limits: How much is allowed.
        sensitive: By trait: values that may not be shown (`sensitive_values`).

    Returns:
        *people* with the text columns: a reason such as "recent", or null where the value may be shown.
    """
    columns = {
        f"creepy_{name}": _reason(people, name, evidence(name, catalogue), limits, sensitive.get(name, ()))
        for name in shown
    }
    return people.mutate(**columns)


def _reason(people: Table, name: str, rests: Evidence, limits: CreepinessLimits, sensitive: Sequence[str]) -> Any:
    value, no = people[name], ibis.literal(False)  # noqa: FBT003 - an expression
    since = [people[trait] for trait in rests.since]
    flags: dict[Reason, Any] = {"sensitive": value.isin(list(sensitive)) if sensitive else no}
    if rests.names and since:
        flags["recent"] = since[0] < limits.recent_days
    if rests.times:
        flags["once"] = people[rests.times].fill_null(0.0) < limits.min_times
    if since:
        # what happened at an unknown time is not called old
        old = reduce(and_, (days.isnull() | (days > limits.max_age_days) for days in since))
        flags["old"] = old & ~reduce(and_, (days.isnull() for days in since))
    cases = [(value.notnull() & flags[reason].fill_null(no), reason) for reason in OF_VALUES if reason in flags]
    return ibis.cases(*cases, else_=ibis.null("string"))


def of_value(
    reason: Reason,
    template: TemplateField,
    limits: CreepinessLimits,
    *,
    trait: str,
    persona: str,
    people: int,
    example: str = "",
) -> Concern:
    """Return what is creepy about the values of a field that *people* of a persona would be shown.

    Args:
        reason: Why the values are creepy.
        template: The field that shows them.
        limits: How much is allowed, and which reasons hold a value back.
        trait: The trait that the values are of.
        persona: The persona's slug.
        people: How many see such a value, or would.
        example: The e-mail address of one of them; "" for none.

    Returns:
        The sentence and its fix, which names the setting.
    """
    held = reason in limits.held_back
    shown = "gets the persona's copy or the fallback instead" if held else "sees this"
    who = "1 person" if people == 1 else f"{people:,} people"
    shown = shown if people == 1 else shown.replace("gets", "get").replace("sees", "see")
    return Concern(
        reason,
        f"field {template.name!r}, persona {persona!r}",
        f"{_why(reason, trait, limits)}; {who} {shown}.",
        _fix(reason, trait, held=held),
        people,
        persona,
        held,
        example,
    )


def _why(reason: Reason, trait: str, limits: CreepinessLimits) -> str:
    why: Mapping[str, str] = {
        "sensitive": f"{trait} reveals sensitive data, such as health, religion or children",
        "recent": (
            f"{trait} mentions a purchase or view within {limits.recent_days:g} days, which may feel like being watched"
        ),
        "once": f"{trait} mentions something they did fewer than {limits.min_times} times, too few for a preference",
        "old": f"{trait} is based on behavior more than {limits.max_age_days:g} days old",
    }
    return why[reason]


def _fix(reason: Reason, trait: str, *, held: bool) -> str:
    fixes: Mapping[str, str] = {
        "sensitive": (
            f'If this is allowed, add to personasync.toml: [sensitive] purpose = "...", allow = ["{trait}"].'
        ),
        "recent": "Lower [personalize] recent_days if this is fine",
        "once": "Lower [personalize] min_times if this is enough",
        "old": "Raise [personalize] max_age_days if this is still relevant",
    }
    fix = fixes[reason]
    if reason != "sensitive":
        fix += "." if held else ', or set creepy = "fallback" to show the persona\'s copy or the fallback instead.'
    return fix


def audience_concerns(
    audiences: Mapping[str, int], limits: CreepinessLimits, *, what: str = "persona"
) -> list[Concern]:
    """Return the groups that are too small to be addressed with words of their own.

    Args:
        audiences: People by persona that has copy, or by option of a choice that is shown.
        limits: How much is allowed.
        what: What the groups are, and where.

    Returns:
        One per group of 1 to ``min_audience - 1`` people; an empty group is none.
    """
    return [
        Concern(
            "audience",
            f"{what} {name!r}",
            f"{count:,} {'person gets' if count == 1 else 'people get'} copy of their own; "
            f"min_audience is {limits.min_audience}. Groups this small feel singled out and can be "
            "identified.",
            "Merge it with another, or lower [personalize] min_audience.",
            count,
            name if what == "persona" else "",
        )
        for name, count in audiences.items()
        if 0 < count < limits.min_audience
    ]


def of_mail(tokens: Mapping[str, int], limits: CreepinessLimits) -> list[Concern]:
    """Return whether one mail says too much of what is known of its reader.

    Args:
        tokens: Each value of the reader's own that it prints, and the first line in which it does.
        limits: How much is allowed.

    Returns:
        One concern, or none.
    """
    if len(tokens) <= limits.max_individual:
        return []
    listed = ", ".join(f"{name} (line {line})" for name, line in tokens.items())
    return [
        Concern(
            "tokens",
            f"line {list(tokens.values())[limits.max_individual]}",
            f"the email shows {len(tokens)} individual values, max_individual is "
            f"{limits.max_individual}: {listed}. This may feel intrusive.",
            "Keep the values that help the reader, or raise [personalize] max_individual.",
        )
    ]


def of_fields(
    fields: Mapping[str, TemplateField], catalogue: Catalogue, limits: CreepinessLimits, purpose: Purpose = NO_PURPOSE
) -> list[Concern]:
    """Return what can be told from the fields as they are configured, whoever the people are.

    Args:
        fields: By name, as personas.toml defines them.
        catalogue: The workspace's traits.
        limits: Reasons that are held back are no concern.
        purpose: Which sensitive traits may be shown.

    Returns:
        One per field and reason; fields that show no trait, or have no target, are left out.
    """
    concerns = []
    for name, template in fields.items():
        for trait in template.all_asked if template.targets else ():
            concerns += _of_trait(trait, f"field {name!r}", catalogue, limits, purpose)
    return concerns


def _of_trait(
    trait: str, place: str, catalogue: Catalogue, limits: CreepinessLimits, purpose: Purpose
) -> list[Concern]:
    concerns, rests = [], evidence(trait, catalogue)
    if purpose.allows(trait):
        why = "" if trait in NEXT else why_sensitive(trait, catalogue)
        message = f"it shows a sensitive trait ({why or 'its values may be'}) in emails, which others may see."
        fix = 'personalize = "persona" keeps it out of emails.'
        concerns.append(Concern("sensitive", place, message, fix))
    if rests.names and "recent" not in limits.held_back:
        reason: Reason = "recent" if rests.names == "bought" else "once"
        what = "bought last" if rests.names == "bought" else "looked at, even once"
        message = f"{trait} mentions what the reader {what}."
        fix = 'Set [personalize] creepy = "fallback" to hide values that are too recent or happened only once.'
        concerns.append(Concern(reason, place, message, fix))
    return concerns
