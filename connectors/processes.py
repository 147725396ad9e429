"""Whether a process of this machine lives: who shares a file or a store with others asks before it takes over."""

from __future__ import annotations

import os


def is_alive(process: int) -> bool:
    """Tell whether a process of that id runs.

    Args:
        process: Its id on this machine.

    Returns:
        False where there is none, also for an id of 0 or less.
    """
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
