"""Circuit breaker: stops writing to a platform that no longer responds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from connectors.errors import PlatformDownError
from connectors.records import Outcome

NO_ANSWER = "no_answer"


def until_silence(batches: Iterable[list[Outcome]]) -> Iterator[list[Outcome]]:
    """Hand on *batches* of outcomes, and stop after the first in which a change got no answer.

    Raises:
        PlatformDownError: After that batch was handed on, so that its outcomes are kept.
    """
    for outcomes in batches:
        yield outcomes
        silent = next((outcome for outcome in outcomes if outcome.code == NO_ANSWER), None)
        if silent is not None:
            raise PlatformDownError(silent.reason, answered=False)
