"""Who may not be profiled is told so, and erased with the objection and the rows that no reader sees any more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.records import ENGAGEMENTS, TABLES
from sync.clock import now
from sync.session import open_session
from tests.sync.consent.test_by_purpose import PURPOSES, Shop

ADDRESS = "bob@people.test"  # said no to profiling, opened a campaign


@pytest.mark.long
def test_withheld_rows_are_exported_and_erased_and_totals_do_not_begin_to_count_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(tmp_path / "shop", capsys, PURPOSES)
    assert shop("pull")[0] == 4  # an answer that nobody understands
    assert shop("object", ADDRESS)[0] == 0
    assert shop("assign")[0] == 0
    data, letter = tmp_path / "data.json", tmp_path / "letter.txt"

    assert shop("export", "person", ADDRESS, "--out", str(data))[0] == 0
    assert shop("export", "person", ADDRESS, "--letter", "--out", str(letter))[0] == 0

    document = json.loads(data.read_text("utf-8"))
    assert document["purposes"]["profiling"]["allowed"] is False
    assert "contacts" in document["data"]
    assert not document["traits"]
    assert "- profiling: no (" in letter.read_text("utf-8")
    with open_session(shop.folder, now=now, environment={}) as session:
        assert session.control.objections.newest() is not None
        counted = session.warehouse.current(ENGAGEMENTS.name).count().to_pyarrow().as_py()

    assert shop("forget", ADDRESS, "--yes")[0] == 0

    state = shop.folder / ".personasync"
    assert not [path for path in state.rglob("*") if path.is_file() and ADDRESS.encode() in path.read_bytes()]
    with open_session(shop.folder, now=now, environment={}) as session:
        assert session.warehouse.current(ENGAGEMENTS.name).count().to_pyarrow().as_py() == counted
        key = f"mailto:{ADDRESS}"
        assert not session.control.objections.of([key])
        held = [session.warehouse.everything(name).to_pyarrow().to_pylist() for name in TABLES]
        assert ADDRESS not in json.dumps(held, default=str)


@pytest.mark.long
def test_a_control_store_of_another_name_is_erased_from_and_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(tmp_path / "shop", capsys, PURPOSES)
    main, store = tmp_path / "shop" / "personasync.toml", tmp_path / "shop" / ".personasync" / "state.db"
    main.write_text(
        main.read_text("utf-8").replace("[workspace]", f'[workspace]\nstate = "sqlite:///{store}"'), "utf-8"
    )
    assert [shop("pull")[0], shop("assign")[0]] == [4, 0]
    assert b"ada@people.test" in store.read_bytes()

    status, out, error = shop("forget", "ada@people.test", "--yes")

    assert status == 0, error
    assert "Deleted" not in out
    assert b"ada@people.test" not in store.read_bytes()
    assert shop("status")[0] == 0
