"""What init writes validates as it is, and never replaces what people wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.cli.prompts import defaults
from sync.workspace.json_schema import published, schema_text, schemas
from sync.workspace.manifest import plugin_manifest
from sync.workspace.scaffold import Answers, NewConnection, write_workspace
from sync.workspace.schema import GuardrailsPart
from sync.workspace.settings import load_workspace
from tests.examples import examples

CRM, _EMAIL = defaults(Path()).connections
EMAIL = replace(_EMAIL, settings={**_EMAIL.settings, "audience": "a1"})
FILES = NewConnection("shop", "files", {"contacts": "contacts.csv", "orders": "orders.csv"})


@pytest.mark.parametrize("connections", [(), (CRM,), (EMAIL,), (FILES,), (CRM, EMAIL, FILES)])
def test_a_new_workspace_validates(tmp_path: Path, connections: tuple[NewConnection, ...]) -> None:
    write_workspace(tmp_path, Answers("Acme", connections))

    workspace = load_workspace(tmp_path)
    assert workspace.name == "Acme"
    assert list(workspace.connections) == [connection.name for connection in connections]
    newest = {"hubspot": {"api_version": "2026-09"}}  # HubSpot's: a new workspace begins with the one that ends last
    for connection in connections:
        written = {**connection.settings, **newest.get(connection.connector, {})}
        assert workspace.connections[connection.name].settings() == written
    assert workspace.guardrails == GuardrailsPart()
    assert workspace.steps.steps


def test_a_template_field_is_written_to_each_platform_that_has_fields(tmp_path: Path) -> None:
    write_workspace(tmp_path, Answers("Acme", (CRM, EMAIL, FILES)))

    assert load_workspace(tmp_path).fields["headline"].targets == {"crm": "personasync_headline", "email": "PS_HEAD"}


def test_what_is_assumed_without_a_terminal_validates(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    written = write_workspace(folder, defaults(folder))

    assert [path.name for path in written] == ["personasync.toml", "segments.toml", "personas.toml"]
    assert load_workspace(folder).name == "acme"


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    mine = '[[segments]]\nname = "mine"\nrule = "orders_total >= 1"\n'
    (tmp_path / "segments.toml").write_text(mine)

    written = write_workspace(tmp_path, Answers("Acme"))

    assert (tmp_path / "segments.toml").read_text() == mine
    assert [path.name for path in written] == ["personasync.toml", "personas.toml"]
    assert write_workspace(tmp_path, Answers("Other")) == []


@examples(25)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_name_survives(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("workspace")
    write_workspace(folder, Answers(name))

    assert load_workspace(folder).name == name


def test_the_published_schemas_are_those_that_check() -> None:
    made = {f"{stem}.schema.json": schema_text(schema) for stem, schema in schemas(plugin_manifest()).items()}

    assert published() == made, "run `python -m sync.workspace.json_schema`"


def test_each_file_names_a_schema_that_lies_beside_it(tmp_path: Path) -> None:
    for path in write_workspace(tmp_path, Answers("Acme")):
        first = path.read_text("utf-8").splitlines()[0]

        assert (tmp_path / first.removeprefix("#:schema ")).is_file()
