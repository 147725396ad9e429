"""The table of requests is for those who ask: `plan` says how long it takes, and `--requests` what it sends."""

from __future__ import annotations

import pytest

from sync.cli.console import Console
from sync.cli.render import plan_again, planned
from sync.plan.file import read_header
from sync.plan.job import plan
from sync.session import Session


@pytest.mark.slow
def test_requests_are_listed_only_where_they_are_asked_for(ready: Session, capsys: pytest.CaptureFixture[str]) -> None:
    made = plan(ready)
    header = read_header(made.path)
    texts = []
    for requests in (False, True):
        for lines in (planned(made, requests=requests), plan_again(header.plan_id, header.summary, requests=requests)):
            Console(as_json=False).result({}, *lines)
            texts.append(capsys.readouterr().out)
    usual, again, asked, asked_again = texts
    kinds = {kind for kinds in made.cost.requests.values() for kind in kinds}

    assert kinds
    assert [kind for kind in kinds if kind in usual + again] == []
    assert [kind for kind in kinds if kind not in asked or kind not in asked_again] == []
    assert "Estimated time" in usual
