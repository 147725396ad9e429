"""What personasync is made of, without any network: bill of materials, licences, and known vulnerabilities.

All is read from requirements-extras.txt (pinned, with hashes), from what is installed, and from .ci/advisories.toml.
`sbom FILE` writes a bill of materials in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), `licences` prints a
table, and `audit` fails where an installed package is not the pinned one, has a licence that is not on the list, or has
a version that an advisory names. `audit --osv DIR` also reads a copy of the OSV database (one JSON file each,
https://ossf.github.io/osv-schema/), for machines that keep one.
"""

# ruff: noqa: INP001 - a program, no package
from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from itertools import chain
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PINNED = ROOT / "requirements-extras.txt"
ADVISORIES = ROOT / ".ci" / "advisories.toml"
ALLOWED = (
    "apache",
    "mit",
    "bsd",
    "isc",
    "mpl",
    "mozilla",
    "psf",
    "python",
    "lgpl",
    "unlicense",
    "0bsd",
    "zlib",
    "cc0",
    "hpnd",
)
"""Parts of names of licences that let others use a package beside Apache-2.0 code, unchanged."""

UNTOLD = {"mailchimp-marketing": "Apache-2.0", "dicebear-styles": "CC0-1.0 (Notionists), others by style"}
"""Licences that a package's repository has, and its metadata do not (mailchimp/mailchimp-marketing-python, and
LICENSE.md of dicebear/styles: each drawing has its own; sync/personas/avatars.py uses one)."""


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned package. `version`: of what is installed, or pinned where its marker leaves it out here."""

    name: str
    version: str
    hashes: tuple[str, ...]
    installed: str | None
    licence: str


def packages(text: str) -> Iterator[Package]:
    """Yield the packages that requirements with hashes name, and that this machine needs."""
    for block in re.split(r"\n(?=\S)", text.strip()):
        line, *more = block.replace("\\\n", "\n").splitlines()
        needed, _, marker = line.partition(";")
        name, _, version = needed.strip().rstrip("\\").strip().partition("==")
        if marker.strip(" \\") and not Marker(marker.strip(" \\")).evaluate():
            continue
        hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", "\n".join(more)))
        yield Package(canonicalize_name(name), version.strip(), hashes, *_installed(name))


def _installed(name: str) -> tuple[str | None, str]:
    try:
        pinned = distribution(name)
    except PackageNotFoundError:
        return None, ""
    told = pinned.metadata
    classified = [line.rsplit("::", 1)[-1].strip() for line in told.get_all("Classifier") or [] if "License ::" in line]
    known = UNTOLD.get(canonicalize_name(name), "")
    written = (told.get("License") or "").strip().splitlines()
    return pinned.version, known or told.get("License-Expression") or ", ".join(classified) or (
        written[0] if written else ""
    )


def bill(pinned: Iterable[Package]) -> dict[str, Any]:
    """Return a bill of materials in CycloneDX 1.6."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ours = {"type": "application", "name": project["name"], "version": project["version"], "bom-ref": "personasync"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**ours, "licenses": [{"license": {"id": project["license"]}}]}},
        "components": [
            {
                "type": "library",
                "bom-ref": f"pkg:pypi/{package.name}@{package.version}",
                "purl": f"pkg:pypi/{package.name}@{package.version}",
                "name": package.name,
                "version": package.version,
                "licenses": [{"license": {"name": package.licence or "unknown"}}],
                "hashes": [{"alg": "SHA-256", "content": content} for content in package.hashes],
            }
            for package in sorted(pinned, key=lambda package: package.name)
        ],
    }


def faults(pinned: Iterable[Package], advisories: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with each package, in a sentence."""
    known: dict[str, list[Mapping[str, Any]]] = {}
    for advisory in advisories:
        known.setdefault(canonicalize_name(advisory["package"]), []).append(advisory)
    for package in pinned:
        if package.installed is None:
            yield f"{package.name} {package.version} is pinned, and is not installed."
        elif package.installed != package.version:
            yield f"{package.name} {package.installed} is installed, and {package.version} is pinned."
        if not package.hashes:
            yield f"{package.name} {package.version} has no hash."
        if package.installed and not any(part in package.licence.lower() for part in ALLOWED):
            told = package.licence or "(none told)"
            yield f"{package.name} {package.version} has the licence {told!r}, which is not on the list."
        for advisory in known.get(package.name, ()):
            if any(Version(package.version) in SpecifierSet(part) for part in advisory["affected"]):
                yield f"{package.name} {package.version} has {advisory['id']}: {advisory['what']}"


def of_osv(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the advisories about packages of PyPI in a copy of the OSV database."""
    for path in sorted(folder.rglob("*.json")):
        document = json.loads(path.read_text("utf-8"))
        for part in document.get("affected", []):
            if part.get("package", {}).get("ecosystem") == "PyPI" and "withdrawn" not in document:
                ranges = [
                    _specifier(events["events"]) for events in part.get("ranges", []) if events["type"] == "ECOSYSTEM"
                ]
                exact = [f"=={version}" for version in part.get("versions", [])]
                what = document.get("summary", "see the advisory.")
                name = part["package"]["name"]
                yield {"id": document["id"], "package": name, "affected": [*chain(*ranges), *exact], "what": what}


def _specifier(events: Iterable[Mapping[str, str]]) -> list[str]:
    specifiers, since = [], ""
    for event in events:
        if "introduced" in event:
            since = "" if event["introduced"] == "0" else f">={event['introduced']}"
        elif "fixed" in event or "last_affected" in event:
            until = f"<{event['fixed']}" if "fixed" in event else f"<={event['last_affected']}"
            specifiers.append(",".join(part for part in (since, until) if part))
            since = "-"
    return specifiers if since == "-" or not specifiers else [*specifiers, since]


def main() -> int:
    """Run one of the three."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("command", choices=["sbom", "licences", "audit"])
    asked.add_argument("out", nargs="?", type=Path)
    asked.add_argument("--osv", type=Path)
    given = asked.parse_args()
    pinned = list(packages(PINNED.read_text("utf-8")))
    if given.command == "sbom":
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(bill(pinned), indent=1) + "\n", "utf-8")
        return 0
    if given.command == "licences":
        sys.stdout.write("".join(f"{p.name}\t{p.version}\t{p.licence}\n" for p in pinned))
        return 0
    advisories = tomllib.loads(ADVISORIES.read_text("utf-8"))
    sentences = list(faults(pinned, [*advisories["advisory"], *(of_osv(given.osv) if given.osv else ())]))
    counts = f"{len(pinned)} packages, {len(advisories['advisory'])} advisories of {advisories['reviewed']}"
    sys.stdout.write("".join(f"{sentence}\n" for sentence in sentences) + f"{counts}, {len(sentences)} faults\n")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
