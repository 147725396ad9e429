"""Personas: draft them from facts, show their cards, and say what changed between versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli import names
from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, bench_of, console_of

if TYPE_CHECKING:
    from segmenter.profile.profile import Profile
    from sync.personas.drafts import Drafted
    from sync.personas.versions import Compared, Shown
    from sync.session import Workbench

group = typer.Typer(name="personas", help="Personas from evidence: facts that are found, invention that people write.")
app.add_typer(group)


@group.command()
def draft(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[SEGMENT]",
            help="A segment without a persona; or a persona, for its facts.",
            autocompletion=names.completing(names.segments, names.personas),
        ),
    ] = None,
    *,
    workspace: WorkspaceOption = HERE,
    everybody: Annotated[
        bool, typer.Option("--all", help="All segments without a persona, and all facts anew.")
    ] = False,
    proposal: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Describe the people of an accepted proposal of `discover`, before `assign`."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Draft a persona behind the end of personas.toml, and keep its facts as a version. Nothing written is touched."""
    from sync.personas import drafts as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    if (name is None) != everybody:
        raise FixSettingsError("Say whose facts are meant.", mend="Name one segment, or write --all.")
    with bench_of(workspace) as bench:
        done = job.draft(bench, name, proposal=proposal)
        missing = {slug: job.to_write(bench.workspace, slug) for slug in done.profiles}
    document = {
        "as_of": done.as_of.isoformat(),
        "drafted": dict(done.drafted),
        "versions": {one.slug: one.version for one in done.kept},
        "unchanged": list(done.unchanged),
        "skipped": dict(done.skipped),
        "silent": {slug: profile.silent for slug, profile in done.profiles.items() if profile.silent},
        "to_write": missing,
    }
    console.result(document, *_done(done, missing))


def _done(done: Drafted, missing: dict[str, list[str]]) -> Iterator[str]:
    for slug, segment in done.drafted.items():
        yield f"{slug}: drafted for the segment {segment}, behind the end of personas.toml."
    for one in done.kept:
        told = len(done.profiles[one.slug].told())
        yield f"{one.slug}: version {one.version}, {told} facts as of {one.as_of:%Y-%m-%d %H:%M} UTC."
    for slug in done.unchanged:
        yield f"{slug}: its facts and words are those of the newest version."
    for slug, profile in done.profiles.items():
        if profile.silent:
            yield f"{slug}: {profile.silent}"
        if missing[slug]:
            yield f"{slug}: still to write: {', '.join(missing[slug])}."
    yield from done.skipped.values()
    yield "`personasync personas show NAME` prints a card."


