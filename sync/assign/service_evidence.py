"""Past decisions of the webhook service, made again from the evidence that it kept with each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS, email_key, normalise_email
from segmenter.assign.definitions import Definitions
from sync.assign.evidence import FOLDER
from sync.assign.sources import definitions_of
from sync.control.service_decisions import ServiceDecision
from sync.online.compiled import PreparedTraits
from sync.online.handoff import as_assignment
from sync.online.person_inputs import PersonInputs, decide_again, inputs_of_plain, trait_rows
from sync.session import Session
from sync.workspace.settings import Workspace, load_workspace


@dataclass(frozen=True, slots=True)
class RebuiltDecision:
    """A decision of the service, made again.

    Attributes:
        workspace: The definitions of then.
        traits: What was known of the person; empty where the person might not be profiled.
        assignment: What comes out now, under the id that the person had then.
        recorded: What came out then.
    """

    decision: ServiceDecision
    workspace: Workspace
    inputs: PersonInputs
    traits: Mapping[str, Any]
    assignment: Mapping[str, Any]
    recorded: Mapping[str, Any]

    @property
    def same(self) -> bool:
        """Whether it is the same decision."""
        return self.assignment == self.recorded


@dataclass(slots=True)
class ServiceReplay:
    """Makes decisions of the service again; definitions are read and compiled once each."""

    session: Session
    _known: dict[str, tuple[Workspace, Definitions, PreparedTraits]] = field(default_factory=dict)

    def rebuilt(self, decision: ServiceDecision) -> RebuiltDecision:
        """Make a decision again.

        Raises:
            FixSettingsError: Its definitions are gone.
        """
        workspace, definitions, prepared = self._definitions(decision.definitions)
        inputs = inputs_of_plain(decision.person_id, decision.inputs)
        traits = trait_rows(prepared, workspace.catalogue, [inputs], inputs.as_of).get(inputs.person_id, {})
        again = decide_again(inputs, traits, definitions)
        return RebuiltDecision(decision, workspace, inputs, traits, again, as_assignment(decision.assignment))

    def close(self) -> None:
        """Give back the memory."""
        for _, _, prepared in self._known.values():
            prepared.close()

    def _definitions(self, name: str) -> tuple[Workspace, Definitions, PreparedTraits]:
        if name not in self._known:
            folder = self.session.workspace.state_dir / FOLDER / name
            if not folder.is_dir():
                raise FixSettingsError(
                    "The definitions by which the webhook service decided are gone.",
                    fix=f"Put back .personasync/{FOLDER}/{name}: from a backup, or from where the service runs.",
                )
            workspace = load_workspace(folder)
            self._known[name] = workspace, definitions_of(workspace), PreparedTraits(workspace.catalogue)
        return self._known[name]


@contextmanager
def replaying(session: Session) -> Iterator[ServiceReplay]:
    """Make decisions of the service again while the block runs."""
    replay = ServiceReplay(session)
    try:
        yield replay
    finally:
        replay.close()


def service_decision_at(session: Session, email: str, moment: datetime) -> ServiceDecision | None:
    """Return the decision of the service that was in force at a moment for whoever had an address then.

    Args:
        session: The open workspace.
        email: An address of the person.
        moment: UTC.

    Returns:
        None where an `assign` decided later, the service decided nothing, or its evidence is not kept.
    """
    address, control = normalise_email(email), session.control
    key = email_key(address or "")
    persons = {*control.links.of_keys([key]).values(), *control.links.past_owners([key]).values()}
    into = control.links.merged()
    withheld = session.withheld().profiling
    for decision in reversed(control.decisions.of_persons(persons)):
        person = into.get(decision.person_id, decision.person_id)
        if decision.recorded_at > moment or person in withheld or address not in _shown_by(decision):
            continue
        newest = _recorded_at(session, person, moment)
        return decision if newest is None or newest <= decision.recorded_at else None
    return None


def _shown_by(decision: ServiceDecision) -> set[str | None]:
    rows = decision.inputs.get("contacts", ())
    return {normalise_email(shown) for row in rows for shown in (row["email"], *(row["additional_emails"] or ()))}


def _recorded_at(session: Session, person: str, moment: datetime) -> datetime | None:
    """When the assignment was recorded that is in force in the warehouse at a moment; UTC."""
    versions = session.warehouse.history(ASSIGNMENTS.name)
    mine = versions.filter(versions.person_id == person).select("recorded_at").to_pyarrow()
    return max((at for at in mine["recorded_at"].to_pylist() if at <= moment), default=None)
