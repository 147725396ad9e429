"""Who came to a segment and who left it: the row and the column of the migration matrix."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from segmenter.stats.alignment import overlap
from sync.monitor.migration import moves_of

names = st.none() | st.sampled_from(["a", "b", "c"])
matrices = st.dictionaries(st.tuples(names, names), st.integers(1, 50), min_size=1)


@given(cells=matrices)
def test_who_came_and_stayed_is_there_now_and_who_left_and_stayed_was_there(
    cells: dict[tuple[str | None, str | None], int],
) -> None:
    moves = moves_of(overlap(cells), "a")
    now = sum(people for (_, column), people in cells.items() if column == "a")
    then = sum(people for (row, _), people in cells.items() if row == "a")

    assert moves.stayed + sum(people for _, people in moves.came) == now
    assert moves.stayed + sum(people for _, people in moves.left) == then
    assert "a" not in dict(moves.came)
    assert "a" not in dict(moves.left)


def test_the_largest_move_stands_first() -> None:
    cells = {("a", "a"): 5, ("b", "a"): 2, (None, "a"): 7, ("a", None): 1, ("b", "b"): 9}
    moves = moves_of(overlap(cells), "a")

    assert (moves.stayed, moves.came, moves.left) == (5, [(None, 7), ("b", 2)], [(None, 1)])
    assert moves_of(overlap(cells), "nobody").came == []
