"""Model files in ``.personasync/models``: the active one and all others."""

from __future__ import annotations

from pathlib import Path

from connectors.errors import FixSettingsError
from segmenter.classifier.model_file import LARGEST_FILE, ModelFile, changed_traits, read_model, write_model
from segmenter.errors import DefinitionError
from segmenter.traits.builtin import Catalogue
from sync.workspace.toml_reader import replace_bytes

FOLDER, IN_USE, TRIED = "models", "model.json", "tried"
FIX = "Run `personasync fit` again, or delete the file to continue without a model."


def save_model(state_dir: Path, file: ModelFile, *, in_use: bool) -> Path:
    """Write a model. Returns where it was written.

    Every model is kept under ``tried``, so that assignments that name it can be audited.

    Args:
        state_dir: The workspace's ``.personasync``.
        file: The model, with the verdict of its gate.
        in_use: Whether `assign` asks it from now on.

    Returns:
        Path of the file in use, or of the one under ``tried`` where it is not to be used.
    """
    tried = state_dir / FOLDER / TRIED / f"{file.version}.json"
    tried.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(tried, write_model(file).encode())
    if not in_use:
        return tried
    replace_bytes(state_dir / FOLDER / IN_USE, write_model(file).encode())
    return state_dir / FOLDER / IN_USE


def model_in_use(state_dir: Path, catalogue: Catalogue) -> ModelFile | None:
    """Return the model in use, None where there is none.

    Args:
        state_dir: The workspace's ``.personasync``.
        catalogue: The traits as they are defined now.

    Returns:
        The model, whose digest, gate and traits were checked.

    Raises:
        FixSettingsError: The file is damaged, was refused by its gate, or reads traits that are not what they were.
    """
    path = state_dir / FOLDER / IN_USE
    if not path.exists():
        return None
    where = f".personasync/{FOLDER}/{IN_USE}"
    try:
        file = read_model(_text(path), where=where)
    except DefinitionError as error:
        raise FixSettingsError(f"{error}.", fix=FIX) from error
    if not file.gate.passed:
        raise FixSettingsError(f"{where}: this model did not pass validation: {' '.join(file.gate.sentences)}", fix=FIX)
    changed = changed_traits(file, catalogue)
    if changed:
        raise FixSettingsError(
            f"{where}: these traits changed since the model was fitted: {', '.join(changed)}.", fix=FIX
        )
    return file


def _text(path: Path) -> str:
    """At most one character more than a model may have: a file of any size is refused without being read whole."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(LARGEST_FILE + 1)
