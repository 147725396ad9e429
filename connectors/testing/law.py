"""Laws by name: what holds of every connector, whatever its platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.spec import ConnectorSpec
from connectors.testing.kit import Kit


@dataclass(frozen=True, slots=True)
class Law:
    """A law.

    Attributes:
        name: A sentence.
        group: Of laws about the same.
        holds: Raises AssertionError where it does not hold.
        needs: Capability without which there is nothing to hold: "fields", "groups", "incremental", "events",
            "network"; "": none.
    """

    name: str
    group: str
    holds: Callable[[Kit], None]
    needs: str = ""

    def applies(self, spec: ConnectorSpec) -> bool:
        """Tell whether a connector has what the law is about."""
        can = spec.capabilities
        if self.needs == "groups":
            return can.groups != "none"
        if self.needs == "network":
            return bool(spec.hosts)
        return not self.needs or bool(getattr(can, self.needs))


LAWS: list[Law] = []
"""Every law, in the order of the work; the modules of laws fill it."""


def law(name: str, *, needs: str = "") -> Callable[[Callable[[Kit], None]], Callable[[Kit], None]]:
    """Register a function as a law; its module's name, without "laws_of_", is the group.

    Args:
        name: A sentence.
        needs: See `Law`.
    """

    def register(holds: Callable[[Kit], None]) -> Callable[[Kit], None]:
        group = holds.__module__.rpartition("laws_of_")[2]
        LAWS.append(Law(name, group, holds, needs))
        return holds

    return register
