"""[consent] as rules: what each purpose needs and where the answers stand, checked against the connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import FixSettingsError
from connectors.records import INTEREST_GROUP
from segmenter.privacy.purposes import PURPOSES, ConsentSource, PurposeRule
from sync.workspace.consent_parts import PLACES, ConsentPart, ConsentSourcePart
from sync.workspace.manifest import Manifest
from sync.workspace.schema import ConnectionPart
from sync.workspace.toml_reader import at_line, read_text

KIND_OF = {"property": "crm", "merge_field": "email", "group": "email", "column": "files", "subscription": "crm"}
"""Which kind of connection has such a place."""
CALLED = {"crm": "property", "email": "merge_field", "files": "column"}


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """What [consent] says of purposes.

    Attributes:
        purposes: One rule for each purpose, in the order of `PURPOSES`.
        objections: Where an objection stands.
        push: Statuses that may be written to.
    """

    purposes: tuple[PurposeRule, ...] = ()
    objections: tuple[ConsentSource, ...] = ()
    push: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[ConsentSource, ...]:
        """Every place that is read, each once."""
        return tuple(dict.fromkeys((*(s for rule in self.purposes for s in rule.sources), *self.objections)))

    def asked_of(self, connection: str) -> tuple[str, ...]:
        """Return the properties that a connection must be asked for: answers and their dates."""
        mine = [s for s in self.sources if s.connection == connection and s.kind == "property"]
        return tuple(dict.fromkeys(name for s in mine for name in (s.name, s.dated) if name))

    def subscriptions_of(self, connection: str) -> tuple[str, ...]:
        """Return the subscription types that a connection must be asked for."""
        return tuple(s.name for s in self.sources if s.connection == connection and s.kind == "subscription")

    def rule(self, purpose: str) -> PurposeRule:
        """Return the rule of a purpose."""
        return next(rule for rule in self.purposes if rule.purpose == purpose)


def consent_rules(
    path: Path, part: ConsentPart, connections: Mapping[str, ConnectionPart], manifest: Manifest
) -> ConsentRules:
    """Return [consent] as rules.

    Args:
        path: Of personasync.toml, for messages.
        part: The section.
        connections: Of the workspace.
        manifest: plugin.toml.

    Raises:
        FixSettingsError: A purpose needs consent and nothing feeds it, or a source names no connection, or a place that
            such a connection does not have.
    """
    checked = _Checked(path, connections, manifest)
    rules = []
    for purpose in PURPOSES:
        own = getattr(part, purpose)
        sources = tuple(checked.sources(("consent", purpose), own.sources))
        if not sources and own.basis == "consent" and purpose in {"profiling", "tracking"}:
            raise checked.wrong(
                ("consent", purpose, "basis"),
                f"[consent.{purpose}] needs consent, but no source feeds it, so nobody could ever say yes.",
                f'Add where the answer stands, like sources = [{{ connection = "crm", property = "{purpose}_ok" }}], '
                'or name another legal basis, like basis = "legitimate interest".',
            )
        rules.append(PurposeRule(purpose, own.basis, sources))
    objections = tuple(checked.sources(("consent", "objection"), part.objection.sources))
    return ConsentRules(tuple(rules), objections, part.push)


@dataclass(frozen=True, slots=True)
class _Checked:
    path: Path
    connections: Mapping[str, ConnectionPart]
    manifest: Manifest

    def sources(self, place: tuple[str, ...], parts: Sequence[ConsentSourcePart]) -> Iterator[ConsentSource]:
        for part in parts:
            named = next(name for name in PLACES if getattr(part, name) is not None)
            value = getattr(part, named)
            self._check(place, part.connection, named)
            if named == "status":
                yield ConsentSource(part.connection, "status", statuses=tuple(value))
            elif named == "subscription":
                yield ConsentSource(part.connection, "subscription", value)
            elif named == "group":
                yield ConsentSource(part.connection, "property", INTEREST_GROUP + value, part.date or "")
            else:
                yield ConsentSource(part.connection, "property", value, part.date or "")

    def _check(self, place: tuple[str, ...], connection: str, named: str) -> None:
        if connection not in self.connections:
            listed = ", ".join(self.connections) or "none"
            raise self.wrong((*place, "sources"), f"there is no connection {connection!r}; known: {listed}.")
        connector = self.connections[connection].connector
        kind = self.manifest.connectors[connector].kind
        if named in KIND_OF and KIND_OF[named] != kind:
            raise self.wrong(
                (*place, "sources"),
                f"{connection!r} is a {connector} connection, which has no `{named}`.",
                f"Use `{CALLED[kind]}` there, or `status`.",
            )

    def wrong(self, place: tuple[str, ...], message: str, fix: str = "") -> FixSettingsError:
        return FixSettingsError(f"{at_line(self.path.name, read_text(self.path), place)}: {message}", fix=fix)
