"""Coding of survey answers: one row per respondent, one column per item, and how words became numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segmenter.errors import DefinitionError
from segmenter.stats.weighted import kish_counts

Matrix = NDArray[np.float64]

NO_ANSWER = frozenset({
    "", "-", "–", ".", "?", "na", "n/a", "n.a.", "#n/a", "nan", "null", "none", "missing", "refused", "no answer",
    "don't know", "dont know", "dk", "k.a.", "ka", "keine angabe", "weiß nicht", "weiss nicht",
})  # fmt: skip
"""Codes of a missing answer."""

YES = frozenset({"yes", "y", "true", "ja", "j", "wahr", "oui", "sí", "si", "x", "✓"})
NO = frozenset({"no", "n", "false", "nein", "falsch", "non"})

SCALES: Sequence[Mapping[str, float]] = (
    {
        "strongly disagree": 1, "disagree": 2, "neither agree nor disagree": 3, "neutral": 3, "neither": 3,
        "agree": 4, "strongly agree": 5,
    },
    {
        "stimme überhaupt nicht zu": 1, "stimme gar nicht zu": 1, "stimme nicht zu": 2, "stimme eher nicht zu": 2,
        "teils/teils": 3, "teils teils": 3, "neutral": 3, "unentschieden": 3, "stimme eher zu": 4, "stimme zu": 4,
        "stimme voll zu": 5, "stimme voll und ganz zu": 5,
    },
    {"never": 1, "rarely": 2, "sometimes": 3, "often": 4, "always": 5},
    {"nie": 1, "selten": 2, "manchmal": 3, "oft": 4, "immer": 5},
)  # fmt: skip
"""Built-in answer scales."""

NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)?|[.,]\d+)%?")
NUMBER_BEHIND_WORDS = re.compile(r"\D*?([+-]\d+)")  # "I love it!+5"
MOSTLY = 0.8  # of an item's answers are numbers: then the others are slips, else the item is words
MOST_LEVELS = 11  # a question with more answers than a scale of 0 to 10 is asked as a number


@dataclass(frozen=True, slots=True)
class AnswerSheet:
    """Answers of many respondents.

    Attributes:
        respondents: Who, one a row.
        items: The questions' names, one a column.
        values: (respondents, items); NaN is a missing answer.
        segments: The segment of each respondent where it is known, else "".
        labels: By item: what a number stands for, where the answers were words.
        rows: Where each respondent stands in the file, from 1.
        weights: (respondents,) how many people of the population each stands for, above 0; None: all alike.
    """

    respondents: tuple[str, ...]
    items: tuple[str, ...]
    values: Matrix
    segments: tuple[str, ...] = ()
    labels: Mapping[str, Mapping[float, str]] = field(default_factory=dict)
    rows: tuple[int, ...] = ()
    weights: Matrix | None = None

    @property
    def counts(self) -> Matrix | None:
        """The weights, adding up to the effective sample size (Kish 1965), (respondents,); None: all alike."""
        return None if self.weights is None else kish_counts(self.weights)

    def only(self, rows: Sequence[int], items: Sequence[str]) -> AnswerSheet:
        """Return some rows (places) and some items.

        Args:
            rows: Places from 0, in the order wanted.
            items: Names of items that the sheet has, in the order wanted.

        Returns:
            A sheet of its own, with the words and the segments that belong to them.
        """
        columns = [self.items.index(item) for item in items]
        return AnswerSheet(
            tuple(self.respondents[row] for row in rows),
            tuple(items),
            self.values[np.ix_(np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64))],
            tuple(self.segments[row] for row in rows) if self.segments else (),
            {item: self.labels[item] for item in items if item in self.labels},
            tuple(self.rows[row] for row in rows) if self.rows else (),
            None if self.weights is None else self.weights[np.asarray(rows, dtype=np.int64)],
        )


@dataclass(frozen=True, slots=True)
class CodedAnswers:
    """One item's answers as numbers; `words` says what they stood for, empty for plain numbers."""

    values: Matrix
    words: Mapping[float, str]


class WordsError(DefinitionError):
    """An item is text that has no order: it can't be a number. Attributes as in `DefinitionError`."""