@group.command()
def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="A persona, or the segment it stands for. Default: a list.",
            autocompletion=names.completing(names.personas, names.segments),
        ),
    ] = None,
    *,
    workspace: WorkspaceOption = HERE,
    version: Annotated[int | None, typer.Option(metavar="N", help="Of this version, not of the newest.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a persona: facts by family, typical member, confidence; and apart from them what people invented."""
    from sync.personas import drafts as persona_drafts  # noqa: PLC0415
    from sync.personas import versions as persona_versions  # noqa: PLC0415

    console = console_of(as_json=as_json)
    if name is None and version is not None:
        raise FixSettingsError("A version is one persona's.", mend="Name the persona too.")
    with bench_of(workspace) as bench:
        if name is None:
            console.result(*_list(bench))
            return
        one = persona_versions.shown(bench, name, version)
        missing = persona_drafts.to_write(bench.workspace, one.slug)
        invention = bench.workspace.personas[one.slug].invention()
    if version is not None and one.version:
        invention, missing = dict(one.version.invention), []
    console.result(_card_document(one, invention, missing), *_card(one, invention, missing))


def _list(bench: Workbench) -> tuple[Any, ...]:
    from sync.personas import drafts as job  # noqa: PLC0415

    kept = bench.control.personas.in_force()
    rows, told = [], []
    for slug, persona in bench.workspace.personas.items():
        version = kept.get(slug)
        profile = job.kept_profile(version) if version else None
        missing = job.to_write(bench.workspace, slug)
        told.append(
            {
                "slug": slug,
                "name": persona.name,
                "segments": list(persona.segments),
                "version": version.version if version else None,
                "as_of": version.as_of.isoformat() if version else None,
                "people": profile.trust.people if profile else None,
                "confidence": profile.trust.grade if profile else None,
                "to_write": missing,
            }
        )
        facts = (profile.trust.people, profile.trust.grade) if profile else ("–", "–")
        when = f"{version.as_of:%Y-%m-%d}" if version else "none kept"
        rows.append((slug, persona.name, *facts, when, ", ".join(missing) or "nothing"))
    without = [one.name for one in bench.workspace.segments if one.name not in bench.workspace.persona_of]
    shown = table("Persona", "Name", "People", "Confidence", "Facts of", "Still to write", rows=rows)
    lines = [f"Segments without a persona: {', '.join(without)}. `personasync personas draft SEGMENT` drafts one."]
    return {"personas": told, "segments_without": without}, shown, *(lines if without else [])


NO_RULE = "no rule; people come into it by what they say, by a survey or by a model"


def _card(one: Shown, invention: dict[str, str], missing: list[str]) -> Iterator[str]:
    from segmenter.profile import text as words  # noqa: PLC0415

    profile = one.profile
    which = f"version {one.version.version}, " if one.version else ""
    yield f"{invention['name']} ({one.slug})"
    yield ""
    yield f"FACTS, found in the data ({which}as of {profile.moment:%Y-%m-%d %H:%M} UTC; index 100 is everybody)"
    for segment in profile.segments:
        yield f"  Segment {segment.name}: {NO_RULE if segment.rule == 'false' else segment.rule}"
    if profile.silent:
        yield f"  {profile.silent}"
    else:
        yield from _facts(profile)
    if profile.typical:
        *said, how = words.typical_sentences(profile)
        yield "  Typical member"
        yield from (f"    {line}" for line in said)
        yield f"    {how}"
    yield "  Confidence"
    yield from (f"    {line}" for line in profile.trust.sentences())
    yield ""
    yield "INVENTION, written by people in personas.toml"
    yield from (f"  {place}: {text}" for place, text in invention.items() if text)
    if missing:
        yield f"  still to write: {', '.join(missing)}"
    if one.versions:
        yield ""
        days = ", ".join(f"{kept.version} ({kept.recorded_at:%Y-%m-%d})" for kept in one.versions)
        yield f"Versions: {days}. `personasync personas diff` says what changed."
    if one.remark:
        yield one.remark


def _facts(profile: Profile) -> Iterator[str]:
    from segmenter.profile import text as words  # noqa: PLC0415

    for family, lines in words.family_lines(profile).items():
        yield f"  {family.capitalize()}"
        yield from (f"    {line}" for line in lines)
    if made := words.made_from(profile):
        yield "  What the segment is made from, so it is no news"
        yield from (f"    {line}" for line in made)


def _card_document(one: Shown, invention: dict[str, str], missing: list[str]) -> dict[str, Any]:
    profile = one.profile
    document = profile.document()
    document["facts"] = [fact for fact in document["facts"] if fact["said"]]
    trust = profile.trust
    return {
        "slug": one.slug,
        "version": one.version.version if one.version else None,
        "digest": one.version.digest if one.version else None,
        "facts": {
            **document,
            "trust": {
                **document["trust"],
                "confidence": trust.confidence and round(trust.confidence, 4),
                "grade": trust.grade,
            },
            "card": {family: [fact.trait for fact in facts] for family, facts in profile.card().items()},
        },
        "invention": invention,
        "to_write": missing,
        "versions": [
            {"version": kept.version, "recorded_at": kept.recorded_at, "as_of": kept.as_of, "digest": kept.digest}
            for kept in one.versions
        ],
        "remark": one.remark,
    }


@group.command()
def diff(
    old: Annotated[
        str | None, typer.Argument(metavar="[OLD]", help="A version or a day; default: the one before.")
    ] = None,
    new: Annotated[
        str | None, typer.Argument(metavar="[NEW]", help="Likewise; default: the newest, as written now.")
    ] = None,
    *,
    workspace: WorkspaceOption = HERE,
    persona: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only this persona, or that of a segment.",
            autocompletion=names.completing(names.personas, names.segments),
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what changed between two versions: in facts beyond chance, in facts within it, and in what people wrote."""
    from sync.personas import versions as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        found, notes = job.compare(bench, old, new, persona)
    document = {
        "personas": [
            {
                "slug": one.slug,
                "old": one.old.version,
                "new": one.new.version,
                "edited": one.edited,
                "changes": [asdict(change) for change in one.changes],
            }
            for one in found
        ],
        "notes": notes,
    }
    console.result(document, *(line for one in found for line in _difference(one)), *notes)


def _difference(one: Compared) -> Iterator[str]:
    from_, to = (f"version {v.version} (as of {v.as_of:%Y-%m-%d %H:%M} UTC)" for v in (one.old, one.new))
    edited = ", with what personas.toml says now" if one.edited else ""
    yield f"{one.slug}: {from_} to {to}{edited}"
    if not one.changes:
        yield "  Nothing changed."
    parts = (("facts", False), ("invention", True))
    for title, invented in parts:
        told = [change for change in one.changes if (change.part == "invention") == invented]
        if told:
            yield f"  In {title}"
            yield from (f"    {change.sentence}" for change in told)
