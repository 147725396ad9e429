"""Data that lead nowhere: a property that is not there, a rule that matches nobody."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.sync.conftest import Platforms, edit

Run = Callable[..., tuple[int, str, str]]


def test_a_property_that_the_platform_does_not_have_is_an_error_with_the_nearest_names(
    platforms: Platforms, say: Run
) -> None:
    traits = (
        '[traits.stage]\nconnection = "crm"\nproperty = "LifeCycleStage"\n'
        '[traits.land]\nconnection = "email"\nproperty = "country_cod"\n'
        '[traits.tongue]\nconnection = "email"\nproperty = "language"\n'
    )
    edit(platforms, "[guardrails]", f"{traits}\n[guardrails]")

    status, _, error = say("pull")
    examined, shown, _ = say("doctor", "--json")
    findings = [finding for finding in json.loads(shown)["findings"] if finding["check"] == "properties"]

    assert (status, examined) == (2, 2)
    assert "[traits.stage] reads 'LifeCycleStage', which HubSpot does not have (did you mean 'lifecyclestage'" in error
    assert [(finding["connection"], finding["state"]) for finding in findings] == [("crm", "fail"), ("email", "fail")]
    assert "'country_code'" in findings[1]["message"]


@pytest.mark.long
@pytest.mark.usefixtures("ready")
def test_a_rule_that_matches_nobody_is_shown_with_zero(platforms: Platforms, say: Run) -> None:
    path = platforms.folder / "segments.toml"
    path.write_text(path.read_text("utf-8") + '\n[[segments]]\nname = "moon"\nrule = "country = \'Moon\'"\n', "utf-8")

    _, assigned, _ = say("assign", "--json")
    _, ranked, _ = say("segments", "--json")
    _, text, _ = say("segments")

    assert json.loads(assigned)["segments"]["moon"] == 0
    assert {segment["segment"]: segment["people"] for segment in json.loads(ranked)["segments"]}["moon"] == 0
    assert "moon" in text
