"""A persona of which nothing can be said says why; and a draft stands behind what was there."""

from __future__ import annotations

from pathlib import Path

import pytest

from segmenter.profile.differences import GroupTest
from segmenter.profile.facts import Measured
from segmenter.profile.trust import Trust
from sync.persona_facts import _silent
from sync.toml_places import append_text


@pytest.mark.parametrize(
    ("people", "compared", "says"),
    [(19, 3, "Nothing is said of 19 people"), (100, 3, "Everybody is in it"), (50, 0, "No trait has values"),
     (50, 3, "Nothing tells its people from the others: 3 traits were compared")],
)  # fmt: skip
def test_a_persona_without_facts_says_why(people: int, compared: int, says: str) -> None:
    measured = [Measured("x", ((),), GroupTest("chi-squared", 1.0, 0.5), None)] * compared

    assert says in _silent(Trust(people, 100), (), measured, 20)


def test_a_file_without_an_end_of_line_gets_one_first(tmp_path: Path) -> None:
    path = tmp_path / "personas.toml"
    for before, after in ((b"", b"b = 2\n"), (b"a = 1", b"a = 1\n\nb = 2\n"), (b"a = 1\n", b"a = 1\n\nb = 2\n")):
        path.write_bytes(before)
        assert append_text(path, "b = 2\n") == before
        assert path.read_bytes() == after
