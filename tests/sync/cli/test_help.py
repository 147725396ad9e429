"""`personasync help`: every page is a topic, links lead on to commands that work, and completion knows the topics."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sync.cli.help import named_topics
from sync.cli.help_pages import REFERENCE, find_topic, topic_text, topics
from sync.cli.main import run
from sync.workspace.gallery import gallery_pieces
from tests.sync.cli.terminal import at_a_terminal
from tests.sync.cli.test_startup import completed

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_every_how_to_is_a_topic() -> None:
    files = {file.stem for file in (DOCS / "how-to").glob("*.md")}

    assert set(topics()) == files | set(REFERENCE) | {"start"}
    assert all(title for _, title in named_topics(Path()))


def test_links_between_pages_are_commands_that_show_a_page() -> None:
    named = [
        name for topic in topics().values() for name in re.findall(r"`personasync help ([\w-]+)`", topic_text(topic))
    ]

    assert len(named) > 50
    assert [name for name in named if find_topic(name).name != name] == []
    assert [topic.name for topic in topics().values() if re.search(r"\]\([^h][^)]*\.md", topic_text(topic))] == []


def test_every_topic_that_a_message_or_a_settings_file_names_is_one() -> None:
    sources = [path for kind in ("*.py", "*.j2") for path in (DOCS.parent / "sync").rglob(kind)]
    named = {name for path in sources for name in re.findall(r"personasync help ([a-z-]+)`", path.read_text("utf-8"))}

    assert named >= {"reference", "connect-hubspot", "personas"}
    assert named - set(topics()) == set()


def test_the_page_of_the_gallery_names_all_of_it() -> None:
    text = (DOCS / "how-to" / "segment-gallery.md").read_text("utf-8")

    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(gallery_pieces())


def test_without_a_topic_it_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "--json"]) == 0
    listed = {topic["topic"] for topic in json.loads(capsys.readouterr().out)["topics"]}

    assert listed == set(topics())


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("undoo", "`personasync help` lists the topics"),
        ("experiment", "Options: `personasync experiment --help`. Topics that use it: start, experiments"),
        ("by_hand", "Did you mean 'by-hand'?"),
    ],
)
def test_what_is_no_topic_is_answered_with_the_way_on(
    asked: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["help", asked]) == 2
    assert told in capsys.readouterr().err


def test_a_page_goes_into_a_pipe_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "by-hand"]) == 0
    out = capsys.readouterr().out

    assert out.startswith("# By hand\n")
    assert "\x1b" not in out


@pytest.mark.outside
def test_a_page_is_drawn_on_a_terminal() -> None:
    with at_a_terminal("help", "by-hand", environment={}) as terminal:
        status = terminal.end()

    assert status == 0
    assert "\x1b[" in terminal.told
    assert "```" not in terminal.told
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in terminal.told.splitlines()) <= 80


@pytest.mark.outside
def test_completion_knows_the_topics(tmp_path: Path) -> None:
    assert completed("personasync help by", tmp_path) == (["by-hand"], set())
