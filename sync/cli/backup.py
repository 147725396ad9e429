"""Commands for a workspace that must not get lost: backup, restore, rebuild."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, not_ours, session_of, stores_of
from sync.clock import clock_of


@app.command("backup")
def backup_command(
    *,
    workspace: WorkspaceOption = HERE,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            callback=not_ours,
            metavar="FILE",
            help="The new file. Default: personasync-backup-TIME.tar.gz here.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Save settings, stores, plans and reports to one file. Other commands may run meanwhile. Secrets are left out."""
    from sync.ops.backup import backup  # noqa: PLC0415 - heavy imports only where needed

    now = clock_of(workspace)()
    target = out or Path(f"personasync-backup-{now:%Y%m%d-%H%M%S}.tar.gz")
    with stores_of(workspace) as stores:
        saved = backup(stores.workspace, target, now)
        stores.control.erasures.note_file(target)  # an erasure names it
    document = {"path": str(saved.path), "files": saved.files, "bytes": saved.bytes, "outside": list(saved.outside)}
    outside = [f"Not in it: the {name}, which is elsewhere. Back it up with its own tools." for name in saved.outside]
    sentence = f"Saved {saved.files:,} files in {saved.path} ({saved.bytes / 1e6:,.1f} MB). It holds personal data."
    console_of(as_json=as_json).result(document, sentence, *outside)


@app.command("restore")
def restore_command(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote.")],
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in place of the state, which is moved aside. Later refusals, erasures and settings files stay."""
    from sync.ops.backup import restore_backup  # noqa: PLC0415

    stamp = f"{clock_of(workspace)():%Y%m%d-%H%M%S}"
    done = restore_backup(file, workspace, stamp=stamp)
    document = {
        "files": done.files,
        "made_at": done.made_at.isoformat(),
        "set_aside": str(done.set_aside) if done.set_aside else None,
        "settings_kept": done.settings_kept,
    }
    sentences = [f"Restored {done.files:,} files of {done.made_at:%Y-%m-%d %H:%M} UTC."]
    if done.set_aside:
        sentences.append(f"What was there before is in {done.set_aside}; delete it when all is well.")
        sentences += _refusals(workspace, done.set_aside, document)
    if done.settings_kept:
        sentences.append(
            f"Warning: these settings files differ from the backup and stay: {', '.join(done.settings_kept)}."
        )
    console_of(as_json=as_json).result(document, *sentences)


def _refusals(workspace: Path, set_aside: Path, document: dict[str, Any]) -> list[str]:
    """What people refused since the backup, which counts again, in sentences."""
    from sync.ops.restored import CONTROL, keep_refusals  # noqa: PLC0415

    if not (set_aside / CONTROL).exists():
        return []
    with session_of(workspace) as session:
        kept = keep_refusals(session, set_aside)
    document["kept"] = asdict(kept)
    if not kept.readable:
        return [
            "Warning: the control store of before can't be read. Who was erased or objected since must be so again."
        ]
    if not kept.erased:
        return []
    people = "1 person who was" if kept.erased == 1 else f"{kept.erased:,} people who were"
    return [f"{people} erased since then {'is' if kept.erased == 1 else 'are'} erased again."]


@app.command("rebuild")
def rebuild_command(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Make a lost control store again from warehouse and plans. Use it only where there is no backup."""
    from sync.ops.rebuild import rebuild, set_aside  # noqa: PLC0415

    console = console_of(as_json=as_json)
    moved = None if _is_whole(workspace) else set_aside(_state_dir(workspace))
    with session_of(workspace, healing=("control",)) as session:
        done = rebuild(session)
    sentences = [
        f"{done.people:,} people keep their ids; {done.fresh:,} contacts got a new link.",
        f"{done.changes:,} changes of {done.plans:,} plans stand on the platforms and are in the ledger again.",
        *(f"Warning: {sentence}" for sentence in done.unread),
        done.missing,
    ]
    if moved:
        sentences.insert(0, f"The damaged control store is in {moved}.")
    console.result({**asdict(done), "set_aside": str(moved) if moved else None}, *sentences)


def _state_dir(workspace: Path) -> Path:
    from sync.workspace.settings import load_workspace  # noqa: PLC0415

    return load_workspace(workspace).state_dir


def _is_whole(workspace: Path) -> bool:
    """Whether the control store can be opened; a damaged one is in the way of a new one."""
    from sync.control.store import open_control  # noqa: PLC0415
    from sync.workspace.settings import load_workspace  # noqa: PLC0415

    loaded = load_workspace(workspace)
    try:
        open_control(loaded.state_url.reveal(), now=clock_of(workspace)).close()
    except FixSettingsError as error:
        if "control.db is damaged" not in error.what:
            raise
        return False
    return True
