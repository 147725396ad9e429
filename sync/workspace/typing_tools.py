"""Typing tools in ``.personasync/tools``, one file per tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import FixSettingsError
from segmenter.assign.definitions import Scorer
from segmenter.classifier.model_file import LARGEST_FILE
from segmenter.classifier.reasons import Spoken
from segmenter.classifier.thresholds import Thresholds
from segmenter.errors import DefinitionError
from segmenter.privacy.sensitive import refuse_sensitive
from segmenter.typing_tool.tool_file import ToolFile, read_tool, write_tool
from sync.workspace.definition_files import MAIN
from sync.workspace.settings import Workspace
from sync.workspace.toml_reader import replace_bytes

FOLDER = "tools"
SOME_ANSWER = 0.5  # questions: less than one, more than none


@dataclass(frozen=True, slots=True)
class SavedTool:
    """A saved tool, and why the waterfall can't ask it ("" where it can)."""

    file: ToolFile
    lacking: str


def save_tool(state_dir: Path, file: ToolFile) -> Path:
    """Write a tool, whole or not at all; one of that name is replaced. Returns where it was written.

    Args:
        state_dir: The workspace's ``.personasync``.
        file: The tool.

    Returns:
        Path of its JSON file.
    """
    path = state_dir / FOLDER / f"{file.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(path, write_tool(file).encode())
    return path


def load_tool(state_dir: Path, name: str) -> ToolFile:
    """Return the tool of that name.

    Args:
        state_dir: The workspace's ``.personasync``.
        name: Of the tool.

    Returns:
        The tool, whose digest and numbers were checked.

    Raises:
        FixSettingsError: There is none, or its file is damaged.
    """
    path = state_dir / FOLDER / f"{name}.json"
    if path not in _files(state_dir):
        known = (
            ", ".join(file.stem for file in _files(state_dir))
            or "none yet; create one with `personasync survey design`"
        )
        raise FixSettingsError(f"There is no typing tool {name!r}.", fix=f"Available: {known}.")
    return _read(path)


def load_tools(workspace: Workspace) -> list[SavedTool]:
    """Return every saved tool in the order in which they are asked: that of [classify] tools, else the longest first.

    Returns:
        Also tools that can't be asked, with the reason.

    Raises:
        FixSettingsError: A file is damaged, or the settings name a tool that there is none of.
    """
    files = [_read(path) for path in _files(workspace.state_dir)]
    wanted = workspace.classify.tools
    _check_named(wanted or (), files, "[classify] tools")
    _check_named(tuple(workspace.tools), files, "[tools.NAME]")
    ordered = sorted(files, key=lambda file: (-len(file.questions), file.name))
    if wanted is not None:
        place = {name: number for number, name in enumerate(wanted)}
        ordered.sort(key=lambda file: place.get(file.name, len(place)))
    return [SavedTool(file, _lacking(file, workspace)) for file in ordered]


def _check_named(names: Sequence[str], files: Sequence[ToolFile], where: str) -> None:
    known = [file.name for file in files]
    for name in names:
        if name not in known:
            raise FixSettingsError(
                f"{MAIN}, {where}: there is no typing tool {name!r}.",
                fix=(f"Available: {', '.join(known) or 'none yet; create one with `personasync survey design`'}."),
            )


def scorers(workspace: Workspace, thresholds: Thresholds) -> tuple[Scorer, ...]:
    """Return the tools that the waterfall asks, in order: those whose traits and segments the workspace has.

    Args:
        workspace: The definitions.
        thresholds: When an answer is sure enough; a tool without means for missing answers wants all of them.

    Returns:
        Empty where no tool can be asked.

    Raises:
        FixSettingsError: A file is damaged, or a tool asks for a sensitive trait without a purpose.
    """
    results = []
    for tool in load_tools(workspace):
        if not tool.lacking:
            file = tool.file
            _check_sensitive(file, workspace)
            limits = _limits(file, thresholds)
            who = workspace.tools.get(file.name)
            results.append(Scorer(file.linear(), file.version, limits, means=file.means, who=who, speech=_speech(file)))
    return tuple(results)


def _limits(file: ToolFile, thresholds: Thresholds) -> Thresholds:
    """An adaptive tool brings its own: the confidence at which no second segment is possible, after any answer."""
    if file.adaptive is not None:
        return Thresholds(1.0 - min(file.adaptive.least), 0.0, SOME_ANSWER / len(file.questions))
    return Thresholds(thresholds.confidence, thresholds.margin, 1.0 if file.complete else thresholds.known)


def _speech(file: ToolFile) -> dict[str, Spoken]:
    return {
        question.trait: Spoken(question.item, tuple((answer.value, answer.label) for answer in question.answers))
        for question in file.questions
    }


def _check_sensitive(file: ToolFile, workspace: Workspace) -> None:
    traits = [question.trait for question in file.questions]
    try:
        refuse_sensitive(traits, workspace.catalogue, workspace.sensitive, where=f"typing tool {file.name!r}")
    except DefinitionError as error:
        raise FixSettingsError(str(error)) from error


def _lacking(file: ToolFile, workspace: Workspace) -> str:
    traits = [q.trait for q in file.questions if q.trait not in workspace.catalogue.traits]
    segments = [name for name in file.segments if name not in {segment.name for segment in workspace.segments}]
    wanted = workspace.classify.tools
    reasons = ["not listed in [classify] tools"] if wanted is not None and file.name not in wanted else []
    reasons += [f"personasync.toml lacks [traits.{traits[0]}]"] if traits else []
    reasons += [f"segments.toml lacks {segments[0]!r}"] if segments else []
    return "; ".join(reasons)


def _files(state_dir: Path) -> list[Path]:
    return sorted((state_dir / FOLDER).glob("*.json"))


def _read(path: Path) -> ToolFile:
    where = f".personasync/{FOLDER}/{path.name}"
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return read_tool(file.read(LARGEST_FILE + 1), where=where)
    except DefinitionError as error:
        raise FixSettingsError(
            f"{error}.", fix="Create it again with `personasync survey`, or delete the file."
        ) from error
