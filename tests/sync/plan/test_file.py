"""A saved plan comes back as it was, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import FixSettingsError
from connectors.records import Change
from sync.plan.file import read_plan, write_plan
from tests.examples import examples

MOMENT = datetime(2026, 11, 24, 9, tzinfo=UTC)
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
CHANGES = st.lists(
    st.builds(
        Change,
        connection=TEXT,
        platform_id=TEXT,
        person_id=TEXT,
        email=st.none() | TEXT,
        kind=st.sampled_from(["field", "group"]),
        name=TEXT,
        before=st.none() | TEXT,
        after=st.none() | TEXT,
    ),
    max_size=5,
)


def save(path: Path, changes: list[Change]) -> Path:
    write_plan(path, plan_id="p", created_at=MOMENT, basis={"pull": "r1"}, summary={"breaches": []}, changes=changes)
    return path


@examples(50)
@given(changes=CHANGES)
def test_a_saved_plan_is_read_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, changes: list[Change]) -> None:
    path = save(tmp_path_factory.mktemp("plans") / "plan.jsonl", changes)

    plan = read_plan(path)

    assert (list(plan.changes), plan.plan_id, plan.created_at, dict(plan.basis)) == (
        changes,
        "p",
        MOMENT,
        {"pull": "r1"},
    )


@examples(60)
@given(place=st.integers(0, 10_000), junk=st.binary(min_size=1, max_size=3))
def test_a_plan_that_was_edited_or_cut_is_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, junk: bytes
) -> None:
    path = save(
        tmp_path_factory.mktemp("plans") / "plan.jsonl",
        [Change("crm", "1", "p1", "ada@people.test", "field", "persona", None, "regular")],
    )
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1  # below the header, where the changes are
    at = start + place % (len(whole) - start)
    edited = whole[:at] + junk + whole[at + 1 :]
    path.write_bytes(edited)

    if edited != whole:
        with pytest.raises(FixSettingsError, match="personasync plan"):
            read_plan(path)


@pytest.mark.parametrize("content", [b"", b"{}\n", b"[]\n", b"\xff\xfe\n", b"null\n", b'{"personasync_plan": 1}\n'])
def test_a_file_that_is_no_plan_is_refused_with_the_mend(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_bytes(content)

    with pytest.raises(FixSettingsError, match="personasync plan"):
        read_plan(path)


def test_a_plan_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FixSettingsError, match=r"nowhere\.jsonl"):
        read_plan(tmp_path / "nowhere.jsonl")
