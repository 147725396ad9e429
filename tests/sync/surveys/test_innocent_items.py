"""What the list of sensitive words took is shown with its reason, and a person says what means something else."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from numpy.random import default_rng

from connectors.errors import FixSettingsError
from sync.modeling.inputs import Base, from_file
from sync.surveys.sensitive_items import why_item
from sync.workspace.scaffold import Answers, NewConnection, write_workspace
from sync.workspace.settings import load_workspace

HEADINGS = ("Reading", "Travel", "Medicine", "religious affiliation", "Kid home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_workspace(tmp_path, Answers("Acme", (NewConnection("shop", "files", {"contacts": "contacts.csv"}),)))
    with (tmp_path / "hobbies.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        writer.writerows(default_rng(1).integers(1, 6, (80, len(HEADINGS))).tolist())
    return tmp_path


def read(folder: Path, said: str = "", wanted: tuple[str, ...] = ()) -> Base:
    main = folder / "personasync.toml"
    before = main.read_text("utf-8")
    main.write_text(f"{before}\n{said}", "utf-8")
    workspace = load_workspace(folder)
    main.write_text(before, "utf-8")
    return from_file(
        folder / "hobbies.csv",
        wanted=wanted,
        respondent=None,
        beside=(),
        most=3,
        why=lambda survey, item: why_item(workspace, "proposal", survey, item),
    )


def test_what_was_taken_is_shown_with_its_word_and_how_to_decide(folder: Path) -> None:
    base = read(folder)

    assert base.items.names == ("Reading", "Travel")
    assert base.notes[0] == "Medicine is excluded: it is sensitive, 'medicine' is about health."
    assert base.notes[-1].endswith('[sensitive] innocent = ["Medicine", "religious affiliation", "Kid home"].')


def test_a_person_says_what_means_something_else_and_only_that_is_used(folder: Path) -> None:
    base = read(folder, '[sensitive]\ninnocent = ["Medicine", "Kid home"]\n')

    assert base.items.names == ("Reading", "Travel", "Medicine", "Kid home")
    assert len(base.notes) == 2  # the other one, and how to decide


def test_who_names_such_an_item_is_told_both_ways(folder: Path) -> None:
    with pytest.raises(FixSettingsError) as caught:
        read(folder, wanted=("Reading", "Medicine"))

    assert "'medicine' is about health" in str(caught.value)
    assert 'innocent = ["Medicine"]' in (caught.value.fix or "")
