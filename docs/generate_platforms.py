"""Writes docs/platforms.md from the key ledger (connectors/evidence.toml) and plugin.toml.

python docs/generate_platforms.py            write it
python docs/generate_platforms.py --check    fail if it is out of date
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.evidence import Assumption, EvidenceTable, KnownKey, load_evidence
from connectors.hubspot.operations import EVERY
from sync.workspace.manifest import plugin_manifest

PAGE = Path(__file__).parent / "platforms.md"
TITLES = {name: spec.title for name, spec in plugin_manifest().connectors.items()}
PROBES = {"read": "by reading", "write": "only by writing", "none": "not on an account"}
RECORDED = "Recorded answers of the platform show that it holds; `make evidence` holds them against it."
SILENT = "Recorded answers do not show it."
INTRODUCTION = """# What we rely on at the platforms

Generated from `connectors/evidence.toml`; do not edit. Of HubSpot and Mailchimp, every key of an answer that is read,
and every field that is sent, is listed with how we know it. Tests fail on a key without an entry, and on a key that a
local platform shows without one. Of {beta}, which are beta, the types of the official clients are the judge: tests make
a stand-in of each from them, which refuses every request and every answer that they do not describe.
"""
SDK = """## The official SDKs

`hubspot-api-client` is at 12.0.0 of 2025-05. It knows the numbered paths only; HubSpot's package for Node is at 13.5.0
of 2026-03 and gained, among others, public-list marks and list conversion. What that costs us:

- **Dated versions** (2026-03, 2026-09) are asked directly, through the same transport, from the table of operations in
  `connectors/hubspot/operations.py`. Only v3 goes through the SDK.
- **{direct}** {has} no method in the SDK and {goes} directly in every version.
- The SDK's types lack keys that the descriptions of 2026 have; a test lists them. They are read from decoded JSON, so
  nothing is lost.

`mailchimp-marketing` is at 3.0.80 of 2022-11. It returns decoded JSON as it comes, so keys that are newer pass.
"""


def page(evidence: EvidenceTable) -> Iterator[str]:
    """Yield the page, block by block."""
    beta = [spec.title for spec in plugin_manifest().connectors.values() if spec.beta]
    yield INTRODUCTION.format(beta=" and ".join(beta))
    yield from _counts(evidence)
    yield "## Evidence\n"
    rows = [(TITLES[source.platform], source.kind, source.title, source.seen) for source in evidence.sources]
    yield _table(("platform", "kind", "what", "compared on"), rows)
    yield from _versions()
    direct = [operation.endpoint for operation in EVERY if operation.sdk is None]
    several = len(direct) > 1
    has, goes = ("have", "go") if several else ("has", "goes")
    yield SDK.format(direct=", ".join(direct), has=has, goes=goes)
    yield "## Assumptions\n"
    yield "Nobody promises these. `(A3)` in plugin.toml and in the code means the third.\n"
    for assumption in evidence.assumptions:
        yield from _assumption(assumption)
    yield "## Keys by operation\n"
    yield (
        "The version without a date names the operation. `[]` is any entry, `*` a name of the account's own, and `?` "
        "begins a field of a query.\n"
    )
    for platform in dict.fromkeys(key.platform for key in evidence.keys):
        yield f"### {TITLES[platform]}\n"
        yield from _operations([key for key in evidence.keys if key.platform == platform])


def _counts(evidence: EvidenceTable) -> Iterator[str]:
    used = Counter(key.use for key in evidence.keys)
    kinds = Counter("assumption" if key.evidence.startswith("A") else key.evidence for key in evidence.keys)
    listed = ", ".join(f"{count:,} by {kind}" for kind, count in kinds.most_common())
    held = sum(entry.recorded for entry in evidence.assumptions)
    yield (
        f"{used['reads']} keys that are read, {used['sends']} fields that are sent, {used['shows']:,} keys that the "
        f"local platforms show besides. {listed}. {len(evidence.assumptions)} assumptions, of which recorded answers "
        f"of the platforms show that {held} hold.\n"
    )


def _versions() -> Iterator[str]:
    facts = plugin_manifest().connectors["hubspot"]
    yield "## HubSpot's versions\n"
    rows = [(f"`{name}`", str(end)) for name, end in (*facts.api_versions.items(), *facts.paths_end.items())]
    yield _table(("version, or paths that begin so", "HubSpot ends it on"), rows)
    yield (
        "New workspaces get the newest dated version. In 2026-09, and in no other, a contact without a property that "
        "the account requires is refused; that refuses the one contact.\n"
    )


def _assumption(assumption: Assumption) -> Iterator[str]:
    yield f"### {assumption.id}: {assumption.says}\n"
    blocks = (
        f" Where it is broken, {' and '.join(f'`{step}`' for step in assumption.blocks)} must not run."
        if assumption.blocks
        else ""
    )
    yield "\n".join(
        [
            f"- {TITLES[assumption.platform]}, `{assumption.operation}`. {assumption.why}",
            f"- Can be tested {PROBES[assumption.probe]}: {assumption.how}",
            f"- {RECORDED if assumption.recorded else SILENT}",
            f"- Held: {assumption.held}",
            f"- Broken: {assumption.broken}{blocks}",
            f"- Test: `{assumption.test}`\n",
        ]
    )


def _operations(keys: Sequence[KnownKey]) -> Iterator[str]:
    names = dict.fromkeys(key.operation for key in keys if key.use in {"reads", "sends"})
    rows = []
    for name in names:
        for use, verb in (("reads", "read"), ("sends", "sent")):
            groups: dict[str, list[str]] = {}
            for key in keys:
                if (key.operation, key.use) == (name, use):
                    groups.setdefault(key.evidence, []).append(f"`{key.key}`")
            rows += [(f"`{name}`", verb, kind, " ".join(listed)) for kind, listed in groups.items()]
    yield _table(("operation", "", "known by", "keys"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def main() -> int:
    """Write the page, or compare it."""
    text = "\n".join(page(load_evidence()))
    if "--check" in sys.argv[1:]:
        if not PAGE.is_file() or PAGE.read_text("utf-8") != text:
            sys.stderr.write("docs/platforms.md is out of date: run `make docs`.\n")
            return 1
        return 0
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
