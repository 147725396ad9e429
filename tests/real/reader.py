"""A scripted reader of the mails that the server really sent: opens some, and follows their links."""

from __future__ import annotations

import random
from collections.abc import Sequence
from html.parser import HTMLParser

import requests

from tests.real.ghost import OFFER
from tests.real.mailgun import Mail, Mailgun

OPENS, CLICKS = 0.5, 0.3  # of all, and of those who open


class OfferLinks(HTMLParser):
    """Finds the links whose text is the offer's."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._at = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember where a link goes."""
        if tag == "a":
            self._at = dict(attrs).get("href") or ""

    def handle_data(self, data: str) -> None:
        """Keep it where it says what we look for."""
        if data.strip() == OFFER and self._at:
            self.found.append(self._at)


def read(mails: Sequence[Mail], mailgun: Mailgun, shop: str, seed: int) -> set[str]:
    """Open some *mails* and follow the offer's link of some of these; return who clicked.

    Args:
        mails: As they arrived.
        mailgun: Told of each opening, as the picture in a mail would.
        shop: Where the link must lead in the end.
        seed: Of chance.
    """
    dice, clicked = random.Random(seed), set[str]()  # noqa: S311 - readers, not secrets
    for mail in mails:
        if dice.random() >= OPENS:
            continue
        mailgun.tell(mail, "opened")
        if dice.random() < CLICKS:
            (link,) = OfferLinks(mail.html).found
            answer = requests.get(link, allow_redirects=False, timeout=60)
            assert answer.status_code == 302, (link, answer.status_code)
            assert answer.headers["Location"].startswith(shop), answer.headers["Location"]
            clicked.add(mail.recipient.lower())
    return clicked
