"""Readable names of discovered segments: "price seekers", from the words of their markers.

A name is a start that somebody edits. It says what a segment has more of; where it has more of nothing, what it has
less of.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from segmenter.discover.markers import Marker

MOST_MARKERS, LONGEST_WORD = 3, 18
WORD = re.compile(r"[^\W\d_]{3,}")
# English, then German: words of questions that say nothing of what is asked
NOTHING_SAID = """
about above after all also always and any are because before being best better buy buying can choose does done even
every find for from get gets give good great has have high how important into just know like look looking lot love
lowest make makes many matter matters mean more most mostly much need never new not often one only other others our
out over people prefer quite rather read really several should some than that the their them then there they thing
things think this too try use usually very want was what when where which while who why will wish with would yes you
your aber alle als auch auf aus bei bevorzuge bin das dass dem den der die dies doch eher ein eine einen einer er es
etwas für gern gerne gut habe hat ich ihr immer ist kann kaufe kein keine lieber man mehr mein meine meinen meist mich
mir mit möchte muss nach neue neuen nicht nie nur oder oft ohne sehr sein sich sie sind so suche über und uns viel vor
von wenn wer wichtig wie will wird zu zum zur
"""
EMPTY = frozenset(NOTHING_SAID.split())
WHOLE = ("ss", "is", "us", "as", "os")  # ends of words that are no plural


def said_of(markers: Sequence[Marker], *, survey: bool) -> tuple[str, str]:
    """Return a short name of a segment, in words, and a title.

    Args:
        markers: Its own, the strongest first.
        survey: Whether items are questions; else traits.

    Returns:
        Such as "price seekers" and "Price seekers: I look for the lowest price, I wait for a sale"; "" without markers.
    """
    up = [marker for marker in markers if marker.up][:MOST_MARKERS]
    shown = up or list(markers[:MOST_MARKERS])
    if not shown:
        return "", ""
    if not survey:
        phrases = [f"{'high' if marker.up else 'low'} {_plain(marker.item)}" for marker in markers[:2]]
        return " ".join(phrases[:1]), _capital(", ".join(phrases))
    option = "=" in shown[0].item
    topic = (
        ""
        if any("=" in marker.item for marker in shown)
        else _topic([marker.item for marker in shown], [marker.item for marker in markers if not marker.up])
    )
    name = f"{topic} seekers" if up and topic else topic and f"less {topic}"
    plain = _plain(shown[0].item)
    name = name or (plain if option and up else f"{'high' if up else 'low'} {plain}")
    items = ", ".join(_plain(marker.item, short=False) for marker in shown[:2])
    return name, f"{_capital(name)}: {'' if up else 'less '}{items}"


def _topic(items: Sequence[str], against: Collection[str]) -> str:
    """The word that the strongest items share; else the first word of the strongest that says something."""
    words = [[word for word in WORD.findall(item.lower()) if word not in EMPTY] for item in items]
    often = Counter(_stem(word) for said in words for word in dict.fromkeys(said))
    away = {_stem(word) for item in against for word in WORD.findall(item.lower())}
    ranked = [word for said in words for word in said]
    if not ranked:
        return ""
    best = max(ranked, key=lambda word: (often[_stem(word)], _stem(word) not in away, -ranked.index(word)))
    fresh = any(re.search(rf"\bnew {best}", item.lower()) for item in items)
    return f"{'new ' if fresh else ''}{_stem(best)[:LONGEST_WORD]}"


def _stem(word: str) -> str:
    """One thing of several: "gifts" is "gift"."""
    return word[:-1] if word.endswith("s") and not word.endswith(WHOLE) and len(word) > len("bus") else word


def _plain(item: str, *, short: bool = True) -> str:
    """An item as words: ``orders_365d`` without its underscores; a long question at its beginning."""
    text = " ".join(item.replace("_", " ").replace("=", ": ").split())
    return " ".join(text.split()[:4]) if short else text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
