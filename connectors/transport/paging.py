"""The one guard of all pagers: a page that comes again is asked for again, and then the reading ends.

A platform that does not understand its own cursor begins anew, and a cache hands out the page before; both would be
read for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

from connectors.errors import PlatformDownError

Cursor = TypeVar("Cursor", bound=Hashable)
TRIES = 3  # times that a page which can't be right is asked for
MOST_EMPTY = 100  # pages in a row, each of which says that more follow
AGAIN = "Run the command again later."


def pages(
    ask: Callable[[Cursor | None], Any],
    following: Callable[[Any, Cursor | None], Cursor | None],
    *,
    entries: Callable[[Any], Sequence[Any]],
    what: str,
) -> Iterator[Any]:
    """Yield answer after answer, until none follows.

    Args:
        ask: Returns the answer at a cursor; None is the first.
        following: Returns the cursor behind an answer, given the answer and its own cursor; None where it is the last.
        entries: Returns what an answer lists.
        what: How the answers are called in a message.

    Raises:
        PlatformDownError: A page came again and again in the place of the next one, or nothing but empty ones came.
    """
    cursor: Cursor | None = None
    seen: set[Cursor] = set()
    last: Sequence[Any] = ()
    empty = 0
    while True:
        answer = _next(lambda: ask(cursor), lambda page: following(page, cursor), entries, seen, last, what)  # noqa: B023 - called at once
        yield answer
        last, cursor = entries(answer), following(answer, cursor)
        if cursor is None:
            return
        seen.add(cursor)
        empty = 0 if last else empty + 1
        if empty >= MOST_EMPTY:
            raise PlatformDownError(f"{MOST_EMPTY} pages of {what} in a row were empty.", answered=True, fix=AGAIN)


def _next(
    ask: Callable[[], Any],
    following: Callable[[Any], Cursor | None],
    entries: Callable[[Any], Sequence[Any]],
    seen: set[Cursor],
    last: Sequence[Any],
    what: str,
) -> Any:
    for _ in range(TRIES):
        answer = ask()
        after, listed = following(answer), entries(answer)
        if (after is None or after not in seen) and (not listed or listed != last):
            return answer
    reason = f"The pages of {what} repeat: the same page came {TRIES} times in the place of the next one."
    raise PlatformDownError(reason, answered=True, fix=AGAIN)
