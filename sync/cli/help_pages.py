"""The documentation as topics: the pages that the wheel brings along, or those of a checkout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from connectors.errors import FixSettingsError
from sync.cli.commands import ENTRIES

START, FIRST_PAGE = "start", "README"
REFERENCE = ("glossary", "platforms", "reference", "security", "why")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Topic:
    """A page of the documentation. `title`: its first heading."""

    name: str
    title: str
    file: Traversable


def topics() -> dict[str, Topic]:
    """Return all topics by name: the way in first, then the how-tos, then what one looks up."""
    return {topic.name: topic for topic in _topics()}


def _topics() -> Iterator[Topic]:
    packaged = resources.files("sync") / "help"
    checkout = Path(__file__).parents[2]
    folder: Traversable = packaged if packaged.is_dir() else checkout / "docs"
    start = folder / f"{START}.md" if packaged.is_dir() else checkout / f"{FIRST_PAGE}.md"
    yield Topic(START, "Start: from the demo to your own workspace", start)
    for file in sorted((folder / "how-to").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".md"):
            yield _topic(file)
    for name in REFERENCE:
        yield _topic(folder / f"{name}.md")


def _topic(file: Traversable) -> Topic:
    with file.open(encoding="utf-8") as opened:
        return Topic(file.name.removesuffix(".md"), opened.readline().removeprefix("#").strip(), file)


def find_topic(name: str) -> Topic:
    """Return a topic.

    Raises:
        FixSettingsError: There is none of that name; it says which ones are about a command of that name.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only who mistyped needs it

    known = topics()
    if name in known:
        return known[name]
    if name in ENTRIES:
        about = ", ".join(topic.name for topic in known.values() if f"personasync {name}" in _text(topic))
        fix = f"Options: `personasync {name} --help`." + (f" Topics that use it: {about}." if about else "")
        raise FixSettingsError(f"{name} is a command, not a topic.", fix=fix)
    near = get_close_matches(name, known, n=1)
    fix = f"Did you mean {near[0]!r}?" if near else "`personasync help` lists the topics."
    raise FixSettingsError(f"There is no topic {name!r}.", fix=fix)


def topic_text(topic: Topic) -> str:
    """Return a page as Markdown whose links to other pages are commands: a terminal has nothing to click."""
    known = topics()

    def shown(match: re.Match[str]) -> str:
        picture, text, target = match.groups()
        if picture:
            return ""
        if target.startswith(("http://", "https://")):
            return match[0]
        linked = Path(target.partition("#")[0]).name.removesuffix(".md")
        return f"{text} (`personasync help {linked}`)" if linked in known and linked != topic.name else text

    return LINK.sub(shown, _text(topic))


def _text(topic: Topic) -> str:
    return re.sub(r"<!--.*?-->\n*", "", topic.file.read_text("utf-8"), flags=re.DOTALL)
