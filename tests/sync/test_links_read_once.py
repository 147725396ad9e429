"""Links of a session are read from the control store once, and again after each writing."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from segmenter.identity import IdentityChanges
from sync.active_people import active_people
from sync.session import Session
from tests.sync.results.mailed_people import made, opened


def active(session: Session) -> set[str]:
    return set(active_people(session).to_pyarrow()["person_id"].to_pylist())


@pytest.mark.slow
def test_who_is_active_is_asked_often_and_the_links_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(tmp_path, 12)
    with opened(folder) as session:
        links, read = session.control.links, list[int]()
        load = links.load

        def noted() -> pa.Table:
            read.append(1)
            return load()

        monkeypatch.setattr(links, "load", noted)
        people = [active(session) for _ in range(3)]
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
