"""Outside the connectors of a platform, its local one, docs and tests, no line of code names a platform.

`LEFT` holds what is left: a module of it that got better has to leave it, or its number has to go down.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCAL = ("connectors/sandbox/", "sync/cli/sandbox.py")  # the local platforms, and the commands that start them
HOMES = (
    *(f"connectors/{name}/" for name in ("hubspot", "mailchimp", "ghost", "bottlecrm", "klaviyo", "brevo")),
    *LOCAL,
)
NAMES = re.compile(r"hubspot|mailchimp|hubl\b|hs_persona|\bghost|bottlecrm|klaviyo|brevo", re.IGNORECASE)
LEFT = {
    "connectors/files/presets.py": 5,  # how an export of theirs calls its columns: facts about files, not about an API
}


def named(source: str) -> set[int]:
    """Lines on which a name, an argument or a text of code names a platform; comments and docstrings don't count."""
    tree = ast.parse(source)
    documented = {
        id(node.value)
        for parent in ast.walk(tree)
        if isinstance(getattr(parent, "body", None), list)
        for node in getattr(parent, "body", [])
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    lines = set()
    for node in ast.walk(tree):
        if id(node) in documented:
            continue
        words = [value for _, value in ast.iter_fields(node) if isinstance(value, str)]
        if any(NAMES.search(word) for word in words):
            lines.add(node.lineno if hasattr(node, "lineno") else 0)
    return lines


def test_what_names_a_platform_is_seen_and_what_only_speaks_of_it_is_not() -> None:
    code = '"""HubSpot."""\nKIND = "hubspot"  # of HubSpot\n\n'
    code += 'def mailchimp(a):\n    """Mailchimp."""\n    return a.hubspot\n'

    assert named(code) == {2, 4, 6}


def test_no_line_of_code_names_a_platform_away_from_its_home() -> None:
    counted: Counter[str] = Counter()
    for package in ("connectors", "segmenter", "sync"):
        for path in sorted((ROOT / package).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if not place.startswith(HOMES):
                counted[place] += len(named(path.read_text("utf-8")))

    assert dict(+counted) == LEFT
