"""Email preview: the template rendered for one contact, one persona, or all personas side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ibis
from ibis import Table

from connectors.errors import FixSettingsError, reason_of
from connectors.installed import find_connector
from connectors.records import email_key, normalise_email
from connectors.templates import DeclaredTags, HasTemplates, TemplateDialect
from segmenter.personalize.creepiness import Concern, of_mail
from segmenter.personalize.fields import title_of_others
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.personalize.templates import Template, read_template
from sync.assign.job import fields_wanted, individual_traits
from sync.experiments.arms import copies
from sync.fields import privacy_checks as creepiness
from sync.fields.platform_persona import PersonaValues, co_owned_fields, platform_personas
from sync.fields.pushed_segments import shown_people
from sync.plan.inputs import assigned_at
from sync.preview.foreign_fields import Foreign, foreign_fields
from sync.preview.page import FieldShare, Preview, PreviewedMail
from sync.session import Session
from sync.value.ranking import focus

MOST_BYTES = 2_000_000
OTHERS = 2  # other values of a field that are named, the most frequent first


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
    name, dialect = _target(session, text, only)
    template = read_template(text, dialect, session.now().date())
    fallbacks = {f.targets[name]: f.plain_fallback for f in session.workspace.fields.values() if name in f.targets}
    person = None if contact is None else _person(session, contact)
    others = foreign_fields(session, name, template, person)
    problems = [*(problem.sentence() for problem in template.problems), *others.problems]
    pushed, focus_told = focus(session)
    assigned = shown_people(session, pushed)
    people = individual_traits(session, assigned_at(session))
    asked_for = assigned if person is None else assigned.filter(assigned.person_id == person)
    platform = platform_personas(session).values if set(co_owned_fields(session, name)) & set(template.names) else {}
    groups = _groups(session, name, template, asked_for, people, platform)
    if persona is not None and persona not in session.workspace.personas:
        listed = ", ".join(session.workspace.personas)
        raise FixSettingsError(f"There is no persona {persona!r}.", fix=f"personas.toml has: {listed}.")
    slugs = [*session.workspace.personas, UNCLASSIFIED]
    wanted = [slug for slug in slugs if slug in groups and persona in {None, slug}]
    labels = _labels(session, name, platform) if session.workspace.spec(name, session.manifest).prints_labels else {}
    titles = {slug: entry.name for slug, entry in session.workspace.personas.items()}
    titles[UNCLASSIFIED] = title_of_others(assigned)
    shown = [
        _shown(session, groups[slug], template, fallbacks, labels, others, contact or titles[slug], name)
        for slug in wanted
    ]
    if not shown:
        whom = "Nobody is assigned yet" if not groups else "Nobody has that persona"
        problems.append(f"{whom}, so there is no contact to preview. Run `personasync pull` and `assign`.")
    concerns = _concerns(session, name, template, others, (assigned, asked_for, people))
    mine = [concern for concern in concerns if concern.persona in {"", *wanted}]
    return Preview(name, problems, shown, mine, others.notes, focus_told)


def _concerns(
    session: Session, name: str, template: Template, others: Foreign, tables: tuple[Table, Table, Table | None]
) -> list[Concern]:
    """Creepiness warnings: *told* are all assignments, those that are looked at, and what is known of people.

    Audiences are those of the whole mailing, even where one person is looked at.
    """
    assigned, asked_for, people = tables
    used = {
        field: (setting, template.names[setting.targets[name]])
        for field, setting in session.workspace.fields.items()
        if setting.targets.get(name) in template.names
    }
    fields = {field: setting for field, (setting, _) in used.items()}
    concerns = []
    for field, (definition, (line, column)) in used.items():
        only = {field: definition}
        values = creepiness.of_values(session, asked_for, people, only)
        options = creepiness.of_options(session, assigned, people, only)
        concerns += [replace(c, place=f"line {line}, column {column}, {c.place}") for c in (*values, *options)]
    mine = {setting.targets[name]: used[field][1][0] for field, setting in fields.items() if setting.all_asked}
    tokens = dict(sorted({**mine, **others.lines}.items(), key=lambda token: token[1]))
    return [
        *of_mail(tokens, creepiness.limits(session)),
        *concerns,
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


def _target(session: Session, text: str, only: str | None) -> tuple[str, TemplateDialect]:
    matches: list[tuple[str, TemplateDialect]] = []
    for name, part in session.workspace.connections.items():
        dialect = _dialect(session, name, part.connector)
        if only in {None, name} and dialect is not None:
            matches += [(name, dialect)] if only or any(mark in text for mark in dialect.marks) else []
    if len(matches) != 1:
        what = "no connection" if not matches else f"several connections: {', '.join(name for name, _ in matches)}"
        raise FixSettingsError(f"The template matches {what}.", fix="Set --connection NAME.")
    return matches[0]


def _dialect(session: Session, name: str, connector: str) -> TemplateDialect | None:
    """The language of a platform's mails: its connector's own, or as its spec declares it; None: it has no mails."""
    source = find_connector(connector)
    if isinstance(source, HasTemplates):
        return source.dialect
    declared = session.workspace.spec(name, session.manifest).templates
    return DeclaredTags(**declared.model_dump()) if declared.marks else None


def _person(session: Session, contact: str) -> str:
    address = normalise_email(contact)
    key = email_key(address or "")
    person = session.control.links.of_keys({key}).get(key)
    if person is None:
        raise FixSettingsError(f"No contact has the email address {contact!r}.", fix="Run `personasync pull`.")
    return person


@dataclass(frozen=True, slots=True)
class _Group:
    """What the people of one persona get.

    Attributes:
        people: How many they are.
        values: The values that most of them get together, by field.
        together: How many get exactly these.
        counts: People by field and value.
    """

    people: int
    values: Mapping[str, str]
    together: int
    counts: Mapping[str, Mapping[str, int]]


def _groups(
    session: Session,
    name: str,
    template: Template,
    assignments: Table,
    people: Table | None,
    platform: PersonaValues,
) -> dict[str, _Group]:
    """What the people of each persona get: the most frequent mail, not the most frequent value of each field.

    Values that are each the most frequent can make a mail that nobody gets.
    """
    wanted = fields_wanted(session, assignments, copies(session), people, platform)
    mine = wanted.filter(wanted.connection == name, wanted["name"].isin(list(template.names) or [""])).cache()
    personas = assignments.select("person_id", "persona").mutate(persona=ibis._.persona.fill_null(UNCLASSIFIED)).cache()
    each = personas.inner_join(mine, "person_id")
    counted = each.group_by("persona", "name", "value").aggregate(n=each.count())
    counts: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for row in counted.to_pyarrow().to_pylist():
        counts[row["persona"]][row["name"]][row["value"] or ""] = int(row["n"])
    fields = sorted({field for by_field in counts.values() for field in by_field})
    groups = {}
    for row in _most_frequent(personas, mine, fields).to_pyarrow().to_pylist():
        own = counts[row["persona"]]
        values = {field: row[f"value_{place}"] or "" for place, field in enumerate(fields) if field in own}
        groups[row["persona"]] = _Group(int(row["people"]), values, int(row["together"]), own)
    return groups


def _most_frequent(people: Table, values: Table, fields: Sequence[str]) -> Table:
    """Count the mails that differ, and keep the most frequent of each persona: ``value_0``, ... of the *fields*."""
    columns = {f"value_{place}": values.value.max(where=values["name"] == field) for place, field in enumerate(fields)}
    each = people.left_join(values.group_by("person_id").aggregate(**columns), "person_id") if columns else people
    mails = each.group_by("persona", *columns).aggregate(together=each.count())
    by_persona = ibis.window(group_by=mails.persona)
    mails = mails.mutate(
        people=mails.together.sum().over(by_persona),
        place=ibis.row_number().over(group_by=mails.persona, order_by=[mails.together.desc(), *columns]),
    )
    return mails.filter(mails.place == 0)


def _labels(session: Session, name: str, platform: PersonaValues) -> dict[str, dict[str, str]]:
    """By enumeration: the label that the platform prints in place of each value."""
    workspace = session.workspace
    personas = {slug: persona.name for slug, persona in workspace.personas.items()} | {UNCLASSIFIED: "Unclassified"}
    by_role = {"persona": personas, "segment": {segment.name: segment.title for segment in workspace.segments}}
    declared = workspace.declared(name, session.manifest)
    labels = {
        field.name: by_role[field.role] for field in declared if field.role in by_role and field.type == "enumeration"
    }
    own = {value: workspace.personas[slug].alias or personas[slug] for slug, value in platform.get(name, {}).items()}
    return labels | dict.fromkeys(co_owned_fields(session, name), own)


def _shown(
    session: Session,
    group: _Group,
    template: Template,
    fallbacks: Mapping[str, str],
    names: Mapping[str, Mapping[str, str]],
    others: Foreign,
    title: str,
    connection: str,
) -> PreviewedMail:
    """Render the mail that most people of a persona get, and tell which share that is, in all and by field."""
    labels = {field: names[field][value] for field, value in group.values.items() if value in names.get(field, {})}
    everything = {**group.values, **others.values}
    html = template.render(everything, defaults={**fallbacks, **others.defaults}, labels=labels)
    known = {*session.workspace.owned(connection, session.manifest), *others.values}
    empty = [field for field in template.names if field in known and not everything.get(field)]
    shares = {
        field: group.counts[field].get(text, 0) / group.people
        for field, text in fallbacks.items()
        if field in group.counts
    }
    fields = [_field_share(field, group, fallbacks.get(field)) for field in template.names if field in group.values]
    return PreviewedMail(title, group.people, html, shares, empty, group.together / group.people, fields)


def _field_share(field: str, group: _Group, fallback: str | None) -> FieldShare:
    counts, value = group.counts[field], group.values[field]
    rest = sorted((other for other in counts if other != value), key=lambda other: (-counts[other], other))
    others = {other: counts[other] / group.people for other in rest[:OTHERS]}
    n = counts.get(value, group.people - sum(counts.values()))  # "" also stands for people without the field
    return FieldShare(field, value, n / group.people, value == fallback, others)
