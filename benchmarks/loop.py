"""Wall time, peak memory and requests of each step of the loop, each step a command of its own, on local platforms.

::

    python benchmarks/loop.py --people 5700              # about 10,000 contacts
    python benchmarks/loop.py --orders orders.parquet    # a real order history

Every command is a new process, so that its peak of resident memory is its own. The last line is one JSON document.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from child import run_child

from connectors.sandbox import marketer
from sync.ops.demo import CAMPAIGN_DAYS, local_platforms, make_workspace, send_demo_campaign

STEPS = ("setup --yes", "pull", "assign", "plan", "apply", "results", "report")
SECOND = ("pull --override clock", "assign", "plan", "apply", "results", "report")
COMMAND = Path(sys.executable).with_name("personasync")


def measure(step: str, folder: Path, environment: Mapping[str, str]) -> tuple[float, float, dict[str, Any]]:
    """Run one command; return its seconds, its peak of memory in MB, and its document."""
    extra = ["--as-of", environment["AS_OF"]] if step == "assign" else []
    command = [str(COMMAND), *step.split(), *extra, "--workspace", str(folder), "--json"]
    ran = run_child(command, environment, fine={0, 4})
    return ran.seconds, ran.rss_mb, json.loads(ran.out)


def main() -> None:
    """Measure two runs, and print a table and a document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=5_700)
    parser.add_argument("--orders", type=Path)
    options = parser.parse_args()
    report: dict[str, Any] = {"first": {}, "second": {}}
    with (
        tempfile.TemporaryDirectory() as parent,
        local_platforms(people=options.people, seed=1, orders=options.orders) as access,
    ):
        folder = Path(parent) / "workspace"
        make_workspace(folder, access, samples="shop" if options.orders else "demo")
        as_of = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        secrets = {"HUBSPOT_TOKEN": access["hubspot_token"], "MAILCHIMP_API_KEY": access["mailchimp_key"]}
        environment = {**secrets, "AS_OF": as_of}
        for name, steps in (("first", STEPS), ("second", SECOND)):
            before = writes(access)
            for step in steps:
                if step == "results" and name == "first":
                    send_demo_campaign(access)
                    marketer.advance_clock(access["mailchimp_url"], days=CAMPAIGN_DAYS)
                    before += 3  # what the marketing person did
                sent = seen(access)
                seconds, peak, document = measure(step, folder, environment)
                row = {"seconds": round(seconds, 2), "peak_mb": round(peak), "requests": seen(access) - sent}
                report[name][step.split()[0]] = row
                figures = f"{seconds:8.2f} s {peak:7.0f} MB {row['requests']:6} requests"
                print(f"{name:7} {step:12} {figures}  {told(document)}")
            report[name]["writes"] = writes(access) - before
            print(f"{name:7} writes seen by the platforms: {report[name]['writes']}")
    print(json.dumps(report))


def seen(access: Mapping[str, str]) -> int:
    """Return how many requests both platforms have seen."""
    return marketer.requests_seen(access["hubspot_url"]) + marketer.requests_seen(access["mailchimp_url"])


def writes(access: Mapping[str, str]) -> int:
    """Return how many requests could have changed something."""
    return marketer.writes_seen(access["hubspot_url"]) + marketer.writes_seen(access["mailchimp_url"])


def told(document: Mapping[str, Any]) -> str:
    """Return the figures of a command's document that fit a line."""
    wanted = {"personas", "rows"}
    return ", ".join(f"{key} {value}" for key, value in document.items() if isinstance(value, int) or key in wanted)


if __name__ == "__main__":
    main()
