"""Privacy checks of template fields: gathers the data for `segmenter.personalize.creepiness`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ibis import Table

from connectors.records import email_key
from segmenter.personalize import creepiness
from segmenter.personalize.creepiness import NEVER_SHOWN, OF_VALUES, Concern, CreepinessLimits
from segmenter.personalize.fields import Known, TemplateField, creepy_values, individual
from sync.experiments.arms import copies
from sync.fields.individual import asked
from sync.fields.pushed_segments import in_focus, shown_people
from sync.session import ConfiguredWorkspace, Session


def limits(session: ConfiguredWorkspace) -> CreepinessLimits:
    """Return what the workspace allows.

    Returns:
        The settings of [personalize], and the reasons for which a value is not shown.
    """
    part = session.workspace.personalize
    return CreepinessLimits(
        max_individual=part.max_individual,
        recent_days=part.recent_days,
        min_times=part.min_times,
        max_age_days=part.max_age_days,
        min_audience=part.min_audience,
        held_back=OF_VALUES if part.creepy == "fallback" else NEVER_SHOWN,
    )


def with_privacy_reasons(session: ConfiguredWorkspace, people: Table) -> Table:
    """Return *people* with the reason beside each trait that fields show; see `segmenter.personalize.creepiness`.

    Args:
        session: The workspace.
        people: Trait table with the traits that fields show.

    Returns:
        *people* with the text columns ``creepy_TRAIT``.
    """
    names, purpose = asked(session), session.workspace.sensitive
    sensitive = {
        name: creepiness.sensitive_values(_texts(people, name))
        for name in names
        if people[name].type().is_string() and not purpose.allows(name)
    }
    return creepiness.with_creepiness(people, names, session.workspace.catalogue, limits(session), sensitive)


def _texts(people: Table, name: str) -> list[str | None]:
    texts: list[str | None] = people.select(name).distinct().to_pyarrow()[name].to_pylist()
    return texts


def of_people(
    session: Session, assignments: Table, people: Table | None, *, only: Iterable[str] | None = None
) -> list[Concern]:
    """Return what is creepy about values of people's own and about audiences.

    Args:
        session: The open workspace.
        assignments: Whom to look at.
        people: As `sync.assign.job.individual_traits` returns it.
        only: Names of the template fields to look at; None: all.

    Returns:
        Concerns about values, options and personas, in this order.
    """
    wanted = set(session.workspace.fields if only is None else only)
    fields = {name: field for name, field in session.workspace.fields.items() if name in wanted}
    concerns = of_values(session, assignments, people, fields)
    return concerns + of_options(session, assignments, people, fields) + persona_concerns(session, assignments, fields)


def of_values(
    session: Session, assignments: Table, people: Table | None, fields: Mapping[str, TemplateField]
) -> list[Concern]:
    """Return which values of people's own are creepy, by field, reason and persona.

    Args:
        session: The open workspace.
        assignments: Whom to look at, one row per person.
        people: As `sync.assign.job.individual_traits` returns it; None: no concerns.
        fields: By name.

    Returns:
        One per field, trait, reason and persona, each with its number of people and one address as an example.
    """
    known, personas = None if people is None else _known(session, people), list(session.workspace.personas.values())
    creepy = creepy_values(assignments, fields, copies(session), known, personas) if known else None
    if creepy is None:
        return []
    counted = creepy.group_by("field", "persona", "trait", "reason").aggregate(
        people=creepy.count(), example=creepy.person_id.min()
    )
    rows = counted.order_by("field", "reason", "persona", "trait").to_pyarrow().to_pylist()
    addresses = _addresses(session, {row["example"] for row in rows})
    return [
        creepiness.of_value(
            row["reason"],
            fields[row["field"]],
            limits(session),
            trait=row["trait"],
            persona=row["persona"],
            people=int(row["people"]),
            example=addresses.get(row["example"], ""),
        )
        for row in rows
    ]


def of_options(
    session: Session, assignments: Table, people: Table | None, fields: Mapping[str, TemplateField]
) -> list[Concern]:
    """Return the options of choices that are shown to too few people.

    Args:
        session: The open workspace.
        assignments: Whom to look at, one row per person.
        people: As `sync.assign.job.individual_traits` returns it; None: no concerns.
        fields: By name; only those of type "choice" count.

    Returns:
        One per field and option.
    """
    concerns: list[Concern] = []
    for name, template in fields.items():
        if people is not None and template.type == "choice" and template.asked and template.targets:
            options = _counted(_shown_options(assignments, _known(session, people), template), "option")
            concerns += creepiness.audience_concerns(options, limits(session), what=f"field {name!r}, option")
    return concerns


def _known(session: Session, people: Table) -> Known:
    consent = session.workspace.consent
    return Known(people, consent.individual, consent.persona, limits(session).held_back)


def _addresses(session: Session, persons: set[str]) -> dict[str, str]:
    """The first address of each person, in the order of the alphabet."""
    begin = email_key("")
    keys = sorted(session.control.links.of_persons(persons).items(), reverse=True)
    return {person: key.removeprefix(begin) for key, person in keys if key.startswith(begin)}


def _shown_options(assignments: Table, known: Known, template: TemplateField) -> Table:
    mine = known.people.semi_join(assignments, "person_id")
    mine = mine.filter(mine.consent.isin(list(known.individual)))
    option: Any = individual(mine[template.asked], template)
    return mine.select(option=option).filter(lambda t: t.option.notnull())


def persona_concerns(session: Session, assignments: Table, fields: Mapping[str, TemplateField]) -> list[Concern]:
    """Return the personas that *fields* have words for, and who stand for too few people.

    Args:
        session: The open workspace.
        assignments: Whom to look at, one row per person.
        fields: By name.

    Returns:
        One per persona with copy and fewer people than ``min_audience``.
    """
    wordy = {
        slug
        for slug, persona in session.workspace.personas.items()
        for name, template_field in fields.items()
        if template_field.level != "none" and any(persona.copy(name, place) for place in template_field.targets)
    }
    named = assignments.filter(assignments.persona.isin(sorted(wordy) or [""]))
    return creepiness.audience_concerns(_counted(named, "persona"), limits(session))


def of_settings(session: Session) -> list[Concern]:
    """Return what can be told without measuring anybody: fields as configured, and audiences as assigned.

    Returns:
        Concerns about fields, then about personas.
    """
    workspace = session.workspace
    concerns = creepiness.of_fields(workspace.fields, workspace.catalogue, limits(session), workspace.sensitive)
    return concerns + persona_concerns(
        session, shown_people(session, in_focus(workspace, session.control)), workspace.fields
    )


def _counted(rows: Table, name: str) -> dict[str, int]:
    counted = rows.group_by(name).aggregate(n=rows.count()).order_by(name).to_pyarrow().to_pylist()
    return {row[name]: int(row["n"]) for row in counted}
