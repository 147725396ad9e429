"""What a trait is made of: the data without which it stays empty for everybody."""

from __future__ import annotations

from segmenter.traits.builtin import BUILT_IN, Catalogue
from segmenter.traits.counts import CountedTrait

OF_ENGAGEMENTS = {
    "opens_": ("open",),
    "open_rate": ("open",),
    "days_since_open": ("open",),
    "clicks_": ("click",),
    "click_rate": ("click",),
    "days_since_click": ("click",),
    "favourite_hour": ("open", "click"),
    "bounces_": ("bounce",),
    "complaints_": ("complaint",),
    "replies_": ("reply",),
    "visits_": ("visit",),
    "days_since_visit": ("visit",),
    "forms_": ("form",),
}
"""How the names of traits begin, and the kinds of event that fill them; one of these is enough."""
EVENT = "event"
"""Any kind of event: only a file of events tells kinds that no trait counts by itself."""


def needs_of(name: str, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the data that fill a trait, one of which is enough; empty where its definition names its source.

    Args:
        name: Of a trait of *catalogue*.
        catalogue: All traits.

    Returns:
        Names of tables (``contacts``, ``orders``, ``order_lines``, ``deliveries``, ``survey_answers``), or kinds of
        event (``open``, ``visit``, ...).
    """
    if name in catalogue.mapped:
        return ()
    if name in catalogue.surveyed:
        return ("survey_answers",)
    if name in catalogue.counted:
        return _of_count(catalogue.counted[name])
    source = BUILT_IN[name].source
    if source == "engagements":
        return next(kinds for begin, kinds in OF_ENGAGEMENTS.items() if name.startswith(begin))
    return ("orders",) if source == "person_values" else (source,)


def _of_count(trait: CountedTrait) -> tuple[str, ...]:
    if trait.table != "engagements":
        lines = trait.table == "orders" and trait.by("product", "category")
        return ("order_lines",) if lines else (trait.table,)
    if trait.by("product", "value"):
        return (EVENT,)
    if trait.kind is not None:
        return (trait.kind,)
    kinds = {str(condition.value).lower() for condition in trait.filters if condition.name == "kind"}
    known = {kind for of in OF_ENGAGEMENTS.values() for kind in of}
    return tuple(sorted(kinds & known)) or (EVENT,)
