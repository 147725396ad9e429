"""Communication subscriptions: every type of every contact, in either version, with its date and legal basis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from connectors import hubspot
from connectors.connector import Connection
from connectors.errors import MissingScopeError
from connectors.hubspot.connector import HubSpot
from connectors.sandbox.hubspot import consent
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.server import Sandbox
from connectors.secret import Secret
from tests.connectors.conftest import spec
from tests.connectors.hubspot.test_reading import add


def opened(sandbox: Sandbox, version: str) -> HubSpot:
    settings = {"base_url": sandbox.hubspot_url, "api_version": version}
    secret = Secret(sandbox.access["hubspot_token"])
    return hubspot.connect(Connection("crm", settings, spec("hubspot", None), secret, subscriptions=True))


def read(connector: HubSpot, ids: list[str]) -> list[dict[str, Any]]:
    pages = list(connector.read("subscriptions", {}, lambda _states: pa.array(ids, pa.string())))
    assert pages[-1].cursor is not None
    return [row for page in pages for row in page.rows.to_pylist()]


@pytest.mark.parametrize("version", ["v3", "2026-03"])
def test_every_type_is_read_with_its_date_and_basis(sandbox: Sandbox, version: str) -> None:
    state = HubSpotState.of(sandbox.world)
    ids = [add(sandbox, f"p{number}@people.test") for number in range(103)]
    ids.append(add(sandbox, None))
    basis = {"legalBasis": "CONSENT_WITH_NOTICE", "legalBasisExplanation": "form"}
    consent.set_subscription(state, "p0@people.test", "72", "SUBSCRIBED", basis)
    consent.set_subscription(state, "p1@people.test", "72", "UNSUBSCRIBED", {})
    connector = opened(sandbox, version)

    rows = read(connector, ids)
    of = {(row["contact_key"], row["name"]): row for row in rows}
    connector.close()

    assert "subscriptions" in connector.streams
    assert len(rows) == len(of) == 103 * 2
    assert {row["subscription_id"] for row in rows} == {"71", "72"}
    agreed = of["mailto:p0@people.test", "Newsletter"]
    assert (agreed["status"], agreed["basis"], agreed["at"] is None) == ("SUBSCRIBED", "CONSENT_WITH_NOTICE", False)
    assert of["mailto:p1@people.test", "Newsletter"]["status"] == "UNSUBSCRIBED"
    silent = of["mailto:p2@people.test", "Newsletter"]
    assert (silent["status"], silent["at"]) == ("NOT_SPECIFIED", None)


def test_a_token_without_the_scope_is_told_which(sandbox: Sandbox) -> None:
    contact = add(sandbox, "ada@people.test")
    sandbox.world.settings.scopes = frozenset({"crm.objects.contacts.read"})
    connector = opened(sandbox, "v3")

    with pytest.raises(MissingScopeError) as refused:
        read(connector, [contact])
    connector.close()

    assert "communication_preferences.statuses.batch.read" in str(refused.value.scopes) + str(refused.value)


def test_nothing_is_asked_unless_the_workspace_names_a_subscription(open_hubspot: Callable[..., HubSpot]) -> None:
    assert "subscriptions" not in open_hubspot().streams
