"""Persona commands: draft, show, diff; poster is in `sync.cli.poster`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli import names
from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of
from sync.cli.poster import personas_poster_command

if TYPE_CHECKING:
    from segmenter.profile.profile import Profile
    from sync.personas.drafts import Drafted
    from sync.personas.versions import Compared, PersonaView

group = typer.Typer(name="personas", help="Personas: facts from your data, profile from your team.")
app.add_typer(group)
group.command("poster")(personas_poster_command)


@group.command("draft")
def personas_draft_command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[SEGMENT]",
            help="A segment without a persona, or a persona whose facts to update.",
            autocompletion=names.completing(names.segments, names.personas),
        ),
    ] = None,
    *,
    workspace: WorkspaceOption = HERE,
    everybody: Annotated[
        bool, typer.Option("--all", help="Draft a persona for every segment without one, and update all facts.")
    ] = False,
    proposal: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Use the members of an accepted `discover` proposal, before `assign` has run."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Draft a persona in personas.toml from the facts. Existing text is kept; the facts are saved as a version."""
    from sync.personas import drafts as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    if (name is None) != everybody:
        raise FixSettingsError("No segment or persona given.", fix="Name a segment, or use --all.")
    with session_of(workspace) as session:
        done = job.draft(session, name, proposal=proposal)
        missing = {slug: job.to_write(session.workspace, slug) for slug in done.profiles}
    document = {
        "as_of": done.as_of.isoformat(),
        "drafted": dict(done.drafted),
        "versions": {version.slug: version.version for version in done.kept},
        "unchanged": list(done.unchanged),
        "skipped": dict(done.skipped),
        "silent": {slug: profile.silent for slug, profile in done.profiles.items() if profile.silent},
        "to_write": missing,
    }
    console.result(document, *_done(done, missing))


def _done(done: Drafted, missing: dict[str, list[str]]) -> Iterator[str]:
    for slug, segment in done.drafted.items():
        yield f"{slug}: drafted for segment {segment}, at the end of personas.toml."
    for version in done.kept:
        count = len(done.profiles[version.slug].told())
        yield f"{version.slug}: version {version.version}, {count} facts as of {version.as_of:%Y-%m-%d %H:%M} UTC."
    for slug in done.unchanged:
        yield f"{slug}: unchanged since the newest version."
    for slug, profile in done.profiles.items():
        if profile.silent:
            yield f"{slug}: {profile.silent}"
        if missing[slug]:
            yield f"{slug}: still to be written: {', '.join(missing[slug])}."
    yield from done.skipped.values()
    yield "Show a persona with `personasync personas show NAME`."


@group.command("show")
def personas_show_command(
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
    version: Annotated[int | None, typer.Option(metavar="N", help="Show this version. Default: the newest.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a persona. Facts by family, typical member and confidence, then the profile your team wrote."""
    from sync.personas import documents as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    if name is None and version is not None:
        raise FixSettingsError("A version belongs to one persona.", fix="Name the persona as well.")
    with session_of(workspace, reading=True) as session:
        if name is None:
            document = job.personas_document(session)
            console.result(document, *_list(document))
            return
        card = job.persona_card(session, name, version)
    console.result(card.document, *_card(card.view, card.invention, card.missing))


def _list(document: Mapping[str, Any]) -> Iterator[Any]:
    rows = [
        (
            persona["slug"],
            persona["name"],
            persona["people"] if persona["version"] else "–",
            persona["confidence"] if persona["version"] else "–",
            persona["as_of"][:10] if persona["version"] else "none yet",
            ", ".join(persona["to_write"]) or "nothing",
        )
        for persona in document["personas"]
    ]
    yield table("Persona", "Name", "People", "Confidence", "Facts of", "To be written", rows=rows)
    if without := document["segments_without"]:
        yield f"Segments without a persona: {', '.join(without)}. `personasync personas draft SEGMENT` drafts one."


NO_RULE = "no rule; people are assigned by what they state, by a survey or by a model"


def _card(persona_view: PersonaView, invention: Mapping[str, str], missing: Sequence[str]) -> Iterator[str]:
    from segmenter.profile import text as words  # noqa: PLC0415

    profile = persona_view.profile
    which = f"version {persona_view.version.version}, " if persona_view.version else ""
    yield f"{invention['name']} ({persona_view.slug})"
    yield ""
    yield f"FACTS, from your data ({which}as of {profile.moment:%Y-%m-%d %H:%M} UTC; index 100 = average of everyone)"
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
    yield "PROFILE, written by your team in personas.toml"
    yield from (f"  {place}: {text}" for place, text in invention.items() if text)
    if missing:
        yield f"  to be written: {', '.join(missing)}"
    if persona_view.versions:
        yield ""
        days = ", ".join(f"{kept.version} ({kept.recorded_at:%Y-%m-%d})" for kept in persona_view.versions)
        yield f"Versions: {days}. Compare them with `personasync personas diff`."
    if persona_view.remark:
        yield persona_view.remark


def _facts(profile: Profile) -> Iterator[str]:
    from segmenter.profile import text as words  # noqa: PLC0415

    for family, lines in words.family_lines(profile).items():
        yield f"  {family.capitalize()}"
        yield from (f"    {line}" for line in lines)
    if made := words.made_from(profile):
        yield "  Segment definition"
        yield from (f"    {line}" for line in made)


@group.command("diff")
def personas_diff_command(
    old: Annotated[
        str | None, typer.Argument(metavar="[OLD]", help="A version or date. Default: the previous version.")
    ] = None,
    new: Annotated[
        str | None,
        typer.Argument(metavar="[NEW]", help="A version or date. Default: the newest, with the current text."),
    ] = None,
    *,
    workspace: WorkspaceOption = HERE,
    persona: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only this persona, or the persona of this segment.",
            autocompletion=names.completing(names.personas, names.segments),
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two versions of a persona. Shows significant changes, changes within chance, and edited text."""
    from sync.personas import versions as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with session_of(workspace, reading=True) as session:
        comparisons, notes = job.compare_versions(session, old, new, persona)
    document = {
        "personas": [
            {
                "slug": comparison.slug,
                "old": comparison.old.version,
                "new": comparison.new.version,
                "edited": comparison.edited,
                "changes": [asdict(change) for change in comparison.changes],
            }
            for comparison in comparisons
        ],
        "notes": notes,
    }
    console.result(document, *(line for comparison in comparisons for line in _difference(comparison)), *notes)


def _difference(compared: Compared) -> Iterator[str]:
    from_, to = (f"version {v.version} (as of {v.as_of:%Y-%m-%d %H:%M} UTC)" for v in (compared.old, compared.new))
    edited = ", with the current personas.toml" if compared.edited else ""
    yield f"{compared.slug}: {from_} to {to}{edited}"
    if not compared.changes:
        yield "  No changes."
    parts = (("facts", False), ("invention", True))
    for title, invented in parts:
        changes = [change for change in compared.changes if (change.part == "invention") == invented]
        if changes:
            yield f"  In {title}"
            yield from (f"    {change.sentence}" for change in changes)
