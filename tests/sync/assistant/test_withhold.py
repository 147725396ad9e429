"""What leaves for an assistant: marked, on one line, short, without addresses and links, whatever a text holds."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.assistant.withhold import LONGEST, NO_ADDRESS, NO_CODE, NO_TEXT, Withholding
from tests.sync.assistant.injections import MARK, injections

STRICT = Withholding(frozenset({"newcomers", "tenure_days < 60"}), addresses=False, texts=False)
OPEN = Withholding(STRICT.words, addresses=False, texts=True)
NASTY = st.text(st.sampled_from("ab @.:/%4⟦⟧[]\n\t\x00\x1b\u202e\u200b\U000e0041\uff20&#6;w"), max_size=80)


def test_three_hundred_injections_stand_between_marks_alone() -> None:
    texts = injections()
    told = [OPEN.document({"note": text}, about_people=True)["note"] for text in texts]
    outside = [re.sub("⟦[^⟦⟧]*⟧", "", text) for text in told]

    assert len(set(texts)) == 300
    assert len({mark for text in told for mark in MARK.findall(unicodedata.normalize("NFKC", text))}) > 270
    assert set(outside) == {""}
    assert not any(re.search(r"@|//|www\.|javascript:|\.example/", text) for text in told)
    assert {STRICT.document({"note": text}, about_people=True)["note"] for text in texts} == {NO_TEXT}


@given(NASTY)
def test_no_text_breaks_out_of_its_marks_or_keeps_an_address(text: str) -> None:
    plain = OPEN.cleaned(text)

    assert "⟦" not in plain
    assert "⟧" not in plain
    assert len(plain) <= LONGEST
    assert not re.search(r"\w@\w", plain)
    assert all(unicodedata.category(character)[0] != "C" for character in plain)
    assert OPEN.cleaned(plain) == plain or NO_ADDRESS in plain or "link withheld" in plain


def test_a_document_keeps_its_form_and_figures() -> None:
    document = {
        "email": "ada@people.test",
        "person_id": "p-0123456789abcdef-01234567",
        "samples": ["ada@people.test", "p-0123456789abcdef-01234567"],
        "segment": "newcomers",
        "clause": "tenure_days < 60",
        "values": {"tenure_days": 3.5, "name": "Ada"},
        "chances": [float("inf"), 0.25, None, True],
    }

    assert STRICT.document(document, about_people=True) == {
        "email": NO_ADDRESS,
        "person_id": "p-0123456789abcdef-01234567",
        "samples": [NO_ADDRESS, "p-0123456789abcdef-01234567"],
        "segment": "newcomers",
        "clause": "tenure_days < 60",
        "values": {"tenure_days": 3.5, "name": NO_TEXT},
        "chances": [None, 0.25, None, True],
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("path", "plans/plan.jsonl"),
        ("code", "ab12cd"),
        ("id", "20261119-000050-1217e7"),
        ("plan", "20261119-000050-1217e7"),
    ],
)
def test_what_approves_a_plan_is_never_told(name: str, text: str) -> None:
    everything = Withholding(frozenset(), addresses=True, texts=True)

    assert everything.document({name: text}) == {name: NO_CODE}
    assert text not in everything.document({"command": f"apply {text}"})["command"] or name in {"path", "code"}


def test_a_title_of_one_word_is_marked_and_a_state_is_not() -> None:
    assert STRICT.document({"name": "Sale", "state": "done"}) == {"name": "⟦Sale⟧", "state": "done"}
