"""What goes wrong while an answer is read is the platform's error, with what was asked; everything else is ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ContractError
from connectors.transport import ReadsAnswers, entries, in_order, side_by_side
from connectors.transport.shapes import note_answer, told_as_answers

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["rows", "id"]), inner, max_size=2),
    max_leaves=8,
)


class Reader(ReadsAnswers):
    """Reads what it is given, as if a platform had answered it."""

    def lazily(self, answer: Any) -> Iterator[int]:
        note_answer("GET rows")
        for row in answer["rows"]:
            yield row["id"] + 1

    def handed(self, answer: Any) -> Iterator[int]:
        return self.lazily(answer)

    def at_once(self, answer: Any) -> list[int]:
        note_answer("GET rows")
        return [row["id"] + 1 for row in answer["rows"]]

    def unasked(self, answer: Any) -> int:
        return int(answer["rows"])


def named(values: dict[str, int], key: str) -> int:
    with told_as_answers():
        note_answer("GET rows")
        return values[key]


@given(ANYTHING)
def test_whatever_is_answered_is_read_or_told(answer: Any) -> None:
    reader = Reader()
    asks: list[Callable[[], list[int]]] = [
        lambda: list(reader.lazily(answer)),
        lambda: list(reader.handed(answer)),
        lambda: reader.at_once(answer),
    ]
    for ask in asks:
        said = ""
        try:
            rows = ask()
        except ContractError as error:
            rows, said = [], str(error)

        assert "GET rows has another form than documented" in said or len(rows) == len(answer["rows"])


@given(ANYTHING)
def test_only_a_list_of_objects_is_a_list(answer: Any) -> None:
    fits = isinstance(answer, dict) and isinstance(answer.get("rows"), list)
    fits = fits and all(isinstance(row, dict) for row in answer["rows"])
    if fits:
        assert entries(answer, "rows") is answer["rows"]
    else:
        with pytest.raises(ContractError):
            entries(answer, "rows")


def test_a_list_that_may_be_left_out_may_not_be_something_else() -> None:
    assert entries({}, "rows", optional=True) == []
    others: list[Any] = [{"rows": None}, {"rows": {}}, [], None]
    for answer in others:
        with pytest.raises(ContractError):
            entries(answer, "rows", optional=True)


def test_a_fault_before_anything_was_asked_is_our_own() -> None:
    with pytest.raises(KeyError):
        Reader().unasked({})


def test_keys_are_named_and_values_never_are() -> None:
    said = []
    for key, value in (("id", "ada@people.test"), ("ada@people.test", "x")):
        with pytest.raises(ContractError) as raised:
            named({value: 1}, key)
        said.append(str(raised.value))

    assert "'id' is missing" in said[0]
    assert "a key is missing" in said[1]
    assert "ada" not in "".join(said)


def test_what_was_asked_in_another_thread_is_named_where_its_answer_is_read() -> None:
    def ask(number: int) -> dict[str, int]:
        note_answer(f"GET rows/{number}")
        return {"id": number} if number < 3 else {}

    def read(answers: Iterator[dict[str, int]]) -> list[int]:
        with told_as_answers():
            return [answer["id"] for answer in answers]

    with pytest.raises(ContractError, match=r"GET rows/3 "):
        read(in_order(ask, range(5), workers=2))

    def leg() -> Iterator[dict[str, int]]:
        yield ask(7)

    with pytest.raises(ContractError, match=r"GET rows/7 "):
        read(side_by_side([leg], Event()))


def test_what_goes_wrong_in_another_thread_is_told_there() -> None:
    def ask(number: int) -> int:
        note_answer(f"GET rows/{number}")
        return [0][number]

    with pytest.raises(ContractError, match=r"GET rows/1 .* a list is empty"):
        list(in_order(ask, range(2), workers=1))
