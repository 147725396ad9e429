"""Profiles of personas from current assignments, for cards, drafts and versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import DELIVERIES, ENGAGEMENTS, ORDERS
from segmenter.profile.columns import column_of, may_describe, stem
from segmenter.profile.credibility import SegmentStability, Source, Trust
from segmenter.profile.distinctive_traits import FEWEST, DistinctiveTrait, TraitTest, distinctive_traits, measure
from segmenter.profile.profile import Definition, Profile, rounded_profile
from segmenter.profile.typical_member import Typical, typical
from segmenter.stats.effect_sizes import LEVEL
from segmenter.traits.definitions import Trait
from sync.assign.sources import definitions_of
from sync.personas.groups import SAID, Grouping
from sync.session import Session
from sync.traits.compute import measured
from sync.workspace.proposals import ProposalFile, accepted_proposals

CELLS = 20_000_000
"""Values that are read at a time: a million people's twenty traits, some hundred megabytes."""

MOST_LOOKED_AT = 12
"""Traits used to choose the typical member."""

DAY = timedelta(days=1)


def profiles(session: Session, groups: Table, as_of: datetime) -> dict[str, Profile]:
    """Return what is true of each group's people, by slug, the unclassified among them.

    Args:
        session: The open workspace.
        groups: As `sync.personas.groups.Grouping.by_persona` returns them.
        as_of: The moment of the traits, UTC.

    Returns:
        Rounded figures; groups of too few people have their size only.
    """
    # no trait's name begins with _, so that none is taken for what an assignment says
    memberships = groups.rename({f"_{name}": name for name in ("slug", *SAID)})
    with measured(session, as_of).inner_join(memberships, "person_id").cache() as people:
        counted = _counted(people)
        slugs = sorted(counted)
        if not slugs:
            return {}
        fewest = max(FEWEST, session.workspace.privacy.min_group_shown)
        proposals = accepted_proposals(session.workspace.directory)
        traits = may_describe(session.workspace.catalogue, session.workspace.sensitive)
        compared = list(_compared(people, slugs, traits, fewest))
        base = {j: _base(session, slug, counted[slug], proposals) for j, slug in enumerate(slugs)}
        distinctive = distinctive_traits(compared, len(slugs), base)
        families = dict(Counter(session.workspace.catalogue.traits[trait_test.trait].family for trait_test in compared))
        age = _age(session, as_of)
        everybody = sum(row.people for rows in counted.values() for row in rows)
        results = {}
        for slug, own in zip(slugs, distinctive, strict=True):
            trust = _trust(session, slug, counted[slug], everybody, proposals, age)
            enough = trust.people >= fewest
            member = _typical(people, slug, own, compared, traits, fewest) if enough else None
            silent = _silent(trust, own, compared, fewest)
            results[slug] = rounded_profile(
                Profile(
                    slug,
                    as_of.isoformat(),
                    persona_segments(session, slug),
                    trust,
                    own if enough else (),
                    member,
                    families,
                    silent,
                )
            )
    return results


@dataclass(frozen=True, slots=True)
class _Counted:
    source: str
    people: int
    confidence: float | None
    kept: int


def _counted(people: Table) -> dict[str, list[_Counted]]:
    groups = people.group_by("_slug", "_source").aggregate(
        people=people.count(), sure=people["_confidence"].mean(), kept=people["_expires_at"].notnull().sum()
    )
    counts: dict[str, list[_Counted]] = {}
    for row in sorted(groups.to_pyarrow().to_pylist(), key=lambda row: (-row["people"], row["_source"] or "")):
        counted = _Counted(row["_source"] or "", int(row["people"]), row["sure"], int(row["kept"] or 0))
        counts.setdefault(row["_slug"], []).append(counted)
    return counts


