"""Arrow and NumPy, imported when they are first used: `from segmenter.late_arrow import np, pa, pc`.

Decisions about one person need neither, and importing them takes longer than the decisions do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
else:

    class _Late:
        def __init__(self, module: str) -> None:
            self._module = module

        def __getattr__(self, name: str) -> Any:
            return getattr(import_module(self._module), name)

    np, pa, pc = _Late("numpy"), _Late("pyarrow"), _Late("pyarrow.compute")

__all__ = ["np", "pa", "pc"]
