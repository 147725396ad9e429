"""Hysteresis: when a person's segment changes, is kept although unconfirmed, or expires.

Answers flap and segments should not (SCIENCE.md 4.2 and 4.3, ADR 10):

- A pin, what people say of themselves, and what they answer in a survey, is followed at once. So is every answer when
  the definition or model that decided last time is out of force, when a pin has ended, and when a segment is full.
- A rule is followed at once, a model when it says so twice in a row with a lead. But nobody moves twice within a week
  that way. A weaker answer is followed when it stayed the same for a week.
- A rule that holds no more is an answer: no segment. That no source is sure is none: the segment is kept until it
  expires.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.records import ASSIGNMENTS
from segmenter.assign.definitions import Definitions
from segmenter.assign.sources_one import SourceAnswer
from segmenter.late_ibis import ibis

if TYPE_CHECKING:
    from ibis import Table

AT_ONCE = ("pinned", "declared", "survey")
SETTLED = ("rules", "pinned")  # that they say nothing any more is an answer
ALIKE = 0.05
"""Smallest change of confidence that is written: each one costs a write on every platform."""

ANSWER_COLUMNS = ("segment", "confidence", "runner_up", "reasons", "source", "version")
WAITING = ("pending", "pending_since", "pending_sure", "expires_at")


def followed_one(
    person_id: str,
    answer: SourceAnswer,
    definitions: Definitions,
    *,
    previous: Mapping[str, Any] | None,
    as_of: datetime,
    closed: Collection[str] = (),
) -> dict[str, Any]:
    """Return one person's assignment: *previous* itself where nothing changed. See `decide.decide_one`."""
    if previous is None or previous["as_of"] > as_of:
        return _moved(person_id, answer, definitions, as_of, moved_at=None)
    if answer.segment == previous["segment"]:
        return _confirmed(previous, answer, definitions, as_of)
    if previous["segment"] in closed or _may_move(previous, answer, definitions, as_of):
        return _moved(person_id, answer, definitions, as_of, moved_at=as_of)
    return _kept(previous, answer, definitions, as_of)


def _moved(
    person_id: str, answer: SourceAnswer, definitions: Definitions, as_of: datetime, *, moved_at: datetime | None
) -> dict[str, Any]:
    columns = {name: getattr(answer, name) for name in ANSWER_COLUMNS}
    persona = definitions.persona_of.get(answer.segment or "")
    waits = dict.fromkeys(WAITING)
    times = {"as_of": as_of, "since": as_of, "moved_at": moved_at}
    return {"person_id": person_id, "persona": persona, **columns, **times, **waits}


def _confirmed(
    previous: Mapping[str, Any], answer: SourceAnswer, definitions: Definitions, as_of: datetime
) -> dict[str, Any]:
    row = {**previous, **dict.fromkeys(WAITING), "persona": definitions.persona_of.get(answer.segment or "")}
    close = abs((answer.confidence or 0.0) - (previous["confidence"] or 0.0)) < ALIKE
    if close and all(getattr(answer, name) == previous[name] for name in ("runner_up", "source", "version")):
        return row
    return {**row, **{name: getattr(answer, name) for name in ANSWER_COLUMNS}, "as_of": as_of}


def _may_move(previous: Mapping[str, Any], answer: SourceAnswer, definitions: Definitions, as_of: datetime) -> bool:
    holding, old = definitions.holding, previous["segment"]
    if previous["version"] not in definitions.versions and (
        answer.segment is not None or previous["source"] in SETTLED
    ):
        return True
    if old is not None and old not in definitions.segments:
        return True
    if answer.source in AT_ONCE:
        return True
    if answer.segment is None and previous["source"] not in SETTLED:
        return previous["expires_at"] is not None and as_of >= previous["expires_at"]
    rested = previous["moved_at"] is None or as_of >= previous["moved_at"] + holding.rest
    again = previous["pending_since"] is not None and previous["pending"] == answer.segment
    stayed = again and as_of >= previous["pending_since"] + holding.rest
    if answer.source == "model" and old is not None:
        twice = again and previous["pending_sure"] and as_of > previous["pending_since"]
        return stayed or (twice and rested and _leads(answer, old, definitions))
    return stayed or rested


def _leads(answer: SourceAnswer, old: str, definitions: Definitions) -> bool:
    """Whether p(new) - p(old) is large enough; a rule is certain."""
    if answer.source != "model" or answer.confidence is None:
        return True
    return answer.confidence - answer.chances.get(old, 0.0) >= definitions.holding.lead


def _kept(
    previous: Mapping[str, Any], answer: SourceAnswer, definitions: Definitions, as_of: datetime
) -> dict[str, Any]:
    old = previous["segment"]
    kept = {**previous, **dict.fromkeys(WAITING), "persona": definitions.persona_of.get(old or "")}
    if answer.segment is None and previous["source"] not in SETTLED:
        return {**kept, "expires_at": previous["expires_at"] or as_of + definitions.holding.expiry}
    again = previous["pending_since"] is not None and previous["pending"] == answer.segment
    since = previous["pending_since"] if again else as_of
    sure = old is None or _leads(answer, old, definitions)
    return {**kept, "pending": answer.segment, "pending_since": since, "pending_sure": sure}


