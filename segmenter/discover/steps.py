"""How far a search is: what long steps call while they work."""

from __future__ import annotations

from collections.abc import Callable

Steps = Callable[[str, int, int | None], None]
"""Takes what is counted, how many are done, and of how many (None: unknown)."""


def silent(name: str, done: int, total: int | None) -> None:
    """Say nothing."""
    del name, done, total
