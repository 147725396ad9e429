"""The page of all components: no barriers, readable, whole, at four widths in the light and in the dark."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import sync_playwright

from tests.sync.chromium import CHROMIUM, LOWEST_CONTRAST, QUIET, READABLE, WIDTHS, barriers

pytestmark = [pytest.mark.browser, pytest.mark.outside]

GALLERY = Path(__file__).resolve().parents[3] / "docs" / "design.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_component_is_for_everybody(scheme: Literal["light", "dark"]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(color_scheme=scheme)
        page.goto(GALLERY.as_uri())
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert barriers(page) == []
            ratio, where = page.evaluate(LOWEST_CONTRAST)
            assert ratio >= READABLE, where
        browser.close()
