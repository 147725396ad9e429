"""Exclusion: people to whom nothing is ever written, by address or by a rule."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from segmenter.rules.evaluate import holds
from segmenter.rules.rules import Rule

BY_ADDRESS = "excluded by [exclude] addresses"
BY_RULE = "excluded by [exclude] rule"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Who is excluded.

    Attributes:
        addresses: Normalised; whoever has one of them.
        rule: Whoever it matches; None: nobody.
    """

    addresses: frozenset[str] = frozenset()
    rule: Rule | None = None

    def reason(self, named: Collection[str], person: Mapping[str, Any]) -> str | None:
        """Return why a person is excluded, None where they are not.

        Args:
            named: Ids of the people who have one of the addresses.
            person: Trait name -> value, and ``person_id``.
        """
        if person.get("person_id") in named:
            return BY_ADDRESS
        return BY_RULE if self.rule is not None and holds(self.rule, person) else None
