"""PDF and PNG of our own pages, by the Chromium that is installed here: none is downloaded, and none is bundled.

Command-line switches of headless Chromium: https://developer.chrome.com/docs/chromium/headless (read 2026-11-30).
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import zlib
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
FRAME = 200
"""Pixels that the window is taller than the page: its frame takes some of them, and they are cut off the picture."""
PNG = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 6: 4}  # grey, RGB, RGBA
DEPTH = 8
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
        size = [f"--window-size={width},{height + FRAME}", f"--force-device-scale-factor={SCALE}"]
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
        if target.suffix == ".png":
            made.write_bytes(cropped(made.read_bytes(), SCALE * height))
        shutil.move(made, target)


def cropped(png: bytes, rows: int) -> bytes:
    """Return the first *rows* of a PNG that is not interlaced; one that is no longer stays as it is.

    A row is predicted from the row above at most (PNG specification 9.2), so those below can be left out.

    Args:
        png: As Chromium writes it: 8 bits a channel.
        rows: Pixels.
    """
    place, parts, data = len(PNG), [PNG], b""
    width, height, channels = 0, 0, 0
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        content = png[place + 8 : place + 8 + length]
        place += 12 + length
        if kind == b"IHDR":
            width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", content)
            channels = CHANNELS.get(colour, 0)
            if height <= rows or depth != DEPTH or not channels or rest[-1]:
                return png
            content = struct.pack(">IIBBBBB", width, rows, depth, colour, *rest)
        if kind == b"IDAT":
            data += content
            continue
        if kind == b"IEND":
            kept = zlib.decompress(data)[: rows * (1 + width * channels)]
            parts.append(_chunk(b"IDAT", zlib.compress(kept)))
        parts.append(_chunk(kind, content))
    return b"".join(parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
