"""Individual values of template fields, such as the next best offer."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from ibis import Table

from connectors.records import ORDER_LINES, ORDERS, Consent
from segmenter.personalize import creepiness
from segmenter.traits.next_best_offer import NEXT, Support, next_best
from sync.session import ConfiguredWorkspace, Session


def asked(session: ConfiguredWorkspace) -> list[str]:
    """Return the traits that template fields show, each once.

    Returns:
        Trait names, in the order of the fields.
    """
    fields = [field for field in session.workspace.fields.values() if field.targets]
    return list(dict.fromkeys(trait for field in fields for trait in field.all_asked))


def measured_for(session: ConfiguredWorkspace) -> list[str]:
    """Return the traits to measure: those that fields show, and those that tell whether that is creepy.

    Returns:
        Trait names without `NEXT`, which are no measured traits.
    """
    shown = asked(session)
    needed = creepiness.traits_needed(shown, session.workspace.catalogue)
    return list(dict.fromkeys(name for name in (*shown, *needed) if name not in NEXT))


def everybody_gets_copy(session: ConfiguredWorkspace) -> bool:
    """Return whether a persona's copy is shown whatever the consent is."""
    return set(get_args(Consent)) <= set(session.workspace.consent.persona)


def next_items(session: Session, name: str, as_of: datetime) -> Table:
    """Return each person's next best category or product: columns ``person_id``, ``item``.

    Args:
        session: The open workspace.
        name: A name in `segmenter.traits.next_best_offer.NEXT`.
        as_of: UTC; no later order counts.

    Returns:
        People for whom there is nothing to suggest are left out.
    """
    settings = session.workspace.personalize
    return next_best(
        session.warehouse.current(ORDERS.name),
        session.warehouse.current(ORDER_LINES.name),
        session.links(),
        as_of,
        of=NEXT[name],
        support=Support(settings.next_people, settings.next_rest_days),
    )


def next_of_everybody(session: Session, as_of: datetime) -> Table | None:
    """Return what `publish` adds to what the service knows of people: ``person_id`` and each suggestion asked for.

    Args:
        session: The open workspace.
        as_of: UTC; no later order counts.

    Returns:
        One row per person with a suggestion; None where no field asks for one.
    """
    suggestions: Table | None = None
    for name in asked(session):
        if name not in NEXT:
            continue
        items = next_items(session, name, as_of).rename({name: "item"})
        if suggestions is None:
            suggestions = items
        else:
            joined = suggestions.outer_join(items, "person_id")
            suggestions = joined.mutate(person_id=joined.person_id.coalesce(joined.person_id_right)).drop(
                "person_id_right"
            )
    return suggestions
