"""The documentation site from the same Markdown: README is its first page, docs/ the rest. Written to build/site.

Sphinx and MyST build it; each warning is an error, so no link leads nowhere. The look is that of the design system.
"""

from __future__ import annotations

import re
import shutil
import sys
from importlib import resources
from pathlib import Path

from sphinx.cmd.build import build_main

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "docs" / "site"
SOURCE, BUILT = ROOT / "build" / "site-source", ROOT / "build" / "site"
BESIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "plugin.toml")
TEST = re.compile(r"\[([^\]]+)\]\((?:\.\./)+tests/[^)]+\)")
REPOSITORY = re.compile(r"\]\((?:\.\./)*docs/")
FOLDERS = {"](deploy/)": "](deploy/compose.yaml)"}
PARTS = {
    "Start": ("how-to/install", "how-to/start-from-files", "how-to/connect-*", "why"),
    "Segments and personas": (
        *("how-to/segment-gallery", "how-to/what-if", "how-to/find-segments", "how-to/ask-a-survey", "how-to/model"),
        *("how-to/self-declared-personas", "how-to/by-hand", "how-to/segment-expiry", "how-to/audit-segments"),
        *("how-to/personas", "how-to/personalize", "how-to/value-and-personas"),
    ),
    "Campaigns": ("how-to/apply-with-care", "how-to/experiments", "how-to/read-the-report", "how-to/export"),
    "Operate": ("how-to/*",),
    "Look up": ("reference", "glossary", "platforms", "science", "security", "design", "CHANGELOG", "SECURITY"),
    "How it is made": ("CONTRIBUTING", "adr/README", "adr/*"),
}


def collect() -> None:
    """Copy what the site is made of to one folder, where links between pages hold."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    left_out = shutil.ignore_patterns("*.py", "__pycache__", "site")
    shutil.copytree(ROOT / "docs", SOURCE, ignore=left_out)
    for name in BESIDE:
        shutil.copy(ROOT / name, SOURCE / name)
    (SOURCE / "index.md").write_text(f"{(ROOT / 'README.md').read_text('utf-8')}\n{_contents()}", "utf-8")
    for page in SOURCE.rglob("*.md"):
        page.write_text(linked(page.read_text("utf-8"), deep=page.parent != SOURCE), "utf-8")
    static = SOURCE / "_static"
    static.mkdir()
    shutil.copy(SITE / "site.css", static)
    (static / "design.css").write_bytes((resources.files("sync.design") / "templates" / "design.css").read_bytes())


def linked(text: str, *, deep: bool) -> str:
    """Links of the repository as links of the site: docs/ is its top, and README its first page."""
    up = "../" if deep else ""
    text = TEST.sub(r"\1", text)  # the site has no source code
    text = REPOSITORY.sub(f"]({up}", text)
    for written, meant in FOLDERS.items():
        text = text.replace(written, meant)
    for name in (*BESIDE, "README.md"):
        page = "index.md" if name == "README.md" else name
        text = re.sub(rf"\]\((?:\.\./)+{re.escape(name)}", f"](/{page}", text)
    return text


def _contents() -> str:
    """The list of pages at the side."""
    listed: set[str] = set()
    blocks = []
    for title, patterns in PARTS.items():
        pages = [page for pattern in patterns for page in _pages(pattern) if page not in listed]
        fresh = list(dict.fromkeys(pages))
        listed |= set(fresh)
        blocks.append("\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *fresh, "```", ""]))
    return "\n".join(blocks)


def _pages(pattern: str) -> list[str]:
    return sorted(path.relative_to(SOURCE).with_suffix("").as_posix() for path in SOURCE.glob(f"{pattern}.md"))


def main() -> int:
    """Build the site; 1 where a link leads nowhere or a page is in no list."""
    collect()
    shutil.rmtree(BUILT, ignore_errors=True)
    quiet = ["-q", "--keep-going", "-W", "-b", "html", "-d", str(BUILT.with_name("site-doctrees")), "-j", "2"]
    return build_main([*quiet, "-c", str(SITE), str(SOURCE), str(BUILT)])


if __name__ == "__main__":
    sys.exit(main())
