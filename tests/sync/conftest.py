"""Both local platforms with some people, and a workspace that is connected to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.clock import now
from sync.demo import make_workspace
from sync.workbench import Workbench, open_workbench

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
        return [f"{one.method} {one.path}" for one in self.sandbox.journal.entries if one.write]


@pytest.fixture
def platforms(tmp_path: Path) -> Iterator[Platforms]:
    world = make_world()
    fill(world, PEOPLE)
    with Sandbox(world) as sandbox:
        folder = tmp_path / "workspace"
        make_workspace(folder, sandbox.access)
        file = folder / "personasync.toml"
        text = file.read_text("utf-8")
        # a hundred people are too few for shares that fit thousands
        file.write_text(text.replace("min_segment = 20", "min_segment = 1"), "utf-8")
        yield Platforms(sandbox, folder)


@pytest.fixture
def bench(platforms: Platforms) -> Iterator[Workbench]:
    with open_workbench(platforms.folder, now=now, environment=platforms.environment) as opened:
        yield opened
