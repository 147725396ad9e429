"""Plan files (JSON Lines): a header, then one change per line.

The header names what the plan was made from and the digest of everything below it, so that a plan that was
edited, cut or mixed up is refused instead of applied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError, reason_of
from connectors.records import Change
from sync.workspace.plan_lines import FORMAT, digest_of_lines


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan on disk.

    Attributes:
        basis: What the plan was made from: the newest run of each kind, and the digest of the definitions.
        summary: Counts, samples, requests, minutes and the guardrails' verdict, as shown to people.
    """

    path: Path
    plan_id: str
    created_at: datetime
    basis: Mapping[str, str]
    summary: Mapping[str, Any]
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """What a plan says of itself: all but its changes, which nobody has checked here.

    Attributes:
        changes: How many there are.
    """

    path: Path
    plan_id: str
    created_at: datetime
    summary: Mapping[str, Any]
    changes: int


def write_plan(
    path: Path,
    *,
    plan_id: str,
    created_at: datetime,
    basis: Mapping[str, str],
    summary: Mapping[str, Any],
    changes: Sequence[Change],
) -> None:
    """Write a plan. The file appears whole or not at all."""
    lines = [json.dumps(astuple(change), ensure_ascii=False) for change in changes]
    header = {
        "personasync_plan": FORMAT,
        "id": plan_id,
        "created_at": created_at.isoformat(),
        "basis": dict(basis),
        "summary": dict(summary),
        "changes": len(lines),
        "digest": digest_of_lines(lines),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(json.dumps(header, ensure_ascii=False) + "\n")
        file.writelines(line + "\n" for line in lines)
    unfinished.replace(path)


def read_plan(path: Path) -> SavedPlan:
    """Return the plan at *path*.

    Returns:
        The plan's changes, basis and summary, whose digest was checked.

    Raises:
        FixSettingsError: There is no such file, it is no plan, or it was changed since it was written.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise FixSettingsError(f"Plan not found: {path}.", fix="Run `personasync plan` first.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FixSettingsError(f"{path} can't be read as a plan: {reason_of(error)}.", fix=NEW_PLAN) from error
    first, *lines = text.split("\n")[:-1] or [""]
    try:
        header = json.loads(first)
        if (
            header["personasync_plan"] != FORMAT
            or len(lines) != header["changes"]
            or digest_of_lines(lines) != header["digest"]
        ):
            raise FixSettingsError(f"{path} was edited or truncated after it was saved.", fix=NEW_PLAN)
        changes = tuple(_changes(lines))
        created_at = datetime.fromisoformat(header["created_at"])
        return SavedPlan(path, header["id"], created_at, header["basis"], header["summary"], changes)
    except (KeyError, TypeError, ValueError) as error:
        raise FixSettingsError(f"{path} is not a personasync plan.", fix=NEW_PLAN) from error


def read_header(path: Path) -> PlanHeader:
    """Return what the plan at *path* says of itself, to be shown: `read_plan` checks the changes, for who sends them.

    Returns:
        All but its changes.

    Raises:
        FixSettingsError: There is no such file, or it is no plan.
    """
    try:
        with path.open(encoding="utf-8") as file:
            header = json.loads(file.readline())
        if header["personasync_plan"] != FORMAT:
            raise FixSettingsError(f"{path} is a plan of another version.", fix=NEW_PLAN)
        created_at = datetime.fromisoformat(header["created_at"])
        return PlanHeader(path, header["id"], created_at, header["summary"], int(header["changes"]))
    except FileNotFoundError as error:
        raise FixSettingsError(f"Plan not found: {path}.", fix="Run `personasync plan` first.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FixSettingsError(f"{path} can't be read as a plan: {reason_of(error)}.", fix=NEW_PLAN) from error
    except (KeyError, TypeError, ValueError) as error:
        raise FixSettingsError(f"{path} is not a personasync plan.", fix=NEW_PLAN) from error


def plan_code(plan_id: str) -> str:
    """Return the short code of a plan, which a person types to approve it.

    Returns:
        The end of its id, which is chance: nothing else that is shown of a plan, or of its run, gives it away.
    """
    return plan_id.rpartition("-")[2]


NEW_PLAN = "Create a new one with `personasync plan`."


def _changes(lines: Sequence[str]) -> Iterator[Change]:
    for line in lines:
        yield Change(*json.loads(line))