def _compared(people: Table, slugs: Sequence[str], traits: Sequence[Trait], fewest: int) -> Iterator[TraitTest]:
    """Compare the groups trait by trait, some of them in memory at a time."""
    known = [trait for trait in traits if trait.name in people.columns]
    rows = max(int(people.count().to_pyarrow().as_py()), 1)
    at_once = max(CELLS // rows, 1)
    codes = {slug: code for code, slug in enumerate(slugs)}
    for start in range(0, len(known), at_once):
        part = known[start : start + at_once]
        # in one order, so that sums round alike and the same people give the same facts
        ordered = people.order_by("person_id")
        table = ordered.select("_slug", *(trait.name for trait in part)).to_pyarrow()
        coded = table["_slug"].combine_chunks().dictionary_encode()
        place = np.array([codes[slug] for slug in coded.dictionary.to_pylist()], dtype=np.int64)
        labels = place[coded.indices.to_numpy(zero_copy_only=False)]
        for trait in part:
            if trait_test := measure(column_of(trait, table[trait.name]), labels, len(slugs), fewest=fewest):
                yield trait_test


def _typical(
    people: Table,
    slug: str,
    own: Sequence[DistinctiveTrait],
    compared: Sequence[TraitTest],
    traits: Sequence[Trait],
    fewest: int,
) -> Typical | None:
    """The typical member, looked for in the traits by which groups differ; those that mark this group come first."""
    chosen: list[str] = []
    for fact in own:
        if fact.trait_p <= LEVEL and all(stem(fact.trait) != stem(other) for other in chosen):
            chosen.append(fact.trait)
    chosen = chosen[:MOST_LOOKED_AT]
    if not chosen:
        return None
    rows = people.filter(people["_slug"] == slug).order_by("person_id").select(*chosen).to_pyarrow()
    by_name = {trait.name: trait for trait in traits}
    scales = {trait_test.trait: trait_test.scale for trait_test in compared if trait_test.scale}
    return typical([column_of(by_name[name], rows[name]) for name in chosen], scales, fewest=fewest)


def _silent(trust: Trust, own: Sequence[DistinctiveTrait], compared: Sequence[TraitTest], fewest: int) -> str:
    if trust.people < fewest:
        return f"Too few people for figures ({trust.people:,}): below {fewest:,} they could be identified."
    if trust.people == trust.everybody:
        return "All people are in it, so there is nobody to compare with."
    if not compared:
        return "No trait has values to compare: pull orders, emails or contact properties first."
    if not any(fact.said for fact in own):
        return f"No significant differences: {len(compared)} traits were compared."
    return ""


def persona_segments(session: Session, slug: str) -> tuple[Definition, ...]:
    """Return the segments that a persona stands for, in the order of their file."""
    segments = [
        segment for segment in session.workspace.segments if session.workspace.persona_of.get(segment.name) == slug
    ]
    return tuple(Definition(segment.name, segment.rule, segment.parent) for segment in segments)


def _base(session: Session, slug: str, rows: Sequence[_Counted], proposals: Sequence[ProposalFile]) -> frozenset[str]:
    """The traits that a group was made from: those of its rules, its proposal, and of what classified its people."""
    sources = {row.source for row in rows}
    names = [definition.name for definition in persona_segments(session, slug)]
    traits: set[str] = set()
    for name, step in session.workspace.steps.by_name().items():
        if name in names or any(name in session.workspace.steps.by_name()[segment].ancestors for segment in names):
            traits |= set(step.rule.names)
    for file in proposals:
        if any(part.name in names for part in file.segments):
            traits |= set(file.proposal.base)
    if sources & {"model", "survey", "declared"}:
        traits |= _asked(session, sources)
    return frozenset(traits)


def _asked(session: Session, sources: set[str]) -> set[str]:
    try:
        definitions = definitions_of(session.workspace)
    except FixSettingsError:  # a model that can't be used any more has still assigned these people
        return set()
    scorers: list[Any] = [*definitions.tools] if "survey" in sources else []
    scorers += [definitions.model] if "model" in sources and definitions.model else []
    traits = {name for scorer in scorers for name in scorer.model.traits}
    return traits | ({definitions.declared} if "declared" in sources and definitions.declared else set())


def _trust(
    session: Session,
    slug: str,
    rows: Sequence[_Counted],
    everybody: int,
    proposals: Sequence[ProposalFile],
    age: float | None,
) -> Trust:
    firm: dict[str, SegmentStability] = {}
    for definition in persona_segments(session, slug):
        for file in proposals:
            stabilities = [part.stability for part in file.segments if part.name == definition.name and part.keep]
            if stabilities:
                firm[definition.name] = SegmentStability(
                    definition.name, file.proposal.name, min(stabilities), file.proposal.effective
                )
    sources = tuple(Source(row.source, row.people, row.confidence) for row in rows if row.source)
    kept, people = sum(row.kept for row in rows), sum(row.people for row in rows)
    return Trust(people, everybody, sources, kept, tuple(firm.values()), age)


def _age(session: Session, as_of: datetime) -> float | None:
    """Days between the newest order, mail or visit and the moment of the facts; None: there is none."""
    newest: list[datetime] = []
    for schema in (ORDERS, DELIVERIES, ENGAGEMENTS):
        table = session.warehouse.current(schema.name)
        at = table.filter(table["at"] <= as_of)["at"].max().to_pyarrow().as_py()
        newest += [at] if at else []
    return (as_of - max(newest)) / DAY if newest else None


def profiles_of(session: Session, grouping: Grouping, slugs: Iterable[str]) -> dict[str, Profile]:
    """Return the profile of each of these personas, those without people among them."""
    results = profiles(session, grouping.by_persona(session), grouping.as_of)
    return {slug: results.get(slug) or _nobody(session, slug, grouping.as_of) for slug in slugs}


def _nobody(session: Session, slug: str, as_of: datetime) -> Profile:
    trust = Trust(0, 0)
    return Profile(slug, as_of.isoformat(), persona_segments(session, slug), trust, silent="No people.")
