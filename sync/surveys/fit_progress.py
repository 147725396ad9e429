"""How far the fits behind a typing tool are."""

from __future__ import annotations

from itertools import count

from numpy.random import Generator

from segmenter.stats.discriminant import Labels
from segmenter.typing_tool.targets import Relabeller
from sync.session import Progress

FITS = 7
"""How often `make_tool` asks who is in which segment: to check, then of everybody and of each of five folds."""
SHORT, ADAPTIVE = 1, 6
"""How often more: of everybody; for an adaptive tool of each fold again, too."""
NAME = "Fitting and validating"


def counted(labeller: Relabeller, progress: Progress, *, adaptive: bool) -> Relabeller:
    """Return the same labeller, which tells how far it is: each fit begins with the question who is in which segment.

    Args:
        labeller: Of a tool that is made next.
        progress: Told how many fits are done, and of how many.
        adaptive: Whether the tool is.
    """
    total = FITS + (ADAPTIVE if adaptive else SHORT)
    numbers = count(1)
    progress(NAME, 0, total)

    def label(rows: Labels, generator: Generator) -> Labels:
        labels = labeller(rows, generator)
        progress(NAME, min(next(numbers), total), total)
        return labels

    return label
