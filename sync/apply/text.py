"""What an apply or an undo did, in sentences: for the terminal and for the console. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync.apply.job import Applied
    from sync.apply.undo import Undone

NOTHING_SENT = "Nothing to send."


def left_out_of_apply(applied: Applied) -> list[str]:
    """Return what of a plan was not sent, and what was done besides it.

    Args:
        applied: What an apply did.

    Returns:
        A sentence each; empty where the plan was sent as it was.
    """
    counted = {
        "changes of an interrupted run were checked and are now confirmed.": applied.recovered,
        (
            "changes were skipped: the webhook service updated these people after the plan was made. "
            "The next run checks them."
        ): applied.overtaken,
        (
            "changes were skipped: these contacts are no longer marketable, or no longer exist. See the reasons below."
        ): applied.skipped,
        "changes took back what people were shown who objected after the plan was made.": applied.taken_back,
    }
    return [f"{count:,} {text}" for text, count in counted.items() if count]


def pending_after_apply(applied: Applied) -> list[str]:
    """Return what stopped an apply, and what waits.

    Args:
        applied: What an apply did.

    Returns:
        A sentence each; empty where all is done.
    """
    said = [
        f"{name} stopped: {message} The remaining changes are pending: run `personasync apply` again."
        for name, message in applied.failed.items()
    ]
    if applied.waiting:
        said.append(f"{applied.waiting:,} changes are pending: run `personasync apply` to send them.")
    return said


def undone_sentences(undone: Undone) -> list[str]:
    """Return what an undo did.

    Args:
        undone: What it did.

    Returns:
        What was restored, then what stopped it.
    """
    restored = (
        f"{undone.restored:,} values, tags and list memberships restored; {undone.left:,} skipped "
        "because they were edited since."
    )
    return [restored, *(f"{name} stopped: {why} Run the same undo again." for name, why in undone.failed.items())]
