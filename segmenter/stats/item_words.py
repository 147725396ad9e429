"""Words of survey items: rare ones joined, and what each answer counts as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from segmenter.stats.item_matrix import MOST_CATEGORIES, Items, all_numbers, cleaned

RARE, FEWEST_OF_A_WORD, OTHER = 0.01, 5, "other"  # a word is rare below this share and number of people


def rare_joined(columns: Mapping[str, Sequence[str | None]]) -> tuple[dict[str, list[str | None]], dict[str, int]]:
    """Return the columns, of those with too many words the rare ones as `OTHER`, and how many words that were.

    Rare are words that fewer than `RARE` of the people who answered use, or fewer than `FEWEST_OF_A_WORD`. A column
    that has too many words even so stays as it is.

    Args:
        columns: Item -> the answer of each respondent.

    Returns:
        All columns, and item -> how many words of it were joined, of those of which some were.
    """
    joined: dict[str, list[str | None]] = {name: list(column) for name, column in columns.items()}
    rare: dict[str, int] = {}
    for name, column in columns.items():
        counts = Counter(word for value in column if (word := cleaned(value)) is not None)
        least = max(RARE * sum(counts.values()), FEWEST_OF_A_WORD)
        away = {word for word, people in counts.items() if people < least}
        if len(counts) > MOST_CATEGORIES >= len(counts) - len(away) + 1 and not all_numbers([*counts]):
            joined[name] = [OTHER if cleaned(value) in away else value for value in column]
            rare[name] = len(away)
    return joined, rare


def words_of(items: Items, columns: Mapping[str, Sequence[str | None]]) -> dict[str, dict[str, float]]:
    """Return for each item what each answer to it counts as in *items*, which `survey_items` made of *columns*.

    Args:
        items: As `survey_items` returned them.
        columns: The same columns that it was given.

    Returns:
        Item -> text of an answer -> its number, the smallest first.
    """
    codes: dict[str, dict[str, float]] = {}
    for place, name in enumerate(items.names):
        pairs = zip(map(cleaned, columns[name]), items.values[:, place], strict=True)
        words = {text: float(value) for text, value in pairs if text is not None}
        codes[name] = dict(sorted(words.items(), key=lambda pair: pair[1]))
    return codes
