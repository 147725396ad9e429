"""Questions and the groups that they are compared by: answers as codes, and as numbers where they have an order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Question:
    """One question's answers.

    Attributes:
        name: As the file names it.
        text: What was asked; "" where nobody said.
        codes: (people,) place in *answers*; -1: no answer, or *answers* is empty.
        answers: What can be answered, in order.
        values: (people,) the answers as numbers, NaN for none; None: words without an order.
        nets: Answers that count together: label -> places in *answers*.
    """

    name: str
    text: str
    codes: Codes
    answers: tuple[str, ...]
    values: Values | None = None
    nets: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Who answered, (people,)."""
        return self.codes >= 0 if self.answers or self.values is None else ~np.isnan(self.values)


@dataclass(frozen=True, slots=True)
class Banner:
    """What the columns are: a variable's groups; *codes* (people,) say who is in which, -1: in none."""

    name: str
    groups: tuple[str, ...]
    codes: Codes
