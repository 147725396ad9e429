"""Facts about the house itself: what is documented, what is locked, what no file may hold."""

import ast
import os
import re
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sync.cli.main import all_commands
from sync.workspace.manifest import plugin_manifest
from tests.docs_scripts import docs_script

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("connectors", "segmenter", "sync")
ROOMS = (*PACKAGES, "tests", "docs", "benchmarks", ".ci")
PLAIN = {".py", ".toml", ".md", ".json", ".j2", ".txt", ".svg", ".html", ".ini", ".mako", ""}
LONGEST_FILE = 400
LONGEST_FUNCTION = 50  # lines with signature and docstring; of a command, the options that it declares do not count
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def sources(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the project; generated folders and locks left out."""
    tops = [path for path in ROOT.iterdir() if path.is_file() and not path.name.startswith((".coverage", ".git"))]
    below = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    for path in (*tops, *below):
        if path.suffix in PLAIN and "__pycache__" not in path.parts and not path.name.startswith("requirements"):
            yield path, path.read_text("utf-8")


def in_words(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_module_says_what_it_is() -> None:
    silent = [
        in_words(path) for path in sources(*PACKAGES, "docs") if not ast.get_docstring(ast.parse(path.read_bytes()))
    ]

    assert silent == []


def test_no_file_is_too_long_to_be_read() -> None:
    lengths = {in_words(path): path.read_bytes().count(b"\n") for path in sources(*ROOMS)}

    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def long_functions(path: Path) -> Iterator[str]:
    """Yield the functions and methods of a module that are longer than they may be, each with its lines."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            is_command = any(re.match(r"\w+\.(command|callback)\(", ast.unparse(mark)) for mark in node.decorator_list)
            first = node.body[0].lineno if is_command else node.lineno
            lines = (node.end_lineno or first) - first + 1
            if lines > LONGEST_FUNCTION:
                yield f"{path.name}: {node.name}, {lines} lines"


def test_no_function_is_too_long_to_be_read() -> None:
    assert [line for path in sources(*PACKAGES, "docs", "benchmarks") for line in long_functions(path)] == []


def test_a_function_that_is_too_long_is_noticed_and_the_options_of_a_command_are_not(tmp_path: Path) -> None:
    options, body = "    option: int,\n" * LONGEST_FUNCTION, "    pass\n" * LONGEST_FUNCTION
    planted = tmp_path / "planted.py"
    planted.write_text(
        f"@app.command('add')\ndef add(\n{options}) -> None:\n{body}"
        f"def whole(\n{options}) -> None:\n    pass\n"
        f"@app.command('add')\ndef filled() -> None:\n{body}    pass\n",
        "utf-8",
    )

    assert [line.split(",")[0] for line in long_functions(planted)] == ["planted.py: whole", "planted.py: filled"]


# In pieces, so that this file does not hold them itself.
OF_ONE_MACHINE = re.compile(
    "|".join(rf"(?<![\w.\-*}}])/{folder}/" for folder in ("home", "root", "Users", "tmp", "work"))
)
OF_A_REGISTRY = re.compile("|".join((r"pypi\." + "org", r"python" + "hosted", r"npm" + r"js\.", r"mirrors?\." + r"\w")))
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
ADDRESS = re.compile(r"[\w.+-]+@(?:[A-Za-z0-9-]+\.)+([A-Za-z]{2,})\b")
NOBODYS = {"test", "example", "invalid", "localhost"}


@pytest.mark.parametrize(
    "forbidden", [OF_ONE_MACHINE, OF_A_REGISTRY, UNFINISHED], ids=["paths", "registries", "unfinished"]
)
def test_no_file_holds_what_belongs_elsewhere(forbidden: re.Pattern[str]) -> None:
    hits = {in_words(path): match.group() for path, text in texts() if (match := forbidden.search(text))}

    assert hits == {}


def test_no_file_holds_the_address_of_a_real_person() -> None:
    addresses = {
        (in_words(path), match.group())
        for path, text in texts()
        for match in ADDRESS.finditer(text)
        if match.group(1).lower() not in NOBODYS and not match.group().lower().endswith("@example.com")
    }

    assert addresses == set()


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return docs_script("generate_reference")


@pytest.fixture(scope="module")
def command_words(generator: ModuleType) -> dict[str, Any]:
    return dict(generator.commands(all_commands()))


def test_the_reference_is_what_the_code_says(generator: ModuleType) -> None:
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == generator.reference(), "run `make docs`"


def test_every_command_has_help_and_documented_options(command_words: dict[str, Any]) -> None:
    undocumented = [
        (words, parameter.name)
        for words, command in command_words.items()
        for parameter in command.params
        if parameter.param_type_name == "option" and not parameter.help
    ]

    assert [words for words, command in command_words.items() if not command.help] == []
    assert undocumented == []


def test_no_page_names_a_command_that_does_not_exist(command_words: dict[str, Any]) -> None:
    first_words = {words.split()[1] for words in command_words}
    named = {
        (in_words(page), match.group(1))
        for page in PAGES
        for code in re.findall(r"```.*?```|`[^`\n]+`", page.read_text("utf-8"), re.DOTALL)
        for match in re.finditer(r"(?:`|^\s*|/)personasync (?:--debug )?([a-z]+)", code, re.MULTILINE)
    }

    assert {(page, word) for page, word in named if word not in first_words} == set()


def calls_of(page: Path) -> Iterator[str]:
    """Yield each call of personasync in the code of *page*, without what a comment or a pipe says after it."""
    for code in re.findall(r"```.*?```|`[^`\n]+`", page.read_text("utf-8"), re.DOTALL):
        yield from re.findall(r"(?:`|^\s*|/)personasync ((?:[^#|`\n])+)", code, re.MULTILINE)


OF_ALL = {"--debug", "--help", "--install-completion", "--quiet", "--version"}


def unknown_options(call: str, command_words: dict[str, Any]) -> set[str]:
    """Return the options in *call* that its command does not have."""
    named = [words for words in command_words if f"personasync {call} ".startswith(f"{words} ")]
    known = {option for words in named for parameter in command_words[words].params for option in parameter.opts}
    return set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", call)) - known - OF_ALL


def test_no_page_names_an_option_that_its_command_does_not_have(command_words: dict[str, Any]) -> None:
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which tells of options as they were
    calls = {(in_words(page), call.strip()) for page in pages for call in calls_of(page)}

    assert len(calls) > 0
    assert {(page, call) for page, call in calls if unknown_options(call, command_words)} == set()


def test_an_option_of_another_command_is_noticed(command_words: dict[str, Any]) -> None:
    assert unknown_options("apply --limit 20", command_words) == set()
    assert unknown_options("apply --holdout 20%", command_words) == {"--holdout"}


def test_every_link_between_pages_leads_somewhere() -> None:
    dead = [
        (in_words(page), target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
        if not target.startswith("http") and not (page.parent / target).exists()
    ]

    assert dead == []


def test_every_command_of_make_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {word for page in PAGES for word in re.findall(r"`make ([a-z-]+)", page.read_text("utf-8"))}

    assert named - targets == set()


def facts_keys() -> set[str]:
    """Every key that plugin.toml holds, at any depth; names that a table gives are values, not keys."""
    with (ROOT / "plugin.toml").open("rb") as file:
        document = tomllib.load(file)
    connectors = list(document["connectors"].values())
    lists = [
        entry
        for connector in connectors
        for kind in ("scopes", "fields", "webhooks")
        for entry in connector.get(kind, [])
    ]
    parts = [connector.get(part, {}) for connector in connectors for part in ("limits", "action")]
    return {key for table in (document["plugin"], *connectors, *lists, *parts) for key in table}


def test_every_key_of_plugin_toml_is_read_by_somebody() -> None:
    readers = [
        path
        for path in sources("connectors", "sync")
        if "sandbox" not in path.parts and path.name not in {"manifest.py", "spec.py"}
    ]
    code = "\n".join(path.read_text("utf-8") for path in readers)
    unread = {key for key in facts_keys() if not re.search(rf"""(["']|\.){key}\b""", code)}

    assert unread == set()


def test_plugin_toml_names_every_connector_that_is_installed() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        declared = tomllib.load(file)["project"]["entry-points"]["personasync.connectors"]

    assert set(declared) == set(plugin_manifest().connectors)


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", (ROOT / name).read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-runtime.txt", "requirements-extras.txt"])
def test_a_lock_holds_hashes_for_all_and_names_no_host(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]

    assert "://" not in text
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_both_locks_hold_the_same_versions_and_every_dependency() -> None:
    everything, runtime = locked("requirements.txt"), locked("requirements-runtime.txt")
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    wanted = {re.split(r"[\[<>=!~;]", line)[0] for line in project["project"]["dependencies"]}
    tools = {re.split(r"[\[<>=!~;]", line)[0] for line in project["dependency-groups"]["dev"]}

    assert runtime.items() <= everything.items()
    assert wanted - set(runtime) == set()
    assert tools - set(everything) == set()
    assert tools & set(runtime) == set()


def test_the_command_of_ci_runs_the_tests_and_the_gate() -> None:
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    lines = set(script.read_text("utf-8").splitlines())
    assert {"make test", "make check", "make proofs-part", "start_beside wheel-test browser-test days-part"} <= lines


@pytest.mark.outside
def test_a_test_that_leaves_the_machine_fails() -> None:
    with socket.socket() as away, pytest.raises(AssertionError, match="this machine only"):
        away.connect(("192.0.2.1", 9))
    with pytest.raises(AssertionError, match="this machine only"):
        socket.getaddrinfo("platform.example.com", 443)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("platform.invalid", 443)
