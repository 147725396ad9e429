"""Foreign fields: merge tags of a template that personasync does not write (first name, city).

Whether there is such a field, and its default, the platform's definitions tell. Its value is each reader's own: for one
contact it is read, for a persona it stands in square brackets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.errors import PersonasyncError
from connectors.records import CONTACTS, Change, FieldDefinition
from segmenter.personalize.templates import Language, Template
from sync.session import Workbench

ADDRESS = {"EMAIL": "e-mail address", "email": "e-mail address"}
"""Every contact has it, but Mailchimp's API does not list it as a merge field."""
UNKNOWN: Mapping[Language, str] = {
    "mailchimp": "the audience has no merge field {name}; Mailchimp prints the tag unchanged",
    "hubspot": "HubSpot has no property {name} and prints nothing",
}


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


def foreign_fields(bench: Workbench, name: str, template: Template, person: str | None) -> Foreign:
    """Look up the fields of *template* that aren't ours; one request, and one more for a person.

    Args:
        bench: The open workspace.
        name: The connection that sends the mail.
        template: The mail.
        person: The one whom it is shown for; None: for personas.
    """
    owned = bench.workspace.owned(name, bench.manifest)
    asked = {one: place for one, place in template.names.items() if one not in owned}
    found = Foreign(notes=_own_tags(template))
    if not asked:
        return found
    there = _defined(bench, name, found)
    for one, (line, column) in asked.items():
        if there is not None and one not in there and one not in ADDRESS:
            problem = UNKNOWN[template.language].format(name=one)
            found.problems.append(f"line {line}, column {column}: {problem}")
            continue
        definition = (there or {}).get(one)
        found.values[one] = f"[{ADDRESS.get(one) or (definition.label if definition else one)}]"
        if definition and definition.default:
            found.defaults[one] = definition.default
        if one not in ADDRESS:
            found.lines[one] = line
    if person is not None:
        _read(bench, name, person, found)
    elif found.values:
        found.notes += _in_brackets(template, found)
    return found


def _own_tags(template: Template) -> list[str]:
    if not template.own:
        return []
    title = {"mailchimp": "Mailchimp", "hubspot": "HubSpot"}[template.language]
    return [f"{title} fills in {', '.join(template.own)}; the preview shows them in brackets."]


def _in_brackets(template: Template, found: Foreign) -> list[str]:
    notes = [f"{', '.join(found.values)}: individual values; the preview shows them in brackets."]
    asked = [one for one in found.values if one in template.asked]
    if asked:
        notes.append(f"Conditions use {', '.join(asked)}: the preview shows the branch for any other value.")
    return notes


def _defined(bench: Workbench, name: str, found: Foreign) -> Mapping[str, FieldDefinition] | None:
    try:
        return bench.connector(name).fields()
    except PersonasyncError as error:
        found.problems.append(f"Can't read the fields of {name}: {error}")
        return None


def _read(bench: Workbench, name: str, person: str, found: Foreign) -> None:
    """Put a person's own values in place of the labels, as the platform shows them now."""
    keys = [key.removeprefix(f"{name}:") for key in bench.control.links.of_persons({person})]
    contacts = bench.warehouse.current(CONTACTS.name)
    mine = contacts.filter(contacts.connection == name, contacts.platform_id.isin(keys), contacts.state == "active")
    rows = mine.select("platform_id", "email").order_by("platform_id").limit(1).to_pyarrow().to_pylist()
    if not rows:
        found.notes.append(f"The person is not a contact of {name}: {', '.join(found.values)} are shown in brackets.")
        return
    key, email = rows[0]["platform_id"], rows[0]["email"]
    asked = [Change(name, key, person, email, "field", one, None, None) for one in found.values if one not in ADDRESS]
    try:
        shown = bench.connector(name).look(asked) if asked else {}
    except PersonasyncError as error:
        found.problems.append(f"Can't read the contact's values from {name}: {error}")
        return
    found.values |= {one: shown.get((key, "field", one)) or "" for one in found.values if one not in ADDRESS}
    found.values |= {one: email or "" for one in found.values if one in ADDRESS}
