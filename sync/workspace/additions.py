"""Text that is added to the settings of a workspace: all of it, or nothing where the workspace would not load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from connectors.errors import FixSettingsError
from sync.workspace.settings import load_workspace
from sync.workspace.toml_reader import append_text, replace_bytes


def add_to_files(directory: Path, texts: Mapping[str, str]) -> None:
    """Append texts to files of a workspace; what people wrote there stays as it is.

    Args:
        directory: The workspace's folder.
        texts: By the file's name; "" adds nothing.

    Raises:
        FixSettingsError: The workspace would not load; every file is as it was.
    """
    before = {directory / name: append_text(directory / name, text) for name, text in texts.items() if text}
    try:
        load_workspace(directory)
    except FixSettingsError:
        for path, content in before.items():
            replace_bytes(path, content)
        raise
