"""Ibis, imported when it is first used: `from segmenter.late_ibis import ibis` in place of `import ibis`.

Decisions about one person need no expression, and importing Ibis takes longer than they do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis
else:

    class _Late:
        def __getattr__(self, name: str) -> Any:
            return getattr(import_module("ibis"), name)

    ibis = _Late()

__all__ = ["ibis"]
