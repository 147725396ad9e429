"""The report as people see it: in Chromium at three widths, with the keyboard, and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.sync.chromium import CHROMIUM, LOWEST_CONTRAST, OVERLAPS, QUIET, READABLE, WIDTHS, barriers
from tests.sync.report.persona_world import report_after

pytestmark = [pytest.mark.browser, pytest.mark.outside]

PEOPLE = 300
NASTY = "Rita <script>alert(1)</script> & Co"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a workspace whose campaign went out in variants, with a name that is HTML."""
    folder = tmp_path_factory.mktemp("report") / "workspace"

    def change() -> None:
        for name, old, new in (
            ("personasync.toml", "min_audience = 20", "min_audience = 1"),
            ("personas.toml", "Rita Regular", NASTY),
        ):
            file = folder / name
            file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")

    return report_after(folder, change, PEOPLE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(report.as_uri())
    yield opened
    opened.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_charts_draw_and_nothing_runs_off_the_page(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    boxes = page.evaluate(
        "[...document.querySelectorAll('svg.strip')].map(s => { const b = s.getBoundingClientRect();"
        " return [b.width, b.height, b.right, s.querySelectorAll('line, circle, rect').length]; })"
    )

    assert len(boxes) >= 8
    assert all(w > 80 and h > 20 and right <= width and parts > 4 for w, h, right, parts in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERLAPS) == []


SCREENS = {(1200, 900): 1, (390, 844): 2}


@pytest.mark.parametrize("screen", SCREENS)
def test_the_front_page_fits_one_screen_and_two_on_a_phone(page: Page, screen: tuple[int, int]) -> None:
    width, height = screen
    page.set_viewport_size({"width": width, "height": height})
    bottom = page.evaluate("document.querySelector('#summary').getBoundingClientRect().bottom")

    assert bottom <= SCREENS[screen] * height
    assert 4 <= page.locator(".tile").count() <= 6
    assert 1 <= page.locator(".decision").count() <= 3
    assert page.locator("#summary table.plot").count() == 1


def test_every_decision_leads_to_its_evidence(page: Page) -> None:
    for link in page.locator(".decision a").all():
        place = page.locator(f"[id='{(link.get_attribute('href') or '')[1:]}']")

        assert place.is_visible()


def test_the_whole_page_is_short(page: Page) -> None:
    page.set_viewport_size({"width": 1200, "height": 900})

    assert page.evaluate("document.documentElement.scrollHeight") <= 6000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_with_every_fold_open(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    ratio, where = page.evaluate(LOWEST_CONTRAST)

    assert ratio >= READABLE, where
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert barriers(page) == []


def test_no_request_leaves_the_page(browser: Browser, report: Path) -> None:
    asked: list[str] = []
    opened = browser.new_page()
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(report.as_uri(), wait_until="networkidle")
    opened.close()

    assert asked == [report.as_uri()]


def test_every_link_leads_to_a_place_in_the_page(page: Page) -> None:
    hrefs = page.eval_on_selector_all("a", "links => links.map(a => a.getAttribute('href'))")
    ids = page.eval_on_selector_all("[id]", "nodes => nodes.map(n => n.id)")

    assert len(hrefs) >= 9
    assert {href.removeprefix("#") for href in hrefs} <= set(ids)
    assert len(ids) == len(set(ids))


ARRIVES = """selector => new Promise(done => {
  let frames = 0;
  const ask = () => {
    const top = document.querySelector(selector).getBoundingClientRect().top;
    if (Math.abs(top) < 900 || ++frames > 600) done(Math.abs(top) < 900); else requestAnimationFrame(ask);
  };
  ask();
})"""


def test_a_link_of_the_navigation_goes_to_its_section(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.click("nav a[href='#lift']")
    arrived = page.evaluate(ARRIVES, "#lift")

    assert page.url.endswith("#lift")
    assert arrived


def test_the_keyboard_reaches_the_skip_link_first_and_then_every_link_of_the_navigation(page: Page) -> None:
    reached = []
    for _ in range(10):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('href')"))
    wanted = page.eval_on_selector_all("nav a", "links => links.map(a => a.getAttribute('href'))")

    assert reached == ["#summary", *wanted]


def test_every_drawing_has_words_and_every_table_a_caption_and_headers(page: Page) -> None:
    named = "figure, img, [role=img]"
    words = page.eval_on_selector_all(named, "all => all.map(n => n.ariaLabel || n.alt || '')")
    tables = page.eval_on_selector_all(
        "table", "all => all.map(t => [!!t.caption, t.querySelectorAll('thead th[scope=col]').length])"
    )

    assert all(len(text) > 20 for text in words)
    assert all(caption and headers for caption, headers in tables)


def test_names_with_html_in_them_are_shown_and_not_run(page: Page) -> None:
    assert page.locator("article h3", has_text=NASTY).count() == 1
    assert page.locator("script").count() == 0


def test_nobody_is_named_in_it(report: Path) -> None:
    assert re.findall(r"[\w.+-]+@[\w-]+\.\w+", report.read_text("utf-8")) == []


def test_it_prints_to_few_whole_pages(page: Page, tmp_path: Path) -> None:
    printed = page.pdf(path=str(tmp_path / "report.pdf"), prefer_css_page_size=True)

    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 8


def test_a_card_shows_a_face_and_marks_what_is_invented(page: Page) -> None:
    card = page.locator("article", has=page.locator("h3", has_text=NASTY))
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    statistics = page.locator("section.facts", has=page.locator("h3", has_text=NASTY))

    assert card.locator("img.portrait").evaluate("face => face.complete && face.naturalWidth > 0")
    assert card.locator(".written .invented").inner_text() == "Written by your team"
    assert "index" in statistics.inner_text()
    assert "Typical member" in statistics.inner_text()
