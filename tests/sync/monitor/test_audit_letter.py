"""The audit as a letter, and the lint that stops significant decisions, from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.monitor.audit_letter import letter_facts, unseen
from sync.session import Session
from tests.sync.consent.test_by_purpose import Shop

LEGAL = '[decisions]\nreview = "Legal, 2 November 2026"\nallow = ["credit_limit"]\n'


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    return Shop(tmp_path / "ws", capsys, "")


@pytest.mark.long
def test_the_letter_says_what_was_found_and_what_data_may_be_used_for(shop: Shop) -> None:
    people = [f"p{number:02}@people.test" for number in range(80)]
    lands = ["CH" if number % 4 else "DE" for number in range(80)]
    rows = [f"{who},subscribed,{land}" for who, land in zip(people, lands, strict=True)]
    (shop.folder / "contacts.csv").write_text("\n".join(["email,status,country", *rows]))
    flags = [f"{who},{'yes' if land == 'DE' else 'no'}" for who, land in zip(people, lands, strict=True)]
    (shop.folder / "flags.csv").write_text("\n".join(["email,migrant", *flags]))
    assert shop("pull")[0] in {0, 4}
    assert shop("assign")[0] == 0
    assert shop("object", people[1], "--by", "dpo")[0] == 0
    target = shop.folder / "letter.md"

    status, out, _ = shop("audit", str(shop.folder / "flags.csv"), "--letter", str(target))
    text = target.read_text("utf-8")

    assert status == 3
    assert f"Wrote the letter to {target}." in out
    assert "Audit of segments against 'migrant'" in text
    assert "We compared the segments of 79 people with 'migrant' (no: 59, yes: 20)" in text
    assert "1.00, where 0.50 is chance" in text
    assert "Please do not use them for offers" in text
    assert "profiling: legal basis legitimate interest" in text
    assert "Left out: 1 people." in text
    assert not any(who in text for who in people)
    assert target.stat().st_mode & 0o077 == 0


def test_a_field_a_segment_or_copy_that_decides_about_credit_is_stopped_with_its_line(shop: Shop) -> None:
    personas = shop.folder / "personas.toml"
    before = personas.read_text()
    personas.write_text(before + '[fields.credit_limit]\nlabel = "Limit"\ntype = "number"\nfallback = "0"\n')
    status, _, error = shop("pull")
    (shop.folder / "segments.toml").write_text('[[segments]]\nname = "loan_ready"\nrule = "true"\n')
    personas.write_text(before.replace('segments = ["swiss", "openers"]', "segments = []"))
    _, _, of_segment = shop("pull")
    (shop.folder / "segments.toml").write_text('[[segments]]\nname = "swiss"\nrule = "land = \'CH\'"\n')
    personas.write_text(before.replace(', "openers"', "").replace("Mountains", "Your personal price: 12"))
    _, _, of_copy = shop("pull")

    assert status == 2
    assert "personas.toml, line 10: field 'credit_limit': 'credit limit' is about credit" in error
    assert '[decisions] review = "...", allow = ["credit_limit"]' in error
    assert "segments.toml, line 1: segment 'loan_ready': 'loan' is about credit" in of_segment
    assert "'your personal price' is about individual prices" in of_copy


def test_what_counsel_reviewed_is_let_through(shop: Shop) -> None:
    personas = shop.folder / "personas.toml"
    personas.write_text(personas.read_text() + '[fields.credit_limit]\nlabel = "L"\ntype = "text"\nfallback = "0"\n')
    shop.settings(LEGAL)

    assert shop("pull")[0] in {0, 4}


def test_the_letter_names_what_it_cannot_see_on_the_platforms(ready: Session) -> None:
    sentences = unseen(ready)

    assert [sentence.partition(":")[0] for sentence in sentences] == ["crm", "email"]
    for sentence, place, field in zip(
        sentences, ("Used in", "automations"), ("personasync_persona", "PERSONA"), strict=True
    ):
        assert place in sentence
        assert field in sentence
        assert ready.workspace.groups[0] in sentence
    assert all(sentence in "\n".join(letter_facts(ready).unseen) for sentence in sentences)