def followed(people: Table, definitions: Definitions, as_of: datetime) -> Table:
    """Return everybody's assignment, in the schema of `ASSIGNMENTS`.

    Args:
        people: From `segmenter.assign.sources.with_answers`,
            with the assignments in force as ``_old_`` columns, ``_old``
            true where there is one, ``_chance_old``: how likely the old segment is to the model that answered, and
            ``_shut``: whether the old segment is full, and not the person's any more.
        definitions: The sources.
        as_of: UTC.
    """
    columns = _answer_columns(people, definitions, as_of)
    people = people.mutate(**columns).view()
    case = ibis.cases(
        (~people["_known"], NEW),
        (people["_same"], ibis.ifelse(people["_alike"], ALIKE_AS_BEFORE, TOLD)),
        (people["_may"], MOVED),
        else_=KEPT,
    )
    people = people.mutate(_case=case).view()
    persona = _persona(people, definitions, people["_case"].isin([ALIKE_AS_BEFORE, KEPT]))
    decided = people.select("person_id", persona=persona, **_columns(people, definitions, as_of))
    return decided.select(*ASSIGNMENTS.columns.names)


NEW, ALIKE_AS_BEFORE, TOLD, MOVED, KEPT = range(5)
"""Nothing was known; the same; the same segment, but other facts about it; another one; another one later, perhaps."""


def _moment(at: datetime) -> Any:
    return ibis.literal(at).cast("timestamp('UTC', 6)")


def _answer_columns(people: Table, definitions: Definitions, as_of: datetime) -> dict[str, Any]:
    """Conditions of `followed_one` as Boolean columns, never null."""
    holding, old, segment = definitions.holding, people["_old_segment"], people["_segment"]
    long_ago = _moment(as_of - holding.rest)
    settled = _true(people["_old_source"].isin(SETTLED))
    edited = ~people["_old_version"].isin(sorted(definitions.versions)) & (segment.notnull() | settled)
    gone = old.notnull() & ~old.isin(sorted(definitions.segments))
    by_model = _true(people["_source"] == "model")
    lead = ~by_model | _true(people["_confidence"] - people["_chance_old"] >= holding.lead)
    rested = people["_old_moved_at"].isnull() | _true(people["_old_moved_at"] <= long_ago)
    again = people["_old_pending_since"].notnull() & people["_old_pending"].identical_to(segment)
    stayed = again & _true(people["_old_pending_since"] <= long_ago)
    twice = again & _true(people["_old_pending_sure"]) & _true(people["_old_pending_since"] < _moment(as_of))
    unsure = segment.isnull() & ~settled
    waited = ibis.ifelse(by_model & old.notnull(), stayed | (twice & rested & lead), stayed | rested)
    close = (people["_confidence"].fill_null(0.0) - people["_old_confidence"].fill_null(0.0)).abs() < ALIKE
    for name in ("runner_up", "source", "version"):
        close &= people[f"_{name}"].identical_to(people[f"_old_{name}"])
    at_once = _true(people["_source"].isin(AT_ONCE))
    expired = _true(people["_old_expires_at"] <= _moment(as_of))
    return {
        "_known": _true(people["_old"]),
        "_same": _true(people["_old"]) & segment.identical_to(old),
        "_alike": close,
        "_may": _true(edited) | gone | people["_shut"] | at_once | ibis.ifelse(unsure, expired, waited),
        "_again": again,
        "_sure": old.isnull() | lead,
        "_unsure": unsure,
    }


def _true(condition: Any) -> Any:
    return condition.fill_null(False)  # noqa: FBT003 - an expression


def _columns(people: Table, definitions: Definitions, as_of: datetime) -> dict[str, Any]:
    case, moment = people["_case"], _moment(as_of)
    time = ibis.null(moment.type())
    stays, starts = case.isin([ALIKE_AS_BEFORE, KEPT]), case.isin([NEW, MOVED])
    pends, expires = (case == KEPT) & ~people["_unsure"], (case == KEPT) & people["_unsure"]
    since = ibis.ifelse(people["_again"], people["_old_pending_since"], moment)
    end = ibis.coalesce(people["_old_expires_at"], _moment(as_of + definitions.holding.expiry))
    moved = ibis.cases((case == NEW, time), (case == MOVED, moment), else_=people["_old_moved_at"])
    return {
        **{name: ibis.ifelse(stays, people[f"_old_{name}"], people[f"_{name}"]) for name in ANSWER_COLUMNS},
        "as_of": ibis.ifelse(stays, people["_old_as_of"], moment),
        "since": ibis.ifelse(starts, moment, people["_old_since"]),
        "moved_at": moved,
        "pending": ibis.ifelse(pends, people["_segment"], ibis.null("string")),
        "pending_since": ibis.ifelse(pends, since, time),
        "pending_sure": ibis.ifelse(pends, people["_sure"], ibis.null("boolean")),
        "expires_at": ibis.ifelse(expires, end, time),
    }


def _persona(people: Table, definitions: Definitions, stays: Any) -> Any:
    segment: Any = ibis.ifelse(stays, people["_old_segment"], people["_segment"])
    named = [(segment == name, slug) for name, slug in definitions.persona_of.items()]
    return ibis.cases(*named, else_=ibis.null("string")) if named else ibis.null("string")
