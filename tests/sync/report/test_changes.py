"""What changed since the last report is said in words, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace

from sync.report.changes import Facts, changes, facts_of

BEFORE = Facts(
    "2026-10-01T08:00:00+00:00",
    names={"rita": "Rita Regular", "gus": "Gus Gift", "old": "Old Ollie"},
    shares={"rita": 0.2, "gus": 0.3},
    ranks={"regulars": 2, "gifts": 1},
    offers={"Rita Regular": "early access", "Gus Gift": "wrap"},
    verdicts={"May": "too_few"},
)


def test_a_report_like_the_last_one_says_that_nothing_changed() -> None:
    assert changes(BEFORE, BEFORE) == ["No significant changes since the last report (2026-10-01 08:00 UTC)."]


def test_names_shares_places_offers_and_findings_that_changed_are_told() -> None:
    now = Facts(
        "2026-11-01T08:00:00+00:00",
        names={"rita": "Rita Returns", "gus": "Gus Gift", "nora": "Nora New"},
        shares={"rita": 0.26, "gus": 0.31, "nora": 0.1},
        ranks={"regulars": 1, "gifts": 2},
        offers={"Rita Returns": "free shipping"},
        verdicts={"May": "more", "June": "none"},
    )

    assert changes(BEFORE, now) == [
        "Rita Regular is now called Rita Returns.",
        "Nora New is a new persona.",
        "Old Ollie is no longer a persona.",
        "Rita Returns grew from 20% to 26% of all people.",
        "regulars rose from rank 2 to rank 1 by value.",
        "gifts fell from rank 1 to rank 2 by value.",
        "Best offer of Rita Returns: now “free shipping”, was “early access”.",
        "“wrap” is no longer a significant winner for Gus Gift.",
        "May: now significant increase, was not enough data.",
        "New result: June: no significant difference.",
    ]


def test_people_who_were_assigned_for_the_first_time_did_not_grow() -> None:
    nobody = replace(BEFORE, shares={"rita": 0.0, "gus": 0.0})

    assert not [line for line in changes(nobody, BEFORE) if "grew" in line]


def test_facts_survive_being_kept_as_json() -> None:
    assert facts_of(json.loads(json.dumps(BEFORE.document()))) == BEFORE


def test_facts_of_another_form_are_none() -> None:
    assert facts_of(None) is None
    assert facts_of({"made_at": "2026-10-01", "unknown": 1}) is None
