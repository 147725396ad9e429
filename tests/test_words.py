"""Plain English in everything people read: command help, messages, templates, documentation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("connectors", "segmenter", "sync")
NOT_SHIPPED = ("connectors/sandbox/", "connectors/testing/", "sync/control/migrations/")


class Word(NamedTuple):
    """A phrase that nobody in the field writes, as a pattern, and what they write instead."""

    pattern: str
    no: str
    but: str


WORDS = (
    Word(r"mend(?:s|ed)?", "the mend", "the fix; How to fix"),
    Word(r"correct (?:it|them|this|the|\w+\.toml)", "correct personasync.toml", "fix personasync.toml"),
    Word(r"shall", "Shall show", "New"),
    Word(r"guardrails? says? no", "A guardrail says no", "Blocked by guardrail"),
    Word(r"left alone|leaves? (?:it|them|him|her) alone", "values are left alone", "values were skipped"),
    Word(r"park(?:s|ed)", "contacts are parked", "contacts were skipped"),
    Word(r"look:", "Look: the clock", "Warning: the clock"),
    Word(r"persons", "12 persons", "12 people; 12 contacts"),
    Word(r"twice there", "rows twice there", "duplicates"),
    Word(r"dealt|deals? (?:people|them|in\b|out\b)|dealing", "dealt into arms", "randomly assigned to variants"),
    Word(r"drawn anew", "drawn anew", "resampled"),
    Word(r"comes? again", "Comes again", "Is stable"),
    Word(r"points (?:more|less|fewer) with", '2.2 points more with "b"', "click rate +2.2 pp, b vs a"),
    Word(r"expected again", "Expected again", "Expected next send"),
    Word(r"its end has not come|valid at every look", "its end has not come", "interim; peeking-safe"),
    Word(r"(?:people|persons|needed|respondents) an arm", "900 people an arm", "900 contacts per variant"),
    Word(r"finding that stands|speaks? against", "no finding that stands", "no significant negative result"),
    Word(r"let(?:s|ting)? (?:one |it |them )?go", "let go", "retire"),
    Word(r"something of (?:its|their) own", "told something of its own", "has its own message"),
    Word(r"worth of one|what mailing adds", "Worth of one", "value per contact; incremental orders"),
    Word(r"places? (?:surely )?within", "place surely within", "rank (95% CI)"),
    Word(r"anew", "measured anew", "recalculated"),
    Word(r"clocks agree", "The clocks agree", "Clock in sync"),
    Word(r"steps? (?:was|were) done", "16 steps were done", "created 16 fields and tags"),
    Word(r"(?:has|have) (?:its|their|no) outcomes?", "Every change has its outcome", "All changes confirmed"),
    Word(r"the platforms? states?", "the platform states", "Mailchimp reports, HubSpot reports"),
    Word(r"opened by a mail program", "opened by a mail program", "machine opens (Apple MPP, scanners)"),
    Word(r"may be written to|may not be written to", "who may be written to", "marketable"),
    Word(r"complained", "3 people complained", "3 spam complaints"),
    Word(r"invented|invention", "INVENTED", "Profile (written by your team)"),
    Word(r"is no news", "so it is no news", "segment definition"),
    Word(r"nothing to say of", "nothing to say of", "no significant differences"),
    Word(r"in other things", "in other things", "secondary metrics"),
    Word(r"altogether", "Altogether: amber", "Overall: amber"),
    Word(r"told in spans", "told in spans", "shown as ranges"),
    Word(r"lie in the future", "at of 45 rows lie in the future", "45 events have future dates"),
    Word(
        r"(?<!there )is no (?:(?:valid|finite|positive|iso|web|e-mail) )?(?:share|reference|name|pair|time|number|text"
        r"|date|count|json|toml|table|spreadsheet|address|contact|persona|person|segment|arm|trait|answer|method"
        r"|target|tool)",
        "'x' is no share; is no reference to a secret",
        "'x' is not a percentage; is not a reference to a secret",
    ),
)
PATTERNS = {word: re.compile(rf"(?<![\w.-])(?:{word.pattern})(?!\w)", re.IGNORECASE) for word in WORDS}


def misused(text: str) -> list[str]:
    """Return each forbidden phrase in *text*, with what to write instead."""
    flat = " ".join(text.split())
    matches = ((pattern.search(flat), word) for word, pattern in PATTERNS.items())
    return [f'"{hit.group().strip()}": write "{word.but}"' for hit, word in matches if hit]


def read_by_people(code: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each string in *code* that may be printed: literals with a space, and help of commands."""
    tree = ast.parse(code)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(decorator_list=[_, *_]) if any(map(_is_command, node.decorator_list)):
                yield node.lineno, ast.get_docstring(node) or ""
            case ast.Constant(value=str() as text) if id(node) not in silent | inner and " " in text.strip():
                yield node.lineno, text
            case ast.JoinedStr(values=parts):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
                if " " in text.strip():
                    yield node.lineno, text
            case _:
                pass


