"""A library that only an extra brings: who lacks it is told its name, and the command that installs it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from connectors.errors import EXTRAS, missing_extra
from sync.cli.main import run

ROOT = Path(__file__).resolve().parents[2]
SHOP = '[workspace]\nname = "Shop"\n{more}\n[connections.crm]\nconnector = "files"\ncontacts = "people.xlsx"\n'


def test_each_extra_that_a_message_names_is_one_and_brings_the_library() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    brought = {
        requirement.split(">")[0].split("[")[0].replace("-", "_"): extra
        for extra, requirements in extras.items()
        for requirement in requirements
    }

    assert {module: extra for module, (_, extra, _) in EXTRAS.items()} == brought


def test_other_errors_are_left_alone() -> None:
    assert missing_extra(ImportError("no", name="numpy")) is None
    assert missing_extra(ImportError("no")) is None
    assert missing_extra(ValueError("psycopg")) is None


@pytest.mark.parametrize(
    ("module", "settings", "extra"),
    [
        ("python_calamine", "", "excel"),
        ("psycopg", 'state = "postgresql://shop@127.0.0.1:1/shop"', "postgres"),
        ("psycopg", 'engine = "postgres://shop@127.0.0.1:1/shop"', "postgres"),
    ],
)
def test_a_command_that_needs_it_names_it(
    module: str,
    settings: str,
    extra: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "personasync.toml").write_text(SHOP.format(more=settings), "utf-8")
    (tmp_path / "people.xlsx").write_bytes(b"PK")
    for name in ("segments.toml", "personas.toml"):
        (tmp_path / name).write_text("", "utf-8")
    monkeypatch.setitem(sys.modules, module, None)
    for name in [
        name
        for name in sys.modules
        if name.startswith(("sqlalchemy.dialects.postgresql.psycopg", "ibis.backends.postgres"))
    ]:
        monkeypatch.delitem(sys.modules, name)

    assert run(["pull", "--workspace", str(tmp_path)]) == 2
    assert f"pip install 'personasync[{extra}]'" in capsys.readouterr().err


def test_a_secret_in_the_keyring_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = '[workspace]\nname = "Shop"\n[connections.crm]\nconnector = "hubspot"\naccess_token = "keyring:token"\n'
    (tmp_path / "personasync.toml").write_text(shop, "utf-8")
    for name in ("segments.toml", "personas.toml"):
        (tmp_path / name).write_text("", "utf-8")
    monkeypatch.setitem(sys.modules, "keyring", None)

    assert run(["pull", "--workspace", str(tmp_path)]) == 2
    assert "pip install 'personasync[keyring]'" in capsys.readouterr().err
