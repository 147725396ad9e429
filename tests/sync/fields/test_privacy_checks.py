"""What readers may find creepy, told where people look: in the plan, in the preview and by the doctor."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors.records import ORDER_LINES
from sync.clock import now
from sync.ops.doctor import examine
from sync.plan.job import plan
from sync.preview.job import preview
from sync.session import Session
from tests.sync.conftest import Platforms, Run, edit

FIELDS = """
[fields.bought]
fallback = "our favourites"
trait = "last_product"
email = "PS_LAST"

[fields.kind]
fallback = "our favourites"
trait = "favourite_category"
email = "PS_KIND"
"""


@pytest.fixture
def personal(platforms: Platforms, ready: Session) -> Platforms:
    """A workspace with two fields of people's own, in which whatever was bought within a thousand days is fresh."""
    path = platforms.folder / "personas.toml"
    path.write_text(path.read_text("utf-8") + FIELDS, "utf-8")
    edit(platforms, "[personalize]", "[personalize]\nrecent_days = 700")
    ready.reload()
    return platforms


def shown_values(session: Session, name: str) -> set[str | None]:
    return {change.after for change in plan(session).plan.changes if change.name == name}


@pytest.mark.long
def test_a_plan_warns_and_shows_or_holds_back_as_the_workspace_says(
    personal: Platforms, ready: Session, say: Run
) -> None:
    status, out, _ = say("plan", "--json")
    document = json.loads(out)
    bought = shown_values(ready, "PS_LAST")
    edit(personal, "[personalize]", '[personalize]\ncreepy = "fallback"')
    ready.reload()
    held = shown_values(ready, "PS_LAST")

    fresh = [
        concern for concern in document["creepy"] if (concern["reason"], concern["held_back"]) == ("recent", False)
    ]
    assert status == 0
    assert sum(concern["people"] for concern in fresh) > 20
    assert fresh[0]["sentence"].startswith("field 'bought', persona '")
    assert 'creepy = "fallback"' in fresh[0]["fix"]
    assert "@" in next(iter(document["creepy_samples"].values()))
    assert "@" not in json.dumps(document["creepy"])
    assert len(bought) > 5
    assert held == {"our favourites"}
    assert any("get the persona's copy or the fallback instead" in concern.message for concern in plan(ready).concerns)


@pytest.mark.long
def test_a_preview_names_line_field_persona_and_reason(personal: Platforms, ready: Session, tmp_path: Path) -> None:
    edit(personal, "[personalize]", "[personalize]\nmax_individual = 1")
    ready.reload()
    path = tmp_path / "mail.html"
    path.write_text("*|PS_HEAD|*\n*|PS_LAST|*\n*|PS_KIND|*", "utf-8")

    sheet = preview(ready, path)
    rita = preview(ready, path, persona="rita_regular")
    path.write_text("*|PS_HEAD|*", "utf-8")
    copy = preview(ready, path)

    by_reason: dict[str, Any] = {concern.reason: concern for concern in sheet.concerns}
    assert set(by_reason) == {"recent", "once", "tokens"}
    assert by_reason["recent"].place.startswith("line 2, column 1, field 'bought', persona '")
    assert by_reason["once"].place.startswith("line 3, column 1, field 'kind', persona '")
    assert by_reason["tokens"].place == "line 3"
    gus = next(mail for mail in sheet.shown if mail.title == "Gus Gift")
    assert gus.html.splitlines()[2] == "our favourites"  # what most of them get
    assert 0.5 < gus.fallbacks["PS_KIND"] < 1
    assert "<li>line 3: the email shows 2 individual values" in sheet.page().partition("Too personal?")[2]
    assert "<li>line 2, column 1, field 'bought'" in unescape(sheet.page())
    assert {concern.persona for concern in rita.concerns} == {"", "rita_regular"}
    assert copy.concerns == []


def test_the_doctor_looks_at_fields_as_configured(personal: Platforms, ready: Session) -> None:
    def told() -> list[str]:
        return [finding.message for _, finding in examine(ready, only="files") if finding.check == "creepy"]

    before = told()
    edit(personal, "[personalize]", '[personalize]\ncreepy = "fallback"')
    ready.reload()

    assert before == ["field 'bought': last_product mentions what the reader bought last."]
    assert told() == []