def number_of(text: str) -> float | None:
    """Return the number that *text* is: with a decimal point or comma, perhaps a percent sign; None where it is none.

    Groups of thousands are not numbers here: "1.234" is one and a bit.

    Returns:
        A percentage as a share: "20%" is 0.2.
    """
    plain = text.strip().replace("\u2212", "-").replace("\u00a0", "").replace("\u202f", "").replace(" %", "%")
    if not NUMBER.fullmatch(plain):
        return None
    number = float(plain.rstrip("%").replace(",", "."))
    return number / 100 if plain.endswith("%") else number


def is_no_answer(text: str) -> bool:
    """Tell whether *text* says that somebody did not answer.

    Returns:
        True also for an empty text.
    """
    return text.strip().casefold() in NO_ANSWER


def code_answers(texts: Sequence[str], item: str, rows: Sequence[int]) -> CodedAnswers:
    """Return the answers to one item as numbers.

    Numbers stay; yes is 1 and no 0 in some languages; a number behind words counts ("I love it!+5"); some worded
    scales are known; of any other two words the first of the alphabet is 0.

    Args:
        texts: One a respondent, as written.
        item: The item's name, for messages.
        rows: Row of each respondent in the file, for messages.

    Returns:
        One number per respondent (NaN: no answer), and the text behind each number where answers were words.

    Raises:
        WordsError: The answers are words without an order.
        DefinitionError: Nearly all are numbers, and one is none: names the row.
    """
    plain = [" ".join(text.split()) for text in texts]
    asked = [text for text in plain if not is_no_answer(text)]
    kinds = {text: text.casefold() for text in dict.fromkeys(asked)}
    table = _numbers(kinds) or _yes_no(kinds) or _scale(kinds) or _two_words(kinds)
    if table is None:
        raise _unreadable(plain, kinds, item, rows)
    values = np.array([np.nan if is_no_answer(text) else table[text] for text in plain], dtype=np.float64)
    words = {} if all(number_of(text) is not None for text in kinds) else _words(table)
    return CodedAnswers(values, words)


def _words(table: Mapping[str, float]) -> dict[float, str]:
    words: dict[float, str] = {}
    for text, value in table.items():
        words.setdefault(value, text)
    return dict(sorted(words.items()))


def _numbers(kinds: Mapping[str, str]) -> dict[str, float] | None:
    numbers: dict[str, float] = {}
    for text in kinds:
        number = number_of(text)
        behind = NUMBER_BEHIND_WORDS.fullmatch(text)
        if number is None and behind is None:
            return None
        numbers[text] = number if number is not None else float(behind.group(1) if behind else "nan")
    return numbers


def _yes_no(kinds: Mapping[str, str]) -> dict[str, float] | None:
    known = {text: 1.0 if folded in YES or folded == "1" else 0.0 for text, folded in kinds.items()}
    return known if all(folded in YES | NO | {"0", "1"} for folded in kinds.values()) else None


def _scale(kinds: Mapping[str, str]) -> dict[str, float] | None:
    for scale in SCALES:
        if all(folded in scale for folded in kinds.values()):
            return {text: float(scale[folded]) for text, folded in kinds.items()}
    return None


def _two_words(kinds: Mapping[str, str]) -> dict[str, float] | None:
    spelt = sorted(set(kinds.values()))
    if len(spelt) > 2 or any(number_of(text) is not None for text in kinds):  # noqa: PLR2004 - two answers have an order
        return None
    return {text: float(spelt.index(folded)) for text, folded in kinds.items()}


def _unreadable(plain: Sequence[str], kinds: Mapping[str, str], item: str, rows: Sequence[int]) -> DefinitionError:
    answered = [text for text in plain if not is_no_answer(text)]
    numbers = sum(number_of(text) is not None for text in answered)
    first = next(place for place, text in enumerate(plain) if text in kinds and number_of(text) is None)
    if numbers >= MOSTLY * len(answered):
        return DefinitionError(f"{plain[first]!r} is not a number", where=f"row {rows[first]}, column {item!r}")
    shown = ", ".join(repr(text) for text in list(kinds)[:3])
    return WordsError(f"its {len(kinds)} answers are words of unknown order: {shown}", where=f"column {item!r}")
