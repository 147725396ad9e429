"""Each platform has one address, or each connection its own where no delivery says which one it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import FixSettingsError
from sync.workspace.manifest import load_manifest
from sync.workspace.settings import Workspace, load_workspace
from sync.workspace.webhook_addresses import Expected, expected_at, webhook_path

HUB = '[connections.{}]\nconnector = "hubspot"\naccess_token = "env:T"\n'
CHIMP = '[connections.{0}]\nconnector = "mailchimp"\napi_key = "env:K"\naudience = "{0}"\n'


def workspace(folder: Path, *connections: str, serve: str = "") -> Workspace:
    (folder / "personasync.toml").write_text('[workspace]\nname = "Acme"\n' + "".join(connections) + serve, "utf-8")
    for name in ("segments.toml", "personas.toml"):
        (folder / name).write_text("", "utf-8")
    return load_workspace(folder)


def test_a_connection_alone_has_its_connectors_address(tmp_path: Path) -> None:
    known, manifest = workspace(tmp_path, HUB.format("crm"), CHIMP.format("email")), load_manifest()

    assert webhook_path(known, manifest, "crm") == "/webhooks/hubspot"
    assert expected_at(known, manifest, "hubspot", "") == Expected(["crm"], "hubspot", "")
    assert expected_at(known, manifest, "hubspot", "crm").rest == "crm"  # taken for a secret, and refused as such
    assert expected_at(known, manifest, "files", "").connections == []


def test_several_accounts_have_addresses_of_their_own_and_audiences_share_one(tmp_path: Path) -> None:
    parts = (HUB.format("north"), HUB.format("south"), CHIMP.format("news"), CHIMP.format("offers"))
    known, manifest = workspace(tmp_path, *parts), load_manifest()

    assert [webhook_path(known, manifest, name) for name in ("north", "south")] == [
        *("/webhooks/hubspot/north", "/webhooks/hubspot/south"),
    ]
    assert expected_at(known, manifest, "hubspot", "south") == Expected(["south"], "hubspot/south", "")
    assert expected_at(known, manifest, "hubspot", "").connections == []  # nobody can say which one is meant
    assert {webhook_path(known, manifest, name) for name in ("news", "offers")} == {"/webhooks/mailchimp"}
    assert expected_at(known, manifest, "mailchimp", "hidden") == Expected(["news", "offers"], "mailchimp", "hidden")


@pytest.mark.parametrize("line", ['hubspot_sekret = "env:X"', "hubspot_secret = 7", 'files_secret = "env:X"'])
def test_a_key_of_serve_that_no_connector_has_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(FixSettingsError, match=r"personasync.toml, line 7"):
        workspace(tmp_path, HUB.format("crm"), serve=f"[serve]\n{line}\n")
