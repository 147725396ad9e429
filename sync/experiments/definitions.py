"""Definitions of experiments as they stood at the start: an edit afterwards is refused.

Whoever changes shares, the metric or the end after looking at results makes them worthless. The start is the first
assignment of anybody to a variant; what the files said then is kept in the control store, with its digest, as a run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.errors import FixSettingsError
from connectors.records import ARMS
from segmenter.lift.randomization import HOLDOUT, Experiment
from sync.control.rows import Run
from sync.session import Session, recorded
from sync.workspace.experiments import EXPERIMENTS

START = "experiment start"
MAIN = "personasync.toml"
PERSONAS_READ, ORDER_DAYS = "personas.toml: [personas]", f"{MAIN}: [results] order_days"
OWN = ("arms", "holdout", "holdouts", "personas", "metric", "mde", "baseline", "generic", "placebo", "salt", "begins")
ENDS = "ends"


class EditedExperimentError(FixSettingsError):
    """An experiment's definition is not what it was at the start."""


def keep_definition(session: Session, experiment: Experiment) -> None:
    """Keep the definition of an experiment that has people and no kept one: it starts now.

    Args:
        session: The open workspace.
        experiment: As the files define it.
    """
    if _kept(session, experiment.name) is None and has_people(session, experiment.name):
        settings = definition(session, experiment)
        decides = {PERSONAS_READ: bool(experiment.placebo), ORDER_DAYS: experiment.metric == "ordered"}
        _record(session, experiment.name, {place: settings[place] for place in settings if decides.get(place, True)})


def keep_end(session: Session, experiment: Experiment) -> None:
    """Keep the new end of an experiment; what else was edited stays an edit.

    Args:
        session: The open workspace.
        experiment: With its new end.
    """
    if (kept := _kept(session, experiment.name)) is not None:
        end = _place(experiment.name, ENDS)
        _record(session, experiment.name, {**kept.counts["definition"], end: definition(session, experiment)[end]})


def has_people(session: Session, name: str) -> bool:
    """Return whether anybody was ever assigned to a variant of the experiment *name*."""
    arms = session.warehouse.current(ARMS.name)
    return bool(arms.filter(arms.experiment == name).limit(1).count().to_pyarrow().as_py())


def was_started(session: Session, name: str) -> bool:
    """Return whether an experiment of that name has started, whatever the file says of it now."""
    return _kept(session, name) is not None or has_people(session, name)


def refuse_edited(session: Session, experiments: Iterable[Experiment]) -> None:
    """Refuse experiments whose definition was edited after the start.

    Args:
        session: The open workspace.
        experiments: Those to check.

    Raises:
        EditedExperimentError: Names the file, the key, the old and the new value, and how to go on.
    """
    for experiment in experiments:
        if (kept := _kept(session, experiment.name)) is not None:
            _compare(experiment.name, kept, definition(session, experiment))


def refuse_edited_running(session: Session) -> None:
    """Refuse to go on while a running experiment, or the global holdout, is edited.

    One that has ended assigns nobody and shows nobody other copy: only its own results are refused.

    Raises:
        EditedExperimentError: One was.
    """
    now, everybody = session.now(), session.workspace.everybody
    running = [
        experiment
        for experiment in session.workspace.experiments.values()
        if experiment.ends is None or now < experiment.ends
    ]
    refuse_edited(session, [*running, *([everybody] if everybody else [])])


def edited_experiments(session: Session) -> Iterator[EditedExperimentError]:
    """Yield what is wrong with each experiment that was edited, for commands that only look."""
    everybody = session.workspace.everybody
    for experiment in (*session.workspace.experiments.values(), *([everybody] if everybody else [])):
        try:
            refuse_edited(session, [experiment])
        except EditedExperimentError as error:
            yield error


def definition(session: Session, experiment: Experiment) -> dict[str, Any]:
    """Return what may decide about an experiment, by its place in a file, as JSON values.

    Args:
        session: The open workspace: whose copy a placebo shows is drawn from its personas, and it has the days within
            which an order counts for an email.
        experiment: As the files define it.
    """
    if experiment.name == HOLDOUT:
        table = f"{MAIN}: [holdout]"
        return {f"{table} share": experiment.holdout, f"{table} salt": experiment.salt}
    settings = {_place(experiment.name, key): _plain(getattr(experiment, key)) for key in (*OWN, ENDS)}
    return settings | {
        PERSONAS_READ: list(session.workspace.personas),
        ORDER_DAYS: session.workspace.results.order_days,
    }


def _place(name: str, key: str) -> str:
    return f"{EXPERIMENTS}: [experiments.{name}] {key}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return [[name, share] for name, share in value.items()]  # the order of arms says which is the control
    return list(value) if isinstance(value, tuple) else value


def _compare(name: str, kept: Run, now: Mapping[str, Any]) -> None:
    before = kept.counts["definition"]
    if kept.counts["digest"] == _digest({place: now.get(place) for place in before}):
        return
    changed = [
        f"{place} was {_shown(value)}, is now {_shown(now.get(place))}"
        for place, value in before.items()
        if value != now.get(place)
    ]
    what = "The global holdout" if name == HOLDOUT else f"Experiment {name!r}"
    first = kept.counts["started_at"][:16].replace("T", " ")
    raise EditedExperimentError(
        f"{what} was edited after its start ({first} UTC): {'; '.join(changed)}.", fix=_fix(name, changed)
    )


def _fix(name: str, changed: list[str]) -> str:
    if name == HOLDOUT:
        return "Restore it, or set share = 0 to end the holdout."
    if len(changed) == 1 and changed[0].startswith(_place(name, ENDS)):
        return f"Restore it, or set the end with `personasync experiment end {name} --at TIME`."
    end, new = f"`personasync experiment end {name}`", "`personasync experiment create`"
    return f"Restore it, or end the experiment with {end} and start another with {new}."


def _shown(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(element, list) for element in value):
        return "{ " + ", ".join(f"{key} = {share}" for key, share in value) + " }"
    return "not set" if value in (None, []) else json.dumps(value, ensure_ascii=False)


def _kept(session: Session, name: str) -> Run | None:
    return session.control.runs.latest(f"{START} {name}", state="done")


def _record(session: Session, name: str, settings: Mapping[str, Any]) -> None:
    kept = _kept(session, name)
    started = kept.counts["started_at"] if kept else session.now().isoformat()
    with recorded(session, f"{START} {name}") as run:
        run.counts.update(experiment=name, definition=dict(settings), digest=_digest(settings), started_at=started)


def _digest(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
