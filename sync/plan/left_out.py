"""How many contacts a plan leaves out for their consent, why, and which setting decides. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

BY_CONSENT = "consent: "
"""Begins the reason of a contact that is skipped for its person's consent."""
BY_PURPOSE = f"{BY_CONSENT}mailing"
"""Why nobody who gave no consent for mailing is written to, where [consent.mailing] names sources."""
WHY: Mapping[str, str] = {
    "mailing": "they gave no consent for mailing, or took it back",
    "unsubscribed": "they opted out",
    "cleaned": "their address bounced",
    "pending": "they have not confirmed the subscription",
    "transactional": "they are customers who never subscribed",
    "subscribed": "they subscribed, but [consent] push does not name that",
    "none": "a file that they are in shows no consent, and no platform shows one",
    "unknown": "they are in the CRM, and neither opted out nor subscribed",
}
AGREED = {
    "none": "If these people agreed, say so in [connections.NAME] of the file: contacts_consent names the column for "
    'it; contacts_without_consent = "subscribed" means everybody in a file without one.',
    "unknown": 'To write to them too, name "unknown" in [consent] push in personasync.toml.',
    "subscribed": 'Name "subscribed" in [consent] push in personasync.toml.',
}


def left_out_sentences(skipped: Counter[tuple[str, str]]) -> list[str]:
    """Return a sentence per connection and consent: how many contacts are left out, why, and what changes that.

    Args:
        skipped: Contacts by connection and reason (`sync.plan.diff.Counts`).
    """
    sentences = []
    for (connection, reason), contacts in sorted(skipped.items()):
        if not reason.startswith(BY_CONSENT):
            continue
        consent = reason.removeprefix(BY_CONSENT)
        who = "1 contact is" if contacts == 1 else f"{contacts:,} contacts are"
        why = WHY.get(consent, "its consent is not one that [consent] push names")
        sentences.append(
            f"{connection}: {who} left out, consent {consent!r}: {why}. {AGREED.get(consent, '')}".rstrip()
        )
    return sentences


MEANS: Mapping[str, str] = {
    "profiling": "no trait, segment or persona; they get the fallback copy and no tag or list",
    "tracking": "their opens, clicks, visits and hours are not used",
    "advertising": "they are in no audience",
}
"""What it means to be left out for a purpose; of mailing contacts are counted above."""


def withheld_sentences(withheld: Mapping[str, int]) -> list[str]:
    """Return a sentence per purpose: how many people are left out for it, and what that means.

    Args:
        withheld: People by purpose.
    """
    return [
        f"{purpose}: {'1 person is' if people == 1 else f'{people:,} people are'} left out, without consent or "
        f"after an objection: {MEANS[purpose]}."
        for purpose, people in withheld.items()
        if purpose in MEANS
    ]
