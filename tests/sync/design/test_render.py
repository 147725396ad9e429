"""Pages escape what stems from data, load nothing, and name their stylesheet by its digest."""

from __future__ import annotations

import re

from sync.design.page import policy, render
from sync.design.plots import Measured, plot
from sync.report.front import FrontDecision, Tile

NASTY = '"><script>alert(1)</script>\u202e😀 أحمد'


def page() -> str:
    drawn = plot("Rates", [Measured(NASTY, 1, 0, 2, NASTY, NASTY, 1, NASTY)], lambda value: f"{value}{NASTY}")
    return render(
        "sync.design",
        "gallery.html.j2",
        tiles=[Tile(NASTY, NASTY, NASTY, NASTY, NASTY, "good", None, NASTY)],
        decisions=[FrontDecision("go", NASTY, NASTY, NASTY, NASTY, NASTY, NASTY)],
        differences=drawn,
        slices=(),
    )


def test_html_in_every_field_is_shown_and_not_run() -> None:
    text = page()

    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "\u202e" not in text
    assert "😀 أحمد" in text


def test_no_style_but_the_stylesheet_counts() -> None:
    text = page()
    sheet = re.search(r"<style>(.*?)</style>", text, re.DOTALL)

    assert sheet is not None
    assert policy(sheet.group(1)).replace("'", "&#39;") in text
    assert "unsafe" not in text
    assert not re.search(r'\sstyle="', text)
