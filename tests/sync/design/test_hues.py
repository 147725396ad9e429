"""Hues keep apart for people who see colours otherwise, and stand out from the page, in light and in dark."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from sync.design.hues import HUES, hues_of
from sync.design.page import stylesheet

Colour = NDArray[np.float64]
READABLE = 4.5  # WCAG 2.2, 1.4.3: hues are used for text too
APART = {"light": 0.09, "dark": 0.06}  # distance in Oklab; 0.02 is the least that most people notice
# Machado, Oliveira, Fernandes 2009, severity 1.0, for linear RGB
VISIONS = {
    "usual": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.01182, 0.04294, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                            [0.004733, 0.691367, 0.3039]]),
}  # fmt: skip


def tokens(theme: str) -> dict[str, str]:
    """The custom properties of the stylesheet in one theme."""
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", stylesheet())
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", blocks[0 if theme == "light" else 1]))


def linear(colour: str) -> Colour:
    digits = "".join(d * 2 for d in colour[1:]) if len(colour) == 4 else colour[1:]
    parts = np.array([int(digits[place : place + 2], 16) for place in (0, 2, 4)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Colour) -> Colour:
    """Ottosson 2020."""
    to_cones = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                         [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
    to_lab = np.array([[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
                       [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
    return np.asarray(to_lab @ np.cbrt(to_cones @ np.clip(rgb, 0, 1)))


def contrast(ink: str, ground: str) -> float:
    shine = [float(linear(colour) @ np.array([0.2126, 0.7152, 0.0722])) + 0.05 for colour in (ink, ground)]
    return max(shine) / min(shine)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_hues_keep_apart(theme: str, vision: str) -> None:
    named = tokens(theme)
    seen = [oklab(VISIONS[vision] @ linear(named[f"hue-{number}"])) for number in range(1, HUES + 1)]

    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) >= APART[theme]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_hues_stand_out_from_every_ground(theme: str) -> None:
    named = tokens(theme)
    inks = ["ink", "soft", "mark", "good", "bad", "warn", *(f"hue-{number}" for number in range(HUES + 1))]
    grounds = ["paper", "card"]
    pairs = [(ink, ground) for ink in inks for ground in grounds]
    pairs += [(tone, f"{tone}-tint") for tone in ("good", "bad", "warn", "quiet", "mark")] + [("soft", "tint")]

    measured = {pair: contrast(named[pair[0]], named[pair[1]]) for pair in pairs}

    assert {pair: ratio for pair, ratio in measured.items() if ratio < READABLE} == {}


def test_the_paper_is_light_whatever_the_screen_is() -> None:
    paper = stylesheet().split("@media print")[1]

    assert set(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", paper)) == set(tokens("light").items())


def test_a_persona_keeps_its_hue_and_the_ninth_begins_again() -> None:
    hues = hues_of(f"p{number}" for number in range(9))

    assert hues["p0"] == hues["p8"] == 1
    assert len(set(hues.values())) == HUES
