"""How we know what we rely on at the platforms: every key that is read or sent, and what is assumed.

The table is `evidence.toml` beside this module: facts only. Tests hold the connectors and the local platforms to it,
and the docs page of the platforms is made from it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

Use = Literal["reads", "sends", "shows"]
"""What is done with a key: we read it, we send it, or the platform shows it and nobody reads it."""
Probe = Literal["read", "write", "none"]
USES: tuple[Use, ...] = ("reads", "sends", "shows")


@dataclass(frozen=True, slots=True)
class EvidenceSource:
    """One kind of evidence on one platform.

    Attributes:
        kind: As the table names it: description, sdk, recording, client or guide.
        title: What it is, with its version.
        seen: When it was held against the table (ISO date).
    """

    platform: str
    kind: str
    title: str
    seen: str


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that nobody promises, and that we rely on or are ready for.

    Attributes:
        id: "A1" and so on; stays when others go.
        operation: Method and path of the version without a date.
        says: What is assumed, in a sentence.
        why: What speaks for it.
        probe: Whether an account can be asked: by reading, only by writing, or not at all.
        how: What to send, and what to compare.
        held: What we do where it holds.
        broken: What we do, or the user has to do, where it does not.
        blocks: Steps that must not run where it is broken; none where we are ready for both.
        test: The test that holds us to `held` and `broken`.
        recorded: Whether recorded answers of the platform show that it holds.
    """

    id: str
    platform: str
    operation: str
    says: str
    why: str
    probe: Probe
    how: str
    held: str
    broken: str
    blocks: tuple[str, ...]
    test: str
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key of an operation.

    Attributes:
        operation: Method and path of the version without a date.
        key: Dotted; "[]" is any entry of a list, "*" any name of the account's own, "?" begins a field of a query.
        evidence: The kind of its source, or the id of an assumption.
    """

    platform: str
    operation: str
    use: Use
    key: str
    evidence: str


@dataclass(frozen=True, slots=True)
class EvidenceTable:
    """The whole table."""

    sources: Sequence[EvidenceSource]
    assumptions: Sequence[Assumption]
    keys: Sequence[KnownKey]

    def of(self, *uses: Use) -> dict[tuple[str, str], str]:
        """Return the evidence of every (operation, key) with one of *uses*.

        Returns:
            (operation, key) -> where it was seen.
        """
        return {(key.operation, key.key): key.evidence for key in self.keys if key.use in uses}


@cache
def load_evidence() -> EvidenceTable:
    """Return the table, read once.

    Returns:
        Sources, assumptions, and every key that is read or sent, with its evidence.
    """
    table = tomllib.loads((resources.files("connectors") / "evidence.toml").read_text("utf-8"))
    sources = [EvidenceSource(**source) for source in table["sources"]]
    assumptions = [
        Assumption(**{**assumption, "blocks": tuple(assumption["blocks"])}) for assumption in table["assumptions"]
    ]
    platforms = [name for name in table if name not in {"sources", "assumptions"}]
    keys = [key for platform in platforms for key in _keys(platform, table[platform])]
    return EvidenceTable(sources, assumptions, keys)


def _keys(platform: str, operations: Mapping[str, Any]) -> Iterator[KnownKey]:
    for operation, parts in operations.items():
        for use in USES:
            for evidence, keys in parts.get(use, {}).items():
                yield from (KnownKey(platform, operation, use, key, evidence) for key in keys)
