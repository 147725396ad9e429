"""What a platform lacks of our fields and groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.base.protocols import Sink
from connectors.errors import FixSettingsError
from connectors.records import FieldDefinition, SetupStep

ALIKE = {"text": {"text", "url"}, "url": {"text", "url"}}  # each holds what the other does


def missing_steps_of(
    sink: Sink,
    connection: str,
    fields: Sequence[FieldDefinition],
    groups: Sequence[str],
    *,
    prefix: str,
    can: Mapping[str, Any],
) -> list[SetupStep]:
    """Compare with what the platform has; see `connectors.connector.Connector.missing`.

    Args:
        sink: Tells what there is.
        connection: Its name.
        fields: Ours, as they should be there.
        groups: Names of our groups, without the prefix.
        prefix: Of full names.
        can: The spec's capabilities.

    Raises:
        FixSettingsError: A field exists with another type.
    """
    wanted = () if can["fields_by_writing"] else fields
    there = sink.fields() if wanted else {}
    steps = [step for field in wanted for step in _of_field(connection, field, there.get(field.name))]
    named = set(sink.group_names()) if groups else set()
    absent = [group for group in groups if f"{prefix}{group}" not in named]
    word = str(can["groups"]).removesuffix("s")
    return [*steps, *(SetupStep(connection, "create_group", group, f"{word} {prefix + group!r}") for group in absent)]


def _of_field(connection: str, field: FieldDefinition, there: FieldDefinition | None) -> Iterator[SetupStep]:
    if there is None:
        yield SetupStep(connection, "create_field", field.name, f"{field.type} field {field.name!r}", field)
        return
    if there.type != field.type and there.type not in ALIKE.get(field.type, set()):
        raise FixSettingsError(
            f"{connection} has a field {field.name!r} of the type {there.type}; personasync needs {field.type}.",
            fix="Rename or remove that field there.",
        )
    known = {value for value, _ in there.options}
    if new := [value for value, _ in field.options if value not in known]:
        yield SetupStep(connection, "extend_field", field.name, f"options {', '.join(new)}", field)
