"""Posters: one page of each persona, whatever its texts hold; PDF and PNG by the browser, or a clear word."""

from __future__ import annotations

import io
import re
import stat
import struct
import zlib
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from connectors.errors import FixSettingsError
from sync.cli.main import run
from sync.posters.browser import PNG, VARIABLE, cropped, draw, find_chromium
from tests.sync.chromium import CHROMIUM, QUIET, barriers
from tests.sync.described_people import described_people

pytestmark = pytest.mark.slow
NASTY = 'Olaf "><script>alert(1)</script> 😀 أحمد ' + "long " * 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two personas: one with HTML, emoji and Arabic in every text and a picture that is none, one without any text."""
    folder = described_people(tmp_path_factory.mktemp("posters") / "workspace")
    personas = folder / "personas.toml"
    texts = f"name = '{NASTY}'\nquote = '{NASTY * 9}'\npicture = 'olaf.png'"
    text = personas.read_text("utf-8").replace("name = 'Olaf Other'", texts)
    personas.write_text(f"{text}\n[personas.gold]\nname = 'Gold'\nsegments = ['gold']\n", "utf-8")
    (folder / "olaf.png").write_bytes(b"<script>no picture</script>")
    assert run(["assign", "--workspace", str(folder)]) == 0
    assert run(["personas", "draft", "gold", "--workspace", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    """All posters where no browser is installed: status, message, folder."""
    target = tmp_path_factory.mktemp("made")
    error = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(error):
        patch.setenv("PATH", str(target))
        status = run(["personas", "poster", "--all", "--out", str(target), "--workspace", str(folder)])
    return status, " ".join(error.getvalue().split()), target


@pytest.mark.long
def test_without_a_browser_pages_are_written_and_the_message_says_what_to_do(made: tuple[int, str, Path]) -> None:
    status, message, target = made

    assert status == 2
    assert "No Chromium or Chrome is installed here, so no PDF or PNG was made." in message
    assert VARIABLE in message
    assert sorted(path.name for path in target.iterdir()) == [
        "gold-a4.html", "gold-slide.html", "olaf-a4.html", "olaf-slide.html",
    ]  # fmt: skip


@pytest.mark.long
def test_a_page_escapes_what_people_wrote_and_draws_a_face_where_the_picture_is_none(
    made: tuple[int, str, Path],
) -> None:
    page = (made[2] / "olaf-a4.html").read_text("utf-8")

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Drawn avatar of Olaf" in page
    assert "Written by your team" in page
    assert "no earlier version" in page
    assert "unsafe" not in page


def test_facts_stand_on_it_by_family_with_their_intervals(made: tuple[int, str, Path]) -> None:
    page = (made[2] / "gold-a4.html").read_text("utf-8")
    facts = re.findall(r'class="fact" title="([^"]*)"', page)

    assert 2 <= len(facts) <= 4
    assert all("95% CI" in fact for fact in facts)
    assert "Cultural · language, as the platform writes it: fr" in page
    assert "Cultural · source: fr" in page
    assert "diabetes" not in page
    assert re.search(r"unchanged since version \d+", page)


@pytest.mark.outside
def test_a_browser_that_is_none_or_fails_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho out of memory >&2\nexit 1\n", "utf-8")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    page = tmp_path / "page.html"

    with pytest.raises(FixSettingsError, match="which is no program"):
        find_chromium({VARIABLE: "/no/such/program"})
    with pytest.raises(FixSettingsError, match="out of memory"):
        draw(find_chromium({VARIABLE: str(broken)}), page, tmp_path / "page.pdf", width=794, height=1123)


def test_a_picture_is_cut_below_and_nowhere_else() -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = [b"\x02" + bytes([n] * 6) for n in range(4)]  # 2 by 4 pixels, each row told by what it adds to the one above
    head = struct.pack(">IIBBBBB", 2, 4, 8, 2, 0, 0, 0)
    png = PNG + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")
    wanted = struct.pack(">IIBBBBB", 2, 3, 8, 2, 0, 0, 0)
    three = PNG + chunk(b"IHDR", wanted) + chunk(b"IDAT", zlib.compress(b"".join(rows[:3]))) + chunk(b"IEND", b"")

    assert cropped(png, 3) == three
    assert cropped(png, 9) == png


CUT = """(() => { const end = document.querySelector('.sheet').getBoundingClientRect().bottom + 1;
  return [...document.querySelectorAll('.sheet > *')].filter(part => part.getBoundingClientRect().bottom > end)
    .map(part => part.className); })()"""


@pytest.mark.browser
@pytest.mark.outside
def test_pdf_has_one_page_and_png_the_size_and_nothing_is_cut(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where the browser is wanted

    monkeypatch.setenv(VARIABLE, CHROMIUM)
    assert run(["personas", "poster", "--all", "--out", str(tmp_path), "--workspace", str(folder)]) == 0
    pages = {path.name: len(re.findall(rb"/Type\s*/Page\b", path.read_bytes())) for path in tmp_path.glob("*.pdf")}
    pictures = {path.name: path.read_bytes() for path in tmp_path.glob("*.png")}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        cut = {}
        for path in tmp_path.glob("*.html"):
            page.goto(path.as_uri())
            cut[path.name] = page.evaluate(CUT) + barriers(page)
        browser.close()

    assert pages == dict.fromkeys(("olaf-a4.pdf", "olaf-slide.pdf", "gold-a4.pdf", "gold-slide.pdf"), 1)
    sizes = {name: (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) for name, png in pictures.items()}
    a4, slide = (1588, 2246), (2560, 1440)
    assert sizes == {"olaf-a4.png": a4, "olaf-slide.png": slide, "gold-a4.png": a4, "gold-slide.png": slide}
    assert [name for name, parts in cut.items() if parts] == []
