"""Consent by purpose, from outside: who is in no segment, whose opens are absent, who is in no audience, and why."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.records import ENGAGEMENTS, LAST_OPENS
from sync.cli.main import run
from sync.clock import now
from sync.session import open_session

pytestmark = pytest.mark.slow  # each test runs several commands

Run = Callable[..., tuple[int, str, str]]

CONTACTS = """\
email,status,country,profiling_ok,profiling_at,tracking_ok,ads_ok,objects
ada@people.test,subscribed,CH,Yes,2026-01-02,ja,opt-in,
bob@people.test,subscribed,CH,No,2026-02-03,true,,
cid@people.test,subscribed,CH,,,1,yes,
dan@people.test,subscribed,CH,vielleicht,,1,yes,
eva@people.test,subscribed,CH,TRUE,,no,yes,
fay@people.test,subscribed,CH,1,,yes,yes,x
"""
EVENTS = """\
email,event,campaign,at
ada@people.test,open,c1,2026-11-01
ada@people.test,click,c1,2026-11-01
bob@people.test,open,c1,2026-11-01
eva@people.test,open,c1,2026-11-05
eva@people.test,open,c2,2026-11-03
eva@people.test,click,c1,2026-11-06
"""
PURPOSES = """\
[consent.profiling]
basis = "consent"
sources = [{ connection = "shop", column = "profiling_ok", date = "profiling_at" }]
[consent.tracking]
basis = "consent"
sources = [{ connection = "shop", column = "tracking_ok" }]
[consent.advertising]
sources = [{ connection = "shop", column = "ads_ok" }]
[consent.objection]
sources = [{ connection = "shop", column = "objects" }]
"""


class Shop:
    """A workspace of files; commands run in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str] | None, purposes: str | None) -> None:
        self.folder, self._capsys = folder, capsys
        if purposes is None:
            return
        folder.mkdir()
        (folder / "contacts.csv").write_text(CONTACTS)
        (folder / "events.csv").write_text(EVENTS)
        self.settings(purposes)
        (folder / "segments.toml").write_text(
            '[[segments]]\nname = "openers"\nrule = "opens_365d >= 1"\n[[segments]]\nname = "swiss"\n'
            "rule = \"land = 'CH'\"\n"
        )
        (folder / "personas.toml").write_text(
            '[personas.heidi]\nname = "Heidi"\nsegments = ["swiss", "openers"]\n'
            '[personas.heidi.fields]\nheadline = "Mountains"\n'
            '[fields.headline]\nlabel = "Headline"\ntype = "text"\nfallback = "Hello"\n'
        )

    def settings(self, purposes: str) -> None:
        (self.folder / "personasync.toml").write_text(
            '[workspace]\nname = "Shop"\n[connections.shop]\nconnector = "files"\ncontacts = "contacts.csv"\n'
            'events = "events.csv"\n[traits.land]\nconnection = "shop"\nproperty = "country"\n'
            f"[personalize]\nmin_audience = 0\n{purposes}"
        )

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        assert self._capsys is not None
        self._capsys.readouterr()
        status = run([*arguments, "--workspace", str(self.folder)])
        output = self._capsys.readouterr()
        return status, output.out, output.err

    def document(self, *arguments: str) -> dict[str, Any]:
        status, out, err = self(*arguments, "--json")
        assert status == 0, err
        parsed: dict[str, Any] = json.loads(out)
        return parsed

    def stored(self, name: str) -> set[str]:
        """Whose rows a table holds, those that nobody may read too: an address of each person."""
        with open_session(self.folder, now=now, environment={}) as session:
            rows = session.warehouse.everything(name).to_pyarrow().to_pylist()
            links = session.control.links.mapping()
        persons = {row["person_id"] for row in rows}
        return {key for key, person in links.items() if person in persons and key.startswith("mailto:")}

    def people(self) -> dict[str, dict[str, str]]:
        path = self.folder / "people.csv"
        assert self("export", "people", "--out", str(path))[0] == 0
        with path.open(encoding="utf-8", newline="") as file:
            return {row["email"].partition("@")[0]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def assigned_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pulled and assigned, with every purpose fed by a column."""
    shop = Shop(tmp_path_factory.mktemp("assigned") / "ws", None, PURPOSES)
    for command in ("pull", "assign"):
        assert run([command, "--workspace", str(shop.folder)]) in {0, 4}
    return shop.folder


@pytest.fixture
def shop(assigned_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    """A copy of it for one test."""
    shutil.copytree(assigned_folder, tmp_path / "ws")
    return Shop(tmp_path / "ws", capsys, None)


def test_only_a_yes_lets_a_person_be_profiled_and_an_objection_ends_it(shop: Shop) -> None:
    people = shop.people()

    assert {name: row["segment"] for name, row in people.items()} == {
        "ada": "openers", "bob": "", "cid": "", "dan": "", "eva": "swiss", "fay": ""
    }  # fmt: skip
    assert {name: row["headline"] for name, row in people.items() if row["headline"] != "Hello"} == {
        "ada": "Mountains", "eva": "Mountains"
    }  # fmt: skip


def test_without_tracking_opens_are_absent_and_only_the_day_of_the_last_one_is_kept(shop: Shop) -> None:
    traits = shop.document("explain", "eva@people.test")["traits"]
    with open_session(shop.folder, now=now, environment={}) as session:
        kept = session.warehouse.everything(ENGAGEMENTS.name).to_pyarrow().to_pylist()
        opened = session.warehouse.current(LAST_OPENS.name).to_pyarrow().to_pylist()

    assert [traits[name] for name in ("opens_365d", "clicks_365d", "days_since_open", "favourite_hour")] == [None] * 4
    assert traits["opens_trend_90d"] is traits["open_rate_90d_shrunk"] is None
    assert (traits["replies_365d"], traits["orders_total"]) == (0.0, 0.0)
    assert {row["contact_key"] for row in kept} == {"mailto:ada@people.test", "mailto:bob@people.test"}
    assert [(row["contact_key"], str(row["day"])) for row in opened] == [("mailto:eva@people.test", "2026-11-05")]


def test_explain_names_which_consent_allowed_what(shop: Shop) -> None:
    ada, bob = (shop.document("explain", f"{name}@people.test")["purposes"] for name in ("ada", "bob"))
    fay = shop.document("explain", "fay@people.test")
    _, text, _ = shop("explain", "bob@people.test")

    assert ada["profiling"] == {
        "purpose": "profiling",
        "allowed": True,
        "basis": "consent",
        "reason": "'Yes' in shop, property profiling_ok since 2026-01-02",
        "source": "shop, property profiling_ok",
        "answer": "Yes",
        "day": "2026-01-02",
    }
    assert (ada["tracking"]["answer"], ada["advertising"]["answer"]) == ("ja", "opt-in")
    assert not bob["profiling"]["allowed"]
    assert "profiling: no ('No' in shop, property profiling_ok since 2026-02-03; legal basis: consent)" in text
    assert fay["traits"] == {}
    assert fay["segment"] is None
    assert [fay["purposes"][name]["allowed"] for name in ("profiling", "tracking", "advertising")] == [False] * 3
    assert fay["purposes"]["mailing"]["allowed"]


def test_a_word_that_is_in_no_table_is_named_with_its_place_and_is_no_consent(shop: Shop) -> None:
    status, out, _ = shop("pull", "--full")

    assert status == 4
    assert "shop, property profiling_ok: 'vielleicht' is not understood as a yes or a no (1 contacts, such as " in out
    assert "never counts as consent" in out


@pytest.mark.long
def test_an_audience_for_advertising_asks_its_own_purpose(shop: Shop) -> None:
    document = shop.document("export", "audience", "swiss", "--out", str(shop.folder / "ads.csv"))

    assert document["rows"] == 1  # eva; ada is in "openers", the others in no segment
    assert "[consent.advertising]" in document["notes"][0]


@pytest.mark.long
def test_an_objection_counts_at_once_and_can_be_taken_back(shop: Shop) -> None:
    noted = shop.document("object", "Ada@people.test", "--by", "dpo")
    at_once = shop.people()["ada"]
    explained = shop.document("explain", "ada@people.test")
    assigned = shop.document("assign")
    stored = shop.stored("assignments")
    again = shop.document("object", "ada@people.test", "--withdraw")
    shop("assign")

    assert (noted["objects"], noted["changed"]) == (True, True)
    assert (at_once["segment"], at_once["headline"]) == ("", "Hello")  # before anything was assigned anew
    assert explained["traits"] == {}
    assert "(noted by dpo)" in explained["purposes"]["profiling"]["reason"]
    assert assigned["withheld"] == {"profiling": 5, "tracking": 3, "advertising": 3}
    assert stored == {"mailto:eva@people.test"}
    assert not again["objects"]
    assert shop.people()["ada"]["segment"] == "swiss"  # the opens are gone for good


@pytest.mark.long
def test_assign_follows_what_changed_while_somebody_may_not_be_profiled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(tmp_path / "shop", capsys, PURPOSES)
    contacts, events = shop.folder / "contacts.csv", shop.folder / "events.csv"
    many = [f"p{number}@people.test,subscribed,CH,yes,,yes,yes," for number in range(40)]  # few of them change
    contacts.write_text(CONTACTS + "\n".join(many) + "\n")
    assert shop("pull")[0] == 4  # an answer that nobody understands
    assert shop("assign")[0] == 0
    events.write_text(EVENTS + "p7@people.test,open,c1,2026-11-07\n")

    assert shop("pull")[0] == 4
    status, _, error = shop("assign")

    assert status == 0, error
    assert shop.people()["p7"]["segment"] == "openers"


def test_a_purpose_that_no_source_feeds_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop(tmp_path / "ws", capsys, '[consent.tracking]\nbasis = "consent"\n')
    status, _, err = shop("pull")

    assert status == 2
    assert "personasync.toml, line 13: [consent.tracking] needs consent, but no source feeds it" in err
    for wrong, sentence in (
        ('[consent.profiling]\nsources = [{ connection = "crm", column = "x" }]\n', "there is no connection 'crm'"),
        ('[consent.profiling]\nsources = [{ connection = "shop", property = "x" }]\n', "Use `column` there"),
        ('[consent.profiling]\nsources = [{ connection = "shop" }]\n', "exactly one of property, merge_field"),
        ('[consent.profiling]\nbasis = "hope"\n', "'consent', 'legitimate interest' or 'contract'"),
        ("[consent.selling]\n", "unknown key 'selling'"),
    ):
        shop.settings(wrong)
        assert sentence in shop("pull")[2]


@pytest.mark.long
def test_without_a_source_nothing_changes_until_somebody_objects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(tmp_path / "ws", capsys, "")
    shop("pull")
    shop("assign")
    before = shop.people()
    shop("object", "bob@people.test")
    after = shop.people()

    assert before.pop("bob")["segment"] == "openers"
    assert after.pop("bob")["segment"] == ""
    assert before == after


@pytest.mark.long
def test_where_nobody_may_be_profiled_the_steps_still_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop(tmp_path / "ws", capsys, PURPOSES)
    (shop.folder / "contacts.csv").write_text(
        "email,status,country,profiling_ok,profiling_at,tracking_ok,ads_ok,objects\nada@people.test,subscribed,CH,,,,,\n"
    )
    assert shop("pull")[0] in {0, 4}

    status, out, _ = shop("assign")
    explained = shop.document("explain", "ada@people.test")

    assert status == 0
    assert "profiling: 1 person is left out, without consent or after an objection" in out
    assert explained["purposes"]["profiling"]["reason"] == "no consent is on record"
    assert shop.people()["ada"]["headline"] == "Hello"


@pytest.mark.long
def test_a_no_counts_whatever_its_column_is_called(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On legitimate interest, a no that is not found would let the person be profiled."""
    odd = 'Profiling (e.mail/post) "OK" o\'clock *'
    rule = f'[consent.profiling]\nsources = [{{ connection = "shop", column = {json.dumps(odd)} }}]\n'
    shop = Shop(tmp_path / "shop", capsys, rule)
    (tmp_path / "shop" / "contacts.csv").write_text(
        f'email,status,country,"{odd.replace(chr(34), 2 * chr(34))}"\n'
        "ada@people.test,subscribed,CH,Yes\nbob@people.test,subscribed,CH,No\n"
    )

    assert [shop("pull")[0], shop("assign")[0]] == [0, 0]
    assert shop.document("explain", "ada@people.test")["segment"] == "openers"
    assert shop.document("explain", "bob@people.test")["segment"] is None


def test_a_trait_of_a_column_that_reads_as_a_path_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(tmp_path / "shop", capsys, "")
    main = tmp_path / "shop" / "personasync.toml"
    main.write_text(main.read_text("utf-8").replace('property = "country"', 'property = "e.country"'), "utf-8")

    status, _, error = shop("pull")
    assert status == 2
    assert "'e.country' can't be read as a trait" in error
    assert "Rename the column" in error
