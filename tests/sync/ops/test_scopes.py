"""Every scope that plugin.toml asks for is needed: without it, the local platform refuses something of the loop."""

from __future__ import annotations

import pytest

from connectors.errors import MissingScopeError
from sync.cli.main import run as command
from sync.ops.doctor import examine
from sync.ops.run import run_loop
from sync.session import Session
from sync.workspace.manifest import load_manifest
from tests.sync.conftest import Platforms

SCOPES = [scope.name for scope in load_manifest().connectors["hubspot"].scopes]


@pytest.mark.long
def test_the_declared_scopes_are_enough(platforms: Platforms, session: Session) -> None:
    platforms.sandbox.world.settings.scopes = frozenset(SCOPES)

    done = run_loop(session, as_of=session.now(), set_up=True)

    assert (done.applied.failed, done.applied.rejected) == ({}, 0)


@pytest.mark.long
@pytest.mark.parametrize("scope", SCOPES)
def test_no_declared_scope_can_be_left_out(platforms: Platforms, session: Session, scope: str) -> None:
    platforms.sandbox.world.settings.scopes = frozenset(SCOPES) - {scope}
    message = ""
    try:
        done = run_loop(session, as_of=session.now(), set_up=True)
        message = " ".join([*done.applied.failed.values(), *done.imported.unread])
    except MissingScopeError as error:
        message = str(error)

    assert scope in message


def test_a_missing_scope_ends_in_one_sentence_with_its_mend(
    platforms: Platforms, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    platforms.sandbox.world.settings.scopes = frozenset(SCOPES) - {"crm.objects.deals.read"}
    for name, value in platforms.environment.items():
        monkeypatch.setenv(name, value)

    status = command(["pull", "--workspace", str(platforms.folder)])

    assert status == 2
    assert "Add these scopes to the token: crm.objects.deals.read." in capsys.readouterr().err


def test_doctor_says_what_a_missing_scope_is_for(platforms: Platforms, session: Session) -> None:
    platforms.sandbox.world.settings.scopes = frozenset(SCOPES) - {"content"}

    findings = [finding for _, finding in examine(session) if "content (to read marketing emails" in finding.message]

    assert {finding.state for finding in findings} == {"warn"}
    assert all("Missing from results: " in finding.message for finding in findings)


@pytest.mark.long
def test_a_small_plan_without_marketing_email_runs_to_the_report(
    platforms: Platforms, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    platforms.sandbox.world.settings.scopes = frozenset(SCOPES) - {"content"}
    for name, value in platforms.environment.items():
        monkeypatch.setenv(name, value)

    statuses = [command([*args, "--workspace", str(platforms.folder)]) for args in (["pull"], ["results"], ["report"])]

    shown = " ".join(capsys.readouterr().out.split())
    assert statuses == [0, 0, 0]
    assert "Warning: crm: campaigns not read. HubSpot: the token lacks the scope content." in shown
