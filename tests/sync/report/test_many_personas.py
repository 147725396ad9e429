"""The report of 1, 4 and 40 personas with a campaign in variants: short, whole, complete, and few pages on paper."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.sync.chromium import CHROMIUM, OVERLAPS, QUIET, WIDTHS, barriers
from tests.sync.report.persona_world import name_of, report_of

pytestmark = [pytest.mark.browser, pytest.mark.outside]

LONGEST, PAGES, SCREEN = 6_000, 8, 900
OPEN = "document.querySelectorAll('details').forEach(fold => { fold.open = true; })"


@pytest.fixture(scope="module", params=[1, 4, 40])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Page]]:
    """How many personas, and their report."""
    path: Path = report_of(tmp_path_factory.mktemp("many") / "workspace", request.param)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1200, "height": SCREEN})
        page.goto(path.as_uri())
        yield request.param, page
        browser.close()


@pytest.fixture
def page(opened: tuple[int, Page]) -> Page:
    page = opened[1]
    page.set_viewport_size({"width": 1200, "height": SCREEN})
    page.reload()
    return page


def test_it_is_short_and_its_front_is_one_screen(page: Page) -> None:
    bottom = page.evaluate("document.querySelector('#summary').getBoundingClientRect().bottom + scrollY")

    assert page.evaluate("document.documentElement.scrollHeight") <= LONGEST
    assert bottom <= SCREEN


def test_it_prints_to_few_pages_that_say_what_they_leave_out(opened: tuple[int, Page], page: Page) -> None:
    printed = page.pdf(prefer_css_page_size=True)
    page.emulate_media(media="print")
    left_out = page.locator(".on-paper:visible").all_inner_texts()
    page.emulate_media(media="screen")

    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= PAGES
    assert ("30 more personas are in the page itself." in left_out) == (opened[0] == 40)


def test_every_persona_is_in_every_section(opened: tuple[int, Page], page: Page) -> None:
    personas, text = opened[0], html.unescape(page.content())
    assert page.locator("#personas ~ .cards article, #personas ~ details.rest article").count() >= personas
    for number in range(personas):
        assert text.count(name_of(number)) >= 3, number


def test_nothing_runs_off_or_lies_over_another_with_every_fold_open(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": SCREEN})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate(OPEN)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(OVERLAPS) == []
    assert barriers(page) == []
    assert page.locator("script").count() == 0
