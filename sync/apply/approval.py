"""Approval of a plan that an assistant asked for: a person types its code."""

from __future__ import annotations

import hmac

from connectors.errors import FixSettingsError
from sync.plan.file import plan_code
from sync.session import Recording

UNTYPED = "An assistant asked for this plan, and nobody has typed its code. Nothing was sent."
WRONG_CODE = "The code is not that of this plan. Nothing was sent."
AT_A_TERMINAL = (
    "Run `personasync apply` at a terminal, or approve it in the console; or make your own: `personasync plan`."
)


def proposed_by(looked: Recording, plan_id: str) -> str:
    """Return who asked for a plan, as the control store knows it, whatever the file says.

    Args:
        looked: The control store.
        plan_id: Of the plan.

    Returns:
        "assistant", or "" for a person.
    """
    record = looked.control.plans.get(plan_id)
    return str(record.summary.get("proposed_by") or "") if record else ""


def refuse_unapproved(looked: Recording, plan_id: str, code: str) -> None:
    """Refuse a plan that an assistant asked for, unless a person typed its code.

    Raises:
        FixSettingsError: The code is missing or another one.
    """
    typed = code.strip().lower().encode()
    if proposed_by(looked, plan_id) and not hmac.compare_digest(typed, plan_code(plan_id).encode()):
        raise FixSettingsError(UNTYPED if not code else WRONG_CODE, fix=AT_A_TERMINAL)
