"""Personas from evidence: drafted behind what people wrote, facts kept as versions, shown and compared."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.cli.main import run
from sync.clock import now
from sync.ops.doctor import examine
from sync.personas import drafts as persona_drafts
from sync.session import open_session
from sync.workspace.proposals import ProposalFile, ProposalPart, ProposedPart, save
from sync.workspace.scaffold import Answers, NewConnection, write_workspace
from sync.workspace.settings import load_workspace
from tests.examples import examples
from tests.sync.described_people import PEOPLE, PERSONAS, described_people, write_people

Told = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of files alone, without orders and mails, whose people are assigned."""
    return described_people(tmp_path_factory.mktemp("described") / "workspace")


@pytest.fixture(scope="session")
def drafted(described: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, after `personas draft --all`."""
    folder = Path(shutil.copytree(described, tmp_path_factory.mktemp("drafted") / "workspace"))
    assert run(["personas", "draft", "--all", "--workspace", str(folder)]) == 0
    return folder


@pytest.fixture
def folder(request: pytest.FixtureRequest, described: Path, tmp_path: Path) -> Path:
    """A workspace of the test's own: as `drafted` where the test names it, else before any draft."""
    described = request.getfixturevalue("drafted") if "drafted" in request.fixturenames else described
    return Path(shutil.copytree(described, tmp_path / "workspace"))


@pytest.fixture
def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    def answer(*arguments: str, status: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert run([*arguments, "--workspace", str(folder), "--json"]) == status
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return answer


def said(card: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(fact["trait"], fact["value"]): fact for fact in card["profile"]["distinctive_traits"]}


def test_a_segment_gets_a_draft_behind_what_people_wrote(folder: Path, told: Told) -> None:
    before = (folder / "personas.toml").read_bytes()

    done = told("personas", "draft", "gold")

    after = (folder / "personas.toml").read_bytes()
    assert after.startswith(before)
    assert done["drafted"] == {"gold": "gold"}
    persona = tomllib.loads(after.decode())["personas"]["gold"]
    assert persona["name"] == "Gold members"
    assert persona["story"] == persona["quote"] == persona["picture"] == ""
    assert "fields.headline" in done["to_write"]["gold"]
    assert load_workspace(folder).persona_of["alpine_gold"] == "gold"


def test_facts_stand_by_family_with_figures_and_without_what_is_sensitive(drafted: Path, told: Told) -> None:
    card = told("personas", "show", "gold")

    facts = said(card)
    country = facts["country", "CH"]
    assert country["family"] == "geographic"
    assert country["index"] == pytest.approx(100 * country["here"] / country["everywhere"], rel=1e-3)
    assert 100 < country["index_low"] < country["index"] < country["index_high"]
    assert facts["language", "fr"]["family"] == "cultural"
    assert facts["source", "fr"]["index"] == facts["language", "fr"]["index"]  # its name is also one of an assignment's
    assert facts["age", ""]["family"] == "demographic"
    assert facts["tier", "gold"]["base"]
    assert not any("diabetes" in str(fact) for fact in card["profile"].values())
    typical = card["profile"]["typical"]
    assert typical["alike"] >= 20
    assert {fact["trait"]: fact["value"] for fact in typical["said"]}["country"] == "CH"
    assert not any("@" in fact["value"] for fact in typical["said"])
    assert card["profile"]["trust"]["grade"] == "fair"  # nothing but contact records was ever read
    assert card["invention"]["name"] == "Gold members"
    assert "story" in card["to_write"]


def test_a_sensitive_trait_is_said_for_a_named_purpose_only(folder: Path, told: Told) -> None:
    main = folder / "personasync.toml"
    text = (
        main.read_text("utf-8") + '\n[sensitive]\npurpose = "care plans that members asked for"\nallow = ["diabetes"]\n'
    )
    main.write_text(text, "utf-8")

    assert said(told("personas", "show", "olaf"))["diabetes", "no"]["here"] > 0.8


def test_the_family_of_a_mapped_trait_can_be_set(folder: Path, told: Told) -> None:
    main = folder / "personasync.toml"
    main.write_text(
        main.read_text("utf-8").replace('property = "age"', 'property = "age"\nfamily = "psychographic"'), "utf-8"
    )

    assert said(told("personas", "show", "olaf"))["age", ""]["family"] == "psychographic"
    main.write_text(main.read_text("utf-8").replace("psychographic", "ethnic"), "utf-8")
    assert "family" in told("personas", "show", "olaf", status=2)["error"]["message"]


@pytest.mark.slow
def test_drafting_again_changes_nothing(drafted: Path, folder: Path, told: Told) -> None:
    after = (folder / "personas.toml").read_bytes()

    again = told("personas", "draft", "--all")

    assert (again["drafted"], again["versions"]) == ({}, {})
    assert again["unchanged"] == ["olaf", "gold"]
    assert "'few' has 3 people; groups of fewer than 20" in again["skipped"]["few"]
    assert (folder / "personas.toml").read_bytes() == after


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


def test_what_a_person_wrote_stays_to_the_byte(folder: Path) -> None:
    """Whatever the text, its comments and its line ends; and the draft is read as it was meant."""
    path = folder / "personas.toml"
    with open_session(folder, now=now, environment={}) as session:

        @examples(40)
        @given(TEXTS, TEXTS, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n", "\n\n"]))
        def holds(story: str, remark: str, end: str, last: str) -> None:
            literal = json.dumps(story, ensure_ascii=False)
            lines = [*PERSONAS.splitlines(), f"# {remark}", "[personas.mine]", 'name = "Mine"', f"story = {literal}"]
            mine = (end.join(lines) + last.replace("\n", end)).encode()
            path.write_bytes(mine)
            session.reload()

            assert persona_drafts._write(session, ["gold"]) == {"gold": "gold"}
            assert path.read_bytes().startswith(mine)
            assert (b"\r\n" in path.read_bytes()) == (end == "\r\n")
            assert session.workspace.personas["mine"].story == story
            assert session.workspace.personas["gold"].segments == ("gold",)
            assert persona_drafts._wanted(session.workspace, "gold", {}) == ([], {})

        holds()


@pytest.mark.slow
def test_a_draft_that_would_not_load_is_taken_back(folder: Path, told: Told) -> None:
    path = folder / "personas.toml"
    closed = b'personas = {olaf = {name = "Olaf", segments = ["others"]}}\n'  # TOML lets nobody add to such a table
    path.write_bytes(closed)

    error = told("personas", "draft", "gold", status=2)["error"]["message"]

    assert "personas.toml is not valid TOML" in error
    assert path.read_bytes() == closed


@pytest.mark.long
def test_versions_tell_what_changed_in_facts_and_in_invention(drafted: Path, folder: Path, told: Told) -> None:
    path = folder / "personas.toml"
    path.write_text(path.read_text("utf-8").replace('name = "Gold members"', 'name = "Greta Gold"'), "utf-8")
    edited = told("personas", "diff", "--persona", "gold")["personas"]
    write_people(folder, seed=2, gold=0.6)
    assert run(["pull", "--workspace", str(folder)]) == 0
    assert run(["assign", "--workspace", str(folder)]) == 0

    stale = told("personas", "show", "gold")
    told("personas", "draft", "gold")
    (compared,) = told("personas", "diff", "--persona", "gold")["personas"]

    assert [change["sentence"] for change in edited[0]["changes"]] == ["name: “Greta Gold”, was “Gold members”."]
    assert "to update the profile" in stale["remark"]
    by_part = {change["part"]: change for change in compared["changes"] if change["verdict"] != "noise"}
    assert by_part["size"]["verdict"] == "real"
    assert by_part["invention"]["sentence"] == "name: “Greta Gold”, was “Gold members”."
    assert any(change["verdict"] == "noise" for change in compared["changes"])
    old = told("personas", "show", "gold", "--version", str(compared["old"]))
    assert old["invention"]["name"] == "Gold members"
    assert [version["version"] for version in old["versions"]] == [compared["old"], compared["new"]]
    assert "is not a version or a date" in told("personas", "diff", "soon", status=2)["error"]["message"]
    assert told("personas", "diff", "2020-01-01")["notes"] == [
        "olaf: there was no version at 2020-01-01.", "gold: there was no version at 2020-01-01.",
    ]  # fmt: skip
    (same,) = told("personas", "diff", str(compared["old"]), str(compared["new"]), "--persona", "gold")["personas"]
    assert same["changes"] == compared["changes"]


@pytest.mark.long
def test_doctor_names_facts_that_are_old_or_of_another_rule(drafted: Path, folder: Path) -> None:
    def findings(days: float) -> list[str]:
        later = now() + timedelta(days=days)
        with open_session(folder, now=lambda: later, environment={}) as session:
            return [
                finding.message
                for where, finding in examine(session, only="none")
                if where == "workspace" and finding.check == "personas"
            ]

    assert findings(29) == []
    assert findings(31) == [
        "The profile of olaf is 31 days old, more than 30.", "The profile of gold is 31 days old, more than 30.",
    ]  # fmt: skip
    personas = folder / "personas.toml"
    text = personas.read_text("utf-8").replace('picture = ""', 'picture = "../her.png"')
    personas.write_text(text, "utf-8")
    assert findings(1) == ["gold: '../her.png' can't be used."]
    personas.write_text(text.replace("../her.png", "her.png"), "utf-8")
    (folder / "her.png").write_bytes(b"no picture")
    assert findings(1) == ["gold: 'her.png' can't be used."]
    (folder / "her.png").write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    assert findings(1) == []
    segments = folder / "segments.toml"
    segments.write_text(segments.read_text("utf-8").replace("tier = 'none'", "tier = 'none' and age > 20"), "utf-8")
    assert findings(1) == ["The segments or rules of olaf changed since its profile was made."]


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["draft"], "Name a segment, or use --all"),
        (["draft", "gold", "--all"], "Name a segment, or use --all"),
        (["draft", "silver"], "There is no segment or persona 'silver'. There are: alpine_gold, gold"),
        (["draft", "few"], "The segment 'few' has 3 people; groups of fewer than 20 are not shown"),
        (["show", "silver"], "There is no persona 'silver'. personas.toml has: olaf"),
        (["show", "gold"], "The segment 'gold' has no persona yet. Run `personasync personas draft gold`"),
        (["show", "--version", "3"], "A version belongs to one persona"),
        (["show", "olaf", "--version", "3"], "There is no version 3 of 'olaf'. Its versions: none yet"),
        (["diff", "7"], "There is no version 7. The newest is 0"),
    ],
)
def test_what_can_not_be_done_is_said_with_the_mend(told: Told, arguments: list[str], message: str) -> None:
    assert message in told("personas", *arguments, status=2)["error"]["message"]


