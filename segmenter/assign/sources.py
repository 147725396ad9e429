"""Answers of each source for everyone, as Ibis columns (`segmenter.assign.sources_one` for one person).

New columns begin with an underscore, which no trait's name does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add, or_
from typing import TYPE_CHECKING, Any

from segmenter.assign.definitions import LOWER, UPPER, Definitions, Scorer, Source
from segmenter.assign.reason_text import (
    NOBODY_ASKED,
    declared_reason,
    full,
    left_out_by_rules,
    let_go,
    not_a_segment,
    not_known,
    not_sure,
    percent,
    sentence_expression,
)
from segmenter.classifier.expression import feature_columns, scored
from segmenter.classifier.label_groups import as_segments, meant
from segmenter.classifier.reasons import with_reasons
from segmenter.late_ibis import ibis
from segmenter.rules.evaluate import as_ibis
from segmenter.rules.segments import left_out, with_rules

if TYPE_CHECKING:
    from ibis import Table

ANSWER_COLUMNS = ("segment", "confidence", "runner_up", "reasons")


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """Where the answer of one source stands in the table.

    Attributes:
        prefix: Before the columns ``segment, confidence, runner_up, reasons``.
        scorer: The model that answered, with its chances in ``p0`` to ``pn``; None for rules and for what was said.
    """

    source: Source
    prefix: str
    version: str
    scorer: Scorer | None = None


PINNED = "_pinned_"
CLOSED = "_closed_"  # before a segment's name: whether it is closed to a person, since it is full


def with_answers(
    people: Table, definitions: Definitions, closed: Table | None = None
) -> tuple[Table, list[SourceColumn]]:
    """Add the first answer of the sources in their order: ``_segment``, ``_source``, ``_version`` and so on.

    Args:
        people: The trait table.
        definitions: The sources.
        closed: Columns ``person_id`` and ``segment``: segments with a cap that people may not be in; None: none.

    Returns:
        ``person_id``, the answers, the chances of each model, and of segments that are full whether they are closed,
        without the traits; and where each source's answer is.
    """
    table, columns = _known(people, definitions), []
    table = _with_closed(table, definitions, closed)
    if definitions.pinned:
        table = _with_pins(table, definitions)
        columns.append(SourceColumn("pinned", PINNED, ""))
    doors = _doors(definitions, closed)
    for source in definitions.order:
        if source == "declared" and definitions.declared:
            table = _with_declared(table, definitions)
            columns.append(SourceColumn(source, "_declared_", definitions.said_version))
        elif source == "rules":
            table = with_rules(
                table, definitions.steps, "_rules_", {name: table[column] for name, column in doors.items()}
            )
            columns.append(SourceColumn(source, "_rules_", definitions.steps.version))
        for place, scorer in enumerate(definitions.scorers.get(source, ())):
            prefix = f"_{source}{place}_"
            known = left_out(table, definitions.steps) if scorer.learned_from_rules else ibis.literal(value=False)
            others = ~as_ibis(scorer.who.tree, table).fill_null(False) if scorer.who else ibis.literal(value=False)  # noqa: FBT003
            table = _with_scores(table.mutate(_left_out=known, _others=others).view(), scorer, source, prefix)
            columns.append(SourceColumn(source, prefix, scorer.version, scorer))
    return _first(table, columns, definitions, doors), columns


def _doors(definitions: Definitions, closed: Table | None) -> dict[str, str]:
    """By segment that counts for a cap: the column that says to whom it is closed."""
    if closed is None:
        return {}
    return {name: f"{CLOSED}{name}" for names in definitions.capped.values() for name in names}


def _with_closed(answers: Table, definitions: Definitions, closed: Table | None) -> Table:
    """One Boolean column a segment: closed to whom a segment with a cap is closed that it is, or lies in."""
    if closed is None:
        return answers
    within = {
        name: [capped for capped, names in definitions.capped.items() if name in names]
        for name in _doors(definitions, closed)
    }
    wide = closed.group_by("person_id").aggregate(
        **{f"{CLOSED}{name}": closed.segment.isin(capped).any() for name, capped in within.items()}
    )
    joined = answers.left_join(wide, "person_id").drop("person_id_right")
    return joined.mutate(**{f"{CLOSED}{name}": joined[f"{CLOSED}{name}"].fill_null(False) for name in within}).view()  # noqa: FBT003


def _with_pins(answers: Table, definitions: Definitions) -> Table:
    rows = [
        {
            "_pinned_person": person,
            f"{PINNED}segment": pin.segment,
            f"{PINNED}reasons": pin.reasons,
            f"{PINNED}version": pin.version,
        }
        for person, pin in definitions.pinned.items()
    ]
    pins = ibis.memtable(rows, schema=dict.fromkeys(rows[0], "string"))
    answers = answers.left_join(pins, answers.person_id == pins["_pinned_person"])
    nothing = {f"{PINNED}confidence": ibis.null("float64"), f"{PINNED}runner_up": ibis.null("string")}
    return answers.mutate(**nothing, **{f"{PINNED}reasons": answers[f"{PINNED}reasons"].fill_null("")}).view()


def _known(people: Table, definitions: Definitions) -> Table:
    """The traits that are asked for. NaN is larger than every number on DuckDB and Spark: a rule would match it."""
    wanted = people.select("person_id", *sorted(definitions.traits))
    numbers = {name: wanted[name] for name in wanted.columns if wanted[name].type().is_floating()}
    cleaned = {n: ibis.ifelse(value.isnan(), ibis.null(value.type()), value) for n, value in numbers.items()}
    return wanted.mutate(**cleaned).view() if cleaned else wanted


def _with_declared(table: Table, definitions: Definitions) -> Table:
    trait = str(definitions.declared)
    value: Any = table[trait]
    plain = value.re_replace("^ +| +$", "").translate(UPPER, LOWER)
    meant: Mapping[str, str] = definitions.declared_values
    by_segment = {name: [v for v, meaning in meant.items() if meaning == name] for name in meant.values()}
    nothing = ibis.null("string")
    segment = (
        ibis.cases(*((plain.isin(values), name) for name, values in by_segment.items()), else_=nothing)
        if by_segment
        else nothing
    )
    table = table.mutate(_declared_segment=segment).view()
    hit = table["_declared_segment"].notnull()
    unheard = sentence_expression(not_a_segment(trait, table[trait])).fill_null("")
    return table.mutate(
        _declared_confidence=ibis.ifelse(hit, 1.0, ibis.null("float64")),
        _declared_runner_up=nothing,
        _declared_reasons=ibis.ifelse(hit, sentence_expression(declared_reason(trait, table[trait])), unheard),
    ).view()


def _with_scores(table: Table, scorer: Scorer, source: Source, prefix: str) -> Table:
    model, limits, meaning = scorer.model, scorer.thresholds, scorer.meaning
    table = scored(table, model, prefix)
    if scorer.means:
        table = meant(table, model, meaning, prefix)
    table = with_reasons(table, model, prefix, scorer.speech)
    apart, others = table["_left_out"], table["_others"]
    traits = len(model.traits)
    enough = ~apart & ~others & (table[f"{prefix}known"] >= limits.known)
    confidence, second = table[f"{prefix}confidence"], table[f"{prefix}second"]
    sure = enough & (confidence >= limits.confidence) & (confidence - second >= limits.margin)
    count = (table[f"{prefix}known"] * float(traits)).round().cast("int64").cast("string")
    some: Any = sentence_expression(not_known(source, count, traits, limits.known))
    unknown: Any = ibis.ifelse(table[f"{prefix}known"] > 0, some, "")
    labels = table[f"{prefix}segment"], table[f"{prefix}runner_up"]
    unsure = sentence_expression(not_sure(source, labels[0], percent(confidence), labels[1], percent(second)))
    strange = sentence_expression(left_out_by_rules(source))
    segment, runner_up = (as_segments(label, model, meaning) for label in labels) if scorer.means else labels
    gone = sure & segment.isnull()
    reasons = ibis.cases(
        (others, ""),
        (apart, strange),
        (gone, sentence_expression(let_go(source, labels[0]))),
        (sure, table[f"{prefix}reasons"]),
        (~enough, unknown),
        else_=unsure,
    )
    kept = table.drop(*(name for name in table.columns if name in feature_columns(model, prefix)))
    sure &= segment.notnull()
    answers = {"segment": segment, "confidence": confidence, "runner_up": runner_up}
    return kept.mutate(
        **{f"{prefix}{name}": ibis.ifelse(sure, v, ibis.null(v.type())) for name, v in answers.items()},
        **{f"{prefix}reasons": reasons},
    ).view()


def _first(table: Table, columns: list[SourceColumn], definitions: Definitions, doors: Mapping[str, str]) -> Table:
    """The first answer in the order of the sources; where there is none, why each of them gave none."""
    table = _behind_doors(table, columns, doors)
    answered = [(table[f"{column.prefix}segment"].notnull(), column) for column in columns]
    firsts: dict[str, Any] = {}
    for name in ANSWER_COLUMNS:
        kind = "float64" if name == "confidence" else "string"
        firsts[f"_{name}"] = _cases([(yes, table[f"{c.prefix}{name}"]) for yes, c in answered], ibis.null(kind))
    firsts["_reasons"] = _cases([(yes, table[f"{c.prefix}reasons"]) for yes, c in answered], _silence(table, columns))
    firsts["_source"] = _cases([(yes, ibis.literal(c.source, "string")) for yes, c in answered], ibis.null("string"))
    of_all = ibis.literal(definitions.version)
    firsts["_version"] = _cases([(yes, _version(table, c)) for yes, c in answered], of_all)
    firsts["_place"] = _cases(
        [(yes, ibis.literal(i, "int64")) for i, (yes, _) in enumerate(answered)], ibis.literal(-1, "int64")
    )
    chances = [name for column in columns for name in _chances(column)]
    return table.select("person_id", *chances, *doors.values(), **firsts).view()


def _version(answers: Table, column: SourceColumn) -> Any:
    return answers[f"{PINNED}version"] if column.source == "pinned" else ibis.literal(column.version)


def _behind_doors(answers: Table, columns: list[SourceColumn], doors: Mapping[str, str]) -> Table:
    """Take back answers that are closed to a person; rules have looked for another already, and a pin opens all."""
    taken: dict[str, Any] = {}
    for column in columns:
        if doors and column.source not in {"pinned", "rules"}:
            segment: Any = answers[f"{column.prefix}segment"]
            shut = reduce(or_, ((segment == name) & answers[door] for name, door in doors.items())).fill_null(False)  # noqa: FBT003
            taken[f"{column.prefix}reasons"] = ibis.ifelse(
                shut, sentence_expression(full(segment)), answers[f"{column.prefix}reasons"]
            )
            taken[f"{column.prefix}segment"] = ibis.ifelse(shut, ibis.null("string"), segment)
    return answers.mutate(**taken).view() if taken else answers


def _chances(column: SourceColumn) -> list[str]:
    return [f"{column.prefix}p{i}" for i in range(len(column.scorer.model.labels))] if column.scorer else []


def _cases(branches: list[tuple[Any, Any]], otherwise: Any) -> Any:
    return ibis.cases(*branches, else_=otherwise) if branches else otherwise


def _silence(table: Table, columns: list[SourceColumn]) -> Any:
    text: Any = ibis.literal("")
    for column in columns:
        own: Any = table[f"{column.prefix}reasons"]
        semicolon: Any = ibis.literal("; ")
        text = text.concat(ibis.ifelse(own == "", "", semicolon.concat(own)))
    return ibis.ifelse(text == "", NOBODY_ASKED, text.substr(2))


def closed_to(answers: Table, segment: Any) -> Any:
    """Return whether *segment* is closed to a person, of a table that `with_answers` returned."""
    names = [name.removeprefix(CLOSED) for name in answers.columns if name.startswith(CLOSED)]
    shut = [(segment == name) & answers[f"{CLOSED}{name}"] for name in names]
    told_shut: Any = reduce(or_, shut, ibis.literal(value=False))
    return told_shut.fill_null(False)  # noqa: FBT003 - an expression


def chance_of(table: Table, columns: list[SourceColumn], segment: Any) -> Any:
    """Return how likely *segment* is to the model that answered: 0 where no model did, or where it does not know it."""
    branches = []
    for place, column in enumerate(columns):
        if column.scorer is not None:
            meaning, names = column.scorer.meaning, _chances(column)
            chances = [
                (segment == meaning.segment(group), reduce(add, (table[names[place]] for place in places)))
                for group, places in enumerate(meaning.groups)
                if meaning.segment(group) is not None
            ]
            branches.append((table["_place"] == place, ibis.cases(*chances, else_=0.0)))
    return _cases(branches, ibis.literal(0.0))
