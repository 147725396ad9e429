"""The gallery: every piece loads, goes where it is asked to go, and leaves what people wrote as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import FixSettingsError
from sync.workspace.gallery import add_piece, gallery_piece, gallery_pieces
from sync.workspace.scaffold import Answers, NewConnection, write_workspace
from sync.workspace.settings import load_workspace

OURS = """# Our segments.

# Who buys often.
[[segments]]
name = "regulars"
rule = "orders_365d >= 3"

[[segments]]
name = "rest"   # everybody else
rule = "true"
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    connections = [
        NewConnection("crm", "hubspot", {"access_token": "env:HUBSPOT_TOKEN"}),
        NewConnection("email", "mailchimp", {"api_key": "env:MAILCHIMP_API_KEY", "audience": "0"}),
    ]
    (tmp_path / "segments.toml").write_text(OURS, "utf-8")
    (tmp_path / "personas.toml").write_text("", "utf-8")
    write_workspace(tmp_path, Answers("Shop", connections))
    return tmp_path


def names(workspace: Path) -> list[str]:
    return [segment.name for segment in load_workspace(workspace).segments]


@pytest.mark.parametrize("name", gallery_pieces())
def test_each_piece_loads_and_says_what_to_adapt(workspace: Path, name: str) -> None:
    piece = gallery_piece(name)
    add_piece(workspace, piece)

    assert names(workspace) == [*piece.segments, "regulars", "rest"]
    assert (workspace / "segments.toml").read_text("utf-8").count("# Adapt: ") == 1
    assert piece.about.count(":") == 1


def test_all_pieces_together_load(workspace: Path) -> None:
    for piece in gallery_pieces().values():
        add_piece(workspace, piece, before="regulars")

    assert names(workspace)[-2:] == ["regulars", "rest"]
    assert len(set(names(workspace))) == 13


def test_a_piece_goes_before_a_segment_and_the_comment_that_belongs_to_it(workspace: Path) -> None:
    vip = gallery_piece("vip").text
    add_piece(workspace, gallery_piece("vip"), before="regulars")
    text = (workspace / "segments.toml").read_text("utf-8")

    assert text == OURS.replace("# Who buys", f"{vip.rstrip()}\n\n# Who buys")


def test_a_workspace_without_segments_gets_its_first(workspace: Path) -> None:
    (workspace / "segments.toml").write_text("#:schema x.json\n# Nothing yet.\n", "utf-8")
    add_piece(workspace, gallery_piece("vip"))

    assert names(workspace) == ["vip"]


@pytest.mark.parametrize(
    ("name", "before", "told"),
    [
        ("vips", None, "It has: at_risk"),
        ("vip", "champions", "It has: regulars, rest"),
        ("vip", None, "has vip already"),
    ],
)
def test_what_can_not_be_added_changes_nothing(workspace: Path, name: str, before: str | None, told: str) -> None:
    if "already" in told:
        add_piece(workspace, gallery_piece("vip"))
    text = (workspace / "segments.toml").read_text("utf-8")

    with pytest.raises(FixSettingsError, match=told):
        add_piece(workspace, gallery_piece(name), before=before)
    assert (workspace / "segments.toml").read_text("utf-8") == text


def test_a_piece_that_the_workspace_can_not_load_is_taken_out_again(workspace: Path) -> None:
    (workspace / "segments.toml").write_text("", "utf-8")
    main = (workspace / "personasync.toml").read_text("utf-8")
    files = '[connections.crm]\nconnector = "files"\ncontacts = "people.csv"\n'
    (workspace / "personasync.toml").write_text(f"{main[: main.index('[connections.crm]')]}{files}", "utf-8")

    with pytest.raises(FixSettingsError, match="nothing fills orders_total"):
        add_piece(workspace, gallery_piece("window_shoppers"))
    assert (workspace / "segments.toml").read_text("utf-8") == ""
