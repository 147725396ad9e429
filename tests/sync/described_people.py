"""A workspace of files with two kinds of people who can be told apart, for tests of personas."""

from __future__ import annotations

from pathlib import Path

from numpy.random import default_rng

from sync.cli.main import run
from sync.workspace.scaffold import Answers, NewConnection, write_workspace

PEOPLE = 300
SEGMENTS = """\
[[segments]]
name = "gold"
title = "Gold members"
rule = "tier = 'gold'"

[[segments]]
name = "alpine_gold"
parent = "gold"
rule = "country = 'CH' and age > 70"

[[segments]]
name = "few"
rule = "tier = 'platinum'"

[[segments]]
name = "others"
rule = "tier = 'none'"
"""

PERSONAS = """\
# Mine: keep the ö, the "quotes" and this order.
[fields.headline]
label = "Headline"
fallback = "News from \\"the\\" shop"

[personas.olaf]   # for everybody else
segments = ["others"]
name = 'Olaf Other'
story = '''
Waits,
and sees.'''
"""

TRAITS = """
[traits.tier]
connection = "shop"
property = "tier"

[traits.source]
connection = "shop"
property = "language"

[traits.age]
connection = "shop"
property = "age"
type = "number"

[traits.diabetes]
connection = "shop"
property = "diabetes"
type = "boolean"
"""


def write_people(folder: Path, seed: int = 1, gold: float = 0.4) -> None:
    """Gold members live in CH more often, speak French, are older; and most of them have an illness."""
    rng = default_rng(seed)
    lines = ["id,email,country,language,tier,age,diabetes,created_at"]
    for n in range(PEOPLE):
        golden = rng.random() < gold
        tier = "platinum" if n < 3 else "gold" if golden else "none"
        country = "CH" if rng.random() < (0.7 if golden else 0.2) else "DE"
        language = "fr" if rng.random() < (0.6 if golden else 0.1) else "de"
        age = int(rng.normal(58 if golden else 40, 6))
        ill = "true" if rng.random() < (0.9 if golden else 0.1) else "false"
        lines.append(f"{n},p{n}@people.test,{country},{language},{tier},{age},{ill},2026-01-0{1 + n % 9}")
    (folder / "contacts.csv").write_text("\n".join(lines) + "\n", "utf-8")


def described_people(folder: Path, *, segments: str = SEGMENTS, more: str = "") -> Path:
    """Make the workspace, read its people and assign them; *more* stands behind personasync.toml."""
    write_workspace(folder, Answers("Acme", (NewConnection("shop", "files", {"contacts": "contacts.csv"}),)))
    (folder / "segments.toml").write_text(segments, "utf-8")
    (folder / "personas.toml").write_text(PERSONAS, "utf-8")
    main = folder / "personasync.toml"
    main.write_text(main.read_text("utf-8") + TRAITS + more, "utf-8")
    write_people(folder)
    assert run(["pull", "--workspace", str(folder)]) == 0
    assert run(["assign", "--workspace", str(folder)]) == 0
    return folder
