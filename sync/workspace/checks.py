"""Cross-checks of the workspace files with plugin.toml: connections, keys, and platform field names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from connectors.errors import FixSettingsError
from connectors.secret import userinfo_of
from connectors.spec import ConnectorSpec
from segmenter.personalize.fields import TemplateField
from segmenter.personalize.persona_lint import lint
from segmenter.personalize.personas import Persona
from sync.workspace.manifest import Manifest, roles_in
from sync.workspace.personas_file import FieldPart, PersonaPart, PersonasFile
from sync.workspace.schema import ConnectionPart, MainFile, ServePart
from sync.workspace.secrets import check_reference
from sync.workspace.toml_reader import Place, at_line, read_text, unknown_key


def check_connections(path: Path, main: MainFile, manifest: Manifest) -> None:
    """Look at each connection and at what refers to one.

    Raises:
        FixSettingsError: A connector or a key that nobody knows, a secret in plain text, a connection that is none.
    """
    for name, part in main.connections.items():
        place = ("connections", name)
        spec = manifest.connectors.get(part.connector)
        if spec is None:
            raise _wrong(path, (*place, "connector"), manifest.unusable(part.connector))
        _check_keys(path, place, part, spec)
    if main.serve is not None:
        _check_serve(path, main.serve, manifest)
    for name, trait in main.traits.items():
        if trait.connection is not None and trait.connection not in main.connections:
            listed = ", ".join(main.connections) or "none"
            message = f"there is no connection {trait.connection!r}; known: {listed}."
            raise _wrong(path, ("traits", name, "connection"), message)
    for name in main.precedence.connections:
        if name not in main.connections:
            listed = ", ".join(main.connections) or "none"
            message = f"there is no connection {name!r}; known: {listed}."
            raise _wrong(path, ("precedence", "connections"), message)


def _check_keys(path: Path, place: Place, part: ConnectionPart, spec: ConnectorSpec) -> None:
    for key, value in part.extra().items():
        if key not in spec.settings:
            raise _wrong(path, (*place, key), unknown_key(key, ["connector", *spec.settings]))
        if not isinstance(value, str):
            raise _wrong(path, (*place, key), f"{key!r} must be text in quotes.")
        if "://" in value and (what := credentials_in(value)):
            message = (
                f"the URL in {key!r} contains {what}; put the secret where {spec.secret or 'a reference'!r} points."
            )
            raise _wrong(path, (*place, key), message)
        if key in spec.choices and value not in spec.choices[key]:
            raise _wrong(path, (*place, key), f"{value!r} is not one of {', '.join(spec.choices[key])}.")
    if "extra_fields" in spec.settings:
        _check_extra(path, place, part.settings().get("extra_fields", ""), spec)
    if spec.secret:
        at = at_line(path.name, read_text(path), (*place, spec.secret))
        check_reference(part.settings().get(spec.secret, ""), where=f"{at}: {spec.secret!r}")


def _check_serve(path: Path, serve: ServePart, manifest: Manifest) -> None:
    known = manifest.serve_keys
    for key, value in serve.extra().items():
        if key not in known:
            raise _wrong(path, ("serve", key), unknown_key(key, [*ServePart.model_fields, *known]))
        if not isinstance(value, str):
            raise _wrong(path, ("serve", key), f"{key!r} must be text in quotes.")


def _check_extra(path: Path, place: Place, extra: str, spec: ConnectorSpec) -> None:
    for role in roles_in(extra):
        if role not in spec.optional_roles:
            listed = ", ".join(spec.optional_roles)
            message = f"{role!r} is no extra field of {spec.title}; known: {listed} (several: one text, with commas)."
            raise _wrong(path, (*place, "extra_fields"), message)


def credentials_in(address: str) -> str:
    """Return what of an address may be a secret, in words; "" where there is nothing. The value is not repeated."""
    if userinfo_of(address):
        return "a user name or password"
    return "a query" if "?" in address else "a fragment" if "#" in address else ""


def check_persona_names(path: Path, personas: Mapping[str, PersonaPart]) -> None:
    """Refuse two personas of one name: nobody could tell them apart, and HubSpot takes no two options of one label.

    Args:
        path: Of personas.toml.
        personas: By slug.

    Raises:
        FixSettingsError: Names both, and the line of the second.
    """
    known = {"unclassified": ""}
    for slug, persona in personas.items():
        read = " ".join(persona.name.split()).casefold()
        if read in known:
            other = known[read]
            whose = f"[personas.{other}] has" if other else "people without a persona have"
            message = f"{whose} the name {persona.name!r} too; give [personas.{slug}] another name."
            raise _wrong(path, ("personas", slug, "name"), message)
        known[read] = slug


def check_targets(path: Path, personas: PersonasFile, main: MainFile, manifest: Manifest) -> None:
    """Look at the names that the template fields have on the platforms.

    Raises:
        FixSettingsError: A key that is no connection, a name that a platform can't have, or one that is taken.
    """
    for slug, persona in personas.personas.items():
        _check_persona(path, slug, persona, manifest)
    taken: dict[tuple[str, str], str] = {}
    for connection, part in main.connections.items():
        for declared in manifest.connectors[part.connector].fields:
            taken[connection, declared.name] = "the assignment itself"
        if own := manifest.connectors[part.connector].persona_property:
            taken[connection, own] = "the platform's own persona"
    for name, template in personas.fields.items():
        for connection, target in template.extra().items():
            place = ("fields", name, connection)
            if connection not in main.connections:
                raise _wrong(path, place, unknown_key(connection, [*FieldPart.model_fields, *main.connections]))
            spec = manifest.connectors[main.connections[connection].connector]
            problem = _bad_target(target, spec) or _taken(taken, connection, str(target))
            if problem:
                raise _wrong(path, place, problem)
            taken[connection, str(target)] = f"the field {name!r}"


def _check_persona(path: Path, slug: str, persona: PersonaPart, manifest: Manifest) -> None:
    """Let a platform's own persona stand beside the keys that every persona has."""
    own = manifest.persona_properties
    for key, value in persona.extra().items():
        if key not in own:
            raise _wrong(path, ("personas", slug, key), unknown_key(key, [*PersonaPart.model_fields, *own]))
        if not isinstance(value, str):
            raise _wrong(path, ("personas", slug, key), f"{key!r} must be text in quotes.")


