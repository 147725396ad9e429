"""Persona drafts: append to personas.toml and update profiles; text written by people stays byte for byte.

Facts and written text are kept apart. Facts are found, and every set of them is kept as a version in the control store;
personas.toml holds what people invent, and the only thing that is ever written there is a draft behind its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.errors import FixSettingsError
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.profile.distinctive_traits import FEWEST
from segmenter.profile.profile import Definition, Profile, profile_of
from sync.control.personas import PersonaVersion
from sync.personas.groups import assigned_groups, proposed
from sync.personas.profiles import persona_segments, profiles_of
from sync.session import Session, recorded
from sync.workspace.definition_files import PERSONAS, SEGMENTS
from sync.workspace.settings import Workspace
from sync.workspace.toml_reader import append_text, replace_bytes, toml_string

LONGEST = 40  # letters of a persona's name


@dataclass(frozen=True, slots=True)
class Drafted:
    """Result of a draft run.

    Attributes:
        as_of: The moment of the facts, UTC.
        drafted: Persona -> the segment that it was drafted for.
        kept: New versions of facts.
        unchanged: Personas whose newest version says the same.
        skipped: Segment -> why it got no draft, in a sentence.
        profiles: What was found, by persona.
    """

    as_of: datetime
    drafted: Mapping[str, str]
    kept: Sequence[PersonaVersion]
    unchanged: Sequence[str]
    skipped: Mapping[str, str]
    profiles: Mapping[str, Profile]


def draft(session: Session, name: str | None, *, proposal: str | None = None) -> Drafted:
    """Draft the persona of a segment that has none, and update its profile; of all segments where *name* is None.

    Args:
        session: The open workspace; it is read again when something was drafted.
        name: A segment, or a persona that there is already.
        proposal: Describe the people of this accepted proposal in place of those who are assigned.

    Raises:
        FixSettingsError: Nobody is assigned, the name is unknown, or there are too few people to describe.
    """
    with recorded(session, "personas") as run:
        grouping = proposed(session, proposal) if proposal else assigned_groups(session)
        sizes = grouping.sizes()
        wanted, skipped = _wanted(session.workspace, name, sizes, only_these=proposal is not None)
        fresh = _write(session, wanted)
        of = session.workspace.persona_of
        meant = session.workspace.personas if proposal is None else dict.fromkeys(of[s] for s in sizes if s in of)
        slugs = list(meant) if name is None else [_slug_of(session.workspace, name)]
        profiles = profiles_of(session, grouping, slugs)
        kept: list[PersonaVersion] = []
        for slug, profile in profiles.items():
            if not profile.trust.people:  # what was known of people who are gone stays the newest version
                continue
            invention = session.workspace.personas[slug].invention()
            document = profile.document()
            version = session.control.personas.record(
                slug, document, invention, as_of=grouping.as_of, run_id=run.run_id
            )
            kept += [version] if version else []
        new = {saved.slug for saved in kept}
        unchanged = [slug for slug, profile in profiles.items() if profile.trust.people and slug not in new]
        run.counts.update(drafted=len(fresh), versions=len(kept))
    return Drafted(grouping.as_of, fresh, kept, unchanged, skipped, profiles)


def _slug_of(workspace: Workspace, name: str) -> str:
    """The persona of a segment or of its own name."""
    return name if name in workspace.personas and name not in workspace.persona_of else workspace.persona_of[name]


def _wanted(
    workspace: Workspace, name: str | None, sizes: Mapping[str, int], *, only_these: bool = False
) -> tuple[list[str], dict[str, str]]:
    """The segments that get a draft, and those that get none, with the reason; *only_these*: of those with a size."""
    if not workspace.segments:
        raise FixSettingsError(
            "There is no segment to describe.", fix=f"Add one to {SEGMENTS}, or run `personasync discover`."
        )
    if name is not None:
        return _named(workspace, name, sizes), {}
    steps, chosen, skipped = workspace.steps.by_name(), [], {}
    without = [segment.name for segment in workspace.segments if segment.name not in workspace.persona_of]
    for segment in without:
        if {*steps[segment].ancestors} & {*without} or (only_these and segment not in sizes):
            continue
        people = _people(workspace, segment, sizes)
        if people < _fewest(workspace):
            skipped[segment] = _too_few(workspace, segment, people)
        else:
            chosen.append(segment)
    return chosen, skipped


def _named(workspace: Workspace, name: str, sizes: Mapping[str, int]) -> list[str]:
    """The segment of that name, if it has no persona of its own; nothing for a persona."""
    known = workspace.steps.by_name()
    if name in _direct(workspace) or (name in workspace.personas and name not in known):
        return []
    if name not in known:
        there = ", ".join((*known, *workspace.personas))
        raise FixSettingsError(f"There is no segment or persona {name!r}.", fix=f"There are: {there}.")
    people = _people(workspace, name, sizes)
    if people < _fewest(workspace):
        raise FixSettingsError(_too_few(workspace, name, people), fix=FIX)
    return [name]


def _direct(workspace: Workspace) -> set[str]:
    return {segment for persona in workspace.personas.values() for segment in persona.segments}


FIX = "Run `personasync assign`, widen or merge the segment, or lower [privacy] min_group_shown (minimum 10)."


def _fewest(workspace: Workspace) -> int:
    return max(FEWEST, workspace.privacy.min_group_shown)


def _too_few(workspace: Workspace, segment: str, people: int) -> str:
    return (
        f"The segment {segment!r} has {people:,} people; groups of fewer than {_fewest(workspace):,} are not shown, "
        "since people could be identified."
    )


def _people(workspace: Workspace, segment: str, sizes: Mapping[str, int]) -> int:
    """People of a persona of *segment*, without sub-segments that have a persona."""
    ends = {segment, *_direct(workspace)}
    own = [
        name
        for name, step in workspace.steps.by_name().items()
        if next((place for place in (name, *step.ancestors) if place in ends), "") == segment
    ]
    return sum(sizes.get(name, 0) for name in own)


def _write(session: Session, segments: Sequence[str]) -> dict[str, str]:
    """Append a draft for each segment to personas.toml; taken back where the workspace would not load with it."""
    if not segments:
        return {}
    taken = {*session.workspace.personas, UNCLASSIFIED}
    fresh: dict[str, str] = {}
    for segment in segments:
        slug = next(name for name in _names(segment) if name not in taken)
        taken.add(slug)
        fresh[slug] = segment
    path = session.workspace.directory / PERSONAS
    before = append_text(path, "\n".join(_draft(session, slug, segment) for slug, segment in fresh.items()))
    try:
        session.reload()
    except FixSettingsError:
        replace_bytes(path, before)
        raise
    return fresh


def _names(segment: str) -> Sequence[str]:
    return [segment, *(f"{segment[: LONGEST - 3]}_{number}" for number in range(2, 99))]


HEAD = """\
# Drafted {day} for the segment {segment!r}. The measured traits of its people are not here, so that they stay current:
#   personasync personas show {slug}
# The profile below is written by your team; personasync neither calculates with it nor overwrites it.
"""


def _draft(session: Session, slug: str, segment: str) -> str:
    title = next(definition.title for definition in session.workspace.segments if definition.name == segment)
    lines = [
        HEAD.format(day=f"{session.now():%Y-%m-%d}", segment=segment, slug=slug).rstrip("\n"),
        f"[personas.{slug}]",
        f"name = {toml_string(title)}",
        f"segments = [{toml_string(segment)}]",
        'story = ""      # to write: who is this, what do they want, what stops them? Two or three sentences',
        'quote = ""      # to write: a sentence that they could say',
        'picture = ""    # to write: a file in this folder (.png, .jpg, .svg); not of a person in your data',
        f"[personas.{slug}.fields]",
        *(
            f'# {name} = ""    # to write; fallback until then: {toml_string(field.fallback)}'
            for name, field in session.workspace.fields.items()
        ),
    ]
    return "\n".join(lines) + "\n"


TO_WRITE = ("story", "quote")
"""Required parts of a persona's profile; a picture and its own copy are recommended."""


