"""Comparable mailings of an experiment: sent together, one email per variant, with equal reach.

People are randomly assigned to arms, and whoever sends decides who gets a mail. A mail counts for its arm when nearly
all whom it reached were assigned to that arm; it is compared with the mails that other arms got within a day of it. A
mail that several arms got alike says something only where fields show each arm its own words. Where a smaller part of
one arm was reached than of another (a list that was not full, a reminder to those who did not click), somebody chose,
and nothing is compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from segmenter.lift.network import SIDES
from segmenter.lift.randomization import sample_ratio

OWN = 0.95
"""Share of an email's recipients in one variant from which it belongs to that variant."""
TOGETHER = timedelta(days=1)
SMALL = 0.05
"""Reach, relative to the largest email, below which an email is a test send."""
MOST = 12
"""Maximum number of mailings per experiment that are compared; the newest count."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that went out during an experiment.

    Attributes:
        key: Of the connection, and of the mail there.
        reached: People of one persona by the arm that they were assigned to before.
    """

    key: tuple[str, str]
    name: str
    sent_at: datetime
    reached: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Mailing:
    """Mails that are compared with each other: each arm's own, or one with each arm's words in it."""

    mails: Mapping[str, Mail]

    @property
    def sent_at(self) -> datetime:
        """When the first of them went out."""
        return min(one.sent_at for one in self.mails.values())

    @property
    def name(self) -> str:
        """Names of its emails."""
        return " / ".join(dict.fromkeys(one.name for one in self.mails.values()))


@dataclass(frozen=True, slots=True)
class Found:
    """Comparable mailings, and those excluded.

    Attributes:
        unlike: Mailings that reached the arms unlike.
        alone: Mails that one arm got, and no other at that time.
    """

    compared: tuple[Mailing, ...]
    unlike: tuple[Mailing, ...]
    alone: tuple[Mail, ...]


def mailings(mails: Sequence[Mail], dealt: Mapping[str, Sequence[tuple[datetime, int]]], *, in_fields: bool) -> Found:
    """Sort the mails of one experiment for one persona.

    Args:
        mails: Those that reached anybody of an arm that gets mails.
        dealt: How many people were assigned to each arm, and when.
        in_fields: Whether fields show the arms their own words, so that one mail to all carries the experiment.
    """
    least = SMALL * max((sum(one.reached.values()) for one in mails), default=0)
    mails = [one for one in mails if sum(one.reached.values()) >= least]
    own = [(arm, one) for one in sorted(mails, key=lambda one: (one.sent_at, one.key)) if (arm := _arm(one))]
    together = _together(own)
    found = [one for one in together if len(one.mails) >= SIDES]
    if in_fields:
        found += [Mailing(dict.fromkeys(one.reached, one)) for one in mails if _arm(one) is None]
    found.sort(key=lambda one: one.sent_at)
    alike = [_alike(one, dealt) for one in found]
    compared = [one for one, fair in zip(found, alike, strict=True) if fair]
    return Found(
        tuple(compared[-MOST:]),
        tuple(one for one, fair in zip(found, alike, strict=True) if not fair),
        tuple(mail for one in together if len(one.mails) < SIDES for mail in one.mails.values()),
    )


def _arm(one: Mail) -> str | None:
    """The arm whose own mail this is; None where several got it."""
    arm = max(sorted(one.reached), key=lambda name: one.reached[name])
    return arm if one.reached[arm] >= OWN * sum(one.reached.values()) else None


def _together(own: Sequence[tuple[str, Mail]]) -> list[Mailing]:
    """Each arm's next mail with the other arms' of the same day."""
    groups: list[dict[str, Mail]] = []
    for arm, one in own:
        fits = (g for g in groups if arm not in g and one.sent_at - next(iter(g.values())).sent_at <= TOGETHER)
        group = next(fits, None)
        if group is None:
            groups.append({arm: one})
        else:
            group[arm] = one
    return [Mailing(group) for group in groups]


def _alike(one: Mailing, dealt: Mapping[str, Sequence[tuple[datetime, int]]]) -> bool:
    """Whether the mailing reached as large a part of each arm."""
    arms = list(one.mails)
    there = [sum(people for at, people in dealt.get(arm, ()) if at <= one.mails[arm].sent_at) for arm in arms]
    reached = [one.mails[arm].reached[arm] for arm in arms]
    return min(there) > 0 and not sample_ratio(reached, there).broken