def persona_remarks(
    path: Path, personas: Mapping[str, Persona], fields: Mapping[str, TemplateField]
) -> tuple[str, ...]:
    """Return what is said of sensitive words in the texts of personas: sentences with file and line."""
    remarks = []
    for remark in lint(personas, fields):
        inside: Place = ("personas", remark.persona) if remark.persona else ()
        at = at_line(path.name, read_text(path), (*inside, *remark.part.split(".")))
        remarks.append(f"{at}: {remark.sentence()}.")
    return tuple(remarks)


def _bad_target(target: object, spec: ConnectorSpec) -> str:
    if not isinstance(target, str) or not target:
        return f"the name of a {spec.title} field must be text in quotes."
    can = spec.capabilities
    if not can.fields:
        return f"{spec.title} has no fields that personasync can write."
    if can.longest_field_name and len(target) > can.longest_field_name:
        most = can.longest_field_name
        return f"{target!r} has {len(target)} characters; a field of {spec.title} can have at most {most}."
    return ""


def _taken(taken: dict[tuple[str, str], str], connection: str, target: str) -> str:
    owner = taken.get((connection, target))
    return f"{target!r} on {connection!r} is already used by {owner}; choose another name." if owner else ""


def _wrong(path: Path, place: Place, message: str) -> FixSettingsError:
    return FixSettingsError(f"{at_line(path.name, read_text(path), place)}: {message}")
