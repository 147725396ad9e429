"""A backup of before brings nobody back: who was erased stays erased, and every no since then stays a no."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.clock import now
from sync.session import open_session
from tests.sync.consent.test_by_purpose import PURPOSES, Shop

ERASED, OBJECTS = "ada@people.test", "cid@people.test"


def named_in(folder: Path, text: str) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.long
def test_a_restored_backup_forgets_no_erasure_and_no_objection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop, saved = Shop(tmp_path / "shop", capsys, PURPOSES), tmp_path / "saved.tar.gz"
    assert shop("pull")[0] == 4  # an answer that nobody understands
    assert shop("assign")[0] == 0
    assert shop("backup", "--out", str(saved))[0] == 0
    assert shop("object", OBJECTS)[0] == 0
    status, out, error = shop("forget", ERASED, "--yes")
    assert status == 0, error
    assert f"{saved} is of before and may hold them" in " ".join((out + error).split())

    status, out, error = shop("restore", str(saved))
    assert status == 0, error

    said = " ".join((out + error).split())
    assert "1 person who was erased since then is erased again" in said
    state = shop.folder / ".personasync"
    assert named_in(state, ERASED) == []
    assert shop("pull")[0] == 4
    assert named_in(state, ERASED) == []
    with open_session(shop.folder, now=now, environment={}) as session:
        assert session.control.objections.of([f"mailto:{OBJECTS}"])
        assert session.control.links.of_keys([f"mailto:{ERASED}"]) == {}