def _is_command(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr in {"command", "callback"}


def prose(text: str) -> str:
    """Return a template or a page without markup, code, identifiers and addresses."""
    text = re.sub(
        r"^```(?:json|python|toml|sql|bash|sh|yaml|dockerfile|ini)\b.*?^```", " ", text, flags=re.MULTILINE | re.DOTALL
    )
    text = re.sub(
        r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<style.*?</style>|<script.*?</script>|<[^>\n]*>", " ", text, flags=re.DOTALL
    )
    return re.sub(r"`[^`\n]*`|\]\([^)]*\)|https?://\S+", " ", text)


def code_files() -> list[str]:
    """Return the modules that ship, by path from the root."""
    paths = (path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    return sorted(path for path in paths if not path.startswith(NOT_SHIPPED))


def pages() -> list[str]:
    """Return templates, plugin.toml and the documentation, by path from the root."""
    paths = [ROOT / "plugin.toml", ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    paths += [path for name in PACKAGES for path in (ROOT / name).rglob("*.j2")]
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


@pytest.mark.parametrize("package", sorted({"/".join(path.split("/")[:2]) for path in code_files()}))
def test_messages_and_help_are_in_plain_english(package: str) -> None:
    mistakes = [
        f"{path}, line {line}: {wrong}"
        for path in code_files()
        if path == package or path.startswith(f"{package}/")
        for line, text in read_by_people((ROOT / path).read_text("utf-8"))
        for wrong in misused(text)
    ]

    assert mistakes == []


@pytest.mark.parametrize("page", pages())
def test_templates_and_documentation_are_in_plain_english(page: str) -> None:
    assert misused_lines(prose((ROOT / page).read_text("utf-8"))) == []


def misused_lines(text: str) -> list[str]:
    """Return each forbidden phrase of each paragraph, with the paragraph's first words."""
    paragraphs = re.split(r"\n\s*\n|\n(?=\s*[-*|#\d])", text)
    return [f"{' '.join(part.split())[:60]}...: {wrong}" for part in paragraphs for wrong in misused(part)]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.no)
def test_each_pattern_finds_its_phrase_and_not_what_replaces_it(word: Word) -> None:
    assert PATTERNS[word].search(word.no)
    assert misused(word.but) == []


@pytest.mark.parametrize(
    "text",
    ["There is no plan yet.", "It is no longer marketable.", "12 people", "a correct answer", "a person's consent"],
)
def test_plain_english_is_let_through(text: str) -> None:
    assert misused(text) == []


def test_identifiers_and_docstrings_are_not_read_but_help_and_messages_are() -> None:
    code = (
        '"""Parked persons."""\nSTATE = "parked"\n'
        '@app.command()\ndef run() -> None:\n    """Deal people in."""\n'
        'def told(n: int) -> str:\n    """Return persons."""\n    return f"{persons(n)} were " f"parked {n:,}"\n'
    )

    assert list(read_by_people(code)) == [(4, "Deal people in."), (8, "{} were parked {}")]
