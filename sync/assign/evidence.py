"""Evidence of decisions: what each `assign` decided by, and the same decision made again from it.

An `assign` notes which versions of rows and links it saw, and keeps the definitions that it used under their digest:
the workspace's files, the model and the typing tools. From these a past decision is made again by the same code, for
one person or for everybody, and compared with the one that was recorded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS, CONTACTS, email_key
from segmenter.assign.definitions import Definitions, Pinned
from segmenter.traits import traits as all_traits
from sync.assign.caps import decide_within_caps
from sync.assign.pins import reason
from sync.assign.sources import definitions_of
from sync.control.rows import Pin, Run
from sync.session import Session
from sync.traits.compute import everything
from sync.warehouse.past import PastRows
from sync.warehouse.time_zones import offsets
from sync.workspace import models, typing_tools
from sync.workspace.definition_files import MAIN, PERSONAS, SEGMENTS
from sync.workspace.experiments import EXPERIMENTS
from sync.workspace.settings import STATE, Workspace, load_workspace
from sync.workspace.toml_reader import read_text

if TYPE_CHECKING:
    from ibis import Table

FOLDER, EVIDENCE = "evidence", "evidence"  # of the state; of a run's counts
SECTION = re.compile(r"^\s*\[+\s*([^\]\s]+)\s*\]")
STORES = ("engine", "state")
FILES = (MAIN, SEGMENTS, PERSONAS, EXPERIMENTS)


def keep_evidence(session: Session) -> dict[str, Any]:
    """Keep the definitions in force, and return what names them and the rows that are decided by now.

    Call it just before the decision: what is written afterwards is not seen by it.

    Returns:
        For the counts of the run: ``definitions``, ``sequence``, ``links``, ``decided_at``, ``made_by``.
    """
    workspace = session.workspace
    files = {**settings_files(workspace.directory), **learned_files(workspace.state_dir)}
    return {
        "definitions": keep_definitions(workspace.state_dir, files),
        "sequence": session.warehouse.last_sequence(),
        "links": session.control.links.newest(),
        "decided_at": session.now().isoformat(),
        "made_by": version("personasync"),
    }


def keep_definitions(state_dir: Path, files: Mapping[str, bytes]) -> str:
    """Keep definitions once, and return what names them.

    Args:
        state_dir: The workspace's ``.personasync``.
        files: Content by name from the workspace's folder (`settings_files`, `learned_files`).

    Returns:
        Hexadecimal digits, the same for the same files.
    """
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    folder = state_dir / FOLDER / digest.hexdigest()[:32]
    for name, content in files.items():
        _write(folder / name, content)
    return folder.name


def settings_files(directory: Path) -> dict[str, bytes]:
    """Return the settings of a workspace's folder that decide, by name; see `what_decides`.

    Returns:
        File name -> content; files that are not there are left out.

    Raises:
        FixSettingsError: One can't be read.
    """
    texts = {name: read_text(directory / name) for name in FILES if (directory / name).is_file()}
    return {name: (what_decides(text) if name == MAIN else text).encode() for name, text in texts.items()}


def learned_files(state_dir: Path) -> dict[str, bytes]:
    """Return the model in use and the typing tools, by name from the workspace's folder.

    Returns:
        File name -> content; empty where nothing was learned.
    """
    tools = sorted((state_dir / typing_tools.FOLDER).glob("*.json"))
    paths = (state_dir / models.FOLDER / models.IN_USE, *tools)
    return {f"{STATE}/{path.relative_to(state_dir)}": path.read_bytes() for path in paths if path.is_file()}


def what_decides(text: str) -> str:
    """Return personasync.toml without what decides nothing and may hold a password or an address.

    That are [serve], [exclude], and the addresses of the stores in [workspace].
    """
    lines, section = [], ""
    for line in text.splitlines():
        header = SECTION.match(line)
        section = header.group(1) if header else section
        key = line.partition("=")[0].strip()
        if section.partition(".")[0] not in {"serve", "exclude"} and not (section == "workspace" and key in STORES):
            lines.append(line)
    return "\n".join(lines) + "\n"


def _write(path: Path, content: bytes) -> None:
    """Write a file once, whole or not at all."""
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


@dataclass(frozen=True, slots=True)
class PastDecision:
    """What one `assign` decided by, open to be asked again.

    Attributes:
        workspace: Its definitions.
        as_of: The moment that people were looked at, UTC.
        rows: The versions that it saw.
        links: Who was who then: ``contact_key``, ``person_id``.
    """

    session: Session
    run: Run
    workspace: Workspace
    as_of: datetime
    rows: PastRows
    links: Table
    definitions: Definitions

    def traits(self) -> Table:
        """Return everybody's traits as of then: one row per person with an active contact."""
        zones = self.session.warehouse.memtable(
            offsets(
                self.rows.current(CONTACTS.name),
                self.workspace.catalogue.properties,
                self.workspace.time_zone,
                self.as_of,
            )
        )
        inputs = everything(self.rows, links=self.links, zones=zones)
        return all_traits.traits(inputs, self.workspace.catalogue, self.as_of)

    def decide(self, persons: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
        """Decide again.

        Args:
            persons: Whom to decide about; None: everybody. Where a segment has a cap, all are decided about anyhow.

        Returns:
            Assignments (columns of `ASSIGNMENTS`) by person id; those without an active contact are left out.
        """
        people, previous = self.traits(), self.rows.current(ASSIGNMENTS.name)
        if persons is not None and not self.definitions.capped:
            people = people.filter(people.person_id.isin(sorted(persons)))
        decided, _ = decide_within_caps(people, self.definitions, previous=previous, as_of=self.as_of)
        rows = {row["person_id"]: row for row in decided.to_pylist()}
        return rows if persons is None else {person: rows[person] for person in persons if person in rows}


def past_decision(session: Session, run: Run) -> PastDecision:
    """Open what a run of `assign` decided by.

    Args:
        session: The open workspace.
        run: Of `assign`.

    Raises:
        FixSettingsError: The run kept no evidence, or its definitions are gone.
    """
    noted: Mapping[str, Any] = run.counts.get(EVIDENCE) or {}
    folder = session.workspace.state_dir / FOLDER / str(noted.get("definitions"))
    if not noted or not folder.is_dir():
        raise FixSettingsError(
            f"The assign of {run.started_at:%Y-%m-%d %H:%M} UTC kept no evidence that is still here.",
            fix="Decisions since the first `personasync assign` of this version can be rebuilt.",
        )
    workspace = load_workspace(folder)
    table = session.control.links.as_of(int(noted["links"]))
    as_of = datetime.fromisoformat(run.counts["as_of"])
    owners = dict(zip(table["contact_key"].to_pylist(), table["person_id"].to_pylist(), strict=True))
    pins = _pins_then(session, as_of, datetime.fromisoformat(noted["decided_at"]))
    definitions = definitions_of(workspace)
    pinned = {
        owners[email_key(pin.email)]: Pinned(pin.segment, reason(pin), pin.version)
        for pin in pins
        if pin.segment in definitions.segments and email_key(pin.email) in owners
    }
    return PastDecision(
        session,
        run,
        workspace,
        as_of,
        PastRows(session.warehouse, int(noted["sequence"])),
        session.warehouse.memtable(table),
        replace(definitions, pinned=pinned),
    )


def _pins_then(session: Session, as_of: datetime, decided_at: datetime) -> list[Pin]:
    """The pins that counted at a moment (UTC), as they were known when it was decided."""
    known = [pin for pin in session.control.pins.all() if pin.set_at <= decided_at]
    then = [pin if pin.ended_at is None or pin.ended_at <= decided_at else replace(pin, ended_at=None) for pin in known]
    return [pin for pin in then if pin.holds(as_of)]


def assign_run_before(session: Session, moment: datetime) -> Run:
    """Return the last `assign` that began until a moment (UTC) and was completed.

    Raises:
        FixSettingsError: There was none.
    """
    for run in reversed(session.control.runs.of_command("assign")):
        if run.state == "done" and run.started_at <= moment:
            return run
    raise FixSettingsError(f"Nobody was assigned until {moment:%Y-%m-%d %H:%M} UTC.", fix="Choose a later date.")
