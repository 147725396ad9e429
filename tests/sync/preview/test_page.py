"""The contact sheet of a preview as people see it: in Chromium at three widths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from sync.preview.job import preview
from sync.session import Session
from tests.sync.chromium import CHROMIUM, LOWEST_CONTRAST, QUIET, READABLE, barriers

pytestmark = pytest.mark.browser

MAIL = """<table width="600"><tr><td><h1>*|PS_HEAD|*</h1><p>Dear *|FNAME|*, *|PS_OFFER|*</p>
<p>*|AVERYLONGWORDWITHOUTABLANKTHATNOLINECANHOLDANDTHATISNOTAGEITHER|*</p>
<script>document.title = "ran"</script><a href="*|UNSUB|*">Leave</a></td></tr></table>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


def test_the_sheet_reads_at_three_widths(ready: Session, browser: Browser, tmp_path: Path) -> None:
    template, sheet = tmp_path / "mail.html", tmp_path / "preview.html"
    template.write_text(MAIL, "utf-8")
    result = preview(ready, template)
    sheet.write_text(result.page(), "utf-8")
    for width, columns in ((1200, 3), (768, 2), (390, 1)):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(sheet.as_uri())
        boxes = page.evaluate(
            "[...document.querySelectorAll('section')].map(s => [s.offsetLeft, s.offsetWidth,"
            " s.querySelector('iframe').offsetWidth])"
        )
        mails = [frame.inner_text("body") for frame in page.frames[1:]]
        lowest, node = page.evaluate(LOWEST_CONTRAST)
        titles = page.eval_on_selector_all("iframe", "frames => frames.map(f => f.title)")

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert len({left for left, _, _ in boxes}) == columns
        assert all(inner < outer for _, outer, inner in boxes)
        assert [mail.split("\n")[0] for mail in mails][:1] == ["Early access for you"]
        assert len(mails) == len(result.shown) == len(set(titles))
        assert all("Dear [First Name]," in mail for mail in mails)
        assert page.title() == "Preview"
        assert lowest >= READABLE, node
        assert barriers(page) == []
        page.screenshot(path=tmp_path / f"{width}.png", full_page=True)
        page.close()
