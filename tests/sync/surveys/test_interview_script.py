"""The form's script in Node says what Python says: chances, next question, possible segments."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib import resources
from typing import Any

import numpy as np

from segmenter.typing_tool.conformal import ROUNDED, sets_of
from segmenter.typing_tool.interview import LEAST_GAIN, NOT_ANSWERED, TIE, replay
from tests.segmenter.typing_tool.test_interview import a_model, some_answers


def test_the_form_s_script_agrees_to_the_last_digits() -> None:
    node = shutil.which("node") or "node"
    cases = [case for seed in range(30) for case in _cases(seed)]
    script = resources.files("sync.surveys").joinpath("templates/interview.js").read_text("utf-8")
    script += "\nvar cases = JSON.parse(require('fs').readFileSync(0, 'utf-8'));"
    script += "\nconsole.log(JSON.stringify(cases.map(function (c) { return interview(c.tool, c.given); })));"

    said = subprocess.run(
        [node, "-e", script], input=json.dumps([case for case, _ in cases]), capture_output=True, text=True, check=True
    )

    for theirs, (_, ours) in zip(json.loads(said.stdout), cases, strict=True):
        np.testing.assert_allclose(theirs["likely"], ours["likely"], rtol=0, atol=1e-12)
        assert (theirs["following"], theirs["possible"]) == (ours["following"], ours["possible"])


def _cases(seed: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Interviews of one tool after each of their answers, and what Python says of them."""
    model, rng = a_model(seed, segments=2 + seed % 4), np.random.default_rng(seed)
    names = [f"s{place}" for place in range(len(model.shares))]
    least, enough = rng.uniform(0.02, 1 / 3, len(names)), float(rng.choice([0.7, 0.9, 0.99]))
    tables = [{f"{code}": row.tolist() for code, row in enumerate(table)} for table in model.chances]
    tool = {
        "segments": names,
        "shares": model.shares.tolist(),
        "least": least.tolist(),
        "enough": enough,
        "tie": TIE,
        "gain": LEAST_GAIN,
        "rounded": ROUNDED,
        "questions": [{"item": f"q{place}", "chances": table} for place, table in enumerate(tables)],
    }
    answers = some_answers(model, 1, seed)[0]
    told = np.full(len(answers), NOT_ANSWERED)
    given: list[dict[str, Any]] = []
    cases = []
    while (at := replay(model, told.tolist(), enough)).following is not None:
        cases.append(({"tool": tool, "given": list(given)}, _said(at, names, least)))
        if answers[at.following] == NOT_ANSWERED:
            break  # left out: a file can't say so before another answer follows
        given.append({"place": at.following, "answer": str(answers[at.following])})
        told[at.following] = answers[at.following]
    else:
        cases.append(({"tool": tool, "given": list(given)}, _said(at, names, least)))
    return cases


def _said(at: Any, names: list[str], least: np.ndarray) -> dict[str, Any]:
    inside = np.flatnonzero(sets_of(at.likely[None], least)[0])
    possible = [names[place] for place in sorted(inside, key=lambda place: -at.likely[place])]
    return {
        "likely": at.likely,
        "following": at.following,
        "possible": possible if at.following is None else [],
    }
