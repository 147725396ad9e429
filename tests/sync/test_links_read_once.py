"""Links of a session are read from the control store once, and again after each writing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from segmenter.identity import IdentityChanges
from sync.active_people import active_people
from sync.session import Session
from tests.sync.results.mailed_people import made, opened

WHOLE = "SELECT link.contact_key, link.person_id"


def active(session: Session) -> set[str]:
    return set(active_people(session).to_pyarrow()["person_id"].to_pylist())


@pytest.mark.slow
def test_who_is_active_is_asked_often_and_the_links_are_read_once(tmp_path: Path) -> None:
    folder = made(tmp_path, 12)
    with opened(folder) as session:
        read: list[str] = []

        @event.listens_for(session.control.links.engine, "before_cursor_execute")
        def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            if " ".join(statement.split()).startswith(WHOLE):
                read.append(statement)

        people = [active(session) for _ in range(3)]
        links = session.control.links
        assert len(read) == 1
        key, person = next((key, person) for key, person in links.mapping().items() if key.startswith("shop:"))
        links.write(IdentityChanges({key: "somebody else"}, {}), "run")
        moved = active(session)
        links.drop([key])
        gone = active(session)

    assert people == [people[0]] * 3
    assert len(people[0]) == 12
    assert moved == {*people[0], "somebody else"} - {person}
    assert gone == people[0] - {person}
