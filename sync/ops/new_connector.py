"""The package of a new connector: its spec, its class, and the laws that it does not keep yet."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from connectors.errors import FixSettingsError
from connectors.installed import installed

NAME = re.compile(r"[a-z][a-z0-9_]{1,29}")


def write_connector(name: str, folder: Path) -> list[Path]:
    """Write the package of a connector into a new folder.

    Args:
        name: As `connector = "..."` will name it.
        folder: Made; it must be empty where it is there.

    Returns:
        The files.

    Raises:
        FixSettingsError: The name can't be one, a connector has it, or the folder holds something.
    """
    if not NAME.fullmatch(name):
        raise FixSettingsError(f"{name!r} can't be the name of a connector.", fix="Use lower-case letters and digits.")
    if name in installed():
        raise FixSettingsError(f"There is a connector {name!r} already.", fix="Choose another name.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FixSettingsError(f"{folder} is not empty.", fix="Choose another folder with --out.")
    package, title = f"personasync_{name}", name.replace("_", " ").title()
    environment = Environment(  # noqa: S701 - Python and TOML, not HTML; the name has letters and digits only
        loader=PackageLoader("sync.ops", "templates/connector"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    places = {
        "pyproject.toml": "pyproject.toml.j2",
        f"{package}/__init__.py": "connector.py.j2",
        f"{package}/{name}.toml": "spec.toml.j2",
        "tests/conftest.py": "conftest.py.j2",
        "tests/test_laws.py": "test_laws.py.j2",
    }
    written = []
    for place, template in places.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        known = {"name": name, "package": package, "title": title, "class_name": title.replace(" ", "")}
        path.write_text(environment.get_template(template).render(known), "utf-8")
        written.append(path)
    return written
