"""Both local platforms with some people, and a workspace that is connected to them."""

from __future__ import annotations

import pickle
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import World, make_world
from sync.apply.job import apply
from sync.assign.job import assign
from sync.cli.main import run
from sync.clock import now
from sync.ops.demo import make_workspace
from sync.ops.setup import create_missing, missing_steps
from sync.plan.job import plan
from sync.pull.job import pull
from sync.session import Session, open_session

Run = Callable[..., tuple[int, str, str]]

PEOPLE = 120


@dataclass
class Platforms:
    """The running platforms, their states, and a workspace's folder."""

    sandbox: Sandbox
    folder: Path

    @property
    def crm(self) -> HubSpotState:
        return HubSpotState.of(self.sandbox.world)

    @property
    def email(self) -> MailchimpState:
        return MailchimpState.of(self.sandbox.world)

    @property
    def environment(self) -> dict[str, str]:
        access = self.sandbox.access
        return {"HUBSPOT_TOKEN": access["hubspot_token"], "MAILCHIMP_API_KEY": access["mailchimp_key"]}

    def members(self) -> list[dict[str, Any]]:
        return list(self.email.members(AUDIENCE).values())

    def writes(self) -> list[str]:
        """Every request that could have changed something, as the platforms saw it."""
        return [f"{entry.method} {entry.path}" for entry in self.sandbox.journal.entries if entry.write]


@dataclass(frozen=True)
class Moment:
    """Platforms and a workspace as they stood once: tests that begin there need not do it all again.

    Attributes:
        tables: What the platforms hold, pickled.
        state: The workspace's ``.personasync``.
        told: What the steps before gave back.
    """

    tables: bytes
    state: Path
    told: str = ""

    def world(self) -> World:
        """Return platforms that hold the same."""
        world = make_world()
        for name, rows in pickle.loads(self.tables).items():  # noqa: S301 - our own, made in this process
            world.store.table(name).rows.update(rows)
        return world


def get_ready(session: Session) -> str:
    """Read everything, assign everybody, make what is ours."""
    pull(session)
    assign(session, as_of=session.now())
    create_missing(session, missing_steps(session))
    return ""


def apply_it(session: Session) -> str:
    """Plan and apply; return the run."""
    plan(session)
    return apply(session).run_id


def moment_after(step: Callable[[Session], str], folder: Path, *, world: World, before: Moment | None = None) -> Moment:
    """Do a step on *world*, from a new workspace or from that of *before*."""
    with Sandbox(world) as sandbox:
        platforms = connected(sandbox, folder / "workspace", before)
        with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
            outcome = step(session)
        tables = tables_of(world)
    return Moment(tables, platforms.folder / ".personasync", outcome)


def tables_of(world: World) -> bytes:
    """Return what platforms hold, for a `Moment`."""
    return pickle.dumps({name: table.rows for name, table in world.store.tables.items()})


def connected(sandbox: Sandbox, folder: Path, moment: Moment | None = None) -> Platforms:
    """Return running platforms with a workspace that is connected to them."""
    make_workspace(folder, sandbox.access)
    file = folder / "personasync.toml"
    # a hundred people are too few for shares that fit thousands
    text = file.read_text("utf-8").replace("min_audience = 20", "min_audience = 1")
    file.write_text(text.replace("min_group_shown = 20", "min_group_shown = 1"), "utf-8")
    if moment is not None:
        shutil.copytree(moment.state, folder / ".personasync", dirs_exist_ok=True)
    return Platforms(sandbox, folder)


def filled() -> World:
    """Return platforms with some people."""
    world = make_world()
    fill(world, PEOPLE)
    return world


@pytest.fixture(scope="session")
def ready_moment(tmp_path_factory: pytest.TempPathFactory) -> Moment:
    return moment_after(get_ready, tmp_path_factory.mktemp("ready"), world=filled())


@pytest.fixture(scope="session")
def applied_moment(tmp_path_factory: pytest.TempPathFactory, ready_moment: Moment) -> Moment:
    folder = tmp_path_factory.mktemp("applied")
    return moment_after(apply_it, folder, world=ready_moment.world(), before=ready_moment)


@pytest.fixture
def moment(request: pytest.FixtureRequest) -> Moment | None:
    """Where the test begins: it names `applied` or `ready`, or begins with nothing."""
    for name in ("applied", "ready"):
        if name in request.fixturenames:
            moment: Moment = request.getfixturevalue(f"{name}_moment")
            return moment
    return None


@pytest.fixture
def platforms(tmp_path: Path, moment: Moment | None) -> Iterator[Platforms]:
    with Sandbox(moment.world() if moment else filled()) as sandbox:
        yield connected(sandbox, tmp_path / "workspace", moment)


@pytest.fixture
def session(platforms: Platforms) -> Iterator[Session]:
    with open_session(platforms.folder, now=now, environment=platforms.environment) as opened:
        yield opened


@pytest.fixture
def ready(session: Session) -> Session:
    """A workspace that has pulled and assigned, on platforms that have what is ours."""
    return session


@pytest.fixture
def applied(session: Session, applied_moment: Moment) -> str:
    """The run that applied the first plan of *session*."""
    del session
    return applied_moment.told


@pytest.fixture
def say(platforms: Platforms, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in the workspace as a person would; status, stdout and stderr.

    What they name is without the ``--workspace`` that is added here, as somebody within the folder reads it.
    """
    added = f" --workspace {shlex.quote(str(platforms.folder))}"
    for name, value in platforms.environment.items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run([*arguments, "--workspace", str(platforms.folder)])
        output = capsys.readouterr()
        return status, output.out.replace(added, ""), output.err.replace(added, "")

    return command


def edit(platforms: Platforms, old: str, new: str, file: str = "personasync.toml") -> None:
    path = platforms.folder / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
