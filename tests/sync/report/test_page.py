"""The report as people see it: in Chromium at three widths, with the keyboard, and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from connectors.sandbox import marketer
from connectors.sandbox.fill import fill
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.clock import now
from sync.ops.demo import make_workspace, send_campaign
from sync.ops.run import run_loop
from sync.session import open_workbench
from tests.sync.chromium import CHROMIUM, LOWEST_CONTRAST, QUIET, READABLE

pytestmark = pytest.mark.browser

PEOPLE = 300
WIDTHS = (390, 820, 1280)
NASTY = "Rita <script>alert(1)</script> & Co"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a workspace whose campaign went out in variants, with a name that is HTML."""
    folder = tmp_path_factory.mktemp("report") / "workspace"
    world = make_world()
    fill(world, PEOPLE)
    with Sandbox(world) as sandbox:
        make_workspace(folder, sandbox.access)
        for name, old, new in (
            ("personasync.toml", "min_audience = 20", "min_audience = 1"),
            ("personas.toml", "Rita Regular", NASTY),
        ):
            file = folder / name
            file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
        access = sandbox.access
        environment = {"HUBSPOT_TOKEN": access["hubspot_token"], "MAILCHIMP_API_KEY": access["mailchimp_key"]}
        with open_workbench(folder, now=now, environment=environment) as bench:

            def campaign() -> None:
                send_campaign(access)
                marketer.advance_clock(access["mailchimp_url"], days=4)

            done = run_loop(bench, as_of=bench.now(), set_up=True, before_results=campaign)
    return done.written.path


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
        "[...document.querySelectorAll('figure svg')].map(s => { const b = s.getBoundingClientRect();"
        " return [b.width, b.height, b.right, s.querySelectorAll('path, line, text').length]; })"
    )

    assert len(boxes) >= 8
    assert all(w > 100 and h > 50 and right <= width and parts > 5 for w, h, right, parts in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


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


def test_text_stands_out_from_what_is_behind_it(page: Page) -> None:
    ratio, where = page.evaluate(LOWEST_CONTRAST)

    assert ratio >= READABLE, where


def test_the_keyboard_reaches_the_skip_link_first_and_then_every_link_of_the_navigation(page: Page) -> None:
    reached = []
    for _ in range(10):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('href')"))
    wanted = page.eval_on_selector_all("nav a", "links => links.map(a => a.getAttribute('href'))")

    assert reached == ["#summary", *wanted]


def test_every_drawing_has_words_and_every_table_a_caption_and_headers(page: Page) -> None:
    words = page.eval_on_selector_all("figure, img", "all => all.map(n => n.ariaLabel || n.alt || '')")
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


def test_it_prints_to_several_pages(page: Page, tmp_path: Path) -> None:
    printed = page.pdf(path=str(tmp_path / "report.pdf"), format="A4")

    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 3


def test_a_card_tells_facts_by_family_and_marks_what_is_invented(page: Page) -> None:
    card = page.locator("article", has=page.locator("h3", has_text=NASTY))
    heads = card.locator("h4").all_inner_texts()

    assert [
        head.lower()
        for head in heads
        if head.lower() in {"profile (written by your team)", "behavioural", "typical member"}
    ] == [
        "profile (written by your team)",
        "behavioural",
        "typical member",
    ]
    assert "index" in card.inner_text()
    assert page.evaluate("getComputedStyle(document.querySelector('.invented')).borderLeftWidth") == "4px"
