"""Privacy checks of template fields: gathers the data for `segmenter.personalize.creepiness`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ibis import Table

from connectors.records import email_key
from segmenter.personalize import creepiness
from segmenter.personalize.creepiness import NEVER_SHOWN, OF_VALUES, Concern, Limits
from segmenter.personalize.fields import Known, TemplateField, creepy_values, individual
from sync.experiments.arms import copies
from sync.fields.individual import asked
from sync.fields.pushed_segments import in_focus, shown_people
from sync.session import Definitions, Workbench


def limits(bench: Definitions) -> Limits:
    """Return what the workspace allows."""
    part = bench.workspace.personalize
    return Limits(
        max_individual=part.max_individual,
        recent_days=part.recent_days,
        min_times=part.min_times,
        max_age_days=part.max_age_days,
        min_audience=part.min_audience,
        held_back=OF_VALUES if part.creepy == "fallback" else NEVER_SHOWN,
    )


def judged(bench: Definitions, people: Table) -> Table:
    """Return *people* with the reason beside each trait that fields show; see `segmenter.personalize.creepiness`."""
    names, purpose = asked(bench), bench.workspace.sensitive
    sensitive = {
        name: creepiness.sensitive_values(_texts(people, name))
        for name in names
        if people[name].type().is_string() and not purpose.allows(name)
    }
    return creepiness.judged(people, names, bench.workspace.catalogue, limits(bench), sensitive)


def _texts(people: Table, name: str) -> list[str | None]:
    texts: list[str | None] = people.select(name).distinct().to_pyarrow()[name].to_pylist()
    return texts


def of_people(
    bench: Workbench, assignments: Table, people: Table | None, *, only: Iterable[str] | None = None
) -> list[Concern]:
    """Return what is creepy about values of people's own and about audiences.

    Args:
        bench: The open workspace.
        assignments: Whom to look at.
        people: As `sync.assign.job.individual_traits` returns it.
        only: Names of the template fields to look at; None: all.
    """
    wanted = set(bench.workspace.fields if only is None else only)
    fields = {name: one for name, one in bench.workspace.fields.items() if name in wanted}
    found = of_values(bench, assignments, people, fields)
    return found + of_options(bench, assignments, people, fields) + of_audiences(bench, assignments, fields)


def of_values(
    bench: Workbench, assignments: Table, people: Table | None, fields: Mapping[str, TemplateField]
) -> list[Concern]:
    """Return which values of people's own are creepy, by field, reason and persona."""
    known = None if people is None else _known(bench, people)
    creepy = creepy_values(assignments, fields, copies(bench), known) if known else None
    if creepy is None:
        return []
    counted = creepy.group_by("field", "persona", "reason").aggregate(
        people=creepy.count(), example=creepy.person_id.min()
    )
    rows = counted.order_by("field", "reason", "persona").to_pyarrow().to_pylist()
    addresses = _addresses(bench, {row["example"] for row in rows})
    return [
        creepiness.of_value(
            row["reason"],
            fields[row["field"]],
            limits(bench),
            persona=row["persona"],
            people=int(row["people"]),
            example=addresses.get(row["example"], ""),
        )
        for row in rows
    ]


def of_options(
    bench: Workbench, assignments: Table, people: Table | None, fields: Mapping[str, TemplateField]
) -> list[Concern]:
    """Return the options of choices that are shown to too few people."""
    found: list[Concern] = []
    for name, template in fields.items():
        if people is not None and template.type == "choice" and template.asked and template.targets:
            options = _counted(_shown_options(assignments, _known(bench, people), template), "option")
            found += creepiness.of_audiences(options, limits(bench), what=f"field {name!r}, option")
    return found


def _known(bench: Workbench, people: Table) -> Known:
    consent = bench.workspace.consent
    return Known(people, consent.individual, consent.persona, limits(bench).held_back)


def _addresses(bench: Workbench, persons: set[str]) -> dict[str, str]:
    """The first address of each person, in the order of the alphabet."""
    begin = email_key("")
    keys = sorted(bench.control.links.of_persons(persons).items(), reverse=True)
    return {person: key.removeprefix(begin) for key, person in keys if key.startswith(begin)}


def _shown_options(assignments: Table, known: Known, template: TemplateField) -> Table:
    mine = known.people.semi_join(assignments, "person_id")
    mine = mine.filter(mine.consent.isin(list(known.individual)))
    option: Any = individual(mine[template.asked], template)
    return mine.select(option=option).filter(lambda t: t.option.notnull())


def of_audiences(bench: Workbench, assignments: Table, fields: Mapping[str, TemplateField]) -> list[Concern]:
    """Return the personas that *fields* have words for, and who stand for too few people."""
    wordy = {
        slug
        for slug, persona in bench.workspace.personas.items()
        for name, one in fields.items()
        if one.level != "none" and any(persona.copy(name, place) for place in one.targets)
    }
    named = assignments.filter(assignments.persona.isin(sorted(wordy) or [""]))
    return creepiness.of_audiences(_counted(named, "persona"), limits(bench))


def of_settings(bench: Workbench) -> list[Concern]:
    """Return what can be told without measuring anybody: fields as configured, and audiences as assigned."""
    workspace = bench.workspace
    found = creepiness.of_fields(workspace.fields, workspace.catalogue, limits(bench), workspace.sensitive)
    return found + of_audiences(bench, shown_people(bench, in_focus(workspace, bench.control)), workspace.fields)


def _counted(rows: Table, name: str) -> dict[str, int]:
    counted = rows.group_by(name).aggregate(n=rows.count()).order_by(name).to_pyarrow().to_pylist()
    return {row[name]: int(row["n"]) for row in counted}