@pytest.mark.long
def test_values_that_speak_of_children_are_held_back_until_there_is_a_purpose(
    personal: Platforms, ready: Session
) -> None:
    lines = ready.warehouse.current(ORDER_LINES.name).to_pyarrow().to_pylist()
    rows = [{**line, "category": "Baby care"} for line in lines if line["category"] == "garden"]
    ready.warehouse.append(ORDER_LINES.name, pa.Table.from_pylist(rows, ORDER_LINES.columns), recorded_at=now())

    held, concerns = shown_values(ready, "PS_KIND"), plan(ready).concerns
    path = personal.folder / "personasync.toml"
    path.write_text(path.read_text() + '\n[sensitive]\npurpose = "Toys by age."\nallow = ["favourite_category"]\n')
    ready.reload()
    allowed = shown_values(ready, "PS_KIND")

    assert held == {"our favourites", "kitchen", "paper"}
    concern = next(concern for concern in concerns if concern.reason == "sensitive")
    assert (concern.held_back, concern.place.startswith("field 'kind', persona '")) == (True, True)
    assert 'allow = ["favourite_category"]' in concern.fix
    assert allowed == held | {"Baby care"}
    assert not [concern for concern in plan(ready).concerns if concern.reason == "sensitive"]


@pytest.mark.long
def test_an_option_that_few_are_shown_is_named(personal: Platforms, ready: Session) -> None:
    edit(
        personal,
        "[fields.kind]",
        '[fields.kind]\ntype = "choice"\noptions = ["kitchen", "paper", "our favourites"]',
        "personas.toml",
    )
    edit(personal, "min_audience = 1 ", "min_audience = 1000 ")
    ready.reload()
    small = [concern for concern in plan(ready).concerns if concern.place.startswith("field 'kind', option")]
    edit(personal, "min_audience = 1000 ", "min_audience = 1 ")
    ready.reload()

    assert [concern.place for concern in small] == ["field 'kind', option 'kitchen'", "field 'kind', option 'paper'"]
    assert all(concern.reason == "audience" and 0 < concern.people < 1000 for concern in small)
    assert [concern for concern in plan(ready).concerns if concern.reason == "audience"] == []


@pytest.mark.long
def test_words_for_the_few_who_are_in_a_segment_and_in_none_within_it_are_named(
    personal: Platforms, ready: Session, say: Run
) -> None:
    path = personal.folder / "segments.toml"
    most = 'rule = "orders_total >= 1 or tenure_days < 60"\nparent = "everybody"\n'
    path.write_text(
        '[[segments]]\nname = "everybody"\ntitle = "Everybody"\nrule = "tenure_days >= 0"\n\n'
        f'[[segments]]\nname = "most"\ntitle = "Most"\n{most}',
        "utf-8",
    )
    path = personal.folder / "personas.toml"
    path.write_text(
        '[fields.headline]\nfallback = "News"\nemail = "PS_HEAD"\n\n'
        '[personas.rest]\nname = "Rest"\nsegments = ["everybody"]\nfields = { headline = "Rest" }\n\n'
        '[personas.most]\nname = "Most"\nsegments = ["most"]\nfields = { headline = "Most" }\n',
        "utf-8",
    )
    assert say("assign")[0] == 0
    _, out, _ = say("plan", "--json")
    few = json.loads(out)["personas"]["rest"]
    edit(personal, "min_audience = 1 ", f"min_audience = {few + 1} ")
    ready.reload()
    assert say("assign")[0] == 0

    planned = plan(ready)

    assert planned.skipped_segments == {}
    assert [(concern.place, concern.people) for concern in planned.concerns if concern.reason == "audience"] == [
        ("persona 'rest'", few)
    ]


def test_limits_that_leave_nothing_are_refused(personal: Platforms, say: Run) -> None:
    edit(personal, "recent_days = 700", "recent_days = 730")

    status, _, error = say("plan")

    assert status == 2
    assert "recent_days must be below max_age_days" in error
