"""Tests of what is assumed of a platform, as its spec declares them: on the user's own account, by reading only."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any

from connectors.base.account import DeclaredAccount
from connectors.base.reading import optional_at
from connectors.errors import PersonasyncError
from connectors.probing import ProbeResult, SeenAnswer, Watch, held_if, run_probes, untestable
from connectors.transport import entries, watched

Probe = Callable[[], ProbeResult]


class DeclaredProbes(DeclaredAccount):
    """A connector whose spec has ``[[probes]]``; what can't be declared, it has in `own_probes`."""

    def own_probes(self) -> Mapping[str, Probe]:
        """Return the probes that are code.

        Returns:
            By number of the assumption.
        """
        return {}

    def probe(self, *, address: str, watch: Watch) -> Generator[tuple[str, ProbeResult], None, None]:
        """Test what is assumed of the platform on this account; see `connectors.connector.HasProbes`.

        Args:
            address: Of a test contact; unused, since nothing is written.
            watch: Told of each request.

        Yields:
            Number of the assumption, and whether it held.
        """
        del address  # nothing is written
        seen: list[SeenAnswer] = []
        own = self.own_probes()
        declared = self.connection.manifest["probes"]
        probes = {
            key: own.get(key) or partial(self._declared, probe, seen) for probe in declared for key in probe["ids"]
        }
        with watched(self.client.transport, seen.append, watch):
            yield from run_probes(probes)

    def _declared(self, probe: Mapping[str, Any], seen: Sequence[SeenAnswer]) -> ProbeResult:
        if probe["untestable"]:
            return untestable(probe["untestable"])
        answer = self.client.get(probe["get"], probe["query"])
        if probe["number"]:
            return held_if((seen[-1].header(probe["number"]) or "").isdigit(), probe["broken"])
        listed = entries(answer, probe["every"])
        if not listed:
            return untestable(probe["empty"])
        return held_if(all(optional_at(entry, path) for entry in listed for path in probe["has"]), probe["broken"])

    def production(self) -> str:
        """Return why this may be no test account, as the spec's ``test_account`` tells; see `HasProbes`.

        Returns:
            A sentence; "" where the platform says that it is one.
        """
        spec = self.connection.manifest
        title, asked = spec["title"], spec["test_account"]
        if asked is None:
            local = self.client.transport.is_local
            return "" if local else f"{title} has no test accounts, and no answer tells what an account is used for."
        try:
            is_test = optional_at(self.client.get(asked["get"], asked["query"]), asked["named"])
        except PersonasyncError:
            return f"{title} does not tell whether this is a test account."
        return "" if is_test else f"{title} says that this is no test account."
