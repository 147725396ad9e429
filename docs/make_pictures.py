"""Pictures of README: plan, report, poster and console of the demo, as people see them. Written to docs/pictures.

Run it with a folder for the demo's workspace; one that the demo made is used as it is. It needs /usr/bin/chromium.
"""

from __future__ import annotations

import base64
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console as Terminal
from rich.text import Text

from sync.cli.render import plan_again
from sync.clock import now
from sync.console.server import listen_locally, serve_console
from sync.ops.demo import MARKER, demo
from sync.plan.file import read_header
from sync.posters.job import make_posters
from sync.session import no_progress, open_session

PICTURES = Path(__file__).resolve().parent / "pictures"
CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PEOPLE, SEED = 3000, 20261124
WIDTH, HEIGHT = 1200, 900
LARGEST = 150_000  # bytes of a picture
COLUMNS, LINES = 100, 40
PERSONA, CONSOLE_PAGE = "rita_regular", "/"
QUALITY = 0.82
AS_WEBP = """async ([png, quality]) => {
  const image = new Image(); image.src = png; await image.decode();
  const canvas = document.createElement('canvas'); canvas.width = image.width; canvas.height = image.height;
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.toDataURL('image/webp', quality);
}"""
FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; }}
.{unique_id}-matrix {{ font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-family: ui-sans-serif, sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def plan_picture(folder: Path) -> str:
    """Return what `personasync plan` said in the demo's first run, as a terminal in SVG."""
    first = min((folder / ".personasync" / "plans").glob("*.jsonl"))
    header = read_header(first)
    shown = plan_again(header.plan_id, header.summary)
    lines = [line for part in shown for line in ([part] if isinstance(part, str) else part.lines(COLUMNS))]
    terminal = Terminal(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    terminal.print(Text("$ personasync plan", "bold"))
    terminal.print(Text("\n".join(lines[:LINES])))
    return terminal.export_svg(title="personasync plan", code_format=FRAME, unique_id="plan")


@contextmanager
def console_link(folder: Path) -> Iterator[str]:
    """Run the console on a free port; yield the link that opens it."""
    links: list[tuple[str, Callable[[], None]]] = []
    told = threading.Event()

    def ready(link: str, end: Callable[[], None]) -> None:
        links.append((link, end))
        told.set()

    with listen_locally(0) as listening:
        serving = threading.Thread(
            target=serve_console,
            args=(folder,),
            kwargs={"now": now, "environment": os.environ, "listening": listening, "ready": ready, "tell": print},
        )
        serving.start()
        told.wait(60)
        link, end = links[0]
        try:
            yield link
        finally:
            end()
            serving.join(60)


def kept(browser: Browser, page: Page, name: str, **part: object) -> None:
    """Keep what *page* shows as docs/pictures/NAME.webp."""
    png = page.screenshot(**part)  # type: ignore[arg-type]
    blank = browser.new_page()
    data = blank.evaluate(AS_WEBP, ["data:image/png;base64," + base64.b64encode(png).decode(), QUALITY])
    blank.close()
    written(name, base64.b64decode(data.partition(",")[2]))


def written(name: str, content: bytes) -> None:
    """Write a picture.

    Raises:
        SystemExit: It is larger than the repository should carry.
    """
    if len(content) > LARGEST:
        sys.exit(f"{name}: {len(content):,} bytes, at most {LARGEST:,}")
    (PICTURES / name).write_bytes(content)
    print(f"{name}: {len(content):,} bytes")


def pictures(folder: Path, browser: Browser) -> None:
    """Make all pictures."""
    written("plan.svg", plan_picture(folder).encode("utf-8"))
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
    page.goto(max((folder / ".personasync" / "reports").glob("*.html")).resolve().as_uri())
    kept(browser, page, "report.webp")
    with open_session(folder, now=now, environment=os.environ, reading=True) as session:
        made = make_posters(session, PERSONA, shapes=("slide",), formats=("html",), folder=folder / "posters")
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(made.files[PERSONA][0].resolve().as_uri())
    kept(browser, page, "poster.webp")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    with console_link(folder) as link:
        page.goto(link)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=What needs you today")
        page.goto("/".join(link.split("/")[:3]) + CONSOLE_PAGE)
        kept(browser, page, "console.webp")


def main(arguments: list[str]) -> int:
    """Run the demo where it was not run yet, and make the pictures."""
    folder = Path(arguments[0] if arguments else "demo-workspace")
    PICTURES.mkdir(exist_ok=True)
    if not (folder / MARKER).exists():
        demo(folder, people=PEOPLE, seed=SEED, orders=None, tell=print, progress=no_progress)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        pictures(folder, browser)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
