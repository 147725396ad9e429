"""Events of other accounts: an app that several accounts installed sends all of theirs to one address.

They carry the app's own signature, and their contacts have numbers that ours have as well: followed, the deletion of
one there would erase another person here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sync.control.inbox import Claimed
from sync.webhooks.events import ACCOUNT
from sync.webhooks.logs import tell
from sync.webhooks.service import Service

FOREIGN = "foreign"
"""State of an event of another account."""


def without_foreign(service: Service, claimed: Sequence[Claimed]) -> tuple[list[Claimed], dict[str, dict[str, str]]]:
    """Leave out events that are about another account than the one whose token the connection has.

    Args:
        service: Knows the accounts.
        claimed: Contacts with their events.

    Returns:
        Contacts with the events that are left, those without any left out; and by contact the states of the others.

    Raises:
        PersonasyncError: The platform does not say which account it is.
    """
    ours, states = [], {}
    for claim in claimed:
        foreign = {event.key: FOREIGN for event in claim.events if _is_foreign(service, claim, event.detail)}
        if foreign:
            connection = claim.contact.partition(":")[0]
            reason = "the events are about another account than the connection's"
            states[claim.contact] = foreign
            tell("foreign", level=logging.WARNING, connection=connection, events=len(foreign), reason=reason)
        if len(foreign) < len(claim.events):
            ours.append(replace(claim, events=tuple(event for event in claim.events if event.key not in foreign)))
    return ours, states


def _is_foreign(service: Service, claim: Claimed, detail: Mapping[str, Any]) -> bool:
    connection, named = claim.contact.partition(":")[0], str(detail.get(ACCOUNT, ""))
    return bool(named) and service.account(connection) not in {"", named}
