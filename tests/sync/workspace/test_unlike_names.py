"""Names that have to differ: of personas, and of the options of a choice."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import FixSettingsError
from sync.workspace.settings import load_workspace
from tests.sync.console.survey_world import new_workspace

PERSONAS = '[personas.regular]\nname = "Regular Rita"\n\n'


def refusal(folder: Path, more: str) -> str:
    new_workspace(folder)
    (folder / "personas.toml").write_text(PERSONAS + more, "utf-8")
    with pytest.raises(FixSettingsError) as caught:
        load_workspace(folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("regular  RITA", "line 5: [personas.regular] has the name"),
        ("Unclassified", "line 5: people without a persona have the name 'Unclassified' too"),
    ],
)
def test_two_personas_can_not_share_a_name(tmp_path: Path, name: str, told: str) -> None:
    message = refusal(tmp_path / "workspace", f'[personas.other]\nname = "{name}"\n')

    assert told in message
    assert "give [personas.other] another name" in message


def test_an_option_stands_once_in_a_choice(tmp_path: Path) -> None:
    more = '[fields.size]\nfallback = "S"\ntype = "choice"\noptions = ["S", "M", "S"]\n'

    assert "field 'size': the option 'S' stands there twice" in refusal(tmp_path / "workspace", more)
