"""A proof is left out only while all that it depends on is as it was when it passed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.proven import RECORD, Proofs

PROOF = "tests/segmenter/test_a.py::test_it[1]"
LOOP = "tests/sync/test_b.py::test_loop"
FILES = {
    "segmenter/__init__.py": "",
    "segmenter/used.py": "def used():\n    from segmenter import deep\n",
    "segmenter/deep.py": "X = 1\n",
    "segmenter/other.py": "X = 1\n",
    "segmenter/table.toml": "x = 1\n",
    "sync/__init__.py": "",
    "sync/job.py": "import segmenter.used\n",
    "sync/unrelated.py": "",
    "connectors/__init__.py": "",
    "plugin.toml": "",
    "tests/conftest.py": "import sync.job\n",
    "tests/segmenter/helpers.py": "",
    "tests/segmenter/test_a.py": "from segmenter.used import used\nfrom tests.segmenter import helpers\n",
    "tests/sync/test_b.py": "from sync import job\n",
}


@pytest.fixture
def proofs(tmp_path: Path) -> Proofs:
    """A checkout in which both proofs have passed."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    Proofs(tmp_path, tmp_path / "proven.json").keep({PROOF, LOOP}, set())
    return Proofs(tmp_path, tmp_path / "proven.json")


@pytest.mark.parametrize(
    ("changed", "left_out"),
    [
        ("segmenter/used.py", set()),
        ("segmenter/deep.py", set()),
        ("segmenter/table.toml", set()),
        ("tests/conftest.py", set()),
        ("tests/segmenter/helpers.py", {LOOP}),
        ("tests/segmenter/test_a.py", {LOOP}),
        ("segmenter/other.py", {PROOF}),
        ("sync/unrelated.py", {PROOF}),
        ("plugin.toml", {PROOF}),
        ("tests/sync/test_b.py", {PROOF}),
        ("", {PROOF, LOOP}),
    ],
)
def test_a_proof_runs_again_where_what_it_depends_on_has_changed(
    proofs: Proofs, changed: str, left_out: set[str]
) -> None:
    if changed:
        path = proofs.root / changed
        path.write_text(path.read_text("utf-8") + "# changed\n", "utf-8")

    assert proofs.proven() == left_out


def test_another_release_of_a_library_proves_nothing(proofs: Proofs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.proven.version", lambda _: "another")

    assert proofs.proven() == set()


def test_who_failed_and_whose_file_is_gone_is_forgotten(proofs: Proofs) -> None:
    proofs.keep(set(), {PROOF})
    (proofs.root / LOOP.partition("::")[0]).unlink()

    assert proofs.proven() == set()
    proofs.keep(set(), set())
    assert json.loads(proofs.record.read_text("utf-8")) == {}


def test_what_is_recorded_are_proofs(project: Path) -> None:
    for name in json.loads(RECORD.read_text("utf-8")):
        assert "mark.proof" in (project / name.partition("::")[0]).read_text("utf-8"), name