@pytest.mark.long
def test_an_accepted_proposal_is_described_before_anybody_is_assigned_by_it(folder: Path, told: Told) -> None:
    """The proposal's people in place of the assignments; its stability stands in the confidence."""
    with open_session(folder, now=now, environment={}) as session:
        people = sorted(set(session.control.links.load()["person_id"].to_pylist()))
        rows = session.warehouse.current("contacts").select("platform_id", "properties").to_pyarrow().to_pylist()
        keys = session.control.links.mapping()
    tier = {keys[f"shop:{row['platform_id']}"]: json.loads(row["properties"])["tier"] for row in rows}
    segments = [("kin_a", "gold", 0.91), ("kin_b", "none", 0.55)]
    parts = [
        ProposedPart(number=n, name=name, size=1, share=0.5, stability=firm)
        for n, (name, _, firm) in enumerate(segments, 1)
    ]
    made = ProposalPart(
        name="kin", made_at=now().isoformat(timespec="seconds"), light="green", sentence="Two.", source="model",
        method="kmeans", base=("age",), people=PEOPLE, k=2, seed=1,
    )  # fmt: skip
    number = {of: n for n, (_, of, _) in enumerate(segments, 1)}
    members = [(person, number[tier[person]]) for person in people if tier[person] in number]
    save(folder, ProposalFile(proposal=made, segments=tuple(parts)), members, None)
    told("discover", "--accept", "kin")

    assert "has 0 people" in told("personas", "draft", "kin_a", status=2)["error"]["message"]
    done = told("personas", "draft", "--all", "--proposal", "kin")

    assert done["drafted"] == {"kin_a": "kin_a", "kin_b": "kin_b"}
    card = told("personas", "show", "kin_a")
    assert said(card)["country", "CH"]["index"] > 100
    assert said(card)["age", ""]["base"]
    assert card["profile"]["trust"]["stability"][0]["jaccard"] == 0.91
    assert told("personas", "show", "kin_b")["profile"]["trust"]["grade"] == "weak"
    assert (
        "Proposal 'none' not found"
        in told("personas", "draft", "--all", "--proposal", "none", status=2)["error"]["message"]
    )


