"""The foreign clients: what each is, how it is pointed at the local platforms, and what it must read."""

from __future__ import annotations

import json
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.foreign.install import ClientPackage

Row = dict[str, Any]
Found = dict[str, Any]
Records = Mapping[str, Sequence[Row]]
Run = Callable[[Path, Path, Mapping[str, str]], Found]
"""Takes the folder of the installed client, a scratch folder and the environment; returns its readings by name."""

DRIVERS = Path(__file__).parent / "drivers"
SINCE = "2010-01-01T00:00:00Z"
SECONDS = 120  # for one client
ONE_WINDOW = str(50 * 366 * 24 * 3600 * 1000)  # milliseconds: all events in one span of the tap
TAP_HUBSPOT_KEYS = {
    "contacts": ("id", "updatedAt"),
    "contact_lists": ("listId", "updatedAt"),
    "list_memberships": ("recordId", "listId", "membershipTimestamp"),
    "email_events": ("id",),
}


@dataclass(frozen=True, slots=True)
class ForeignClient:
    """A client that others wrote.

    Attributes:
        language: In which it is written.
        pointed: By which of its own settings it finds the local platforms.
        reads: Names of readings; in brackets, the way by which it reads the same once more.
    """

    package: ClientPackage
    language: str
    pointed: str
    reads: tuple[str, ...]
    run: Run


class ClientError(Exception):
    """A client ended with an error; the message is the last that it said."""


def of_node(script: str) -> Run:
    """Return how to run a driver in Node with the packages of its folder."""

    def run(folder: Path, _scratch: Path, environment: Mapping[str, str]) -> Found:
        said = _said(["node", str(DRIVERS / script)], {**environment, "NODE_PATH": str(folder / "node_modules")})
        return dict(json.loads(said.splitlines()[-1]))

    return run


def of_python(script: str) -> Run:
    """Return how to run a driver in the client's own environment."""

    def run(folder: Path, _scratch: Path, environment: Mapping[str, str]) -> Found:
        said = _said([str(folder / "venv/bin/python"), str(DRIVERS / script)], environment)
        return dict(json.loads(said.splitlines()[-1]))

    return run


def tap_mailchimp(folder: Path, scratch: Path, environment: Mapping[str, str]) -> Found:
    """Run the tap as its README says: discover, select all streams but automations, read."""
    tap, key = str(folder / "venv/bin/tap-mailchimp"), environment["MAILCHIMP_KEY"]
    config = {"api_key": key, "dc": key.rpartition("-")[2], "start_date": SINCE, "page_size": "100"}
    settings = _file(scratch / "tap-mailchimp.json", config)
    catalog = json.loads(_said([tap, "--config", settings, "--discover"], environment))
    for stream in catalog["streams"]:
        for field in stream["metadata"]:
            field["metadata"]["selected"] = True
        chosen = {"selected": stream["stream"] != "automations"}  # we imitate none
        stream["metadata"].append({"breadcrumb": [], "metadata": chosen})
    chosen_streams = _file(scratch / "tap-mailchimp-catalog.json", catalog)
    rows = _records(_said([tap, "--config", settings, "--catalog", chosen_streams], environment))
    return {
        "members": sorted(f"{row['email_address']} {row['status']}" for row in rows["list_members"]),
        "tag members": sorted(row["email_address"] for row in rows["list_segment_members"]),
        "activity": dict(Counter(row["action"] for row in rows["reports_email_activity"])),
        "unsubscribes": sorted(row["email_address"] for row in rows["unsubscribes"]),
    }


def tap_hubspot(folder: Path, scratch: Path, environment: Mapping[str, str]) -> Found:
    """Run the tap with a catalog of the streams that we imitate, made from its own schemas."""
    (schemas,) = folder.glob("venv/lib/python*/site-packages/tap_hubspot/schemas")
    streams = []
    for name, keys in TAP_HUBSPOT_KEYS.items():
        schema = json.loads((schemas / f"{name}.json").read_text())
        if name == "contacts":
            schema["properties"]["property_email"] = {"type": ["null", "string"]}
        inclusion = {field: "automatic" if field in keys else "available" for field in schema["properties"]}
        fields = [
            {"breadcrumb": ["properties", field], "metadata": {"inclusion": kind}} for field, kind in inclusion.items()
        ]
        chosen = {"breadcrumb": [], "metadata": {"selected": True, "table-key-properties": keys[:-1] or keys}}
        streams.append({"stream": name, "tap_stream_id": name, "schema": schema, "metadata": [chosen, *fields]})
    config = {"api_key": environment["HUBSPOT_TOKEN"], "start_date": SINCE, "email_chunk_size": ONE_WINDOW}
    command = [str(folder / "venv/bin/tap-hubspot"), "--config", _file(scratch / "tap-hubspot.json", config)]
    catalog = _file(scratch / "tap-hubspot-catalog.json", {"streams": streams})
    rows = _records(_said([*command, "--properties", catalog], environment))
    return {
        "contacts": sorted(f"{row['id']} {row.get('property_email') or '-'}" for row in rows["contacts"]),
        "lists": sorted({row["name"] for row in rows["contact_lists"]}),
        "list members": sorted({row["recordId"] for row in rows["list_memberships"]}),
        "events": dict(Counter(row["type"] for row in rows["email_events"])),
    }


