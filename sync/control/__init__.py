"""The control store: runs, cursors, ledger, identities, webhook inbox (SQLite or PostgreSQL).

`open_control` gives a `Control`: `runs`, `cursors`, `links`, `plans`, `ledger`.
"""

from __future__ import annotations

from sync.control.store import Control, open_control

__all__ = ["Control", "open_control"]
