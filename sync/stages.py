"""How far a step is that has parts but no rows to count."""

from __future__ import annotations

from collections.abc import Callable


def stages(name: str, progress: Callable[[str, int, int | None], None], total: int) -> Callable[[], None]:
    """Return what a step calls after each of its *total* parts, so that people see how far it is.

    Args:
        name: What the bar says.
        progress: Told how many parts are done; at once that none is.
        total: Parts in all.
    """
    done = iter(range(1, total + 1))
    progress(name, 0, total)
    return lambda: progress(name, next(done, total), total)
