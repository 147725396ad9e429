"""HubSpot's API versions: what ends when, in the version in use, before and after a switch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from connectors.hubspot import health
from connectors.hubspot.connector import HubSpot
from connectors.hubspot.operations import EVERY
from connectors.records import Change, FieldDefinition
from connectors.sandbox.server import Sandbox
from tests.connectors.conftest import spec
from tests.connectors.hubspot.test_reading import add

Open = Callable[..., HubSpot]
TODAY = date(2026, 11, 30)
NUMBER = FieldDefinition("personasync_confidence", "Confidence", "number")


def told(version: str, today: date = TODAY) -> list[tuple[str, str, str]]:
    findings = health.version_findings(version, spec("hubspot"), "crm", today)
    return [(finding.state, finding.message, finding.fix) for finding in findings]


def test_the_numbered_version_ends_and_its_associations_end_before(open_hubspot: Open) -> None:
    (state, message, fix), events = told("v3")

    assert (state, events[0]) == ("warn", "ok")
    assert message == "HubSpot supports v3 until 2027-09-30. HubSpot supports /crm/v4/ until 2027-03-30."
    assert fix == 'Set api_version = "2026-09" in [connections.crm]. 2026-09 is supported until 2028-03-08.'
    assert any(
        finding.check == "API version" and finding.state == "warn" for finding in open_hubspot(api_version="v3").check()
    )


def test_after_the_switch_only_what_has_no_dated_path_ends_early() -> None:
    version, events = told("2026-09")

    assert version == ("ok", "HubSpot supports 2026-09 until 2028-03-08.", "")
    assert events[1].startswith(
        "HubSpot supports /email/public/v1/ until 2027-09-30. No dated version has email events"
    )
    assert "/crm/v4/" not in version[1] + events[1]
    assert [state for state, _, _ in told("2026-09", date(2027, 5, 1))] == ["warn", "warn"]
    assert told("2026-09", date(2028, 4, 1))[0][1] == "HubSpot ended 2026-09 on 2028-03-08."


def test_a_version_that_is_dated_but_not_the_newest_is_told_to_go_on() -> None:
    state, message, fix = told("2026-03")[0]

    assert (state, message) == ("warn", "HubSpot supports 2026-03 until 2027-09-30.")
    assert '"2026-09"' in fix


def test_every_operation_but_events_has_a_path_in_each_dated_version() -> None:
    undated = {operation.endpoint for operation in EVERY if "2026-09" not in operation.path("2026-09")}

    assert undated == {"email events"}
    assert spec("hubspot")["choices"]["api_version"] == tuple(spec("hubspot")["api_versions"])
    assert all("{version}" not in operation.path(version) for operation in EVERY for version in ("v3", "2026-03"))


@pytest.mark.parametrize(("version", "refused"), [("v3", 0), ("2026-03", 0), ("2026-09", 1)])
def test_a_property_that_the_account_requires_refuses_one_record(
    sandbox: Sandbox, open_hubspot: Open, version: str, refused: int
) -> None:
    sandbox.world.settings.required_properties = ("company",)
    hubspot = open_hubspot(api_version=version)
    hubspot.create(hubspot.missing([NUMBER], [])[0])
    ids = [add(sandbox, f"p{number}@people.test", company="Acme") for number in range(4)]
    ids.append(add(sandbox, "none@people.test"))

    changes = [Change("crm", key, "p", None, "field", "personasync_confidence", None, "0.9") for key in ids]
    outcomes = [outcome for batch in hubspot.push(changes) for outcome in batch]

    lost = [outcome for outcome in outcomes if outcome.state != "applied"]
    assert [(outcome.state, outcome.code, outcome.change.platform_id) for outcome in lost] == [
        ("rejected", "MISSING_REQUIRED_PROPERTY", ids[-1])
    ] * refused
