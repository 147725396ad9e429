"""The report in a subject line and three bullet points, to paste into an email. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync.report.front import FrontDecision, Tile


@dataclass(frozen=True, slots=True)
class MailSummary:
    """What to paste: a subject line and three bullet points."""

    subject: str
    bullets: tuple[str, str, str]


def mail_summary(workspace: str, tiles: Sequence[Tile], decisions: Sequence[FrontDecision], people: str) -> MailSummary:
    """Return subject and bullet points: who there is, what was found, what to do.

    Args:
        workspace: Its name.
        tiles: Of the front page.
        decisions: Of the front page.
        people: The report's first sentence.
    """
    known = {tile.key.split(" ")[0]: tile for tile in tiles if tile.shown != "–"}
    first = next(iter(decisions), None)
    headline = f"{first.headline}{f' ({first.gain})' if first.gain else ''}" if first else people.rstrip(".")
    return MailSummary(f"{workspace}: {headline}", (_who(people, known), _result(known), _next(decisions, known)))


def _who(people: str, known: dict[str, Tile]) -> str:
    parts = [f"{known[key].shown} {words}" for key, words in _WHO.items() if key in known]
    return f"{people} {', '.join(parts)}." if parts else people


_WHO = {"marketable": "marketable", "classified": "with a persona"}


def _result(known: dict[str, Tile]) -> str:
    if "gain" in known:
        return f"{known['gain'].label}: {known['gain'].shown} ({known['gain'].detail})."
    if "click" in known:
        return f"{known['click'].label}: {known['click'].shown}, {known['click'].detail}."
    return "No campaign has been measured yet."


def _next(decisions: Sequence[FrontDecision], known: dict[str, Tile]) -> str:
    if decisions:
        return f"Recommended: {'; '.join(decision.headline for decision in decisions)}."
    state = known.get("sync")
    return f"Sync: {state.change}, {state.detail}." if state else "No recommendation yet: nothing was compared."
