"""No secret is ever printed, stored or logged: canaries of many kinds, put through every command."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import keyring
import pytest
import requests

from connectors.sandbox.fill import fill
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.control import store
from sync.ops.demo import make_workspace
from sync.webhooks.logs import LOGGER
from sync.workspace.manifest import load_manifest
from sync.workspace.secrets import resolve_secret
from sync.workspace.settings import load_workspace
from tests.sync.cli import canaries
from tests.sync.cli.canaries import TOKENS, leaks_below, leaks_in
from tests.sync.cli.watched_commands import ANSWERS, MAIL, SECRETS, WITHOUT_WORKSPACE, Ring, Watch, commands


@pytest.fixture
def ring() -> Iterator[Ring]:
    before, ours = keyring.get_keyring(), Ring()
    keyring.set_keyring(ours)
    yield ours
    keyring.set_keyring(before)


@pytest.fixture
def platforms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Local platforms whose credentials are canaries."""
    token, key = TOKENS[4].value, canaries.MAILCHIMP.value
    for module, name, value in (
        ("server", "HUBSPOT_TOKEN", token),
        ("server", "MAILCHIMP_KEY", key),
        ("hubspot.access", "HUBSPOT_TOKEN", token),
        ("mailchimp.app", "MAILCHIMP_KEY", key),
    ):
        monkeypatch.setattr(import_module(f"connectors.sandbox.{module}"), name, value)
    world = make_world()
    fill(world, 24)
    with Sandbox(world) as sandbox:
        yield sandbox


@contextmanager
def keep_taken() -> Iterator[int]:
    """Hold a port, so that whoever wants to listen there is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


OBEYED = r"\u001b[31m\u009b2J\u202eevil\u2066"  # what a terminal would obey; the texts of a workspace may have it


def edit(folder: Path, old: str, new: str, *, name: str = "personasync.toml") -> None:
    path = folder / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def watch(
    platforms: Sandbox,
    tmp_path: Path,
    ring: Ring,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Watch]:
    """A workspace that works, with a secret of each kind where it may lie: variable, file, keyring."""
    folder = tmp_path / "workspace"
    make_workspace(folder, platforms.access)
    monkeypatch.setenv("HUBSPOT_TOKEN", TOKENS[4].value)
    monkeypatch.setenv("PERSONASYNC_BUDGETS", str(tmp_path / "budgets"))
    monkeypatch.setattr(LOGGER, "propagate", LOGGER.propagate)
    monkeypatch.setattr(LOGGER, "handlers", [])
    ring.kept["mailchimp"] = canaries.MAILCHIMP.value
    (folder / SECRETS).mkdir()
    for name, held in (
        ("hubspot", [canaries.HUBSPOT_SECRET]),
        ("signing", canaries.SIGNING),
        ("path", [canaries.PATH]),
    ):
        (folder / SECRETS / name).write_text("\n".join(secret.value for secret in held), "utf-8")
    (folder / ANSWERS).write_text("email,color\nada@people.test,red\n", "utf-8")
    (folder / MAIL).write_text("<p>Hello *|PS_HEAD|* {{ contact.personasync_headline }}</p>", "utf-8")
    edit(folder, "env:MAILCHIMP_API_KEY", "keyring:mailchimp")
    edit(folder, "min_audience = 20", "min_audience = 1")
    edit(folder, '"Rita Regular"', f'"Rita {OBEYED} Regular"', name="personas.toml")
    text = (folder / "personasync.toml").read_text("utf-8")
    (folder / "personasync.toml").write_text(text + SERVE, "utf-8")
    with keep_taken() as port:
        yield Watch(folder, capsys, port)


SERVE = """
[serve]
public_url = "https://hooks.acme.test"
hubspot_secret = "file:secrets/hubspot"
mailchimp_secret = "file:secrets/signing"
mailchimp_path = "file:secrets/path"
"""

ONE = """
[connections.{name}]
connector = "hubspot"
access_token = "{reference}"
base_url = "{base}"
"""


def no_leak(watch: Watch, capsys: pytest.CaptureFixture[str], secrets: int) -> None:
    """Tell what was tried; fail where anything was seen."""
    watch.files()
    with capsys.disabled():
        tried = sum(watch.statuses.values())
        sys.stdout.write(json.dumps({"canaries": secrets, "commands": tried, "leaks": len(watch.found)}) + "\n")
    assert watch.found == set()


def test_a_planted_leak_is_found(tmp_path: Path) -> None:
    for canary in canaries.EVERY:
        value = canary.value.encode("utf-8", "surrogateescape")
        header = b"Authorization: Basic " + base64.b64encode(b"personasync:" + value)
        in_table = b"\n    ".join(value[at : at + 7] for at in range(0, len(value), 7))
        for planted in (value, header, quote(value).encode(), value.hex().encode(), repr(value).encode(), in_table):
            assert canary.name in leaks_in(b"so " + planted + b" it is"), (canary, planted)
    (tmp_path / TOKENS[0].mark).write_bytes(b"\0" + TOKENS[1].content)

    assert {leak.split(" in ")[0] for leak in leaks_below(tmp_path, but=())} == {TOKENS[0].name, TOKENS[1].name}


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Mean of empty slice")  # discover, of so few people
def test_nothing_is_shown_where_all_works(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, flags in zip(commands(), itertools.cycle([("--json",), ("--debug",)]), strict=False):
        watch.command(name, *flags)

    assert watch.statuses[0] >= 20
    assert watch.statuses[1] <= 1, watch.unforeseen  # a port that is taken
    no_leak(watch, capsys, 6)


@pytest.mark.long
def test_nothing_is_shown_of_secrets_that_cant_be_used(
    watch: Watch, ring: Ring, platforms: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = list(references(watch.folder, ring, monkeypatch))
    path = watch.folder / "personasync.toml"
    text = path.read_text("utf-8")
    for number, name in enumerate(["doctor", *commands()]):
        turned = kept[number % len(kept) :] + kept[: number % len(kept)]
        settings = {"base": platforms.hubspot_url}
        more = [ONE.format(name=f"c{place}", reference=ref, **settings) for place, ref in enumerate(turned)]
        changed = text.replace("env:HUBSPOT_TOKEN", turned[0]).replace("keyring:mailchimp", turned[1])
        for place, old in enumerate(("hubspot", "signing", "path"), start=2):
            changed = changed.replace(f"file:secrets/{old}", turned[place])
        path.write_text(changed + "".join(more), "utf-8")
        printed = watch.command(name, *(["--json"] if number % 2 else ["--debug"]))
        if number == 0:
            assert_told(printed, kept)

    no_leak(watch, capsys, len(kept))


def references(folder: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Put every token where it may lie, in turn, and yield the references."""
    for number, (token, kind) in enumerate(zip(TOKENS, itertools.cycle(["file", "env", "keyring"]), strict=False)):
        name = f"T{number:02d}"
        if kind == "file" or token.raw != "utf-8" or "\0" in token.value:
            (folder / SECRETS / name).write_bytes(token.content)
            yield f"file:{SECRETS}/{name}"
        elif kind == "env":
            monkeypatch.setenv(name, token.value)
            yield f"env:{name}"
        else:
            ring.kept[name] = token.value
            yield f"keyring:{name}"
    yield f"env:{canaries.NAMED.value}"