def meltano_tap_hubspot(folder: Path, scratch: Path, environment: Mapping[str, str]) -> Found:
    """Run Meltano's tap as its README says: discover, select contacts and deals, read."""
    tap = str(folder / "venv/bin/tap-hubspot")
    settings = _file(scratch / "meltano-tap-hubspot.json", {"access_token": environment["HUBSPOT_TOKEN"]})
    catalog = json.loads(_said([tap, "--config", settings, "--discover"], environment))
    for stream in catalog["streams"]:
        root = next(entry for entry in stream["metadata"] if not entry["breadcrumb"])
        root["metadata"]["selected"] = stream["tap_stream_id"] in {"contacts", "deals"}
    command = [tap, "--config", settings, "--catalog", _file(scratch / "meltano-catalog.json", catalog)]
    rows = _records(_said(command, environment))
    return {
        "contacts": sorted(f"{row['id']} {row['properties'].get('email') or '-'}" for row in rows["contacts"]),
        "deals": sorted(f"{row['id']} {row['properties']['amount']}" for row in rows["deals"]),
    }


def _file(path: Path, document: Any) -> str:
    path.write_text(json.dumps(document))
    return str(path)


def _records(said: str) -> Records:
    rows: dict[str, list[Row]] = defaultdict(list)
    for line in said.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            rows[message["stream"]].append(message["record"])
    return rows


def _said(command: Sequence[str], environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ClientError(f"did not end within {SECONDS} s") from error
    except OSError as error:
        raise ClientError(str(error)) from error
    if done.returncode:
        raise ClientError(" | ".join(done.stderr.strip().splitlines()[-3:])[-600:])
    return done.stdout


ENGAGEMENT = ("activity", "unsubscribes")
OPTION, PROXY = "its own option", "HTTPS_PROXY and SSL_CERT_FILE"
CLIENTS = (
    ForeignClient(
        ClientPackage("@hubspot/api-client", "npm", ("@hubspot/api-client@13.5.0",)),
        "JavaScript",
        f"{OPTION} basePath",
        (
            *("contacts", "contacts (batch)", "contacts (search)", "deals", "lists"),
            *("list members", "list members (join order)", "counters"),
        ),
        of_node("hubspot_sdk.js"),
    ),
    ForeignClient(
        ClientPackage("@mailchimp/mailchimp_marketing", "npm", ("@mailchimp/mailchimp_marketing@3.0.80",)),
        "JavaScript",
        f"{OPTION} basePath",
        ("members", "tag members", *ENGAGEMENT, "report", "orders"),
        of_node("mailchimp_sdk.js"),
    ),
    ForeignClient(
        ClientPackage("hubspot-sdk", "PyPI", ("hubspot-sdk==0.1.0a9",)),
        "Python",
        "its own variable HUBSPOT_BASE_URL",
        ("contacts", "deals", "lists", "list members"),
        of_python("hubspot_sdk_2026.py"),
    ),
    ForeignClient(  # dlt's source is scaffolded from a repository; this package carries it as a module
        ClientPackage("dlt-hubspot", "PyPI", ("dlt==1.31.0",), alone=("ingestr==0.14.9",)),
        "Python",
        PROXY,
        ("contacts", "deals"),
        of_python("dlt_hubspot.py"),
    ),
    ForeignClient(
        ClientPackage("tap-hubspot", "PyPI", ("tap-hubspot==4.5.0", "setuptools<81")),
        "Python",
        PROXY,
        ("contacts", "lists", "list members", "events"),
        tap_hubspot,
    ),
    ForeignClient(
        ClientPackage("meltano-tap-hubspot", "PyPI", ("meltano-tap-hubspot==0.10.1",)),
        "Python",
        PROXY,
        ("contacts", "deals"),
        meltano_tap_hubspot,
    ),
    ForeignClient(
        ClientPackage("tap-mailchimp", "PyPI", ("tap-mailchimp==1.3.3", "setuptools<81")),
        "Python",
        PROXY,
        ("members", "tag members", *ENGAGEMENT),
        tap_mailchimp,
    ),
)
