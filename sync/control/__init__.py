"""The control plane: what was done, how far, and to whom. SQLite or PostgreSQL, through SQLAlchemy Core.

`open_control` gives a `Control`: `runs`, `cursors`, `links`, `plans`, `ledger`.
"""

from __future__ import annotations

from sync.control.store import Control, open_control

__all__ = ["Control", "open_control"]
