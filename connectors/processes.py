"""Whether a process of this machine lives: who shares a file or a store with others asks before it takes over."""

from __future__ import annotations

import os


def is_alive(process: int) -> bool:
    """Tell whether a process of that id runs."""
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
