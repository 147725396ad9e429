"""Answers of each source for one person, in Python (`segmenter.assign.sources` for everyone, in Ibis)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from segmenter.assign.definitions import Definitions, Scorer, Source, folded
from segmenter.assign.reason_text import (
    NOBODY_ASKED,
    declared_reason,
    full,
    left_out_by_rules,
    let_go,
    not_a_segment,
    not_known,
    not_sure,
    percent_one,
    put_together,
)
from segmenter.classifier.label_groups import Meant, meant_one
from segmenter.classifier.linear import Score, score_one
from segmenter.classifier.reasons import reasons_one
from segmenter.rules.evaluate import holds
from segmenter.rules.segments import left_out_one, rule_answer


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """The waterfall's answer for one person.

    Attributes:
        segment: None: unclassified.
        confidence: Of a model the probability, of a rule the share of its traits that are known, 1 of what was said.
        reasons: Why, or why not.
        source: Who answered; None: nobody.
        version: Of the source; of all definitions where nobody answered.
        chances: What the model thinks of each segment; empty where no model answered.
    """

    segment: str | None
    confidence: float | None
    runner_up: str | None
    reasons: str
    source: Source | None
    version: str
    chances: Mapping[str, float] = field(default_factory=dict)


def answer_one(person: Mapping[str, Any], definitions: Definitions, closed: Collection[str] = ()) -> SourceAnswer:
    """Return the first answer of the sources in their order; a pin goes before all of them.

    Args:
        person: Trait name -> value (None: nothing known), and ``person_id``.
        definitions: The sources.
        closed: Segments that the person may not be in, since they are full.
    """
    if (pin := definitions.pinned.get(str(person.get("person_id")))) is not None:
        return SourceAnswer(pin.segment, None, None, pin.reasons, "pinned", pin.version)
    silent: list[str] = []
    for source in definitions.order:
        for answer in _answers(person, definitions, source, closed):
            if answer.segment is not None and answer.segment not in closed:
                return answer
            silent.append(answer.reasons if answer.segment is None else put_together(full(answer.segment)))
    reasons = [reason for reason in silent if reason]
    return SourceAnswer(None, None, None, "; ".join(reasons) or NOBODY_ASKED, None, definitions.version)


def _answers(
    person: Mapping[str, Any], definitions: Definitions, source: Source, closed: Collection[str]
) -> list[SourceAnswer]:
    if source == "declared":
        return [_declared(person, definitions)] if definitions.declared else []
    if source == "rules":
        segment, confidence, runner_up, reasons = rule_answer(person, definitions.steps, closed)
        return [SourceAnswer(segment, confidence, runner_up, reasons, "rules", definitions.steps.version)]
    apart = any(scorer.learned_from_rules for scorer in definitions.scorers[source]) and left_out_one(
        person, definitions.steps
    )
    return [
        _strange(scorer, source) if apart and scorer.learned_from_rules else _scored(person, scorer, source)
        for scorer in definitions.scorers[source]
        if scorer.who is None or holds(scorer.who, person)
    ]


def _plain(score: Score, labels: Sequence[str]) -> Meant:
    """The score of labels that are segments, ranked by z (very small probabilities would tie)."""
    places = labels.index(score.segment), labels.index(score.runner_up)
    return Meant(score.segment, score.confidence or 0.0, score.runner_up, score.second or 0.0, *places)


def _strange(scorer: Scorer, source: Source) -> SourceAnswer:
    return SourceAnswer(None, None, None, put_together(left_out_by_rules(source)), source, scorer.version)


def _declared(person: Mapping[str, Any], definitions: Definitions) -> SourceAnswer:
    trait = str(definitions.declared)
    value = person.get(trait)
    if not isinstance(value, str):
        return SourceAnswer(None, None, None, "", "declared", definitions.said_version)
    segment = definitions.declared_values.get(folded(value))
    if segment is None:
        sentence = put_together(not_a_segment(trait, value))
        return SourceAnswer(None, None, None, sentence, "declared", definitions.said_version)
    return SourceAnswer(
        segment, 1.0, None, put_together(declared_reason(trait, value)), "declared", definitions.said_version
    )


def _scored(person: Mapping[str, Any], scorer: Scorer, source: Source) -> SourceAnswer:
    score, limits = score_one(scorer.model, person), scorer.thresholds
    silent = SourceAnswer(None, None, None, "", source, scorer.version)
    if score.known < limits.known:
        traits = len(scorer.model.traits)
        parts = not_known(source, str(round(score.known * traits)), traits, limits.known)
        return replace(silent, reasons=put_together(parts) if score.known else "")
    meaning, labels = scorer.meaning, scorer.model.labels
    answer = meant_one(score.probabilities, meaning) if scorer.means else _plain(score, labels)
    best, runner_up = labels[answer.lead], labels[answer.rival]
    if answer.confidence < limits.confidence or answer.confidence - answer.second < limits.margin:
        parts = not_sure(source, best, percent_one(answer.confidence), runner_up, percent_one(answer.second))
        return replace(silent, reasons=put_together(parts))
    if answer.segment is None:
        return replace(silent, reasons=put_together(let_go(source, best)))
    reasons = reasons_one(scorer.model, person, score._replace(segment=best, runner_up=runner_up), scorer.speech)
    chances = {
        str(meaning.segment(group)): sum(score.probabilities[place] for place in places)
        for group, places in enumerate(meaning.groups)
        if meaning.segment(group) is not None
    }
    return SourceAnswer(answer.segment, answer.confidence, answer.runner_up, reasons, source, scorer.version, chances)