def to_write(workspace: Workspace, slug: str) -> list[str]:
    """Return what nobody has written of a persona yet.

    Args:
        workspace: With personas.toml as it is now.
        slug: The persona.

    Returns:
        What is missing, such as "story" or "fields.teaser"; empty: the persona is complete.
    """
    persona = workspace.personas[slug]
    titles = {segment.title for segment in workspace.segments if segment.name in persona.segments}
    missing = ["a name other than the segment's"] if persona.name in titles else []
    missing += [place for place in TO_WRITE if not persona.invention()[place].strip()]
    copied = {name for name, _, _ in persona.texts()}
    return missing + [
        f"fields.{name}" for name, field in workspace.fields.items() if name not in copied and not field.trait
    ]


def kept_profile(version: PersonaVersion) -> Profile | None:
    """Return the facts of a version; None where they are in a form that is not known any more."""
    return profile_of(version.profile)


def stale_personas(session: Session) -> list[tuple[str, str]]:
    """Return the personas whose profile should be updated, by slug, each with the reason.

    Returns:
        Slug and reason; personas that personas.toml has no more are left out.
    """
    limit = session.workspace.guardrails.max_facts_age_days
    reasons = []
    for slug, version in session.control.personas.in_force().items():
        if slug not in session.workspace.personas:
            continue
        days = (session.now() - version.as_of).total_seconds() / 86_400
        if _kept_segments(version) != persona_segments(session, slug):
            reasons.append((slug, f"the segments or rules of {slug} changed since its profile was made"))
        elif days > limit:
            reasons.append((slug, f"the profile of {slug} is {days:,.0f} days old, more than {limit:g}"))
    return reasons


def _kept_segments(version: PersonaVersion) -> tuple[Definition, ...] | None:
    profile = kept_profile(version)
    return profile.segments if profile else None
