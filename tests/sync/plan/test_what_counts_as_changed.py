"""`max_changed` counts people who would be shown something else: moves and texts, told apart; nothing that is new."""

from __future__ import annotations

import re

import pytest

from sync.assign.job import assign
from sync.cli.render import planned as rendered
from sync.cli.render import render_assigned
from sync.ops.setup import create_missing, missing_steps
from sync.plan.job import Planned, plan
from sync.session import Session

FIELD = """
[fields.more]
fallback = "More of it"
crm = "personasync_more"
email = "PS_MORE"
"""


def told(planned: Planned) -> str:
    return " ".join(part for part in rendered(planned) if isinstance(part, str))


@pytest.mark.long
def test_new_fields_texts_and_moves_are_told_apart(session: Session, applied: str) -> None:
    assert applied
    segments, personas = session.workspace.directory / "segments.toml", session.workspace.directory / "personas.toml"
    before, words = segments.read_text("utf-8"), personas.read_text("utf-8")

    personas.write_text(words + FIELD, "utf-8")
    session.reload()
    create_missing(session, missing_steps(session))
    first = plan(session)
    assert (first.breaches, set(first.plan.counts.replaced.values())) == ([], {0})
    assert min(first.plan.counts.changed.values()) > 50

    personas.write_text(words.replace("Early access for you", "Early access, for you alone"), "utf-8")
    session.reload()
    text = plan(session)
    replaced = text.plan.counts.replaced
    assert min(replaced.values()) > 5
    assert set(text.plan.counts.moved.values()) == {0}
    assert f"{replaced['crm']:,} get a different value (0 of them move to another segment" in told(text)

    personas.write_text(words, "utf-8")
    segments.write_text(before.replace("orders_365d >= 3", "orders_365d >= 1000"), "utf-8")
    session.reload()
    assigned = assign(session, as_of=session.now())
    moves = plan(session)
    counts = moves.plan.counts
    assert 5 < counts.moved["crm"] == counts.replaced["crm"] <= assigned.changed
    assert f"{assigned.changed:,} moved to another segment" in " ".join(
        part for part in render_assigned(assigned) if isinstance(part, str)
    )
    assert all(float(share) <= 100 for share in re.findall(r"([\d.]+)%", " ".join(map(str, rendered(moves)))))

    again = assign(session, as_of=session.now())
    assert (again.changed, again.new) == (0, 0)
