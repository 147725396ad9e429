"""What every test may ask for: the public data beside the project. And what none may do: leave the machine."""

import gc
import ipaddress
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import secret
from tests import compiled, examples, quick

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
NEEDED = "need ../shared/data and ../shared/recorded: not run"
pytest_plugins = [
    "connectors.testing.plugin",
    "tests.proven",
]  # pytest takes plugins from this conftest only; tests/kit uses it
NEEDED_SERVER = "need PostgreSQL (apt-get install postgresql): not run"
LOOPBACK_NAMES = {"localhost", "testserver"}

examples.load_profile()
os.umask(0o077)  # as every command does: what is made in this process is no finding of `doctor`
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and commands would wrap what they print into a pipe
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job, whose children would ignore it too
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Ibis makes many small objects that live briefly: to look for circles after every 700 takes a fifth of the time.
gc.set_threshold(50_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a socket or a process: `make quick` leaves it out. Modules with slow tests come first.

    So no worker is left alone at the end with a test of a minute. A module's tests stay together, for its fixtures.
    """
    for item in items:
        if quick.needs_more(item):
            item.add_marker("outside")
    slow = {item.path for item in items if any(map(item.get_closest_marker, ("slow", "simulation", "long")))}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Look no more through what every test has imported: statsmodels' corrections collect garbage at each call."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    """Let a test open sockets and start processes only where it says so."""
    with quick.running(item):
        return (yield)


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public data sets and recorded answers, which are not ours to ship.

    Where it is missing, CI fails: a proof that nobody ran proves nothing. Elsewhere the tests that ask for it are
    skipped, and one line at the end counts them.
    """
    missing = [f"../shared/{name}" for name in ("data", "recorded") if not (SHARED / name).is_dir()]
    if missing and os.environ.get("CI"):
        message = f"CI is set, and {', '.join(missing)} are missing beside the checkout: put them there, or unset CI"
        pytest.fail(message, pytrace=False)
    if missing:
        pytest.skip(NEEDED)
    return SHARED


@pytest.fixture(scope="session")
def postgresql_programs() -> Path:
    """The folder of PostgreSQL's programs. Where there is none, CI fails; elsewhere one line counts the tests."""
    folders = sorted(path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not folders and os.environ.get("CI"):
        pytest.fail("CI is set, and PostgreSQL is not installed: apt-get install postgresql", pytrace=False)
    if not folders:
        pytest.skip(NEEDED_SERVER)
    return folders[-1]


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process keeps each secret that it resolved: one test's secret "wrong" would hide that word in another's."""
    monkeypatch.setattr(secret, "_known", set())
    monkeypatch.setattr(secret, "_pattern", None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line how many tests were not run for want of data, and for want of a server."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())]
    if servers := sum(NEEDED_SERVER in reason for reason in skipped):
        terminalreporter.write_line(f"{servers} tests of several writers {NEEDED_SERVER}", yellow=True)
    count = sum(NEEDED in reason for reason in skipped)
    if count:
        terminalreporter.write_line(f"{count} tests of published results and recorded answers {NEEDED}", yellow=True)


@pytest.fixture(autouse=True, scope="session")
def statements(pytestconfig: pytest.Config) -> Iterator[compiled.Statements]:
    """Compile each expression of Ibis once, and not again in the next run."""
    keeps = pytestconfig.pluginmanager.hasplugin("cacheprovider")
    folder = pytestconfig.cache.mkdir("compiled") if keeps else None
    kept = compiled.Statements(folder)
    with pytest.MonkeyPatch.context() as patch:
        compiled.keep_compiled(patch, kept)
        yield kept
    kept.close()


class LeftTheMachineError(AssertionError):
    """A test wanted to talk to a machine that is not this one."""


def stays_here(address: object) -> bool:
    """Tell whether a socket's address is on this machine; a path (Unix sockets) is."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {*LOOPBACK_NAMES, "", socket.gethostname()}


@pytest.fixture(autouse=True, scope="session")
def _no_way_out() -> Iterator[None]:
    """Fail loudly when a test connects anywhere but here; commands that tests start get no proxies to leave by."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        patch.setattr(socket.socket, "bind", quick.guarded(socket.socket.bind, "opened a socket"))
        patch.setattr(subprocess.Popen, "__init__", quick.guarded(subprocess.Popen.__init__, "started a process"))
        patch.setattr(socket, "getaddrinfo", _asked_here(socket.getaddrinfo))
        yield


def _asked_here(resolve: Any) -> Any:
    """Answer for names that never exist what the world would answer; ask nobody for the others."""

    def resolve_here(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if str(name).endswith((".test", ".example", ".invalid")):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if name and not stays_here((name, 0)):
            message = f"a test wanted to look up {name!r}; tests talk to this machine only"
            raise LeftTheMachineError(message)
        return resolve(host, *arguments, **options)

    return resolve_here


def _guarded(connect: Any) -> Any:
    def connect_here(this: socket.socket, address: object) -> Any:
        if this.family != getattr(socket, "AF_UNIX", None) and not stays_here(address):
            message = f"a test wanted to connect to {address!r}; tests talk to this machine only"
            this.close()
            raise LeftTheMachineError(message)
        quick.check("opened a socket")
        return connect(this, address)

    return connect_here
