"""Names that people read: no two options of one label reach HubSpot, which would refuse the whole property."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.cli.main import run
from sync.ops.setup import unlike_labels
from tests.sync.conftest import connected

pytestmark = pytest.mark.outside


def test_a_label_that_stands_twice_names_its_value() -> None:
    options = [("vip_de", "VIP"), ("new", "New"), ("vip_fr", "vip")]

    assert unlike_labels(options) == (("vip_de", "VIP (vip_de)"), ("new", "New"), ("vip_fr", "vip (vip_fr)"))


def test_two_segments_of_one_title_are_set_up_and_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(make_world()) as sandbox:
        platforms = connected(sandbox, tmp_path / "workspace")
        for name, value in platforms.environment.items():
            monkeypatch.setenv(name, value)
        twice = "".join(f'\n[[segments]]\nname = "{name}"\ntitle = "Twins"\n' for name in ("one", "other"))
        file = platforms.folder / "segments.toml"
        file.write_text(file.read_text("utf-8") + twice, "utf-8")
        status = run(["setup", "--yes", "--workspace", str(platforms.folder)])
        options = HubSpotState.of(sandbox.world).properties["contacts/personasync_segment"]["options"]

    assert status == 0
    assert {"Twins (one)", "Twins (other)"} <= {option["label"] for option in options}


def test_two_personas_of_one_name_are_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Sandbox(make_world()) as sandbox:
        platforms = connected(sandbox, tmp_path / "workspace")
        for name, value in platforms.environment.items():
            monkeypatch.setenv(name, value)
        file = platforms.folder / "personas.toml"
        file.write_text(file.read_text("utf-8") + '\n[personas.twin]\nname = "Nora New"\n', "utf-8")
        status = run(["setup", "--yes", "--workspace", str(platforms.folder)])
        there = HubSpotState.of(sandbox.world).properties

    assert status != 0
    assert "[personas.nora_new] has the name 'Nora New' too" in capsys.readouterr().err
    assert "contacts/personasync_persona" not in there
