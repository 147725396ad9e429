"""What each source says of one person. `segmenter.sources` says the same of everybody, in Ibis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from segmenter.classifier.linear import score_one
from segmenter.classifier.reasons import reasons_one
from segmenter.definitions import Definitions, Scorer, Source, folded
from segmenter.segments import left_out_one, rule_answer
from segmenter.words import (
    NOBODY_ASKED,
    left_out_by_rules,
    not_a_segment,
    not_known,
    not_sure,
    percent_one,
    put_together,
    said,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the waterfall says of one person.

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


def answer_one(person: Mapping[str, Any], definitions: Definitions) -> Answer:
    """Ask the sources in their order; the first one that answers decides.

    Args:
        person: Trait name -> value (None: nothing known).
        definitions: The sources.
    """
    silent: list[str] = []
    for source in definitions.order:
        for answer in _answers(person, definitions, source):
            if answer.segment is not None:
                return answer
            silent.append(answer.reasons)
    reasons = [reason for reason in silent if reason]
    return Answer(None, None, None, "; ".join(reasons) or NOBODY_ASKED, None, definitions.version)


def _answers(person: Mapping[str, Any], definitions: Definitions, source: Source) -> list[Answer]:
    if source == "declared":
        return [_declared(person, definitions)] if definitions.declared else []
    if source == "rules":
        segment, confidence, runner_up, reasons = rule_answer(person, definitions.steps)
        return [Answer(segment, confidence, runner_up, reasons, "rules", definitions.steps.version)]
    apart = any(one.learned_from_rules for one in definitions.scorers[source]) and left_out_one(
        person, definitions.steps
    )
    return [
        _strange(scorer, source) if apart and scorer.learned_from_rules else _scored(person, scorer, source)
        for scorer in definitions.scorers[source]
    ]


def _strange(scorer: Scorer, source: Source) -> Answer:
    return Answer(None, None, None, put_together(left_out_by_rules(source)), source, scorer.version)


def _declared(person: Mapping[str, Any], definitions: Definitions) -> Answer:
    trait = str(definitions.declared)
    value = person.get(trait)
    if not isinstance(value, str):
        return Answer(None, None, None, "", "declared", definitions.said_version)
    segment = definitions.declared_values.get(folded(value))
    if segment is None:
        told = put_together(not_a_segment(trait, value))
        return Answer(None, None, None, told, "declared", definitions.said_version)
    return Answer(segment, 1.0, None, put_together(said(trait, value)), "declared", definitions.said_version)


def _scored(person: Mapping[str, Any], scorer: Scorer, source: Source) -> Answer:
    score, limits = score_one(scorer.model, person), scorer.thresholds
    silent = Answer(None, None, None, "", source, scorer.version)
    if score.known < limits.known:
        traits = len(scorer.model.traits)
        parts = not_known(source, str(round(score.known * traits)), traits, limits.known)
        return replace(silent, reasons=put_together(parts) if score.known else "")
    confidence, second = score.confidence or 0.0, score.second or 0.0
    if confidence < limits.confidence or confidence - second < limits.margin:
        parts = not_sure(source, score.segment, percent_one(confidence), score.runner_up, percent_one(second))
        return replace(silent, reasons=put_together(parts))
    reasons = reasons_one(scorer.model, person, score)
    chances = dict(zip(scorer.model.labels, score.probabilities, strict=True))
    return Answer(score.segment, score.confidence, score.runner_up, reasons, source, scorer.version, chances)
