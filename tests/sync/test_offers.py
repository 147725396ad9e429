"""`offers` and the report's advice from outside: only what was randomized together is compared."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.cli.main import run
from tests.sync.mailed_people import campaign, contact_of, made, opened

PEOPLE = 4_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("shop"), PEOPLE)


def say(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json", "--workspace", str(folder)]) == 0
    return json.loads(capsys.readouterr().out)


def test_two_campaigns_of_unequal_base_rates_and_no_effect_have_no_best_offer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(tmp_path, PEOPLE)
    with opened(folder) as bench:
        people, half = sorted(contact_of(bench).values()), PEOPLE // 2
        parts = people[:half], people[half:]
        campaign(bench, "Spring", bench.now() - timedelta(days=40), {"sale": (parts[0], 80), "early": (parts[1], 80)})
        campaign(
            bench, "Autumn", bench.now() - timedelta(days=20), {"gift": (parts[0], 160), "welcome": (parts[1], 160)}
        )
    found, report = say(capsys, folder, "offers"), say(capsys, folder, "report")

    assert [one["supported"] for one in found["personas"]] == [False, False]
    assert found["never_compared"] == {"Bo": [["early", "sale"], ["gift", "welcome"]]}
    assert "works best" not in json.dumps(report)
    assert "Nothing is proven to work yet." in report["advice"]["Go on"]
    assert not any("Nothing" in line for line in report["advice"]["Test next"])
