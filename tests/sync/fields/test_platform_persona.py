"""HubSpot's own personas, where the workspace wants them written, and what people set there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.errors import FixSettingsError
from segmenter.personalize.personas import Persona
from sync.apply.job import apply
from sync.apply.undo import intended, undo
from sync.fields.platform_persona import resolved
from sync.ops.doctor import examine
from sync.plan.job import plan
from sync.preview.job import preview
from sync.pull.job import pull
from sync.session import Session
from tests.sync.conftest import Platforms, Run, edit
from tests.sync.hubspot_personas import LABELS, switch_on

RITA, GUS = Persona("rita", "Rita Regular", ()), Persona("gus", "Gus Gift", (), alias="Gifts")


def own(platforms: Platforms) -> dict[str, str | None]:
    return {key: row["properties"].get("hs_persona") for key, row in platforms.crm.contacts.items()}


def test_labels_are_found_as_people_read_them() -> None:
    options = {"rita  regular ": "persona_7", "Gifts": "persona_2", "Other": "persona_1"}

    assert resolved({"rita": RITA, "gus": GUS}, options, "crm") == {"rita": "persona_7", "gus": "persona_2"}


def test_two_personas_that_are_the_same_one_there_are_an_error() -> None:
    offered = {"Rita Regular": "persona_1", "gifts": "persona_1"}

    with pytest.raises(
        FixSettingsError, match=r"'rita' and 'gus' would both map to 'Gifts' on crm.*another name of that platform"
    ):
        resolved({"rita": RITA, "gus": GUS}, offered, "crm")


@pytest.mark.long
@pytest.mark.parametrize("labels", [tuple(label for label in LABELS if label != "Rita Regular"), ()])
def test_a_persona_that_the_platform_lacks_is_skipped_by_name_and_the_rest_goes_on(
    platforms: Platforms, ready: Session, say: Run, labels: tuple[str, ...]
) -> None:
    switch_on(platforms, ready, labels=labels)
    assert say("pull")[0] == 0

    status, out, _ = say("plan", "--json")
    _, shown, _ = say("plan")
    _, output, _ = say("doctor", "--json")

    document = json.loads(out)
    listed = ", ".join(labels) or "none"
    sentence = f"crm has no persona 'Rita Regular' (hs_persona has: {listed}) for [personas.rita_regular]; its contacts"
    assert (status, document["breaches"]) == (0, [])
    assert len(document["notes"]) == (1 if labels else 4)
    assert any(note.startswith(sentence) and 'hs_persona = "its label"' in note for note in document["notes"])
    assert sentence in " ".join(shown.split())
    assert ("crm: hs_persona" in document["by_field"]) is bool(labels)
    states = {finding["state"] for finding in json.loads(output)["findings"] if finding["check"] == "personas"}
    assert states == {"warn"}


def test_nothing_is_written_or_asked_for_by_default(platforms: Platforms, ready: Session) -> None:
    changes = plan(ready).plan.changes

    assert "hs_persona" not in {change.name for change in changes}
    assert not [entry for entry in platforms.sandbox.journal.entries if "properties" in entry.path]


@pytest.mark.long
def test_it_is_read_planned_applied_and_undone_and_what_people_set_is_left_alone(
    platforms: Platforms, ready: Session, say: Run, tmp_path: Path
) -> None:
    first = plan(ready).plan.changes
    theirs = [c.platform_id for c in first if c.name == "personasync_persona" and c.after != "unclassified"][:3]
    for key in theirs:
        platforms.crm.touch_contact(platforms.crm.contacts[key], {"hs_persona": "persona_1"})
    switch_on(platforms, ready)
    with pytest.raises(FixSettingsError, match=r"hs_persona of crm has never been pulled.*personasync pull"):
        plan(ready)
    pull(ready)
    planned = plan(ready)
    late = next(c.platform_id for c in planned.plan.changes if c.name == "hs_persona")
    platforms.crm.touch_contact(platforms.crm.contacts[late], {"hs_persona": "persona_2"})
    applied = apply(ready, planned.path, override=frozenset({"max_changed"}))
    shown = own(platforms)
    pull(ready)
    again = plan(ready)
    template = tmp_path / "mail.html"
    template.write_text('{% if contact.hs_persona == "persona_6" %}new {% endif %}{{ contact.hs_persona }}', "utf-8")
    previewed = preview(ready, template, persona="nora_new")
    undone = undo(ready, intended(ready, "last"))

    ours = {c.platform_id: c.after for c in planned.plan.changes if c.name == "hs_persona"}
    assert len(ours) > 20
    assert set(ours.values()) == {"persona_3", "persona_4", "persona_5", "persona_6"}
    assert not set(ours) & set(theirs)
    assert planned.summary["values_of_others"] == {"crm: hs_persona": len(theirs)}
    assert (applied.states["crm", "skipped"], applied.failed, applied.rejected) == (1, {}, 0)
    assert shown == {**dict.fromkeys(shown), **ours, **dict.fromkeys(theirs, "persona_1"), late: "persona_2"}
    assert [c for c in again.plan.changes if c.name == "hs_persona"] == []
    assert previewed.shown[0].html == "new Nora New"
    assert previewed.problems == []
    assert undone.failed == {}
    assert {key: value for key, value in own(platforms).items() if value} == {
        **dict.fromkeys(theirs, "persona_1"),
        late: "persona_2",
    }
    edit(platforms, 'hs_persona = "write"', 'hs_persona = "overwrite"')
    status, out, _ = say("plan", "--json")
    over = [sample for sample in json.loads(out)["samples"] if sample.get("field") == "hs_persona"]
    assert (status, len(over)) == (0, 2)  # undone: it is a new field again, which no guardrail counts


def test_a_pull_reads_everything_again_where_a_new_property_is_asked_for_and_only_then(
    platforms: Platforms, ready: Session
) -> None:
    usual = pull(ready).rows["crm contacts"]
    switch_on(platforms, ready)
    anew = pull(ready).rows["crm contacts"]
    path = platforms.folder / "personas.toml"
    path.write_text(path.read_text("utf-8") + '\n[fields.more]\nfallback = "x"\ncrm = "personasync_more"\n', "utf-8")
    ready.reload()

    assert anew >= len(platforms.crm.contacts)
    assert usual < anew
    assert pull(ready).rows["crm contacts"] < anew


def test_a_persona_that_is_not_there_is_told_by_the_doctor_until_the_file_names_its_label(
    platforms: Platforms, ready: Session, say: Run
) -> None:
    switch_on(platforms, ready)
    pull(ready)
    edit(platforms, 'name = "Nora New"', 'name = "Nora Newer"', "personas.toml")
    ready.reload()

    findings = [finding for _, finding in examine(ready, only="crm") if finding.check == "personas"]

    assert [(finding.state, "Nora Newer" in finding.message, "Create it" in finding.fix) for finding in findings] == [
        ("warn", True, True)
    ]
    edit(platforms, 'name = "Nora Newer"', 'name = "Nora Newer"\nhs_persona = "nora new"', "personas.toml")
    status, out, _ = say("plan", "--json")
    assert (status, json.loads(out)["notes"]) == (0, [])


def test_another_mode_is_refused_with_its_line_and_the_field_can_not_be_a_template_field(
    platforms: Platforms, say: Run
) -> None:
    edit(platforms, 'connector = "hubspot"', 'connector = "hubspot"\nhs_persona = "yes"')
    mode = say("plan")
    edit(platforms, 'hs_persona = "yes"', 'hs_persona = "off"')
    edit(platforms, 'crm = "personasync_headline"', 'crm = "hs_persona"', "personas.toml")
    field = say("plan")

    assert mode[0] == 2
    assert "'yes' is not one of off, write, overwrite" in mode[2]
    assert "personasync.toml, line" in mode[2]
    assert "is already used by the platform's own persona" in field[2]
