"""Email preview: the template rendered for one contact, one persona, or all personas side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ibis import Table

from connectors.errors import FixSettingsError, reason_of
from connectors.records import email_key, normalise_email
from segmenter.personalize.creepiness import Concern, of_mail
from segmenter.personalize.fields import title_of_others
from segmenter.personalize.interpolation import without_traits
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.personalize.templates import Language, Template, read_template
from sync.assign.job import fields_wanted, individual_traits
from sync.experiments.arms import copies
from sync.fields import privacy_checks as creepiness
from sync.fields.platform_persona import PersonaValues, co_owned_fields, platform_personas
from sync.fields.pushed_segments import shown_people
from sync.plan.job import assigned_at
from sync.preview.foreign_fields import Foreign, foreign_fields
from sync.preview.page import Preview, PreviewedMail
from sync.session import Session
from sync.value.ranking import focus

MOST_BYTES = 2_000_000
MARKS: Mapping[Language, tuple[str, ...]] = {"mailchimp": ("*|",), "hubspot": ("{{", "{%")}


def preview(
    session: Session, path: Path, *, contact: str | None = None, persona: str | None = None, only: str | None = None
) -> Preview:
    """Render the template in *path* for a contact, for a persona, or for every persona.

    Args:
        session: The open workspace.
        path: The template, HTML or text.
        contact: E-mail address of the contact to render it for; None: no one contact.
        persona: Slug of the persona to render it for; None: every persona.
        only: Connection whose template language is meant; None: the merge tags in the file tell.

    Returns:
        Rendered mails, problems of the template, and concerns about what the mails show.

    Raises:
        FixSettingsError: The file is not text, too large, or for no connection; nobody has that address or persona.
    """
    text = _read(path)
    name, language = _target(session, text, only)
    template = read_template(text, language, session.now().date())
    fallbacks = {f.targets[name]: f.plain_fallback for f in session.workspace.fields.values() if name in f.targets}
    person = None if contact is None else _person(session, contact)
    others = foreign_fields(session, name, template, person)
    problems = [*(problem.sentence() for problem in template.problems), *others.problems]
    pushed, focus_told = focus(session)
    assigned = shown_people(session, pushed)
    people = individual_traits(session, assigned_at(session))
    asked_for = assigned if person is None else assigned.filter(assigned.person_id == person)
    platform = platform_personas(session).values if set(co_owned_fields(session, name)) & set(template.names) else {}
    rows = _rows(session, name, template, asked_for, people, platform)
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["persona"] or UNCLASSIFIED, []).append(row)
    if persona is not None and persona not in session.workspace.personas:
        listed = ", ".join(session.workspace.personas)
        raise FixSettingsError(f"There is no persona {persona!r}.", fix=f"personas.toml has: {listed}.")
    slugs = [*session.workspace.personas, UNCLASSIFIED]
    wanted = [slug for slug in slugs if slug in groups and persona in {None, slug}]
    labels = _labels(session, name, platform) if language == "hubspot" else {}
    titles = {slug: one.name for slug, one in session.workspace.personas.items()}
    titles[UNCLASSIFIED] = title_of_others(assigned)
    shown = [
        _shown(session, name, slug, groups[slug], template, fallbacks, labels, others, contact or titles[slug])
        for slug in wanted
    ]
    if not shown:
        whom = "Nobody is assigned yet" if not groups else "Nobody has that persona"
        problems.append(f"{whom}, so there is no contact to preview. Run `personasync pull` and `assign`.")
    concerns = _concerns(session, name, template, others, (assigned, asked_for, people))
    mine = [concern for concern in concerns if concern.persona in {"", *wanted}]
    return Preview(name, problems, shown, mine, others.notes, focus_told)


def _concerns(
    session: Session, name: str, template: Template, others: Foreign, told: tuple[Table, Table, Table | None]
) -> list[Concern]:
    """Creepiness warnings: *told* are all assignments, those that are looked at, and what is known of people.

    Audiences are those of the whole mailing, even where one person is looked at.
    """
    assigned, asked_for, people = told
    used = {
        field: (one, template.names[one.targets[name]])
        for field, one in session.workspace.fields.items()
        if one.targets.get(name) in template.names
    }
    fields = {field: one for field, (one, _) in used.items()}
    found = []
    for field, (one, (line, column)) in used.items():
        only = {field: one}
        values = creepiness.of_values(session, asked_for, people, only)
        options = creepiness.of_options(session, assigned, people, only)
        found += [replace(c, place=f"line {line}, column {column}, {c.place}") for c in (*values, *options)]
    mine = {one.targets[name]: used[field][1][0] for field, one in fields.items() if one.all_asked}
    tokens = dict(sorted({**mine, **others.lines}.items(), key=lambda token: token[1]))
    return [
        *of_mail(tokens, creepiness.limits(session)),
        *found,
        *creepiness.persona_concerns(session, assigned, fields),
    ]


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
        if raw is None:
            raise FixSettingsError(f"{path} has more than {MOST_BYTES:,} bytes.", fix="Pass an email template.")
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FixSettingsError(
            f"{path} can't be read as text: {reason_of(error)}.", fix="Check the path; the template must be UTF-8 text."
        ) from error
    if "\0" in text:
        raise FixSettingsError(f"{path} is not text.", fix="Pass an email template.")
    return text


def _target(session: Session, text: str, only: str | None) -> tuple[str, Language]:
    found: list[tuple[str, Language]] = []
    for name, part in session.workspace.connections.items():
        for language, marks in MARKS.items():
            if part.connector == language and only in {None, name} and (only or any(mark in text for mark in marks)):
                found.append((name, language))
    if len(found) != 1:
        what = "no connection" if not found else "several connections"
        raise FixSettingsError(f"The template matches {what}.", fix="Set --connection NAME.")
    return found[0]


def _person(session: Session, contact: str) -> str:
    address = normalise_email(contact)
    key = email_key(address or "")
    person = session.control.links.of_keys({key}).get(key)
    if person is None:
        raise FixSettingsError(f"No contact has the email address {contact!r}.", fix="Run `personasync pull`.")
    return person


def _rows(
    session: Session,
    name: str,
    template: Template,
    assignments: Table,
    people: Table | None,
    platform: PersonaValues,
) -> list[dict[str, Any]]:
    """Values by persona, field and value with the number of people."""
    values = fields_wanted(session, assignments, copies(session), people, platform)
    mine = values.filter(values.connection == name, values["name"].isin(list(template.names) or [""]))
    told = assignments.select("person_id", "persona").left_join(mine, "person_id")
    counted = told.group_by("persona", "name", "value").aggregate(people=told.count())
    rows: list[dict[str, Any]] = counted.order_by("persona", "name", "value").to_pyarrow().to_pylist()
    return rows


def _most_frequent(counts: Mapping[str, int], common: Collection[str | None]) -> str:
    own = {value: count for value, count in counts.items() if value not in common} or counts
    return max(own, key=lambda value: (own[value], value))


def _labels(session: Session, name: str, platform: PersonaValues) -> dict[str, dict[str, str]]:
    """By enumeration of HubSpot: the label that it prints in place of each value."""
    workspace = session.workspace
    personas = {slug: persona.name for slug, persona in workspace.personas.items()} | {UNCLASSIFIED: "Unclassified"}
    by_role = {"persona": personas, "segment": {segment.name: segment.title for segment in workspace.segments}}
    declared = workspace.declared(name, session.manifest)
    found = {one.name: by_role[one.role] for one in declared if one.role in by_role and one.type == "enumeration"}
    own = {value: workspace.personas[slug].alias or personas[slug] for slug, value in platform.get(name, {}).items()}
    return found | dict.fromkeys(co_owned_fields(session, name), own)


def _shown(
    session: Session,
    connection: str,
    slug: str,
    rows: Sequence[Mapping[str, Any]],
    template: Template,
    fallbacks: Mapping[str, str],
    names: Mapping[str, Mapping[str, str]],
    others: Foreign,
    title: str,
) -> PreviewedMail:
    """Render what most people of a persona are shown in each field; of people's own values the most frequent one.

    However many get the fallback there: it stands in the settings, and its share is told.
    """
    by_field: dict[str, dict[str, int]] = {}
    for row in rows:
        by_field.setdefault(row["name"] or "", {})[row["value"] or ""] = row["people"]
    people = max(sum(counts.values()) for counts in by_field.values())
    by_field.pop("", None)
    persona = session.workspace.personas.get(slug)
    common = {
        field.targets[connection]: {
            field.plain_fallback,
            without_traits((persona.copy(name, connection) if persona else None) or ""),
        }
        for name, field in session.workspace.fields.items()
        if field.all_asked and connection in field.targets
    }
    values = {field: _most_frequent(counts, common.get(field, set())) for field, counts in by_field.items()}
    shares = {field: by_field[field].get(text, 0) / people for field, text in fallbacks.items() if field in by_field}
    labels = {field: names[field][value] for field, value in values.items() if value in names.get(field, {})}
    everything = {**values, **others.values}
    html = template.render(everything, defaults={**fallbacks, **others.defaults}, labels=labels)
    known = {*session.workspace.owned(connection, session.manifest), *others.values}
    empty = [field for field in template.names if field in known and not everything.get(field)]
    return PreviewedMail(title, people, html, shares, empty)
