"""What platforms are told of an assignment: a probability or nothing, no persona, and extra fields."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from connectors.sandbox.fill import AUDIENCE
from segmenter.personalize.fields import memberships_of
from segmenter.rules.segments import Segment, waterfall
from segmenter.traits.builtin import catalogue
from tests.sync.conftest import Platforms, Run, edit

SEGMENTS = [Segment("buyers", "Buyers", "true"), Segment("champions", "Champions", "true", "buyers")]
EXTRA = 'extra_fields = "runner_up, version, memberships"'


@pytest.mark.long
def test_a_rule_has_no_probability_and_a_segment_without_persona_is_not_unclassified(
    platforms: Platforms, say: Run
) -> None:
    text = (platforms.folder / "personas.toml").read_text("utf-8")
    (platforms.folder / "personas.toml").write_text(text[: text.index("[personas.")], "utf-8")
    for command in ("pull", "assign", "setup --yes"):
        assert say(*command.split())[0] == 0
    status, document, _ = say("plan", "--json")

    summary = json.loads(document)
    new = {
        (sample["connection"], sample.get("field")): sample["after"]
        for sample in summary["samples"]
        if sample.get("field")
    }
    assert status == 0, summary["breaches"]  # who is in a segment is not unclassified for max_unclassified either
    assert set(summary["personas"]) <= {"no persona", "unclassified"}
    assert summary["personas"]["no persona"] > 0
    assert ("crm", "personasync_confidence") not in new
    assert ("crm", "personasync_segment") in new
    assert ("crm", "personasync_reason") in new


@pytest.mark.long
def test_extra_fields_exist_and_are_filled_where_they_are_switched_on(platforms: Platforms, say: Run) -> None:
    edit(platforms, 'connector = "hubspot"', f'connector = "hubspot"\n{EXTRA}')
    edit(platforms, 'connector = "mailchimp"', 'connector = "mailchimp"\nextra_fields = "segment, memberships"')
    for command in ("pull", "assign", "setup --yes", "plan", "apply"):
        assert say(*command.split())[0] == 0, command

    there = {
        field["tag"]
        for field in platforms.sandbox.world.store.table(f"mailchimp.merge_fields.{AUDIENCE}").rows.values()
    }
    assert {"PS_SEGMENT", "PS_ALL"} <= there
    assert not there & {"PS_CONF", "PS_RUNNER", "PS_VERSION", "PS_REASON", "PS_SINCE"}
    shown = [member["merge_fields"] for member in platforms.members()]
    within = {(fields.get("PS_SEGMENT"), fields.get("PS_ALL")) for fields in shown} - {("", ""), (None, None)}
    assert ("regulars", "regulars") in within
    contacts = [row["properties"] for row in platforms.crm.contacts.rows.values()]
    segments = [contact for contact in contacts if contact.get("personasync_segment")]
    assert segments
    assert all(segment.get("personasync_version") and segment.get("personasync_memberships") for segment in segments)
    assert any(segment.get("personasync_runner_up") for segment in segments)
    assert not any(segment.get("personasync_confidence") for segment in segments)  # the rules placed everybody


def test_memberships_are_named_from_the_inside_out_as_far_as_there_is_room() -> None:
    assert memberships_of(waterfall(SEGMENTS, catalogue())) == {"champions": "champions; buyers", "buyers": "buyers"}
    deep = [Segment(f"{n:040}".replace("0", "a"), "", "true") for n in range(1, 9)]
    nested = [replace(segment, parent=deep[n - 1].name if n else None) for n, segment in enumerate(deep)]

    memberships = memberships_of(waterfall(nested, catalogue()))

    assert memberships[deep[-1].name] == "; ".join(segment.name for segment in reversed(deep[2:]))  # 250 bytes of 255


@pytest.mark.parametrize("extra", ["runner", "segment"])
def test_a_word_that_is_no_extra_field_is_told_with_those_that_there_are(
    platforms: Platforms, say: Run, extra: str
) -> None:
    edit(platforms, 'connector = "hubspot"', f'connector = "hubspot"\nextra_fields = "{extra}"')

    status, _, error = say("plan")

    assert status == 2
    assert f"'{extra}' is no extra field of HubSpot; known: runner_up, version, memberships" in error
