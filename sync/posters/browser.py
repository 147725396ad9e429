"""PDF and PNG of our own pages, by the Chromium that is installed here: none is downloaded, and none is bundled.

Command-line switches of headless Chromium: https://developer.chrome.com/docs/chromium/headless (read 2026-11-30).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from connectors.errors import FixSettingsError

VARIABLE = "PERSONASYNC_CHROMIUM"
NAMES = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
SECONDS = 120
SCALE = 2
"""Pixels of a PNG per pixel of the page."""
SWITCHES = (
    *("--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--no-pdf-header-footer"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    "--blink-settings=preferredColorScheme=1",  # light
)
INSTALL = (
    f"Install Chromium or Chrome (Debian: `apt install chromium`), or set {VARIABLE} to its path. "
    "Or use `--format html` and print from any browser."
)


def find_chromium(environment: Mapping[str, str] = os.environ) -> str:
    """Return the path of an installed Chromium or Chrome; "" for none.

    Args:
        environment: `VARIABLE` goes before what is on the search path.

    Raises:
        FixSettingsError: `VARIABLE` names no program.
    """
    if named := environment.get(VARIABLE, ""):
        if shutil.which(named):
            return named
        raise FixSettingsError(f"{VARIABLE} is {named!r}, which is no program.", fix=INSTALL)
    return next((path for name in NAMES if (path := shutil.which(name))), "")


def draw(chromium: str, page: Path, target: Path, *, width: int, height: int) -> None:
    """Write a page as PDF or PNG, as the suffix of *target* says.

    Args:
        chromium: The program.
        page: An HTML file of ours.
        target: Ends in .pdf or .png; what is there is replaced.
        width: Of the picture, in CSS pixels. A PDF takes its size from the page.
        height: Likewise.

    Raises:
        FixSettingsError: Chromium failed, or wrote nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"page{target.suffix}"
        wanted = [f"--print-to-pdf={made}"] if target.suffix == ".pdf" else [f"--screenshot={made}"]
        size = [f"--window-size={width},{height}", f"--force-device-scale-factor={SCALE}"]
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # it refuses to start as root
        command = [
            chromium,
            *SWITCHES,
            *root,
            f"--user-data-dir={folder}/profile",
            *size,
            *wanted,
            page.absolute().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 - no shell
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FixSettingsError(f"{chromium} could not draw {target.name}: {error}", fix=INSTALL) from error
        if not made.is_file() or not made.stat().st_size:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
            raise FixSettingsError(f"{chromium} wrote no {target.name} ({last[0]}).", fix=INSTALL)
        shutil.move(made, target)
