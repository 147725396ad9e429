"""What facts stand on is known, and a persona of which nothing can be said says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from segmenter.profile.credibility import Trust
from segmenter.profile.distinctive_traits import TraitTest
from segmenter.stats.group_tests import GroupTest
from sync.clock import now
from sync.personas.drafts import draft
from sync.personas.profiles import _silent
from sync.session import open_session
from sync.workspace.toml_reader import append_text
from tests.sync.described_people import described_people


@pytest.mark.parametrize(
    ("people", "compared", "says"),
    [(19, 3, "Too few people for figures (19)"), (100, 3, "All people are in it"), (50, 0, "No trait has values"),
     (50, 3, "No significant differences: 3 traits were compared")],
)  # fmt: skip
def test_a_persona_without_facts_says_why(people: int, compared: int, says: str) -> None:
    measured = [TraitTest("x", ((),), GroupTest("chi-squared", 1.0, 0.5), None)] * compared

    assert says in _silent(Trust(people, 100), (), measured, 20)


@pytest.mark.long
def test_what_people_said_of_themselves_made_the_segment(tmp_path: Path) -> None:
    """No rule: people say their tier, so the tier is no news; who says something else is in none."""
    segments = '[[segments]]\nname = "gold"\n\n[[segments]]\nname = "others"\n'
    folder = described_people(tmp_path / "workspace", segments=segments, more='\n[classify]\ndeclared = "tier"\n')
    with open_session(folder, now=now, environment={}) as session:
        done = draft(session, "gold")

    gold = done.profiles["gold"]
    assert [source.name for source in gold.trust.sources] == ["declared"]
    assert {fact.trait for fact in gold.told() if fact.base} == {"tier"}
    assert {fact.trait for fact in gold.told() if not fact.base} >= {"country", "age", "language"}
    assert "by declaration" in " ".join(gold.trust.sentences())


def test_a_file_without_an_end_of_line_gets_one_first(tmp_path: Path) -> None:
    path = tmp_path / "personas.toml"
    for before, after in ((b"", b"b = 2\n"), (b"a = 1", b"a = 1\n\nb = 2\n"), (b"a = 1\n", b"a = 1\n\nb = 2\n")):
        path.write_bytes(before)
        assert append_text(path, "b = 2\n") == before
        assert path.read_bytes() == after
