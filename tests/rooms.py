"""An import contract: the rooms (subpackages and modules) of a package, and which other rooms each may import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

Table = Mapping[str, tuple[str, ...]]


class Rooms(Contract):
    """Checks that every room is in the table, and that its modules import no rooms but those that it may.

    A room may import what the table names for it, and whatever those may import. The table itself has no circle.
    Rooms that the table names may be missing; rooms that it does not name may not exist.

    Configuration options:
        container: The package.
        rooms: A line a room, the lowest first: ``name: others, that, it may import``.
    """

    type_name = "rooms"

    container = fields.StringField()
    rooms = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - import-linter's interface
        """Return every room without a line, and every import that its line does not allow."""
        del verbose
        container = cast("str", self.container)
        allowed = closure(table_of(cast("list[str]", self.rooms)))
        rooms = {child.rsplit(".", 1)[1] for child in graph.find_children(container)}
        wrong = [f"{container}.{room} has no line in the table." for room in sorted(rooms - set(allowed))]
        wrong += [
            f"{importer} imports {imported}: {container}.{room} may import "
            f"{', '.join(sorted(allowed[room])) or 'no other room'}."
            for room in sorted(rooms & set(allowed))
            for importer, imported in sorted(leaving(graph, container, room))
            if imported.removeprefix(f"{container}.").split(".")[0] not in allowed[room]
        ]
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print what `check` found."""
        for line in check.metadata["wrong"]:
            output.print_error(line)


def table_of(lines: list[str]) -> Table:
    """Return the table that *lines* write down.

    Raises:
        ValueError: A line names a room that stands below it, or twice.
    """
    table: dict[str, tuple[str, ...]] = {}
    for line in lines:
        room, _, others = line.partition(":")
        named = tuple(other.strip() for other in others.split(",") if other.strip())
        unknown = [other for other in named if other not in table]
        if unknown or room in table:
            message = f"{line!r}: each room stands once, below those that it may import."
            raise ValueError(message)
        table[room] = named
    return table


def closure(table: Table) -> dict[str, frozenset[str]]:
    """Return for each room all the rooms that it may import, directly named or through others."""
    allowed: dict[str, frozenset[str]] = {}
    for room, named in table.items():
        allowed[room] = frozenset(named).union(*(allowed[other] for other in named))
    return allowed


def leaving(graph: ImportGraph, container: str, room: str) -> set[tuple[str, str]]:
    """Return the imports that leave *room* for other rooms of *container*: importer and imported module."""
    top = f"{container}.{room}"
    return {
        (importer, imported)
        for importer in {top} | graph.find_descendants(top)
        for imported in graph.find_modules_directly_imported_by(importer)
        if imported.startswith(f"{container}.") and imported != top and not imported.startswith(f"{top}.")
    }
