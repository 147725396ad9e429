"""The optional experiments.toml: read, validated, and extended by `experiment create`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from connectors.errors import FixSettingsError
from segmenter.errors import DefinitionError
from segmenter.lift.randomization import HOLDOUT, Experiment, check_experiment
from segmenter.rules.segments import Segment
from sync.workspace.schema_parts import FilePart, Slug
from sync.workspace.toml_reader import at_line, read_text, read_toml

EXPERIMENTS = "experiments.toml"
HEAD = """\
# Experiments of this workspace. `personasync experiment create` adds one, `personasync experiment end` ends it.
# After its start an edit is refused: whoever changes an experiment on the way can't read its result.
"""


class ExperimentPart(FilePart):
    """[experiments.NAME], written by `personasync experiment create`. After the start, an edit is refused."""

    arms: dict[Slug, float] = Field(description="Share of the people not held out, by variant; they sum to 1.")
    holdout: float = Field(default=0.0, description="Share of the people who get no email (holdout).")
    holdouts: dict[Slug, float] = Field(default_factory=dict, description="Different holdout shares by persona.")
    personas: tuple[Slug, ...] = Field(default=(), description="Personas that take part; empty for all.")
    metric: Literal["clicked", "ordered", "opened"] = Field(
        default="clicked", description="Primary metric, chosen before the start."
    )
    mde: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.01, description="Minimum detectable effect: 0.01 is one percentage point."
    )
    generic: tuple[Slug, ...] = Field(default=(), description="Variants that get the fallback copy in all fields.")
    placebo: tuple[Slug, ...] = Field(default=(), description="Variants that get the copy of a random persona.")
    baseline: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None,
        description="Rate of the primary metric without the treatment, for the sample size.",
    )
    salt: str = Field(description="Salt of the assignment hash.")
    begins: datetime = Field(description="UTC.")
    ends: datetime | None = Field(default=None, description="Planned end; results before it are interim.")


class ExperimentsFile(FilePart):
    """experiments.toml."""

    experiments: dict[Slug, ExperimentPart] = Field(default_factory=dict)


def load_experiments(
    directory: Path, *, segments: Sequence[Segment], personas: Collection[str]
) -> dict[str, Experiment]:
    """Return the experiments of the workspace in *directory*, by name.

    Args:
        directory: The workspace's folder.
        segments: Their names are taken.
        personas: Slugs that an experiment may name.

    Returns:
        In the order of the file; empty where there is no experiments.toml.

    Raises:
        FixSettingsError: Names the file, the line and what is wrong.
    """
    path = directory / EXPERIMENTS
    if not path.exists():
        return {}
    file = read_toml(path, ExperimentsFile)
    experiments = {name: _experiment(name, part) for name, part in file.experiments.items()}
    taken = {segment.name for segment in segments} | {HOLDOUT}
    for name, experiment in experiments.items():
        try:
            check_experiment(experiment)
            _check_names(experiment, personas, taken)
        except DefinitionError as error:
            at = at_line(path.name, read_text(path), ("experiments", name))
            raise FixSettingsError(f"{at}: {error}") from error
        taken |= set(experiment.groups.values())
    return experiments


def _check_names(experiment: Experiment, personas: Collection[str], taken: Collection[str]) -> None:
    where = f"experiment {experiment.name!r}"
    for slug in (*experiment.personas, *experiment.holdouts):
        if slug not in personas:
            listed = ", ".join(personas) or "none"
            raise DefinitionError(f"there is no persona {slug!r}; personas.toml has: {listed}", where=where)
    for group in experiment.groups.values():
        if group in taken:
            raise DefinitionError(f"its group {group!r} has the same name as another group", where=where)


def _experiment(name: str, part: ExperimentPart) -> Experiment:
    return Experiment(
        name=name,
        salt=part.salt,
        arms=part.arms,
        begins=_utc(part.begins),
        ends=_utc(part.ends) if part.ends else None,
        holdout=part.holdout,
        personas=part.personas,
        holdouts=part.holdouts,
        metric=part.metric,
        mde=part.mde,
        baseline=part.baseline,
        generic=part.generic,
        placebo=part.placebo,
    )


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def experiment_toml(experiment: Experiment) -> str:
    """Return an experiment as its part of the file."""
    lines = [f"[experiments.{experiment.name}]", f"arms = {_table(experiment.arms)}"]
    lines += [f"holdout = {experiment.holdout!r}"] if experiment.holdout else []
    lines += [f"holdouts = {_table(experiment.holdouts)}"] if experiment.holdouts else []
    for key in ("personas", "generic", "placebo"):
        named = getattr(experiment, key)
        lines += [f"{key} = [{', '.join(_quoted(slug) for slug in named)}]"] if named else []
    lines += [
        f"metric = {_quoted(experiment.metric)}",
        f"mde = {experiment.mde!r}",
        *([f"baseline = {experiment.baseline!r}"] if experiment.baseline is not None else []),
        f"salt = {_quoted(experiment.salt)}",
    ]
    lines += [f"begins = {experiment.begins.isoformat()}"]
    lines += [f"ends = {experiment.ends.isoformat()}"] if experiment.ends else []
    return "\n".join(lines) + "\n"


def _table(shares: object) -> str:
    items = dict(shares).items() if isinstance(shares, dict) else ()
    return "{ " + ", ".join(f"{name} = {share!r}" for name, share in items) + " }"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def with_experiment(text: str, experiment: Experiment) -> str:
    """Return the file's *text* with one more experiment at its end.

    Args:
        text: The file as it is; "" for none.
        experiment: The experiment to be added.

    Returns:
        TOML; what stood there stays as it was.

    Raises:
        FixSettingsError: There is one of that name.
    """
    if re.search(rf"^\[experiments\.{re.escape(experiment.name)}\]", text, flags=re.MULTILINE):
        raise FixSettingsError(f"An experiment named {experiment.name!r} already exists.", fix="Choose another name.")
    begin = text.rstrip() + "\n" if text.strip() else HEAD
    return begin + "\n" + experiment_toml(experiment)


def with_end(text: str, name: str, at: datetime) -> str:
    """Return the file's *text* with the end of experiment *name* set to *at*.

    Args:
        text: The file as it is; it has the experiment.
        name: Of the experiment.
        at: UTC.

    Returns:
        TOML; comments and other experiments stay as they were.
    """
    lines = text.splitlines()
    start = lines.index(f"[experiments.{name}]")
    stop = next((n for n in range(start + 1, len(lines)) if lines[n].startswith("[")), len(lines))
    part = [line for line in lines[start:stop] if not re.match(r"\s*ends\s*=", line)]
    while part and not part[-1].strip():
        part.pop()
    part += [f"ends = {at.isoformat()}", ""]
    return "\n".join([*lines[:start], *part, *lines[stop:]]).rstrip() + "\n"
