"""The console as people see it: in Chromium at three widths, in the dark, and with the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, FileChooser, Page, sync_playwright
from playwright.sync_api import TimeoutError as NothingCameError
from syrupy.assertion import SnapshotAssertion

from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.cli.main import run
from sync.ops.next_step import DEMO
from tests.sync.chromium import (
    CHROMIUM,
    LAYOUT,
    LOWEST_CONTRAST,
    OVERLAPS,
    QUIET,
    READABLE,
    WIDTHS,
    barriers,
)
from tests.sync.conftest import Moment, Platforms, connected
from tests.sync.console.survey_world import BOOK, FILE, answers, book, new_workspace
from tests.sync.console.visitor import Visitor, visiting

pytestmark = pytest.mark.browser

NAVIGATION = ("/", "/people", "/segments", "/personas", "/plans", "/campaigns", "/surveys", "/data", "/data/quality")
PAGES = (
    "/",
    "/people",
    "/people?find=lund",
    "/people/person?email=jun.imber.1%40people.test",
    "/people/person/timeline?email=jun.imber.1%40people.test",
    "/segments",
    "/segments/newcomers?rule=tenure_days+%3C+20",
    "/segments/by-value",
    "/personas",
    "/personas/nora_new",
    "/plans",
    "/campaigns",
    "/campaigns/new",
    "/surveys",
    "/surveys/answers/file?name=surveys%2Fanswers.csv",
    "/surveys/answers/file?name=surveys%2Fbook.xlsx",
    "/surveys/proposals/kinds",
    "/surveys/short",
    "/data",
    "/data/quality",
)


@pytest.fixture(scope="module")
def platforms(tmp_path_factory: pytest.TempPathFactory, ready_moment: Moment) -> Iterator[Platforms]:
    with Sandbox(ready_moment.world()) as sandbox:
        made = connected(sandbox, tmp_path_factory.mktemp("console") / "workspace", ready_moment)
        survey(made.folder)
        yield made


def survey(folder: Path) -> None:
    """Hand in answers, find segments, accept them and design a short survey, by the commands."""
    (folder / "surveys").mkdir()
    (folder / FILE).write_text(answers(), "utf-8")
    (folder / BOOK).write_bytes(book())
    where = ["--workspace", str(folder)]
    for arguments in (
        ["discover", str(folder / FILE), "--name", "kinds", "--exclude", "duration"],
        ["discover", "--accept", "kinds"],
        ["survey", "design", "--proposal", "kinds", "--length", "3", "--out", str(folder / "survey-short")],
    ):
        assert run([*arguments, *where]) == 0, arguments


@pytest.fixture(scope="module")
def visitor(platforms: Platforms) -> Iterator[Visitor]:
    with visiting(platforms.folder, platforms.environment, enter=False) as known:
        yield known


@pytest.fixture(scope="module")
def page(visitor: Visitor) -> Iterator[Page]:
    """A page whose browser has opened the link, as a person does."""
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        opened = browser.new_page()
        opened.set_default_timeout(120_000)  # some pages calculate over everybody, on a machine that does other work
        opened.goto(visitor.link)
        opened.keyboard.press("Tab")
        opened.keyboard.press("Enter")
        opened.wait_for_selector("text=What needs you today")
        yield opened
        browser.close()


@pytest.fixture
def home(visitor: Visitor) -> str:
    return f"http://{visitor.host}"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_runs_off_the_screen_and_its_text_stands_out(
    page: Page, home: str, path: str, scheme: Literal["light", "dark"], snapshot: SnapshotAssertion
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(home + path)
    layouts = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        layouts[width] = page.evaluate(LAYOUT)
        page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width
        assert page.evaluate(OVERLAPS) == []
        page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = false; })")
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    ratio, where = page.evaluate(LOWEST_CONTRAST)

    assert ratio >= READABLE, where
    assert barriers(page) == []
    assert layouts == snapshot(name=path)  # columns in twentieths of the width: fonts differ between machines
    assert page.locator("h1").count() == 1
    assert page.locator(".waiting:visible, .under-way:visible").count() == 0


def test_every_link_of_the_navigation_is_reached_by_the_keyboard_and_leads_somewhere(page: Page, home: str) -> None:
    page.goto(home)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    names = page.locator("nav.tabs a").all_inner_texts()
    for name in names:
        page.get_by_role("link", name=name, exact=True).first.focus()
        page.keyboard.press("Enter")
        page.wait_for_load_state()
        assert page.locator("nav.tabs a[aria-current=page]").first.inner_text() == name

    assert len(names) == 8


def test_no_link_is_dead_and_nothing_is_asked_of_anybody_else(page: Page, home: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    seen: set[str] = set()
    for path in PAGES:
        page.goto(home + path)
        seen |= {str(link.get_attribute("href")) for link in page.locator("a[href^='/']").all()[:40]}
    for link in sorted(seen):
        if "/files/" in link:  # a file to keep, which no page shows
            assert page.context.request.get(home + link).status == 200, link
            continue
        answer = page.goto(home + link)
        assert answer is not None
        assert answer.status == 200, link

    assert {url.split("/")[2] for url in asked} == {home.split("/")[2]}


def test_a_plan_is_made_and_applied_with_the_keyboard_alone(page: Page, ready_moment: Moment, tmp_path: Path) -> None:
    browser = page.context.browser
    assert browser is not None
    with Sandbox(ready_moment.world()) as sandbox:
        platforms = connected(sandbox, tmp_path / "workspace", ready_moment)  # of its own: it changes what pages show
        with visiting(platforms.folder, platforms.environment, enter=False) as visitor:
            opened = browser.new_page()
            opened.goto(visitor.link)
            opened.get_by_role("button").click()
            opened.wait_for_selector("text=What needs you today")
            _apply_by_keyboard(opened, f"http://{visitor.host}/plans", platforms)
            opened.close()

    assert any(member["tags"] for member in platforms.members())


def _apply_by_keyboard(page: Page, plans: str, platforms: Platforms) -> None:
    page.goto(plans)
    page.get_by_role("button", name="Make a plan").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Review the plan").focus(timeout=120_000)
    page.keyboard.press("Enter")
    code = page.locator("p.row code").inner_text()
    page.get_by_label("Type the plan's code").focus()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    assert page.locator("[role=alert]").inner_text().startswith("The code is not that of this plan")
    assert not any(member["tags"] for member in platforms.members())
    page.get_by_label("Type the plan's code").focus()
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=See this run", timeout=120_000)
    assert page.locator(".under-way:visible").count() == 0


def test_a_survey_is_designed_with_the_keyboard_alone(page: Page, tmp_path: Path) -> None:
    browser = page.context.browser
    assert browser is not None
    (tmp_path / "answers.csv").write_text(answers(), "utf-8")
    folder = new_workspace(tmp_path / "workspace")
    with visiting(folder, {}, enter=False) as visitor:
        opened = browser.new_page()
        opened.goto(visitor.link)
        opened.get_by_role("button").click()
        opened.wait_for_selector("text=What needs you today")
        _design_by_keyboard(opened, f"http://{visitor.host}/surveys", tmp_path / "answers.csv")
        opened.close()

    assert '<form id="form"' in (folder / "survey-short" / "form.html").read_text("utf-8")
    assert 'name = "buyers"' in (folder / "segments.toml").read_text("utf-8")
    assert (folder / "personasync.toml").read_text("utf-8").count("[traits.") >= 6


def _chooser_by_keyboard(page: Page) -> FileChooser:
    choose = page.get_by_label("A file of answers")
    for _ in range(3):  # on a busy machine the browser forgets a key press before its page has taken it
        choose.focus()
        with suppress(NothingCameError):
            with page.expect_file_chooser(timeout=20_000) as chooser:
                page.keyboard.press("Space")
            return chooser.value
    pytest.fail("no key press opened the choice of a file")


def _design_by_keyboard(page: Page, surveys: str, file: Path) -> None:
    page.goto(surveys)
    page.bring_to_front()
    _chooser_by_keyboard(page).set_files(file)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Leave columns out").focus(timeout=60_000)
    page.keyboard.press("Enter")
    found = page.locator("form[action='/surveys/answers/discover']")
    found.get_by_label("duration").focus()
    page.keyboard.press("Space")
    found.get_by_role("button").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".meter:visible", timeout=60_000)
    page.get_by_role("link", name="Review the proposal").focus(timeout=120_000)
    page.keyboard.press("Enter")
    page.get_by_label("Name for rules and files").first.focus()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("buyers")
    page.get_by_role("button", name="Accept the segments").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Go on").focus(timeout=120_000)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Design the survey and its form").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="See the survey and its form").focus(timeout=120_000)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Right about held-out people", timeout=60_000)
    page.get_by_role("button", name="Add to the workspace").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="See the survey").focus(timeout=120_000)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=its traits and segments are part of the workspace", timeout=60_000)


def test_a_workspace_without_people_has_pages_that_say_what_to_do(page: Page, tmp_path: Path) -> None:
    browser = page.context.browser
    assert browser is not None
    with Sandbox(make_world()) as sandbox:
        empty = connected(sandbox, tmp_path / "empty")
        (empty.folder / DEMO).unlink()  # as if somebody had made it
        with visiting(empty.folder, empty.environment, enter=False) as visitor:
            opened = browser.new_page()
            opened.goto(visitor.link)
            opened.get_by_role("button").click()
            opened.wait_for_selector("text=personasync doctor")
            for path in (*NAVIGATION, "/segments/newcomers", "/campaigns/new"):
                opened.set_viewport_size({"width": 390, "height": 900})
                opened.goto(f"http://{visitor.host}{path}")
                assert opened.evaluate("document.documentElement.scrollWidth") <= 390, path
                assert barriers(opened) == [], path
                assert opened.locator("h1").count() == 1, path
                assert "Unexpected error" not in opened.inner_text("main"), path
            opened.close()


def test_printed_no_page_is_cut(page: Page, home: str) -> None:
    for path in ("/", "/plans", "/segments/newcomers"):
        page.goto(home + path)
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 718, "height": 1000})  # A4 without its margins
        assert page.evaluate("document.documentElement.scrollWidth") <= 718, path
        assert page.evaluate(OVERLAPS) == [], path
        page.emulate_media(media="screen")
