"""Foreign fields: merge tags of a template that personasync does not write (first name, city).

Whether there is such a field, and its default, the platform's definitions tell. Its value is each reader's own: for one
contact it is read, for a persona it stands in square brackets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.errors import PersonasyncError
from connectors.records import CONTACTS, Change, FieldDefinition
from segmenter.personalize.templates import Template
from sync.session import Session

ADDRESS = {"EMAIL": "e-mail address", "email": "e-mail address"}
"""Every contact has it, but not every platform lists it among its fields."""
UNKNOWN = "there is no field {name} on the platform"


@dataclass(slots=True)
class Foreign:
    """Foreign fields of a template: values, defaults, problems.

    Attributes:
        values: By field: its value for one contact, else its label in brackets.
        defaults: By field: what the platform prints where there is no value.
        problems: Fields that there are not, with their place.
        notes: What stands in brackets, and why.
        lines: The first line of each that is the reader's own, the address left out.
    """

    values: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)


def foreign_fields(session: Session, name: str, template: Template, person: str | None) -> Foreign:
    """Look up the fields of *template* that aren't ours; one request, and one more for a person.

    Args:
        session: The open workspace.
        name: The connection that sends the mail.
        template: The mail.
        person: The one whom it is shown for; None: for personas.
    """
    owned = session.workspace.owned(name, session.manifest)
    asked = {token: place for token, place in template.names.items() if token not in owned}
    spec = session.workspace.spec(name, session.manifest)
    foreign = Foreign(notes=_own_tags(spec.title, template))
    if not asked:
        return foreign
    there = _defined(session, name, foreign)
    for tag, (line, column) in asked.items():
        if there is not None and tag not in there and tag not in ADDRESS:
            problem = (spec.unknown_tag or UNKNOWN).format(name=tag)
            foreign.problems.append(f"line {line}, column {column}: {problem}")
            continue
        definition = (there or {}).get(tag)
        foreign.values[tag] = f"[{ADDRESS.get(tag) or (definition.label if definition else tag)}]"
        if definition and definition.default:
            foreign.defaults[tag] = definition.default
        if tag not in ADDRESS:
            foreign.lines[tag] = line
    if person is not None:
        _read(session, name, person, foreign)
    elif foreign.values:
        foreign.notes += _in_brackets(template, foreign)
    return foreign


def _own_tags(title: str, template: Template) -> list[str]:
    if not template.own:
        return []
    return [f"{title} fills in {', '.join(template.own)}; the preview shows them in brackets."]


def _in_brackets(template: Template, foreign: Foreign) -> list[str]:
    notes = [f"{', '.join(foreign.values)}: individual values; the preview shows them in brackets."]
    asked = [value for value in foreign.values if value in template.asked]
    if asked:
        notes.append(f"Conditions use {', '.join(asked)}: the preview shows the branch for any other value.")
    return notes


def _defined(session: Session, name: str, foreign: Foreign) -> Mapping[str, FieldDefinition] | None:
    try:
        return session.connector(name).fields()
    except PersonasyncError as error:
        foreign.problems.append(f"Can't read the fields of {name}: {error}")
        return None


def _read(session: Session, name: str, person: str, foreign: Foreign) -> None:
    """Put a person's own values in place of the labels, as the platform shows them now."""
    keys = [key.removeprefix(f"{name}:") for key in session.control.links.of_persons({person})]
    contacts = session.warehouse.current(CONTACTS.name)
    mine = contacts.filter(contacts.connection == name, contacts.platform_id.isin(keys), contacts.state == "active")
    rows = mine.select("platform_id", "email").order_by("platform_id").limit(1).to_pyarrow().to_pylist()
    if not rows:
        foreign.notes.append(
            f"The person is not a contact of {name}: {', '.join(foreign.values)} are shown in brackets."
        )
        return
    key, email = rows[0]["platform_id"], rows[0]["email"]
    asked = [
        Change(name, key, person, email, "field", value, None, None) for value in foreign.values if value not in ADDRESS
    ]
    try:
        shown = session.connector(name).read_back(asked) if asked else {}
    except PersonasyncError as error:
        foreign.problems.append(f"Can't read the contact's values from {name}: {error}")
        return
    foreign.values |= {
        value: shown.get((key, "field", value)) or "" for value in foreign.values if value not in ADDRESS
    }
    foreign.values |= {value: email or "" for value in foreign.values if value in ADDRESS}
