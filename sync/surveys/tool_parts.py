"""What a workspace lacks of a typing tool, traits and segments: shown as a diff, and added to its files once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from hashlib import sha256

from connectors.errors import FixSettingsError
from segmenter.typing_tool.tool_file import ToolFile
from sync.surveys.exports import segment_blocks, traits_toml
from sync.workspace.additions import add_to_files
from sync.workspace.definition_files import MAIN, SEGMENTS
from sync.workspace.settings import Workspace, load_workspace
from sync.workspace.toml_reader import joined_text
from sync.workspace.typing_tools import load_tools


@dataclass(frozen=True, slots=True)
class ToolParts:
    """What a workspace lacks of a tool.

    Attributes:
        tool: Its name.
        traits: Names of traits that personasync.toml lacks.
        segments: Names of segments that segments.toml lacks.
        texts: What is added, by the name of the file; only files that lack something.
        diff: By the name of the file: the lines of a unified diff.
        code: Of these additions to the files as they were read, 12 hexadecimal digits.
    """

    tool: str
    traits: tuple[str, ...]
    segments: tuple[str, ...]
    texts: Mapping[str, str]
    diff: Mapping[str, list[str]]
    code: str

    def lines(self) -> list[str]:
        """Return the diff of all files, a line each, under the names of the files."""
        return [line for lines in self.diff.values() for line in lines]


def lacking_parts(workspace: Workspace, file: ToolFile) -> ToolParts:
    """Return what a workspace lacks of a tool; a trait or segment of the same name counts as there.

    Args:
        workspace: Its files are read again, to be compared.
        file: The tool.
    """
    known = {segment.name for segment in workspace.segments}
    traits = tuple(q.trait for q in file.questions if q.trait not in workspace.catalogue.traits)
    segments = tuple(name for name in dict.fromkeys(file.segments) if name not in known)
    texts = {MAIN: traits_toml(file, traits)} if traits else {}
    texts |= {SEGMENTS: segment_blocks(segments)} if segments else {}
    before = {name: (workspace.directory / name).read_bytes() for name in texts}
    read = sha256()
    for name, text in texts.items():
        for part in (name.encode(), before[name], text.encode()):
            read.update(len(part).to_bytes(8) + part)
    diff = {name: _diff(name, before[name], text) for name, text in texts.items()}
    return ToolParts(file.name, traits, segments, texts, diff, read.hexdigest()[:12])


def _diff(name: str, before: bytes, text: str) -> list[str]:
    after = joined_text(before, text)
    old, new = (content.decode("utf-8", errors="replace").splitlines() for content in (before, after))
    return list(unified_diff(old, new, name, name, lineterm=""))


def add_parts(workspace: Workspace, file: ToolFile, agreed: str | None = None) -> ToolParts:
    """Add what a workspace lacks of a tool to its files, and return what that was; nothing is added twice.

    Args:
        workspace: Its files are written.
        file: The tool.
        agreed: The code of what somebody saw and agreed to; None: whatever is lacking.

    Raises:
        FixSettingsError: The files are others than those that were agreed to, or the workspace would not load; nothing
            was written.
    """
    parts = lacking_parts(workspace, file)
    if agreed is not None and agreed != parts.code:
        raise FixSettingsError(
            "The files of the workspace have changed since the diff was shown, so nothing was written.",
            fix="Look at the diff again.",
        )
    if parts.texts:
        add_to_files(workspace.directory, parts.texts)
    return parts


def parts_sentences(parts: ToolParts, workspace: Workspace) -> list[str]:
    """Return what was added, and what else keeps `assign` from asking the tool.

    Args:
        parts: Of `add_parts`.
        workspace: As it was before.
    """
    tool = parts.tool
    if not parts.texts:
        said = [f"Nothing to add: the workspace has every trait and segment of {tool}."]
    else:
        counts = {MAIN: (len(parts.traits), "trait"), SEGMENTS: (len(parts.segments), "segment")}
        added = (
            f"{name} has {many} new {what}{'s' if many > 1 else ''}" for name, (many, what) in counts.items() if many
        )
        said = [f"{', '.join(added)}."]
    now = load_workspace(workspace.directory)
    lacking = next(known.lacking for known in load_tools(now) if known.file.name == tool)
    return [*said, f"It is not asked yet: {lacking}." if lacking else f"`personasync assign` asks {tool} from now on."]
