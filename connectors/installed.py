"""The connectors that are installed: each package registers its own by an entry point, and brings its spec as a file.

The spec of the entry point ``brevo = "personasync_brevo:connect"`` is ``brevo.toml``, in the folder of the package
``personasync_brevo``; where the entry point names a module that is no package, beside it. The file is found without
importing anything: what lists connectors, or checks a workspace's settings, runs no code of others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError

ENTRY_POINTS = "personasync.connectors"
OURS = "personasync"


@dataclass(frozen=True, slots=True)
class InstalledConnector:
    """A connector that a package registered.

    Attributes:
        name: As `connector = "..."` in personasync.toml names it.
        distribution: The package that registered it.
        version: Of that package.
        point: Its entry point, which nothing has imported yet.
        also: Other packages that registered the same name; then it can't be used.
    """

    name: str
    distribution: str
    version: str
    point: EntryPoint
    also: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether personasync itself brings it: its spec is in plugin.toml then."""
        return self.distribution == OURS

    @property
    def fault(self) -> str:
        """Why it can't be used, in a sentence; "" where it can."""
        if not self.also:
            return ""
        packages = ", ".join((self.distribution, *self.also))
        return f"Several packages register the connector {self.name!r}: {packages}. Uninstall all but one."


@cache
def installed() -> dict[str, InstalledConnector]:
    """Return every connector that is installed, by name: personasync's own first, then by name.

    No other package can take the name of one of ours.
    """
    named: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=ENTRY_POINTS):
        named.setdefault(point.name, []).append(point)
    every = [_chosen(name, points) for name, points in named.items()]
    return {connector.name: connector for connector in sorted(every, key=lambda c: (not c.is_ours, c.name))}


def _chosen(name: str, points: list[EntryPoint]) -> InstalledConnector:
    # one package may be seen twice: as it is installed, and in a checkout on the path
    by_package = {point.dist.name if point.dist else "": point for point in reversed(points)}
    first = OURS if OURS in by_package else min(by_package)
    others = () if first == OURS else tuple(sorted(set(by_package) - {first}))
    point = by_package[first]
    return InstalledConnector(name, first, point.dist.version if point.dist else "", point, others)


def find_connector(connector: str) -> Any:
    """Return the factory ``(Connection) -> Connector`` that an installed package registered.

    Returns:
        Called with a `connectors.connector.Connection`, it returns an object that follows `Connector`.

    Raises:
        FixSettingsError: Nobody registered that name, several did, or its code can't be imported.
    """
    known = installed()
    if connector not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise FixSettingsError(f"Unknown connector {connector!r}.", fix=f"Known: {listed}.")
    meant = known[connector]
    if meant.fault:
        raise FixSettingsError(meant.fault)
    try:
        return meant.point.load()
    except (ImportError, AttributeError, SyntaxError) as error:
        raise FixSettingsError(
            f"The connector {connector!r} of {meant.distribution} {meant.version} can't be loaded: {error}.",
            fix="Install the package again, or a version for this version of personasync.",
        ) from error


def spec_file(connector: InstalledConnector) -> Path:
    """Return the file of a connector's spec.

    Raises:
        FixSettingsError: There is none; names the places where it was looked for.
    """
    places = [folder / f"{connector.name}.toml" for folder in _folders(connector.point.module)]
    for place in places:
        if place.is_file():
            return place
    looked = f"; looked for {' and '.join(map(str, places))}" if places else ""
    raise FixSettingsError(
        f"The connector {connector.name!r} of {connector.distribution} {connector.version} has no spec{looked}.",
        fix="Its package must bring the file with its code.",
    )


def _folders(module: str) -> Iterator[Path]:
    """Where the files beside *module* are; only the finders of the import system are asked."""
    top, *below = module.split(".")
    try:
        module_spec = find_spec(top)
    except (ImportError, ValueError):
        return
    if module_spec is None:
        return
    if module_spec.submodule_search_locations is None:
        if module_spec.origin:
            yield Path(module_spec.origin).parent
        return
    for location in module_spec.submodule_search_locations:
        folder = Path(location).joinpath(*below)
        yield folder if folder.is_dir() else folder.parent
