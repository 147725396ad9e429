"""``python -m tests.foreign``: see `make foreign`. A line a client, and one JSON document.

clients           by name: version, language, by what it was pointed, and "read": how many records each reading had
not_installed     clients that the registries did not give, with the reason; the target fails if none is left
wrong             readings that are not what the world holds, and clients that ended with an error
strangers         hosts that a client asked for besides the two platforms' (they were refused)
refused           requests that a platform refused, by how often: scopes of objects that the local account lacks
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import HUBSPOT_TOKEN, MAILCHIMP_KEY
from tests.foreign.clients import CLIENTS, ClientError, ForeignClient
from tests.foreign.gate import HUBSPOT_HOST, MAILCHIMP_HOST, Gate
from tests.foreign.install import InstallError, install
from tests.foreign.world import new_world, read_world, send_campaigns

ROOT = Path(__file__).parents[2] / ".foreign"
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR")  # of our environment; a client gets no more


def main() -> int:
    """Install what is missing, let every client read, and compare."""
    parser = argparse.ArgumentParser(prog="tests.foreign")
    parser.add_argument("clients", nargs="*", help="only these; all by default")
    chosen = set(parser.parse_args().clients)
    document: dict[str, Any] = {"clients": {}, "not_installed": {}, "wrong": []}
    folders: dict[ForeignClient, Path] = {}
    for client in CLIENTS:
        if chosen and client.package.name not in chosen:
            continue
        try:
            folders[client] = install(client.package, ROOT)
        except InstallError as error:
            document["not_installed"][client.package.name] = str(error)
            print(f"{client.package.name}: not installed: {error}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        serve(folders, Path(scratch), document)
    print(json.dumps(document))
    return int(bool(document["wrong"] or document["strangers"] or not folders))


def serve(folders: Mapping[ForeignClient, Path], scratch: Path, document: dict[str, Any]) -> None:
    """Let each client read one world, and note in *document* what it read."""
    with Sandbox(new_world(scratch / "world.sqlite")) as sandbox:
        send_campaigns(sandbox)
        world = read_world(scratch / "world.sqlite")
        hosts = {HUBSPOT_HOST: sandbox.hubspot_url, MAILCHIMP_HOST: sandbox.mailchimp_url}
        with Gate(scratch, hosts) as gate:
            environment = environment_of(sandbox, gate, scratch)
            for client, folder in folders.items():
                try:
                    found = client.run(folder, scratch, environment)
                except (ClientError, LookupError, ValueError) as error:  # it failed, or said something else
                    document["wrong"].append(f"{client.package.name}: {error!r}")
                    print(f"{client.package.name}: failed: {error!r}", flush=True)
                    continue
                compare(client, found, world, document)
            document["strangers"] = sorted(gate.strangers)
            document["refused"] = dict(sorted(Counter(gate.refused).items()))


def environment_of(sandbox: Sandbox, gate: Gate, scratch: Path) -> dict[str, str]:
    """Return what a client may know: addresses, keys, and the gate as its proxy."""
    certificate = str(gate.certificate)
    return {name: os.environ[name] for name in KEPT if name in os.environ} | {
        "HOME": str(scratch),
        "HUBSPOT_URL": sandbox.hubspot_url,
        "HUBSPOT_BASE_URL": sandbox.hubspot_url,
        "HUBSPOT_TOKEN": HUBSPOT_TOKEN,
        "MAILCHIMP_URL": sandbox.mailchimp_url,
        "MAILCHIMP_KEY": MAILCHIMP_KEY,
        "HTTPS_PROXY": gate.address,
        "NO_PROXY": "127.0.0.1",
        "SSL_CERT_FILE": certificate,
        "REQUESTS_CA_BUNDLE": certificate,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "SINGER_SDK_LOG_LEVEL": "ERROR",
    }


def compare(
    client: ForeignClient, found: Mapping[str, Any], world: Mapping[str, Any], document: dict[str, Any]
) -> None:
    """Hold what a client read against the world, and say so."""
    name, counts = client.package.name, {}
    for reading in client.reads:
        got, expected = found.get(reading), world[reading.partition(" (")[0]]
        counts[reading] = got if isinstance(got, dict) else len(got or [])
        if got != expected:
            document["wrong"].append(f"{name}: {reading}: {difference(got, expected)}")
    package = client.package
    shown = {"pins": [*package.pins, *package.alone], "language": client.language, "pointed_by": client.pointed}
    document["clients"][name] = {**shown, "read": counts}
    said = ", ".join(f"{reading} {count}" for reading, count in counts.items())
    wrong = [line for line in document["wrong"] if line.startswith(f"{name}: ")]
    print(f"{name}: {said}: {'DIFFERENT' if wrong else 'as the world holds'}", *wrong, sep="\n  ", flush=True)


def difference(got: Any, expected: Any) -> str:
    """Return in short what is missing and what is too much."""
    if not isinstance(got, list) or not isinstance(expected, list):
        return f"{got} instead of {expected}"
    missing, more = Counter(expected) - Counter(got), Counter(got) - Counter(expected)
    return f"{missing.total()} missing {sorted(missing)[:3]}, {more.total()} too many {sorted(more)[:3]}"


if __name__ == "__main__":
    sys.exit(main())
