"""Minimum sample sizes of each method, and the message on missing data.

Conventions (marks as in SCIENCE.md): a segment the larger of 5% and 50 people (J), ten people a feature, 70 respondents
an item wanted (Dolnicar et al. 2014). What a campaign needs depends on its rate: `segmenter.stats.power`.
"""

from __future__ import annotations

from math import ceil

BUYERS, AGAIN, WEEKS = 500, 100, 12
"""Value model: buyers, repeat buyers, weeks from the first order to now."""
OF_A_SEGMENT, A_FEATURE = 50, 10
"""Classifier: people per segment, and people per feature."""
TO_DISCOVER, ITEMS, AN_ITEM = 20, 2, 70
"""`discover`: minimum people, minimum items, and recommended people per item."""
SHARE, PEOPLE = 0.05, 50
"""Segment size: the larger of this share of all and this number of people."""
REACHABLE = 50
"""Marketable contacts who get email, in a segment that is kept."""
RESPONDENTS = 10
"""Typing tool: respondents per segment, for cross-validation."""


def of_a_segment(everybody: int) -> int:
    """Return how many people a segment must have, among *everybody*."""
    return max(ceil(SHARE * everybody), PEOPLE)


def needs(who: str, needed: int, what: str, have: int) -> str:
    """Return the sentence, without its full stop: "The value model needs 500 buyers, you have 212".

    Args:
        who: What needs them, with its article.
        needed: How many.
        what: Of what, in the plural.
        have: How many there are.

    Returns:
        "WHO needs N WHAT, you have M", with thousands separated by commas.
    """
    return f"{who} needs {needed:,} {what}, you have {have:,}"
