"""Two days of people and commands, each command a process; `make days-part` lives three, `make days` sixty."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DAYS, PEOPLE, SEED = "2", "8", "3"


@pytest.fixture(scope="module")
def found(project: Path) -> dict[str, int]:
    """What the independent reader found at the end of each day."""
    if os.environ.get("CI") == "true" and shutil.which("gcc") is None:
        pytest.fail("There is no gcc, so no command can be killed at a chosen write.")
    command = [sys.executable, "-m", "tests.torture.days", "--days", DAYS, "--people", PEOPLE, "--seed", SEED]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    counts: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    sys.stderr.write(done.stderr)
    return counts


def test_nobody_is_lost_and_nothing_is_stale_from_one_process_to_the_next(found: dict[str, int]) -> None:
    wanted = {"days": int(DAYS), "people_lost": 0, "stale_fields": 0, "failed": 0}

    assert {name: found[name] for name in wanted} == wanted
    assert found["commands"] >= 3


def test_nobody_is_written_to_who_said_no_before_the_command_began(found: dict[str, int]) -> None:
    assert found["written_without_consent"] == 0
