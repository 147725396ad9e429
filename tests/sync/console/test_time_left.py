"""How long a task still takes, by how fast it was so far."""

from __future__ import annotations

from datetime import UTC, datetime

from sync.console.tasks import Task


def test_the_time_left_follows_from_the_speed_so_far() -> None:
    clock = [100.0]
    task = Task("1", "Apply", "/plans", datetime(2026, 12, 1, tzinfo=UTC), clock=lambda: clock[0])
    task.progress("rows", 0, 400)
    task.progress("pages", 30, None)
    told = [task.left("rows")]
    for seconds, done in ((0.5, 10), (9.5, 100), (20, 300), (1, 400)):
        clock[0] += seconds
        task.progress("rows", done, 400)
        told.append(task.left("rows"))

    # nothing yet; too early; 100 of 400 in 10 s: 30 s; 300 in 30 s: 10 s; done
    assert told == ["", "", "about 30 seconds left", "about 10 seconds left", ""]
    assert task.left("pages") == ""


def test_what_was_done_before_it_began_counts_for_no_speed() -> None:
    clock = [0.0]
    task = Task("1", "Apply", "/plans", datetime(2026, 12, 1, tzinfo=UTC), clock=lambda: clock[0])
    task.progress("rows", 200, 400)  # an apply that goes on
    clock[0] = 10.0
    task.progress("rows", 300, 400)

    assert task.left("rows") == "about 10 seconds left"
