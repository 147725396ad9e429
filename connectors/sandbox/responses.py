"""What recipients do with a mail: open, click, buy, leave, bounce; by hidden persona and by what they read.

Chances are stated in tastes.py. Everybody's dice depend on the seed, the address and how many mails came before, so
that a campaign ends the same in every run of one seed, whatever the order of recipients and the time of day.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from connectors.sandbox.tastes import ORDER_VALUE, TASTES, click_factor, taste_of
from connectors.sandbox.world import World

ResponseKind = Literal[
    "open", "machine_open", "click", "order", "unsubscribe", "complaint", "hard_bounce", "soft_bounce"
]

HARD_BOUNCE, SOFT_BOUNCE = 0.004, 0.01
MACHINE_OPEN = 0.30  # mail programs that fetch every picture at once, read or not
COMPLAINT = 0.0005
LATEST = timedelta(hours=72)
HALF_OF_OPENS = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who gets a mail, and the text that stands in theirs."""

    email: str
    content: str


@dataclass(frozen=True, slots=True)
class RecipientResponse:
    """One thing that a recipient does.

    Attributes:
        at: UTC.
        url: What was clicked; None leaves the choice among the mail's links to the platform.
        amount: Of an order.
    """

    email: str
    kind: ResponseKind
    at: datetime
    url: str | None = None
    amount: float | None = None


def respond(world: World, recipients: list[Recipient], *, sent_at: datetime) -> list[RecipientResponse]:
    """Return everything that *recipients* will do within 72 hours of *sent_at* (UTC)."""
    return [response for recipient in recipients for response in _one(world, recipient, sent_at)]


def _one(world: World, recipient: Recipient, sent_at: datetime) -> Iterator[RecipientResponse]:
    address = recipient.email
    number = world.store.next_id(f"mails/{address.lower()}")
    dice = random.Random(f"{world.seed}/{address.lower()}/{number}")  # noqa: S311 - people, not secrets
    lot = dice.random()
    if lot < HARD_BOUNCE + SOFT_BOUNCE:
        yield RecipientResponse(
            address, "hard_bounce" if lot < HARD_BOUNCE else "soft_bounce", sent_at + timedelta(minutes=1)
        )
        return
    taste = taste_of(world, address)
    traits, factor = TASTES[taste], click_factor(taste, recipient.content)
    if dice.random() < MACHINE_OPEN:
        yield RecipientResponse(address, "machine_open", sent_at + timedelta(seconds=dice.uniform(5, 120)))
    if dice.random() >= traits.open:
        return
    opened = sent_at + _delay(dice)
    yield RecipientResponse(address, "open", opened)
    if dice.random() < min(1.0, traits.click * factor):
        clicked = opened + timedelta(minutes=dice.uniform(0.2, 5))
        yield RecipientResponse(address, "click", clicked)
        if dice.random() < traits.order:
            amount = round(dice.gammavariate(4.0, ORDER_VALUE * traits.spend / 4.0) + 1.0, 2)
            yield RecipientResponse(address, "order", clicked + timedelta(minutes=dice.uniform(2, 60)), amount=amount)
    if dice.random() < traits.leave / factor:
        yield RecipientResponse(address, "unsubscribe", opened + timedelta(minutes=dice.uniform(0.5, 10)))
    elif dice.random() < COMPLAINT / factor:
        yield RecipientResponse(address, "complaint", opened + timedelta(minutes=dice.uniform(0.5, 10)))


def _delay(dice: random.Random) -> timedelta:
    """Time from the mail to its opening: exponential, at most three days less what may follow it."""
    hours = HALF_OF_OPENS.total_seconds() / 3600 / math.log(2)
    return min(timedelta(hours=dice.expovariate(1 / hours)), LATEST - timedelta(hours=2))
