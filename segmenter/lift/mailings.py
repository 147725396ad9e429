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
class SentMail:
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

    mails: Mapping[str, SentMail]

    @property
    def sent_at(self) -> datetime:
        """When the first of them went out."""
        return min(mail.sent_at for mail in self.mails.values())

    @property
    def name(self) -> str:
        """Names of its emails."""
        return " / ".join(dict.fromkeys(mail.name for mail in self.mails.values()))


@dataclass(frozen=True, slots=True)
class ComparableMailings:
    """Comparable mailings, and those excluded.

    Attributes:
        unlike: Mailings that reached the arms unlike.
        alone: Mails that one arm got, and no other at that time.
    """

    compared: tuple[Mailing, ...]
    unlike: tuple[Mailing, ...]
    alone: tuple[SentMail, ...]


def mailings(
    mails: Sequence[SentMail], allocated: Mapping[str, Sequence[tuple[datetime, int]]], *, in_fields: bool
) -> ComparableMailings:
    """Sort the mails of one experiment for one persona.

    Args:
        mails: Those that reached anybody of an arm that gets mails.
        allocated: How many people were assigned to each arm, and when.
        in_fields: Whether fields show the arms their own words, so that one mail to all carries the experiment.

    Returns:
        Mailings whose arms may be compared, those whose arms were reached too unequally, and mails that stand alone.
    """
    least = SMALL * max((sum(mail.reached.values()) for mail in mails), default=0)
    mails = [mail for mail in mails if sum(mail.reached.values()) >= least]
    own = [(arm, mail) for mail in sorted(mails, key=lambda mail: (mail.sent_at, mail.key)) if (arm := _arm(mail))]
    together = _together(own)
    groups = [mailing for mailing in together if len(mailing.mails) >= SIDES]
    if in_fields:
        groups += [Mailing(dict.fromkeys(mail.reached, mail)) for mail in mails if _arm(mail) is None]
    groups.sort(key=lambda mailing: mailing.sent_at)
    alike = [_alike(mailing, allocated) for mailing in groups]
    compared = [mailing for mailing, fair in zip(groups, alike, strict=True) if fair]
    return ComparableMailings(
        tuple(compared[-MOST:]),
        tuple(mailing for mailing, fair in zip(groups, alike, strict=True) if not fair),
        tuple(mail for mailing in together if len(mailing.mails) < SIDES for mail in mailing.mails.values()),
    )


def _arm(sent_mail: SentMail) -> str | None:
    """The arm whose own mail this is; None where several got it."""
    arm = max(sorted(sent_mail.reached), key=lambda name: sent_mail.reached[name])
    return arm if sent_mail.reached[arm] >= OWN * sum(sent_mail.reached.values()) else None


def _together(own: Sequence[tuple[str, SentMail]]) -> list[Mailing]:
    """Each arm's next mail with the other arms' of the same day."""
    groups: list[dict[str, SentMail]] = []
    for arm, mail in own:
        fits = (g for g in groups if arm not in g and mail.sent_at - next(iter(g.values())).sent_at <= TOGETHER)
        group = next(fits, None)
        if group is None:
            groups.append({arm: mail})
        else:
            group[arm] = mail
    return [Mailing(group) for group in groups]


def _alike(mailing: Mailing, allocated: Mapping[str, Sequence[tuple[datetime, int]]]) -> bool:
    """Whether the mailing reached as large a part of each arm."""
    arms = list(mailing.mails)
    there = [sum(people for at, people in allocated.get(arm, ()) if at <= mailing.mails[arm].sent_at) for arm in arms]
    reached = [mailing.mails[arm].reached[arm] for arm in arms]
    return min(there) > 0 and not sample_ratio(reached, there).broken
