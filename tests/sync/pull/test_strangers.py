"""A survey of strangers is an error with its reason; one respondent who is a contact is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.cli.main import run

MAIN = """[workspace]
name = "W"
[connections.shop]
connector = "files"
contacts = "contacts.csv"
[connections.survey]
connector = "files"
answers = "answers.csv"
"""
CONTACTS = "email,consent\na@people.test,subscribed\nb@people.test,subscribed\n"


@pytest.mark.parametrize(
    ("contacts", "answers", "status", "reason"),
    [
        ("email,consent\n", "email,q1\na@people.test,1\n", 4, "because there are no contacts yet."),
        (
            CONTACTS,
            "email,q1\nx@people.test,1\ny@people.test,2\n",
            4,
            "2 gave an address, and it is that of none of the 2",
        ),
        (CONTACTS, "contact_id,q1\n17,1\n18,2\n", 4, "they are named by ids of that connection"),
        (CONTACTS, "email,q1\nA@People.test,1\ny@people.test,2\n", 0, ""),
    ],
)
@pytest.mark.slow
def test_a_survey_that_reaches_nobody_is_told_with_the_reason(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    contacts: str,
    answers: str,
    status: int,
    reason: str,
) -> None:
    for name, text in (("personasync.toml", MAIN), ("contacts.csv", contacts), ("answers.csv", answers)):
        (tmp_path / name).write_text(text, "utf-8")
    for name in ("segments.toml", "personas.toml"):
        (tmp_path / name).write_text("", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")

    assert run(["pull"]) == status
    shown = capsys.readouterr().out
    assert ("Error: Connection 'survey': none of the" in shown) == bool(reason)
    assert reason in shown