def test_nobody_is_described_before_anybody_is_assigned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "workspace"
    files = {"contacts": "contacts.csv", "orders": "orders.csv"}
    write_workspace(folder, Answers("Acme", (NewConnection("shop", "files", files),)))

    assert run(["personas", "draft", "--all", "--workspace", str(folder)]) == 2
    assert "Nobody is assigned yet" in capsys.readouterr().err
    assert run(["personas", "show", "--workspace", str(folder)]) == 0
    assert "none yet" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.slow
def test_one_segment_of_everybody_and_people_of_whom_nothing_is_known_are_told_plainly(
    folder: Path, told: Told
) -> None:
    (folder / "segments.toml").write_text('[[segments]]\nname = "others"\nrule = "true"\n', "utf-8")
    rows = "".join(f"{n},p{n}@people.test,,,,\n" for n in range(60))
    (folder / "contacts.csv").write_text("id,email,tier,language,age,diabetes\n" + rows, "utf-8")
    for command in ("pull", "assign"):
        assert run([command, "--workspace", str(folder)]) == 0

    done = told("personas", "draft", "--all")

    assert done["silent"] == {"olaf": "All people are in it, so there is nobody to compare with."}
    assert told("personas", "show", "olaf")["profile"]["distinctive_traits"] == []


def test_people_read_the_card_with_invention_apart_from_facts(
    drafted: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["personas", "show", "gold", "--workspace", str(folder)]) == 0
    shown = capsys.readouterr().out.replace("\n", " ")
    facts, invention = shown.split("PROFILE, written by your team")

    for words in ("Geographic", "country", "CH", "index", "Typical member", "Euclidean distance", "Confidence", "Fair"):
        assert words in facts
    assert "Gold members" in invention
    assert run(["personas", "show", "--workspace", str(folder)]) == 0
    assert "Segments without a persona: few" in capsys.readouterr().out.replace("\n", " ")
