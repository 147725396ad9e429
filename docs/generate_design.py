"""Generator of docs/design.html, the page that shows every component of the design system.

Run without arguments it writes the page; with ``--check`` it only says whether it is what it would write.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sync.design.page import render
from sync.design.plots import Measured, parts_of_whole, plot, spark
from sync.report.front import FrontDecision, Tile

PAGE = Path(__file__).resolve().parent / "design.html"
DIFFERENCES = (
    Measured("Everyone", 5.1, 2.4, 7.9, "+5.1 pp", "2.4 to 7.9"),
    Measured("Rita Regular", 9.0, 0.8, 17.0, "+9.0 pp", "0.8 to 17.0", 1),
    Measured("Gus Gift", -0.7, -5.5, 4.3, "-0.7 pp", "-5.5 to 4.3", 2),
    Measured("One person", 0.0, -79.0, 79.0, "0.0 pp", "-79.0 to 79.0", 3),
)
BARS = (
    Measured("Rita Regular", 10, 9, 11, "10%", "9 to 11", 1),
    Measured("Gus Gift", 26, 24, 28, "26%", "24 to 28", 2),
)


def gallery() -> str:
    """Return the page, with invented figures."""
    line = spark([0.08, 0.09, 0.085, 0.11], lambda rate: f"{rate:.1%}")
    decision = "from 1,259 contacts who got it (95% CI +30 to +100)"
    return render(
        "sync.design",
        "gallery.html.j2",
        slices=parts_of_whole([(f"Persona {hue}", 0.125, hue) for hue in range(1, 9)]),
        tiles=[
            Tile("a", "Marketable people", "2,953", "of 3,030 people", "+12", "mark", line),
            Tile("b", "Extra clicks", "–", "no campaign with variants yet"),
            Tile("c", "Sync", "100.0%", "of 7,104 changes confirmed; data 2 h old", "healthy", "good"),
        ],
        decisions=[
            FrontDecision(
                "go", "Keep", "Keep “own” for everyone", "+65 clicks", decision, "Click rate +5.1 pp.", "interval"
            ),
            FrontDecision("test", "Test", "Test “a” vs “b” for Gus Gift", "", "", "Not compared yet.", "interval"),
        ],
        differences=plot("Difference in pp with 95% CI", DIFFERENCES, lambda value: f"{value:+g}", around_zero=True),
        bars=plot("Share of all people", BARS, lambda value: f"{value:g}%", bars=True),
        line=line,
    )


def main(arguments: list[str]) -> int:
    """Write the page, or check it; 1 where it is out of date."""
    page = gallery()
    if "--check" not in arguments:
        PAGE.write_text(page, "utf-8")
        return 0
    if PAGE.read_text("utf-8") == page:
        return 0
    print("docs/design.html is out of date: run `make docs`")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