def assert_told(printed: str, kept: Sequence[str]) -> None:
    """Each token that can't be used is told with its reference, and what is wrong with it; others are tried."""
    text = "".join(printed.split())  # a table breaks a long path, and what stands behind it, anywhere
    for token, reference in zip(TOKENS, kept, strict=False):
        complaint = f"({reference}):character" in text or f"{reference.split('/')[-1]}isnotUTF-8text" in text
        assert complaint == (not token.usable), (token.name, reference)
    for sentence in (
        "character 5 is a zero-width space (U+200B)",
        "character 1 is a left double quotation mark (U+201C)",
        "the environment variable *** is not set",
    ):
        assert sentence.replace(" ", "") in text


@pytest.mark.long
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('state = "sqlite"', f'state = "postgresql://u:{canaries.STATE.value}@127.0.0.1:1/db"'),
        ('state = "sqlite"', f'state = "postgresql://u:{canaries.STATE_BROKEN.value}@127.0.0.1:1/db"'),
        ('state = "sqlite"', f'state = "postgresql://h:1/d?password={canaries.STATE_QUERY.value}"'),
        ('engine = "duckdb"', f'engine = "postgres://u:{canaries.ENGINE.value}@127.0.0.1:1/db"'),
        ('engine = "duckdb"', f'engine = "postgres://u:{canaries.ENGINE_BROKEN.value}@127.0.0.1:1/db"'),
        ('engine = "duckdb"', f'engine = "md:db?motherduck_token={canaries.ENGINE_QUERY.value}"'),
        ("http://127.0.0.1", f"http://me:{canaries.BASE.value}@127.0.0.1"),
        ('/3.0"', f'/3.0?key={canaries.BASE_QUERY.value}"'),
        ("https://hooks", f"https://me:{canaries.PUBLIC.value}@hooks"),
        ('state = "sqlite"', f'state = "postgresql://u:{canaries.STATE.value}@h/d"\nengin = 1'),
    ],
)
def test_nothing_is_shown_of_addresses_with_passwords(
    watch: Watch, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    edit(watch.folder, old, new)
    first = len(new) % 4  # each is refused by the same three lines, whatever the command: a quarter of them each time
    for number, name in enumerate(["doctor", "pull", *itertools.islice(commands(), first, None, 4)]):
        succeeded = watch.statuses[0]
        watch.command(name, *(["--json"] if number % 2 else ["--debug"]))
        assert name not in {"doctor", "pull"} or watch.statuses[0] == succeeded, name
    no_leak(watch, capsys, 1)


def crash(folder: Path) -> Callable[..., None]:
    """Return something that fails as nobody foresaw, and says every secret that it can get in every way it can."""

    def failing(*_arguments: Any) -> None:
        workspace = load_workspace(folder)
        connections = [workspace.connection(name, load_manifest(), os.environ) for name in workspace.connections]
        held = [connection.secret for connection in connections]
        for name in ("hubspot", "signing", "path"):
            reference = f"file:{SECRETS}/{name}"
            held.append(resolve_secret(reference, where="", environment={}, directory=folder, several=True))
        values = [*(secret.reveal() for secret in held), unquote(canaries.ENGINE.value)]
        addresses = [workspace.engine.reveal(), workspace.state_url.reveal()]
        spellings = [
            [value, quote(value), json.dumps(value), base64.b64encode(f"me:{value}".encode())] for value in values
        ]
        raise RuntimeError(connections, held, spellings, addresses)

    return failing


def crashing(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(watch.folder, 'engine = "duckdb"', f'engine = "postgres://u:{canaries.ENGINE.value}@127.0.0.1:1/db"')
    monkeypatch.setattr(store, "_is_current", crash(watch.folder))


@pytest.mark.long
def test_nothing_is_shown_by_a_crash(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    crashing(watch, monkeypatch)
    for name in commands():
        text = watch.command(name, "--debug", "--json")
        assert (
            name in WITHOUT_WORKSPACE | {"backup", "restore", "gallery", "mcp"}  # mcp opens it at the first question
            or "RuntimeError" in text
            or "Usage" in text
            or "Error" in text
        )

    assert watch.statuses[1] >= 25
    no_leak(watch, capsys, 7)


def test_a_crash_would_show_them(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    crashing(watch, monkeypatch)
    monkeypatch.setattr(import_module("sync.cli.main"), "hide", str)
    watch.command("status", "--json")

    assert {leak.split(" in ")[0] for leak in watch.found} >= {
        canary.name
        for canary in (TOKENS[4], canaries.MAILCHIMP, canaries.HUBSPOT_SECRET, canaries.PATH, canaries.ENGINE)
    }


@pytest.mark.long
def test_nothing_is_shown_by_the_service(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    edit(watch.folder, "keyring:mailchimp", "file:secrets/key")
    (watch.folder / SECRETS / "key").write_text(canaries.MAILCHIMP.value, "utf-8")
    command = [
        sys.executable,
        "-c",
        "from sync.cli import main; main()",
        "serve",
        "--port",
        "0",
        "-w",
        str(watch.folder),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        began = next(line for line in service.stderr if "event=started" in line)
        try:
            answers = asked_for_trouble(f"http://127.0.0.1:{began.rsplit('port=', 1)[1].split()[0]}")
        finally:
            service.terminate()
            out, error = service.communicate(timeout=60)
    for text in (began, out, error, *answers):
        watch.saw(text, "service")

    assert "event=refused" in error
    assert "event=stopped" in error
    no_leak(watch, capsys, 6)


def asked_for_trouble(address: str) -> list[str]:
    """Deliver what is not signed, signed wrongly, malformed or in the wrong place; return the answers."""
    wrong = {"X-HubSpot-Signature": "0" * 64, "X-HubSpot-Signature-Version": "v1"}
    body = b'[{"eventId":1,"subscriptionType":"contact.creation","objectId":1,"occurredAt":1}]'
    signed = {**wrong, "X-HubSpot-Signature": hashlib.sha256(canaries.HUBSPOT_SECRET.value.encode() + body).hexdigest()}
    place = f"/webhooks/mailchimp/{canaries.PATH.value}"
    with requests.Session() as session:
        session.trust_env = False
        said = [
            session.post(f"{address}/webhooks/hubspot", data=b"[]", headers=wrong, timeout=20),
            session.post(f"{address}/webhooks/hubspot", data=body, headers=signed, timeout=20),
            session.post(f"{address}/webhooks/hubspot", data=b"{", timeout=20),
            session.post(f"{address}{place}x", data=b"type=subscribe", timeout=20),
            session.post(f"{address}{place}", data=b"type=subscribe", timeout=20),
            session.get(f"{address}{place}", timeout=20),
            *(session.get(f"{address}/{path}", timeout=20) for path in ("ready", "health", "metrics", "nowhere")),
        ]
    assert [response.status_code for response in said[:2]] == [401, 200]
    assert said[3].status_code == 401
    return [response.text + str(response.headers) for response in said]
