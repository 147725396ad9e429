"""The one reader of plugin.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Manifest:
    """plugin.toml."""

    connectors: Mapping[str, Any]


def load_manifest() -> Manifest:
    """Return plugin.toml, read once."""
    raise NotImplementedError
