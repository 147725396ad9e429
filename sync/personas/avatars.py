"""Drawn avatars of personas without a picture: the same persona always gets the same face.

DiceBear (dicebear-core, MIT) draws the style "Notionists" by Zoish (CC0 1.0): line art without a colour of skin. What a
hat or scarf could say of somebody's faith, or a sign on a shirt of their views, is left out: nothing of an avatar is
measured, so nothing of it may say anything.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

STYLE = "notionists"
SIZE = 256
"""Pixels; the drawing scales."""
COVERED = {"hat", "variant14", "variant61", "variant62", "variant63"}
"""Caps, a turban and scarves."""
FRIENDLY = [f"variant{number}" for number in ("03", "05", "06", "14", "17", "23", "30")]
"""Mouths."""


@cache
def avatar(seed: str) -> str:
    """Return an avatar as a ``data:`` address (SVG) that depends on *seed* alone, such as the persona's slug."""
    from dicebear import Avatar  # noqa: PLC0415 - only pages with faces need it

    return str(Avatar(_style(), {"seed": seed, "size": SIZE, **_options()}).to_data_uri())


@cache
def _style() -> Any:
    from dicebear import Style  # noqa: PLC0415

    return Style(json.loads(files("dicebear_styles").joinpath(f"{STYLE}.json").read_text("utf-8")))


@cache
def _options() -> dict[str, Any]:
    definition = json.loads(files("dicebear_styles").joinpath(f"{STYLE}.json").read_text("utf-8"))
    hair = [name for name in definition["components"]["hair"]["variants"] if name not in COVERED]
    return {"clothesGraphicProbability": 0, "gestureProbability": 0, "hairVariant": hair, "mouthVariant": FRIENDLY}
