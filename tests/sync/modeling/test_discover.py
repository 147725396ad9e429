"""discover, --accept, migration and overlap, as people run them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pytest
from numpy.random import default_rng

from connectors.records import ASSIGNMENTS, CONTACTS, SURVEY_ANSWERS
from segmenter.classifier.linear import LinearModel, score_rows
from segmenter.identity import IdentityChanges
from sync.cli.main import run
from sync.modeling.inputs import from_file
from sync.session import open_session
from sync.workspace.proposals import form_of, labels
from sync.workspace.scaffold import Answers, NewConnection, write_workspace
from sync.workspace.settings import load_workspace
from sync.workspace.typing_tools import load_tools

pytestmark = pytest.mark.simulation  # fits again and again on people who are resampled

START = datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = 240
ITEMS = [f"item_{letter}" for letter in "abcdefgh"]
Told = Callable[..., dict[str, Any]]


def respondents(seed: int = 1) -> tuple[list[list[str]], Any]:
    """Three kinds of people with answers that tell them apart."""
    rng = default_rng(seed)
    kind = rng.integers(0, 3, PEOPLE)
    chance = np.full((3, len(ITEMS)), 0.1)
    chance[0, :3] = chance[1, 3:6] = chance[2, 5:] = 0.9
    said = rng.random((PEOPLE, len(ITEMS))) < chance[kind]
    return [["yes" if answer else "no" for answer in row] for row in said], kind


def write_survey(path: Path, rows: list[list[str]], separator: str = ",") -> Path:
    lines = [separator.join(["who", *ITEMS, "age"])]
    lines += [separator.join([f"r{n}", *row, str(20 + n % 50)]) for n, row in enumerate(rows)]
    path.write_text("\n".join(lines), "utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "workspace"
    write_workspace(target, Answers("Acme", (NewConnection("shop", "files", {"contacts": "contacts.csv"}),)))
    return target


@pytest.fixture
def survey(folder: Path) -> Path:
    return write_survey(folder / "survey.csv", respondents()[0])


@pytest.fixture
def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    def answer(*arguments: str, status: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert run([*arguments, "--workspace", str(folder), "--json"]) == status
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return answer


def looked(survey: Path, *more: str) -> list[str]:
    return ["discover", str(survey), "--respondent", "who", "--describe", "age", "--max-segments", "4", *more]


@pytest.mark.long
def test_a_survey_becomes_segments_of_the_workspace(folder: Path, survey: Path, told: Told) -> None:
    summary = told(*looked(survey, "--name", "kinds"))

    assert summary["light"] in {"green", "amber"}
    assert len(summary["segments"]) == 3
    assert summary["p"] == pytest.approx(0.05)
    assert summary["describe"][0]["name"] == "age"
    assert summary["describe"][0]["p"] > 0.01

    proposal = folder / "proposals/kinds.toml"
    text = proposal.read_text("utf-8")
    first = summary["segments"][0]["name"]
    proposal.write_text(text.replace(f'name = "{first}"', 'name = "early"'), "utf-8")
    accepted = told("discover", "--accept", "kinds")

    assert len(accepted["added"]) == 3
    assert {"early"} <= {segment.name for segment in load_workspace(folder).segments}
    with Path(accepted["labels"]).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == PEOPLE
    assert sum(row["segment"] == "early" for row in rows) == accepted["segments"]["early"]
    model = json.loads((folder / "proposals/kinds.model.json").read_text("utf-8"))
    assert (model["kind"], model["features"]) == ("kmeans", ITEMS)
    assert model["calibration_error"] < 0.05
    assert accepted["traits"] == [f"kinds_{item}" for item in ITEMS]
    workspace = load_workspace(folder)
    (connected,) = load_tools(workspace)
    assert (connected.file.version, connected.lacking) == (accepted["tool"], "")
    assert workspace.traits["kinds_item_a"].words == {"no": 0, "yes": 1}
    assert told("discover", "--accept", "kinds")["traits"] == []  # again: nothing comes twice


@pytest.mark.long
def test_segments_with_one_message_are_one_and_those_let_go_are_gone(folder: Path, survey: Path, told: Told) -> None:
    names = [segment["name"] for segment in told(*looked(survey, "--name", "kinds"))["segments"]]
    proposal = folder / "proposals/kinds.toml"
    parts = proposal.read_text("utf-8").split("[[segments]]")
    parts[1:3] = [part.replace('message = ""', 'message = "Come and see"') for part in parts[1:3]]
    proposal.write_text("[[segments]]".join(parts), "utf-8")

    accepted = told("discover", "--accept", "kinds")

    assert list(accepted["added"]) == [names[0], names[2]]
    (tool,) = load_tools(load_workspace(folder))
    assert tool.file.means == {f"{names[0]}#1": names[0], f"{names[0]}#2": names[0]}
    parts[3] = parts[3].replace("keep = true", "keep = false")
    proposal.write_text("[[segments]]".join(parts).replace("Come and see", ""), "utf-8")
    told("discover", "--accept", "kinds")
    (tool,) = load_tools(load_workspace(folder))
    assert tool.file.means == {"retired#3": None}
    proposal.write_text("[[segments]]".join(parts).replace("keep = true", "keep = false"), "utf-8")
    assert "fewer than two" in told("discover", "--accept", "kinds", status=2)["error"]["message"]


@pytest.mark.long
def test_a_segment_keeps_its_words_when_it_is_found_anew(folder: Path, survey: Path, told: Told) -> None:
    first = told(*looked(survey, "--name", "kinds"))["segments"][0]
    proposal = folder / "proposals/kinds.toml"
    text = proposal.read_text("utf-8").replace(f'name = "{first["name"]}"', 'name = "early"', 1)
    proposal.write_text(text, "utf-8")

    again = told(*looked(survey, "--name", "kinds", "--seed", "99"))["segments"]

    assert "early" in [segment["name"] for segment in again]
    assert all(segment["kept_its_name"] for segment in again)


@pytest.mark.long
def test_a_persona_keeps_its_people_and_no_other_segment_gets_them_by_chance(
    folder: Path, survey: Path, told: Told
) -> None:
    names = [segment["name"] for segment in told(*looked(survey, "--name", "kinds"))["segments"]]
    told("discover", "--accept", "kinds")
    personas = folder / "personas.toml"
    mine = f'\n[personas.early]\nname = "Early Eve"\nsegments = ["{names[0]}"]\n'
    personas.write_text(personas.read_text("utf-8") + mine, "utf-8")

    again = told(*looked(survey, "--name", "kinds", "--seed", "99"))["segments"]
    added = told("discover", "--accept", "kinds")["added"]

    assert {segment["name"] for segment in again} == set(names)
    assert added == []
    assert load_workspace(folder).persona_of[names[0]] == "early"
    # the same answers, so the same markers and the same words; but other people gave them
    rows, _ = respondents()
    order = default_rng(7).permutation(PEOPLE)
    write_survey(survey, [rows[place] for place in order])
    others = told(*looked(survey, "--name", "kinds"))["segments"]
    assert not any(segment["kept_its_name"] for segment in others)
    assert not {segment["name"] for segment in others} & set(names)
    elsewhere = told(*looked(survey, "--name", "afresh"))["segments"]
    assert not {segment["name"] for segment in elsewhere} & set(names)


@pytest.mark.long
def test_sensitive_items_and_traits_make_no_segments_unless_the_purpose_names_them(
    folder: Path, survey: Path, told: Told
) -> None:
    text = (
        survey.read_text("utf-8").replace("item_b", "Do you have children?").replace("item_c", "religious affiliation")
    )
    survey.write_text(text, "utf-8")
    main = folder / "personasync.toml"
    trait = '\n[traits.union_member]\nconnection = "shop"\nproperty = "union_member"\ntype = "number"\n'
    main.write_text(main.read_text("utf-8") + trait, "utf-8")
    before = main.read_text("utf-8")

    left_out = told(*looked(survey, "--name", "kinds"))
    named = told(*looked(survey, "--item", "Do you have children?", "--item", "item_d"), status=2)["error"]["message"]
    described = told("discover", str(survey), "--describe", "religious affiliation", status=2)["error"]["message"]
    of_traits = told("discover", "--trait", "union_member", "--trait", "orders_total", status=2)["error"]["message"]
    kids = '\n[traits.kids]\nsurvey = "survey"\nitem = "Do you have children?"\ntype = "number"\n'
    main.write_text(f'{before}{kids}\n[sensitive]\npurpose = "Toys."\nallow = ["kids"]\n', "utf-8")
    allowed = told(*looked(survey, "--name", "kinds"))

    assert form_of(folder, "kinds") is not None
    notes = [note for note in left_out["notes"] if " is excluded" in note]
    assert [note.split(" is excluded")[0] for note in notes] == ["Do you have children?", "religious affiliation"]
    assert "The item 'Do you have children?' is sensitive: 'children' is about children" in named
    assert "The item 'religious affiliation' is sensitive" in described
    assert "The trait 'union_member' is sensitive" in of_traits
    assert len([note for note in allowed["notes"] if " is excluded" in note]) == 1
    main.write_text(before, "utf-8")  # the purpose is gone: what was found under it may not decide
    assert "is sensitive" in told("discover", "--accept", "kinds", status=2)["error"]["message"]


@pytest.mark.long
def test_latent_classes_have_a_form_with_probabilities(folder: Path, survey: Path, told: Told) -> None:
    summary = told(*looked(survey, "--method", "lca", "--name", "classes"))

    assert len(summary["segments"]) == 3
    assert summary["relative_entropy"] > 0.6
    form = form_of(folder, "classes")
    assert form is not None
    assert form.kind == "lca"
    model = LinearModel(**form.coefficients())
    numbers = np.array([[answer == "yes" for answer in row] for row in respondents()[0]], dtype=float)
    own = [form.segments[place] for place in score_rows(model, numbers).best]
    assert labels(folder, "classes") == {
        f"r{n}": label for n, label in enumerate(own)
    }  # each respondent their own class
    met = told("overlap", "classes", "classes")
    assert met["agreement"] == pytest.approx(1.0)
    assert all(cell["from"] == cell["to"] for cell in met["cells"])


def test_noise_is_refused_and_nothing_is_saved(folder: Path, told: Told) -> None:
    rng = default_rng(4)
    noise = [["yes" if answer else "no" for answer in row] for row in rng.random((PEOPLE, len(ITEMS))) < 0.5]

    summary = told(*looked(write_survey(folder / "noise.csv", noise), "--name", "noise"))

    assert summary["light"] == "red"
    assert "No segments" in summary["sentence"]
    assert summary["segments"] == []
    assert not (folder / "proposals").exists()


def test_a_spreadsheet_reads_as_the_text_does(folder: Path) -> None:
    rows, _ = respondents()
    book = openpyxl.Workbook()
    for row in [["who", *ITEMS, "age"], *([f"r{n}", *row, n] for n, row in enumerate(rows))]:
        book.active.append(row)
    book.save(folder / "survey.xlsx")
    tabs = write_survey(folder / "survey.tsv", rows, "\t")

    sheet, text = (
        from_file(path, wanted=ITEMS, respondent="who", beside=["age"], most=4)
        for path in (folder / "survey.xlsx", tabs)
    )

    assert sheet.people == text.people
    assert sheet.items.kind == text.items.kind == "binary"
    assert (sheet.items.values == text.items.values).all()


def changed(column: str, value: Callable[[int], str]) -> Callable[[list[dict[str, str]]], None]:
    def change(rows: list[dict[str, str]]) -> None:
        for number, row in enumerate(rows):
            row[column] = value(number)

    return change


BAD: list[tuple[Callable[[list[dict[str, str]]], None], str]] = [
    (changed("item_b", lambda _: "yes"), "item 'item_b': all answers are 'yes'; exclude it"),
    (changed("item_b", lambda _: ""), "item 'item_b': no values; exclude it"),
    (changed("who", lambda n: "twin" if n in {3, 8} else str(n)), "row 10: 'twin' already answered in row 5"),
    (changed("who", lambda n: "" if n == 3 else str(n)), "row 5: 'who' is empty"),
    (changed("item_b", lambda n: "often" if n == 7 else str(n % 5)), "item 'item_b': answer 8 is 'often'"),
    (lambda rows: rows.__delitem__(slice(3, None)), "finding up to 4 segments needs 20 people, you have 3"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD)
def test_a_survey_that_can_not_be_used_is_told_with_place_and_mend(
    folder: Path, told: Told, spoil: Callable[[list[dict[str, str]]], None], message: str
) -> None:
    rows = [
        {"who": f"r{n}", **dict(zip(ITEMS, row, strict=True)), "age": "30"} for n, row in enumerate(respondents()[0])
    ]
    spoil(rows)
    path = folder / "bad.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["who", *ITEMS, "age"])
        writer.writeheader()
        writer.writerows(rows)

    error = told(*looked(path), status=2)["error"]["message"]

    assert message in error
    assert "bad.csv" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trait", "shoe_size"], "There is no trait 'shoe_size'"),
        (["--trait", "country"], "'country' is a text"),
        (["--within", "nowhere"], "There is no segment 'nowhere'"),
        (["--method", "dbscan"], "Unknown method 'dbscan'"),
        (["--survey", "s", "--trait", "orders_total"], "can't be combined"),
        (["--survey", "s"], "The survey 's' has no answers"),
        (["--name", "../up"], "'../up' is not a valid name"),
        (["--accept", "nothing"], "Proposal 'nothing' not found"),
        ([], "a relation needs 2 items, you have 0"),
    ],
)
def test_what_can_not_be_looked_at_is_refused(told: Told, arguments: list[str], message: str) -> None:
    assert message in told("discover", *arguments, status=2)["error"]["message"]


def fill(folder: Path, rows: dict[str, pa.Table], at: datetime) -> None:
    with open_session(folder, now=lambda: at, environment={}) as session:
        for name, table in rows.items():
            session.warehouse.append(name, table, recorded_at=at)


def assigned(segments: list[str | None]) -> pa.Table:
    rows = [
        {"person_id": f"p{n}", "segment": segment, "source": "rules", "version": "v", "as_of": START, "since": START}
        for n, segment in enumerate(segments)
    ]
    return pa.Table.from_pylist(rows, schema=ASSIGNMENTS.columns)


def put_people(folder: Path, count: int) -> None:
    """Let the shop know people ``p0`` and so on: who has no active contact is counted nowhere."""
    rows = [{"connection": "shop", "platform_id": str(n), "state": "active"} for n in range(count)]
    fill(folder, {"contacts": pa.Table.from_pylist(rows, schema=CONTACTS.columns)}, START)
    with open_session(folder, now=lambda: START, environment={}) as session:
        session.control.links.write(IdentityChanges({f"shop:{n}": f"p{n}" for n in range(count)}, {}), "run")


def test_migration_counts_who_moved_between_two_moments(folder: Path, told: Told) -> None:
    put_people(folder, 4)
    fill(folder, {"assignments": assigned(["champions", "champions", "lapsed", None])}, START)
    fill(folder, {"assignments": assigned(["champions", "lapsed", "lapsed", "champions"])}, START + timedelta(days=2))

    migration = told("migration", "--from", "2026-03-02", "--to", "2026-03-04")

    people = {(cell["from"], cell["to"]): cell["people"] for cell in migration["cells"]}
    assert people == {
        ("champions", "champions"): 1, ("champions", "lapsed"): 1, ("lapsed", "lapsed"): 1, (None, "champions"): 1,
    }  # fmt: skip
    assert migration["stayed"] == pytest.approx(0.5)
    told("migration", "--from", "2026-03-04", "--to", "2026-03-02", status=2)
    error = told("migration", "--from", "2026-02-01", status=2)["error"]["message"]
    assert "The first assignments were at 2026-03-01 00:00" in error


@pytest.mark.long
def test_answers_that_were_pulled_are_looked_at_within_a_segment(folder: Path, told: Told) -> None:
    rows, _ = respondents(5)
    told_by = [
        {"connection": "shop", "contact_key": f"shop:{n}", "survey": "needs", "item": item, "value": value, "at": START}
        for n, row in enumerate(rows)
        for item, value in zip(ITEMS, row, strict=True)
    ]
    table = pa.Table.from_pylist(told_by, schema=SURVEY_ANSWERS.columns)
    parent = "everybody"
    (folder / "segments.toml").write_text('[[segments]]\nname = "everybody"\nrule = "platforms >= 1"\n', "utf-8")
    fill(folder, {"survey_answers": table}, START)
    put_people(folder, PEOPLE)
    fill(folder, {"assignments": assigned([parent] * PEOPLE)}, START)

    summary = told("discover", "--survey", "needs", "--within", parent, "--max-segments", "4", "--name", "inside")

    assert len(summary["segments"]) == 3
    added = told("discover", "--accept", "inside")["added"]
    assert len(added) == 3
    assert {segment.parent for segment in load_workspace(folder).segments if segment.name in added} == {parent}
    met = told("overlap", "inside")
    assert {cell["to"] for cell in met["cells"]} == {parent}
