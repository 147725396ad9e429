"""The waterfall of sources, and when its answer is followed: the same for one person and for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from connectors.records import ASSIGNMENTS
from segmenter.assign.decide import decide_all, decide_one
from segmenter.assign.definitions import SOURCES, Definitions, Holding, Scorer, Source
from segmenter.classifier.linear import LinearModel
from segmenter.classifier.reasons import Spoken
from segmenter.classifier.thresholds import Thresholds
from segmenter.errors import DefinitionError
from segmenter.rules.rules import parse_rule
from tests.examples import examples
from tests.segmenter.assign.people_to_decide import (
    CATALOGUE,
    DAY,
    NOON,
    SCHEMA,
    STEPS,
    assignments,
    decide,
    made,
    model,
    person,
    same,
    table,
    tool,
)

some = st.one_of(st.none(), st.floats(-50, 500), st.integers(0, 5).map(float), st.just(float("nan")))
people_ = st.fixed_dictionaries(
    {
        **dict.fromkeys([*SCHEMA.names[1:5], "likes", "tenure_days"], some),
        "country": st.sampled_from([None, "de", "it"]),
        "says": st.sampled_from([None, "", "RITA ", " hikers", "Long gone", "nobody", "İ", "campers\t"]),
    }
)
times = st.integers(-12, 0).map(lambda days: NOON + days * DAY)
maybe = st.one_of(st.none(), times)
segment = st.sampled_from([None, "champions", "buyers", "hikers", "campers", "forgotten"])
old = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "segment": segment,
            "persona": st.sampled_from([None, "rita", "hugo"]),
            "confidence": st.one_of(st.none(), st.floats(0, 1), st.just(1.0)),
            "runner_up": segment,
            "reasons": st.just("as before"),
            "source": st.sampled_from([None, "rules", "model", "survey", "declared"]),
            "version": st.sampled_from([STEPS.version, "model-1", "tool-1", "another"]),
            "as_of": st.one_of(times, st.just(NOON + DAY)),
            "since": times,
            "moved_at": maybe,
            "pending": segment,
            "pending_since": maybe,
            "pending_sure": st.sampled_from([None, True, False]),
            "expires_at": st.one_of(maybe, st.just(NOON + DAY)),
        }
    ),
)
orders: st.SearchStrategy[tuple[Source, ...]] = st.permutations(SOURCES).flatmap(
    lambda order: st.integers(0, 4).map(lambda count: tuple(order[:count]))
)
limits = st.sampled_from([Thresholds(), Thresholds(0.4, 0.05, 0.3), Thresholds(0.9, 0.6, 1.0), Thresholds(0, 0, 0)])


@pytest.mark.long
@examples(4, suppress_health_check=list(HealthCheck))
@given(
    cases=st.lists(st.tuples(people_, old), min_size=30, max_size=80),
    order=orders,
    thresholds=limits,
    holding=st.sampled_from([Holding(), Holding(0.5, timedelta(0), timedelta(days=3))]),
    declared=st.sampled_from(["says", None]),
    target=st.sampled_from(["rules", "survey"]),
    means=st.sampled_from(
        [{}, {"hikers": "campers"}, {"campers": None}, {"buyers": "campers", "hikers": None}, {"hikers": "buyers"}]
    ),
    who=st.sampled_from([None, "orders_total > 1", "country = 'de' or likes is null"]),
)
def test_one_person_is_decided_as_everybody_is(
    cases: list[tuple[dict[str, Any], dict[str, Any] | None]],
    order: tuple[Source, ...],
    thresholds: Thresholds,
    holding: Holding,
    declared: str | None,
    target: str,
    means: dict[str, str | None],
    who: str | None,
) -> None:
    tools = (
        Scorer(tool(), "tool-1", thresholds),
        Scorer(
            model(0.02),
            "tool-2",
            thresholds,
            means=means,
            who=parse_rule(who, CATALOGUE, where="t") if who else None,
            speech={"likes": Spoken("Do you like it?", ((0.0, "no"), (3.0, "yes"))), "country": Spoken("Where?")},
        ),
    )
    definitions = made(
        order=order,
        declared=declared,
        holding=holding,
        tools=tools,
        model=Scorer(model(0.01), "model-1", thresholds, target == "rules"),
    )
    people = [{"person_id": f"p{place}", **traits} for place, (traits, _) in enumerate(cases)]
    before = [{"person_id": f"p{place}", **row} if row else None for place, (_, row) in enumerate(cases)]
    decisions = decide_all(
        table(people), definitions, previous=assignments([row for row in before if row]), as_of=NOON
    ).to_pyarrow()
    rows = {row["person_id"]: row for row in decisions.cast(ASSIGNMENTS.columns).to_pylist()}

    assert len(rows) == len(people)
    for traits, row in zip(people, before, strict=True):
        decision = decide_one(traits, definitions, previous=row, as_of=NOON)
        assert same(rows[traits["person_id"]], decision), (rows[traits["person_id"]], decision)


def test_the_first_source_in_the_order_that_answers_decides() -> None:
    traits = {"says": "Hugo", "likes": 3.0, "orders_total": 1.0, "days_since_order": 80.0, "tenure_days": 400.0}
    by_order: dict[tuple[Source, ...], tuple[str | None, str | None]] = {
        ("declared", "survey", "rules", "model"): ("hikers", "declared"),
        ("survey", "declared", "rules", "model"): ("campers", "survey"),
        ("rules", "survey", "declared", "model"): ("buyers", "rules"),
        ("model", "declared"): ("campers", "model"),
        (): (None, None),
    }

    for order, expected in by_order.items():
        decision = decide(traits, made(order=order), None, NOON)
        assert (decision["segment"], decision["source"]) == expected


def test_what_people_say_is_a_segment_or_a_persona_by_any_of_its_names() -> None:
    definitions = made(order=("declared",))

    said = {text: decide({"says": text}, definitions, None, NOON) for text in ("LONG gone", "rita", "Rita", " hikers ")}

    assert [row["segment"] for row in said.values()] == ["lapsed", "champions", "champions", "hikers"]
    assert said["rita"]["reasons"] == "self-declared: says is rita"
    assert (said["rita"]["confidence"], said["rita"]["persona"]) == (1.0, "rita")
    nobody = decide({"says": "Bob"}, definitions, None, NOON)
    assert nobody["reasons"] == "says says 'Bob', which is not a segment or persona"


def test_who_is_unclassified_reads_why_each_source_gave_no_answer() -> None:
    decision = decide({"likes": 0.5, "tenure_days": 1.0}, made(model=Scorer(model(0.01), "m")), None, NOON)

    assert decision["segment"] is None
    assert decision["reasons"] == (
        "low confidence of the survey: hikers 50%, campers 50%; no segment matches; "
        "low confidence of the model: buyers 42%, hikers 42%"
    )
    assert decision["version"] == made(model=Scorer(model(0.01), "m")).version


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Thresholds(confidence=0.96), "low confidence of the model: campers 95%, buyers 3%"),
        (Thresholds(margin=0.93), "low confidence of the model: campers 95%, buyers 3%"),
        (Thresholds(known=0.7), "the model needs 70% of its 3 traits, 2 known"),
        (Thresholds(confidence=0.94, margin=0.9, known=0.6), None),
    ],
)
def test_below_a_threshold_nobody_is_classified(limits: Thresholds, told: str | None) -> None:
    definitions = made(order=("model",), model=Scorer(model(), "m", limits))

    row = decide({"likes": 0.0, "tenure_days": 5.2}, definitions, None, NOON)

    assert row["segment"] == (None if told else "campers")
    assert told in {None, row["reasons"]}


def test_a_person_without_data_is_unclassified_however_sure_the_fill_values_are() -> None:
    sure = Scorer(model(50.0), "m")

    row = decide({"tenure_days": float("nan")}, made(order=("model",), model=sure), None, NOON)

    assert (row["segment"], row["reasons"]) == (None, "no source had an answer")


@pytest.mark.slow
def test_a_model_that_learned_from_rules_is_asked_only_about_whom_a_rule_could_not_judge() -> None:
    left_out = {"orders_365d": 0.0, "orders_total": 0.5, "revenue_total": 0.0, "days_since_order": 5.0, "country": "it"}
    left_out |= {"likes": 0.0, "tenure_days": 9.0}
    unjudged = {**left_out, "revenue_total": None}

    def told(traits: dict[str, Any], *, learned_from_rules: bool) -> list[tuple[str | None, str]]:
        order: tuple[Source, ...] = ("rules", "model")
        definitions = made(order=order, model=Scorer(model(), "m", learned_from_rules=learned_from_rules))
        nobody = assignments([])
        rows = decide_all(table([person(**traits)]), definitions, previous=nobody, as_of=NOON).to_pyarrow().to_pylist()
        rows.append(decide(traits, definitions, None, NOON))
        return [(row["segment"], row["reasons"]) for row in rows]

    silence = "no segment matches; the model was trained on the rules, and this person matches no rule"
    assert told(left_out, learned_from_rules=True) == [(None, silence)] * 2
    assert [segment for segment, _ in told(left_out, learned_from_rules=False)] == ["campers"] * 2
    assert [segment for segment, _ in told(unjudged, learned_from_rules=True)] == ["campers"] * 2


HIKES, CAMPS, UNSURE = (
    {"likes": 0.0, "tenure_days": -9.0},
    {"likes": 0.0, "tenure_days": 9.0},
    {"likes": 0.0, "tenure_days": 1.0},
)
BY_MODEL = made(order=("declared", "model"))


def days(states: Sequence[dict[str, Any]], definitions: Definitions = BY_MODEL) -> list[dict[str, Any]]:
    """Decide day after day."""
    row: dict[str, Any] | None = None
    rows = []
    for day, traits in enumerate(states):
        row = decide_one(person(**traits), definitions, previous=row, as_of=NOON + day * DAY)
        rows.append(row)
    return rows


def pushes(rows: Sequence[dict[str, Any]]) -> list[int]:
    """The days on which another segment would be pushed."""
    return [day for day in range(1, len(rows)) if rows[day]["segment"] != rows[day - 1]["segment"]]


@pytest.mark.parametrize(
    "pattern",
    [
        (HIKES, CAMPS),
        (HIKES, HIKES, CAMPS, CAMPS),
        (HIKES, UNSURE, CAMPS, CAMPS, UNSURE),
        (HIKES,) * 5 + (CAMPS,) * 5,
        ({"orders_total": 1.0}, {"orders_total": 0.0}),
        ({"orders_total": 1.0}, {"orders_365d": 3.0, "days_since_order": 3.0, "orders_total": 3.0}, {}),
    ],
)
def test_who_oscillates_around_the_border_causes_at_most_one_push_a_week(pattern: Sequence[dict[str, Any]]) -> None:
    states = [pattern[day % len(pattern)] for day in range(120)]

    moved = pushes(days(states, made(order=("rules", "model"))))

    assert all(later - earlier >= 7 for earlier, later in pairwise(moved))


def test_a_model_is_followed_when_it_says_so_twice_in_a_row() -> None:
    rows = days([HIKES, CAMPS, CAMPS, CAMPS])

    assert [row["segment"] for row in rows] == ["hikers", "hikers", "campers", "campers"]
    assert (rows[1]["pending"], rows[1]["pending_since"], rows[1]["pending_sure"]) == ("campers", NOON + DAY, True)
    assert (rows[2]["pending"], rows[2]["since"], rows[2]["moved_at"]) == (None, NOON + 2 * DAY, NOON + 2 * DAY)
    assert pushes(days([HIKES, CAMPS, HIKES, CAMPS, HIKES])) == []


def test_the_same_moment_looked_at_twice_is_one_evaluation() -> None:
    (first,) = days([HIKES])
    waiting = decide(CAMPS, BY_MODEL, first, NOON + DAY)

    again = decide(CAMPS, BY_MODEL, waiting, NOON + DAY)

    assert again == waiting
    assert again["segment"] == "hikers"


def test_a_weak_lead_is_followed_after_a_week() -> None:
    near = {"likes": 0.0, "tenure_days": 1.2}  # campers by a little
    loose = Scorer(model(), "m", Thresholds(0.0, 0.0, 0.0))
    definitions = made(order=("model",), model=loose, holding=Holding(lead=0.5))

    rows = days([HIKES, *[near] * 9], definitions)

    assert pushes(rows) == [8]
    assert rows[7]["pending_sure"] is False
    assert pushes(days([HIKES, *[near] * 9], made(order=("model",), model=loose, holding=Holding(lead=0.01)))) == [2]


def test_what_people_say_and_rules_are_followed_at_once() -> None:
    assert pushes(days([HIKES, {**HIKES, "says": "buyers"}])) == [1]
    assert pushes(days([{"orders_total": 1.0}, {}], made(order=("rules",)))) == [1]


def test_who_moved_by_a_rule_moves_again_after_the_rest_and_the_rest_matters() -> None:
    states = [{"orders_total": 1.0}, {}, *[{"orders_total": 1.0}] * 8]

    assert pushes(days(states, made(order=("rules",)))) == [1, 8]
    assert pushes(days(states, made(order=("rules",), holding=Holding(rest=2 * DAY)))) == [1, 3]


def test_who_no_source_is_sure_of_stays_until_the_segment_expires() -> None:
    rows = days(
        [HIKES, *[UNSURE] * 9], made(order=("model",), model=Scorer(model(), "m"), holding=Holding(expiry=5 * DAY))
    )

    assert [row["segment"] for row in rows] == ["hikers"] * 6 + [None] * 4
    assert rows[1]["expires_at"] == rows[5]["expires_at"] == NOON + 6 * DAY


def test_a_segment_that_is_confirmed_again_does_not_expire() -> None:
    rows = days([HIKES, UNSURE, HIKES], made(order=("model",), model=Scorer(model(), "m")))

    assert rows[2]["expires_at"] is None
    assert rows[2] == rows[0]


def test_another_version_of_what_decided_is_followed_at_once() -> None:
    (row,) = days([HIKES])
    refitted = made(order=("model",), model=Scorer(model(), "model-2"))

    assert decide(CAMPS, refitted, row, NOON + DAY)["segment"] == "campers"


def test_a_segment_that_is_gone_is_not_kept() -> None:
    (row,) = days([HIKES])

    decision = decide(UNSURE, made(order=("rules",)), {**row, "segment": "forgotten"}, NOON + DAY)

    assert decision["segment"] is None


def test_a_small_step_of_confidence_is_not_told_anew() -> None:
    first, near, far = days([{"likes": 0.0, "tenure_days": t} for t in (5.0, 5.1, 4.0)], made(order=("model",)))

    assert near == first
    assert far["confidence"] < first["confidence"] - 0.05
    assert (far["as_of"], far["since"]) == (NOON + 2 * DAY, NOON)


def test_looking_back_starts_anew() -> None:
    (row,) = days([HIKES])

    decision = decide(CAMPS, BY_MODEL, row, NOON - DAY)

    assert (decision["segment"], decision["since"], decision["moved_at"]) == ("campers", NOON - DAY, None)


def test_the_longer_typing_tool_that_knows_enough_answers_first() -> None:
    short = LinearModel("lda", ("hikers", "campers"), ("likes",), ((0.0,), (-9.0,)), (0.0, 0.0), (0.5,), (0.5,))
    longer = LinearModel(
        "lda",
        ("hikers", "campers"),
        ("likes", "tenure_days"),
        ((0.0, 0.0), (9.0, 0.0)),
        (0.0, 0.0),
        (0.5, 1.0),
        (0.5, 1.0),
    )
    definitions = made(order=("survey",), tools=(Scorer(longer, "long", Thresholds(known=1.0)), Scorer(short, "short")))

    answered = [
        decide(traits, definitions, None, NOON) for traits in ({"likes": 1.0, "tenure_days": 1.0}, {"likes": 1.0})
    ]

    assert [(row["segment"], row["version"]) for row in answered] == [("campers", "long"), ("hikers", "short")]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"order": ("rules", "rules")}, "duplicate source"),
        ({"model": Scorer(model(kind="kmeans"), "m")}, "has no probabilities"),
        (
            {
                "tools": (
                    Scorer(
                        LinearModel("lda", ("x", "y"), ("likes",), ((0.0,), (1.0,)), (0.0, 0.0), (0.0,), (0.0,)), "t"
                    ),
                )
            },
            "there is no segment 'x'",
        ),
    ],
)
def test_definitions_that_can_not_decide_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        made(**wrong)
