"""Commands about single people: members, pin, unpin, pins, object."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.names import completing, segments
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of, stores_of
from sync.workspace.run_manifest import account

SegmentArgument = Annotated[
    str, typer.Argument(metavar="SEGMENT", help="Name of the segment.", autocompletion=completing(segments))
]
EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="An email address of the person.")]
ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decided. Default: your user name.")]


@app.command("members")
def members_command(
    segment: Annotated[
        str | None,
        typer.Argument(
            metavar="[SEGMENT]", help="Name of the segment. Default: everybody.", autocompletion=completing(segments)
        ),
    ] = None,
    *,
    find: Annotated[
        str, typer.Option("--find", metavar="TEXT", help="Only people with an address that holds TEXT.")
    ] = "",
    workspace: WorkspaceOption = HERE,
    page: Annotated[int, typer.Option(metavar="N", help="Page to show.", min=1)] = 1,
    limit: Annotated[int, typer.Option(metavar="N", help="People on a page.", min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """List the people in a segment, or find people. Those of segments within it too, with what decided."""
    from sync.assign import members as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with session_of(workspace) as session:
        listing = job.members(session, segment, find=find, page=page, size=limit)
        names = {slug: persona.name for slug, persona in session.workspace.personas.items()}
    rows = [
        (
            member.email or member.person_id,
            member.segment or "–",
            names.get(member.persona or "", "–"),
            "–" if member.confidence is None else f"{member.confidence:.2f}",
            f"{member.since:%Y-%m-%d}",
            member.excluded or (member.reasons if member.source == "pinned" else member.source) or "–",
        )
        for member in listing.members
    ]
    where = f" in segment {segment!r}" if segment else ""
    if not listing.people:
        wanted = f" with {find!r} in an address" if find else ""
        console.result(asdict(listing), f"Nobody{wanted} is{where or ' assigned'}.")
        return
    if page > listing.pages:
        raise FixSettingsError(f"There is no page {page}.", fix=f"There are {listing.pages:,} pages.")
    more = f" Page {page} of {listing.pages:,}; next: --page {page + 1}." if page < listing.pages else ""
    counted = "1 person" if listing.people == 1 else f"{listing.people:,} people"
    console.result(
        asdict(listing),
        table("Email", "Segment", "Persona", "Confidence", "Since", "By", rows=rows),
        f"{counted}{where}.{more}",
    )


@app.command("pin")
def pin_command(
    email: EmailArgument,
    segment: SegmentArgument,
    *,
    until: Annotated[str, typer.Option(metavar="DATE", help="Last day on which it counts, like 2027-01-31.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why. Kept here; platforms are not shown it.")],
    by: ByOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Put a person into a segment by hand, until a date. Goes before rules and models."""
    from sync.assign import pins as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with stores_of(workspace) as stores:
        ends = job.pin_end(until, stores.workspace.time_zone)
        made = job.pin(stores, email, segment, until=ends, reason=reason, by=by or account())
    console.result(
        asdict(made),
        f"{made.email} is pinned to {made.segment!r} until {job.until_text(made.until)}, by {made.set_by}.",
        "Run `personasync assign`, then `plan` and `apply`; `personasync run` does it too.",
    )


@app.command("unpin")
def unpin_command(
    email: EmailArgument, *, by: ByOption = None, workspace: WorkspaceOption = HERE, as_json: JsonOption = False
) -> None:
    """End a person's pin: rules and models decide again."""
    from sync.assign import pins as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with stores_of(workspace) as stores:
        ended = job.unpin(stores, email, by=by or account())
    console.result(
        {"ended": [asdict(pin) for pin in ended]},
        *(f"{pin.email} is no longer pinned to {pin.segment!r}." for pin in ended),
        "Rules and models decide at the next `personasync assign`.",
    )


@app.command("pins")
def pins_command(
    *,
    workspace: WorkspaceOption = HERE,
    every: Annotated[bool, typer.Option("--all", help="Include pins that have ended.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the people who are in a segment by hand. With who decided, until when and why."""
    from sync.assign import pins as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with stores_of(workspace) as stores:
        now, known = stores.control.pins.now(), {segment.name for segment in stores.workspace.segments}
        pins = [pin for pin in stores.control.pins.all() if every or pin.holds(now)]
    rows = [
        (pin.email, pin.segment, job.until_text(pin.until), pin.set_by, f"{pin.set_at:%Y-%m-%d}", pin.reason, state)
        for pin in pins
        for state in [job.pin_state(pin, now, known)]
    ]
    shown: list[Any] = [table("Email", "Segment", "Until", "By", "Set", "Reason", "State", rows=rows)]
    document = [{**asdict(pin), "state": job.pin_state(pin, now, known)} for pin in pins]
    console.result({"pins": document}, *(shown if pins else ["Nobody is pinned."]))


@app.command("object")
def object_command(
    email: EmailArgument,
    *,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take back an objection that was noted with this command.")
    ] = False,
    by: ByOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Note that a person objects to profiling, tracking and advertising. It counts at once (GDPR art. 21)."""
    from sync.consent import objections as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with stores_of(workspace) as stores:
        said = job.object_by_hand(stores.workspace, stores.control, email, by=by or account(), withdraw=withdraw)
        serves = stores.workspace.serve is not None
    state = "objects to profiling, tracking and advertising" if said["objects"] else "does not object (any more)"
    sentences = [f"{said['email']} {state}{'' if said['changed'] else ', as before'}."]
    if said["elsewhere"]:
        sentences.append(f"An objection stands at: {'; '.join(said['elsewhere'])}. Change it there.")
    if said["objects"]:
        after = "The webhook service shows the fallback copy now" if serves else "No command uses the data from now on"
        sentences.append(f"{after}; `personasync run` deletes what was kept and updates the platforms.")
        sentences.append("Emails go on until the person unsubscribes.")
    console.result(said, *sentences)
