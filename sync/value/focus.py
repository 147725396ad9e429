"""Which segments are pushed now, as everybody who writes to the platforms has to know it without the warehouse."""

from __future__ import annotations

from segmenter.value.focus import with_subsegments
from sync.control import Control
from sync.workspace.settings import Workspace

PLANNED = "focus"
"""In a plan run's counts: the segments that it pushed."""


def in_force(workspace: Workspace, control: Control) -> frozenset[str] | None:
    """Return the segments that are pushed, None for all.

    `[value] focus = N` means those that the newest plan chose: a ranking needs all orders. Before any plan nobody has
    been chosen, so that nobody is shown a persona that the first plan would take back.
    """
    wanted = workspace.value.focus
    if wanted is None:
        return None
    if isinstance(wanted, int):
        newest = control.runs.latest("plan", state="done")
        return frozenset((newest.counts.get(PLANNED) or ()) if newest else ())
    return with_subsegments(wanted, workspace.steps)
