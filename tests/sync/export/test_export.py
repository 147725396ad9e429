"""Exports: who is in a file, in which columns, and that no cell of one is run by a spreadsheet."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from connectors.errors import FixSettingsError
from connectors.files.table import read_table
from sync.cli.main import run
from sync.export.write import write_rows
from tests.sync.conftest import Platforms

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]

CONTACTS = """\
email,status,country
ada@people.test,subscribed,CH
Bob@People.test,unsubscribed,CH
=cmd@people.test,subscribed,CH
dan@people.test,unknown,DE
,subscribed,CH
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of one file, pulled and assigned."""
    folder = tmp_path_factory.mktemp("shop") / "ws"
    folder.mkdir()
    (folder / "contacts.csv").write_text(CONTACTS)
    (folder / "personasync.toml").write_text(
        '[workspace]\nname = "Shop"\n[connections.shop]\nconnector = "files"\ncontacts = "contacts.csv"\n'
        '[traits.land]\nconnection = "shop"\nproperty = "country"\n[personalize]\nmin_audience = 0\n'
    )
    (folder / "segments.toml").write_text('[[segments]]\nname = "swiss"\nrule = "land = \'CH\'"\n')
    (folder / "personas.toml").write_text(
        '[personas.heidi]\nname = "Heidi"\nsegments = ["swiss"]\n[personas.heidi.fields]\nheadline = "@home"\n'
        '[fields.headline]\nlabel = "Headline"\ntype = "text"\nfallback = "Hello"\n'
    )
    assert run(["pull", "--workspace", str(folder)]) in {0, 3, 4}
    assert run(["assign", "--workspace", str(folder)]) == 0
    return folder


@pytest.fixture
def shop(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a workspace of the test's own."""
    folder = shutil.copytree(whole, tmp_path / "ws")
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run([*arguments, "--workspace", str(folder)])
        output = capsys.readouterr()
        return status, output.out, output.err

    return command


def lines(path: str) -> list[dict[str, Any]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_people_are_written_with_segment_persona_reason_and_fields(shop: Run) -> None:
    status, output, _ = shop("export", "people", "--out", "people.csv")
    people = {row["email"]: row for row in lines("people.csv")}

    assert (status, "Wrote 4 people to people.csv." in output) == (0, True)
    assert list(people["ada@people.test"]) == [
        "email", "segment", "persona", "confidence", "reason", "consent", "headline"
    ]  # fmt: skip
    assert (people["ada@people.test"]["segment"], people["ada@people.test"]["persona"]) == ("swiss", "Heidi")
    assert "land = 'CH'" in people["ada@people.test"]["reason"]
    assert {row["confidence"] for row in people.values()} == {
        ""
    }  # by rules: nothing measured how likely they are right
    assert people["dan@people.test"]["headline"] == "Hello"
    assert people["bob@people.test"]["consent"] == "unsubscribed"
    assert people["'=cmd@people.test"]["headline"] == "'@home"  # neither is run by a spreadsheet
    assert Path("people.csv").stat().st_mode & 0o077 == 0


def test_a_segment_is_written_as_excel_and_parquet(shop: Run) -> None:
    _, output, _ = shop("export", "segment", "swiss", "--out", "swiss.xlsx", "--json")
    shop("export", "segment", "swiss", "--out", "swiss.parquet")
    sheet = openpyxl.load_workbook("swiss.xlsx").active
    cells = {cell.value: cell.data_type for row in sheet.iter_rows() for cell in row}
    table = pq.read_table("swiss.parquet")

    assert json.loads(output)["rows"] == table.num_rows == 3
    assert (cells["=cmd@people.test"], cells["@home"], cells["email"]) == ("s", "s", "s")
    assert table["email"].to_pylist() == ["=cmd@people.test", "ada@people.test", "bob@people.test"]
    assert read_table(Path("swiss.xlsx")).headers[:2] == ("email", "segment")
    for wrong, why in (("moon", "There is no segment 'moon'"), ("swiss", "has no suffix that can be written")):
        status, _, error = shop("export", "segment", wrong, "--out", "x.csv" if wrong == "moon" else "x.doc")
        assert (status, why in error) == (2, True)


@pytest.mark.long
def test_excluded_people_are_in_no_file_for_a_platform(shop: Run) -> None:
    path = Path("ws/personasync.toml")
    path.write_text(path.read_text("utf-8") + '[exclude]\naddresses = ["ada@people.test"]\n', "utf-8")
    shop("assign")
    _, audience, _ = shop("export", "audience", "swiss", "--out", "audience.csv", "--json")
    _, hubspot, _ = shop("export", "people", "--for", "hubspot", "--out", "hubspot.csv", "--json")

    assert json.loads(audience)["rows"] == json.loads(hubspot)["rows"] == 1
    assert {row["Email"] for row in lines("hubspot.csv")} == {"'=cmd@people.test"}


def test_an_audience_holds_hashes_of_those_who_said_yes(shop: Run) -> None:
    _, output, _ = shop("export", "audience", "swiss", "--out", "audience.csv")

    expected = {hashlib.sha256(who.encode()).hexdigest() for who in ("ada@people.test", "=cmd@people.test")}
    assert {row["email"] for row in lines("audience.csv")} == expected
    assert "Left out: 1 people: no consent." in output
    assert "people.test" not in Path("audience.csv").read_text("utf-8")


@pytest.mark.usefixtures("ready")
def test_columns_are_those_of_the_importers(platforms: Platforms, say: Run, tmp_path: Path) -> None:
    files = {name: str(tmp_path / f"{name}.csv") for name in ("hubspot", "mailchimp", "plan", "plan_for")}
    _, output, _ = say("export", "people", "--for", "hubspot", "--out", files["hubspot"], "--json")
    say("export", "people", "--for", "mailchimp", "--out", files["mailchimp"])
    say("plan")
    say("export", "plan", "--out", files["plan"])
    say("export", "plan", "--for", "mailchimp", "--out", files["plan_for"])
    crm, email = lines(files["hubspot"]), lines(files["mailchimp"])
    changes, wide = lines(files["plan"]), lines(files["plan_for"])

    assert {"Email", "Persona (personasync)", "Segment (personasync)", "Headline"} <= set(crm[0])
    assert {"Email Address", "Persona", "Headline", "Tags"} <= set(email[0])
    assert any(row["Tags"].startswith("ps:") for row in email)
    assert json.loads(output)["left_out"]
    assert {"connection", "email", "kind", "name", "before", "after"} <= set(changes[0])
    planned = {
        row["email"]: row["after"] for row in changes if row["connection"] == "email" and row["name"] == "PERSONA"
    }
    assert {row["Email Address"]: row["Persona"] for row in wide if row["Persona"]} == planned
    status, _, error = say("export", "plan", "--for", "word", "--out", files["plan"])
    assert (status, "Use --for hubspot or mailchimp" in error) == (2, True)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(FixSettingsError, match="can't be written"):
        write_rows(tmp_path / "none" / "x.csv", ["a"], [["b"]])
    with pytest.raises(FixSettingsError, match="do not fit into an Excel sheet"):
        write_rows(tmp_path / "x.xlsx", ["a"], [[1]] * 1_048_576)

    assert list(tmp_path.iterdir()) == []
