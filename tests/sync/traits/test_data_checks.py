"""Old or impossible data do not decide; who wants them to says so; and each run keeps what people looked like."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sync.assign.job import assign
from sync.breach import GuardrailError
from sync.ops.doctor import examine
from sync.session import Session
from sync.traits.data_checks import RECORD


@pytest.mark.long
def test_old_data_do_not_decide_unless_somebody_says_so(ready: Session) -> None:
    later = ready.now() + timedelta(hours=60)
    stale = replace(ready, now=lambda: later)

    with pytest.raises(GuardrailError, match=r"last pulled 60 hours ago.*--override max_data_age_hours") as refused:
        assign(stale, as_of=later)

    assert refused.value.exit_code == 3
    assert assign(stale, as_of=later, override=frozenset({"max_data_age_hours"})).persons


def test_doctor_fails_on_data_that_assign_would_refuse(ready: Session) -> None:
    later = ready.now() + timedelta(hours=60)

    fresh = [finding for _, finding in examine(ready) if finding.check == "data"]
    old = [finding for _, finding in examine(replace(ready, now=lambda: later)) if finding.check == "data"]

    assert all(finding.state != "fail" for finding in fresh)
    assert [finding.state for finding in old].count("fail") == len(ready.workspace.connections)
    assert "last pulled 60 hours ago, the limit is 48; run `personasync pull`" in old[0].message
    assert "`assign` and `run` classify nobody" in old[0].message


@pytest.mark.long
def test_each_run_keeps_what_people_looked_like_and_points_to_the_first(ready: Session) -> None:
    first = ready.control.runs.latest("assign")
    assert first is not None
    assign(ready, as_of=ready.now())

    second = ready.control.runs.latest("assign")

    assert second is not None
    kept = second.counts[RECORD]
    assert kept["reference"] == first.run_id
    assert kept["people"] == sum(kept["segments"].values()) == second.counts["persons"]
    assert all(sum(trait["counts"].values()) == kept["people"] for trait in kept["traits"].values())
