"""The report of forty personas whose names break pages: long, from the right, HTML, emoji; pictures that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from sync.cli.main import run
from sync.workspace.scaffold import Answers, NewConnection, write_workspace
from tests.sync.chromium import CHROMIUM, QUIET, barriers
from tests.sync.report.persona_world import NAMES, name_of

pytestmark = [pytest.mark.browser, pytest.mark.outside]

PERSONAS = 40


def workspace(folder: Path) -> Path:
    """Write two people, a segment and a persona for each of forty."""
    parts = (NewConnection("shop", "files", {"contacts": "contacts.csv"}),)
    write_workspace(folder, Answers(NAMES[0], parts))
    people = [f"p{number}@people.test,subscribed,t{number % PERSONAS}" for number in range(2 * PERSONAS)]
    (folder / "contacts.csv").write_text("\n".join(["email,consent,tier", *people]), "utf-8")
    main = folder / "personasync.toml"
    main.write_text(main.read_text("utf-8") + '\n[traits.tier]\nconnection = "shop"\nproperty = "tier"\n', "utf-8")
    segments, personas = [], []
    for number in range(PERSONAS):
        name, quote = (
            json.dumps(text, ensure_ascii=False) for text in (name_of(number), NAMES[(number + 1) % len(NAMES)])
        )
        segments.append(f"[[segments]]\nname = 's{number}'\ntitle = {name}\nrule = \"tier = 't{number}'\"\n")
        personas.append(f"[personas.p{number}]\nname = {name}\nsegments = ['s{number}']\nquote = {quote}\n")
        personas.append(f"story = {quote}\npicture = 'face.png'\n")
    (folder / "face.png").write_bytes(b"<svg onload=alert(1)>")
    (folder / "segments.toml").write_text("\n".join(segments), "utf-8")
    (folder / "personas.toml").write_text("\n".join(personas), "utf-8")
    return folder


def test_it_stays_whole_and_runs_nothing(tmp_path: Path) -> None:
    folder = workspace(tmp_path / "workspace")
    for command in ("pull", "assign", "report"):
        assert run([command, "--workspace", str(folder)]) == 0
    [report] = (folder / ".personasync" / "reports").glob("*.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        page.goto(report.as_uri())
        for width in (1200, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert barriers(page) == []
        assert page.locator("script").count() == 0
        assert page.locator("article img").evaluate_all("all => all.every(face => face.naturalWidth > 0)")
        browser.close()
