"""Every command of the command line, run in this process, and whether a canary stands in what it prints or writes."""

from __future__ import annotations

import io
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from keyring.backend import KeyringBackend

from sync.cli.main import all_commands, run
from tests.sync.cli.canaries import leaks_below, leaks_in

SECRETS = "secrets"  # the folder of what `file:` points to
ANSWERS, MAIL = "answers.csv", "mail.html"
ADDRESS = "jun.imber.1@people.test"
OTHER_ADDRESS = "kofi.dorn.89@people.test"
ARGUMENTS = {  # "(busy)": a folder that is not empty, "(port)": a taken one; "(out)", "(page)": files to write
    "audit": [ANSWERS],
    "undo": ["last"],
    "overlap": ["regulars"],
    "explain": [ADDRESS],
    "classify": [ADDRESS],
    "forget": [OTHER_ADDRESS, "--yes"],
    "members": ["regulars"],
    "pin": [ADDRESS, "regulars", "--until", "2099-01-31", "--reason", "asked for it"],
    "unpin": [ADDRESS],
    "object": [ADDRESS],
    "campaign": [ANSWERS],
    "preview": [MAIL, "--out", "(page)"],
    "personas poster": ["--all", "--format", "html"],
    "experiment create": ["test", "--arm", "a", "--arm", "b"],
    "experiment show": ["test"],
    "experiment end": ["test"],
    "survey import": [ANSWERS],
    "survey add": ["--yes"],
    "survey crosstab": [ANSWERS],
    "survey quality": [ANSWERS],
    "survey turf": [ANSWERS],
    "survey weight": [ANSWERS, "--quotas", ANSWERS],
    "survey maxdiff": [ANSWERS],
    "survey conjoint": [ANSWERS],
    "export person": [ADDRESS, "--out", "(out)"],
    "export people": ["--out", "(out)"],
    "export segment": ["buyers", "--out", "(out)"],
    "export plan": ["--out", "(out)"],
    "export audience": ["buyers", "--out", "(out)"],
    "export tables": ["--out", "(tables)"],
    "connectors new": ["pond", "--out", "(busy)"],
    "setup": ["--yes"],
    "backup": ["--out", "(saved)"],
    "restore": ["(saved)"],
    "init": ["(busy)"],
    "demo": ["(busy)"],
    "sandbox up": ["--people", "1", "--hubspot-port", "(port)"],
    "sandbox send": ["--tag", "nobody has it"],
    "serve": ["--port", "(port)"],
    "console": ["--port", "(port)"],
    "funnel": ["regulars"],
}
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
WITHOUT_WORKSPACE = {
    "init",
    "demo",
    "help",
    "sandbox up",
    "campaign",
    "connectors list",
    "connectors new",
    *(f"survey {name}" for name in ("crosstab", "quality", "sample-size", "turf", "maxdiff", "conjoint", "weight")),
}


def commands() -> Iterator[str]:
    """Every command that there is, in the order of the loop: setup, pull, assign ... come first."""

    def below(command: Any, path: tuple[str, ...]) -> Iterator[str]:
        for name, subcommand in getattr(command, "commands", {}).items():
            yield from below(subcommand, (*path, name))
        if not getattr(command, "commands", {}):
            needed = [param.name for param in command.params if param.required]
            assert not needed or " ".join(path) in ARGUMENTS, f"ARGUMENTS lacks {path}: {needed}"
            yield " ".join(path)

    yield from below(all_commands(), ())


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # keyring types a part of itself
        self.kept: dict[str, str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get(username) if service == "personasync" else None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[username] = password if service == "personasync" else ""


class Watch:
    """A workspace's folder, and all that commands print: whoever runs one here finds its leaks in `found`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], port: int) -> None:
        self.folder, self._capsys, self._port = folder, capsys, port
        self.found: set[str] = set()
        self.statuses: Counter[int] = Counter()
        self.unforeseen: list[str] = []

    def command(self, name: str, *flags: str) -> str:
        """Run one command; return what it printed."""
        files = {file: str(self.folder / file) for file in (ANSWERS, MAIL)}
        taken = {**files, "(busy)": str(self.folder / SECRETS), "(port)": str(self._port)}
        taken |= {
            "(out)": str(self.folder / "exported.csv"),
            "(tables)": str(self.folder / "tables"),
            "(page)": str(self.folder / "preview.html"),
        }
        taken["(saved)"] = str(self.folder.parent / "saved.tar.gz")
        arguments = [taken.get(argument, argument) for argument in ARGUMENTS.get(name, [])]
        where = [] if name in WITHOUT_WORKSPACE else ["--workspace", str(self.folder)]
        before = [flag for flag in flags if flag == "--debug"]
        after = [flag for flag in flags if flag != "--debug" and name not in {"serve", "mcp"}]
        self._capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))  # nobody types, and no assistant asks
            self.statuses[run([*before, *name.split(), *arguments, *after, *where])] += 1
        printed = "".join(self._capsys.readouterr())
        self.unforeseen += [f"{name}: {printed[-400:]}"] if "Unexpected error" in printed else []
        self.saw(printed, f"{' '.join(before)} {name} {' '.join(after)}")
        return printed

    def saw(self, printed: str, where: str) -> None:
        """Look for canaries in something that was printed, and for what a terminal would obey."""
        self.found |= {f"{character!a} in {where}" for character in HARMFUL.findall(printed)}
        self.found |= {f"{leak} in {where}" for leak in leaks_in(printed.encode("utf-8", "surrogatepass"))}

    def files(self) -> None:
        """Look for canaries in every file that was written."""
        kept = {path.name for path in (self.folder / SECRETS).glob("*")}
        self.found |= leaks_below(self.folder.parent, but={"personasync.toml", *kept})
