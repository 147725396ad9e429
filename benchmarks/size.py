"""CPU seconds and peak memory of the commands that look at everybody, at two sizes of one invented world.

::

    python benchmarks/size.py                                   # 10,000 and 100,000 people
    python benchmarks/size.py --people 10000 --only report,offers

Each person has twenty events on average (mails, opens, clicks, visits, orders), a year of assignments that changed,
and a part in an experiment; a quarter of 400 campaigns went out in variants. Every command is a process of its own,
whose CPU seconds (user and system) and peak of resident memory the operating system tells. Beside them, in the same
run: ``pandas``, a process that reads the same rows and counts who was reached, opened, clicked and ordered, by
campaign, variant and the persona at the sending, which is one table of the report.

cpu              seconds
rss_mb           peak of resident memory
vs_pandas        CPU of a command for one of pandas, at the same size
growth           CPU of a command at the largest size for one at the smallest; ten times the people

The last line is one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import people
import size_pandas
from segment_refresh import GENERATED

from segmenter.identity import IdentityChanges
from sync.clock import now
from sync.control.store import open_control
from sync.ops.demo import make_workspace
from sync.session import open_session

EVENTS_EACH = 20
COMMAND = Path(sys.executable).with_name("personasync")
SECRETS = {"HUBSPOT_TOKEN": "none", "MAILCHIMP_API_KEY": "none-us1"}
NOWHERE = {"hubspot_url": "http://127.0.0.1:9", "mailchimp_url": "http://127.0.0.1:9/3.0", "audience": "none"}
ANYBODY = "u17@people.test"
COMMANDS = {
    "pull": ["pull", "--workspace", "{files}"],
    "report": ["report", "--workspace", "{folder}"],
    "offers": ["offers", "--workspace", "{folder}"],
    "segments": ["segments", "--workspace", "{folder}"],
    "discover": ["discover", "--workspace", "{folder}"],
    "classify": ["classify", ANYBODY, "--workspace", "{folder}"],
    "explain": ["explain", ANYBODY, "--workspace", "{folder}"],
}
EXPERIMENT = """
[experiments.spring]
arms = {{ old = 0.5, new = 0.5 }}
holdout = 0.1
metric = "clicked"
mde = 0.01
salt = "bench"
begins = {begins}
"""
FILES = '[workspace]\nname = "Files"\n[connections.shop]\nconnector = "files"\n{files}'


def prepare(folder: Path, count: int) -> None:
    """Write a workspace with *count* people in *folder*, and their files in a folder beside it."""
    source, workspace = folder / "rows", folder / "workspace"
    source.mkdir()
    people.write(source, people=count, events=count * EVENTS_EACH)
    make_workspace(workspace, NOWHERE)
    fill(workspace, source)
    measure("assign", [str(COMMAND), "assign", "--workspace", str(workspace)])
    age(workspace)
    write_files(folder / "files", source)


def fill(workspace: Path, source: Path) -> None:
    """Put what was generated into the stores, its times moved so that the year ends now."""
    moment = now()
    moved = f"INTERVAL {int((moment - people.NOW).total_seconds())} SECOND"
    with open_session(workspace, now=lambda: moment, environment=SECRETS) as session:
        run, sequence = session.warehouse.engine.con.execute, 0  # type: ignore[attr-defined]
        for table in GENERATED:
            path = source / f"{table.name}.parquet"
            known = duckdb.read_parquet(str(path)).columns
            times = {"at", "created_at", "updated_at"}
            columns = ", ".join(
                (f'"{name}" + {moved} AS "{name}"' if name in times else f'"{name}"')
                if name in known
                else f'NULL AS "{name}"'
                for name in table.columns.names
            )
            stamped = f"TIMESTAMPTZ '{moment}' AS recorded_at, {sequence} + row_number() OVER () AS sequence"
            run(f"INSERT INTO {table.name} BY NAME SELECT {columns}, {stamped} FROM '{path}'")  # noqa: S608 - ours
            (sequence,) = run(f"SELECT max(sequence) FROM {table.name}").fetchone()  # noqa: S608 - ours
        run(CAMPAIGNS, {"moment": moment, "sequence": sequence})
        run(VARIANTS)
        links = duckdb.read_parquet(str(source / "links.parquet")).arrow().read_all()
    control = open_control(f"sqlite:///{workspace / '.personasync' / 'control.db'}", now=lambda: moment)
    pairs = zip(links["contact_key"].to_pylist(), links["person_id"].to_pylist(), strict=True)
    control.links.write(IdentityChanges(dict(pairs), {}), "session")
    control.close()


CAMPAIGNS = """
INSERT INTO campaigns BY NAME
SELECT connection, campaign_id, 'Mail ' || campaign_id AS name, 'Subject' AS subject, 'sent' AS state,
       min("at") AS sent_at, count(*) AS sent, 'USD' AS currency, $moment AS recorded_at,
       $sequence + row_number() OVER () AS sequence
FROM deliveries GROUP BY ALL
"""
VARIANTS = """
UPDATE deliveries SET variant = CASE hash(contact_key, campaign_id) % 2 WHEN 0 THEN 'plain' ELSE 'warm' END
WHERE CAST(substr(campaign_id, 2) AS INTEGER) % 4 = 0
"""


def age(workspace: Path) -> None:
    """Let the assignments be of last year, and half of the people have moved since, each in another week.

    And put everybody into an experiment that began two months ago.
    """
    with open_session(workspace, now=now, environment=SECRETS) as session:
        run = session.warehouse.engine.con.execute  # type: ignore[attr-defined]
        run("UPDATE assignments SET recorded_at = recorded_at - INTERVAL 380 DAY")
        for number in range(5):
            run(MOVED, {"number": number})
        begins = (now() - timedelta(days=60)).isoformat(timespec="seconds")
        (workspace / "experiments.toml").write_text(EXPERIMENT.format(begins=begins), "utf-8")
        run(DEALT)
        run("UPDATE last_sequence SET number = (SELECT max(sequence) FROM (FROM assignments SELECT sequence "
            "UNION ALL FROM arms SELECT sequence UNION ALL FROM campaigns SELECT sequence))")  # fmt: skip


MOVED = """
INSERT INTO assignments BY NAME
WITH newest AS (SELECT max(sequence) AS sequence FROM (FROM assignments SELECT sequence UNION ALL
                FROM campaigns SELECT sequence)),
     others AS (SELECT segment AS other, any_value(persona) AS called, row_number() OVER (ORDER BY segment) - 1 AS place
                FROM assignments WHERE segment IS NOT NULL GROUP BY segment),
     mine AS (SELECT * FROM assignments WHERE hash(person_id, $number) % 2 = 0
              QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY recorded_at DESC) = 1)
SELECT mine.* REPLACE (
           other AS segment, called AS persona,
           mine.recorded_at + to_days(CAST(1 + hash(person_id, $number) % 70 AS INTEGER)) AS recorded_at,
           newest.sequence + row_number() OVER () AS sequence)
FROM mine, newest, others WHERE others.place = hash(person_id, $number, 7) % (SELECT count(*) FROM others)
"""
DEALT = """
INSERT INTO arms BY NAME
SELECT 'spring' AS experiment, person_id, persona,
       CASE WHEN hash(person_id) % 10 = 0 THEN 'holdout' WHEN hash(person_id) % 2 = 0 THEN 'old' ELSE 'new' END AS arm,
       now() - INTERVAL 60 DAY AS at, now() - INTERVAL 60 DAY AS recorded_at,
       (SELECT max(sequence) FROM assignments) + row_number() OVER () AS sequence
FROM (FROM assignments QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY recorded_at DESC) = 1)
"""


def write_files(folder: Path, source: Path) -> None:
    """Write contacts and orders as CSV, and a workspace that reads them."""
    folder.mkdir()
    contacts = f"(FROM '{source}/contacts.parquet' SELECT platform_id AS id, email, consent, created_at, "
    contacts += (
        "json_extract_string(properties, 'country') AS country, json_extract_string(properties, 'city') AS city "
    )
    contacts += "WHERE connection = 'email')"
    orders = f"(FROM '{source}/orders.parquet' SELECT order_id, replace(contact_key, 'crm:', '') AS contact_id, "
    orders += '"at", amount, currency, state)'
    with duckdb.connect() as engine:
        engine.execute(f"COPY {contacts} TO '{folder}/contacts.csv'")
        engine.execute(f"COPY {orders} TO '{folder}/orders.csv'")
    files = 'contacts = "contacts.csv"\norders = "orders.csv"\n'
    (folder / "personasync.toml").write_text(FILES.format(files=files), "utf-8")
    (folder / "segments.toml").write_text((folder.parent / "workspace" / "segments.toml").read_text("utf-8"), "utf-8")
    (folder / "personas.toml").write_text("", "utf-8")


def measure(name: str, command: list[str]) -> dict[str, Any]:
    """Run a command; return its CPU seconds, its peak of memory in MB, and its seconds by the clock."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env={**os.environ, **SECRETS}, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in {0, 4}:
            output.seek(0)
            raise SystemExit(f"{name} ended with {process.returncode}: {output.read()}")
    cpu = usage.ru_utime + usage.ru_stime
    return {
        "cpu": round(cpu, 2),
        "rss_mb": round(usage.ru_maxrss / 1024),
        "seconds": round(time.monotonic() - started, 2),
    }


def measured(folder: Path, count: int, names: list[str]) -> dict[str, dict[str, Any]]:
    """Make the world of *count* people, and measure each command in it."""
    prepare(folder, count)
    pandas = measure("pandas", [sys.executable, size_pandas.__file__, str(folder)])
    print(f"{count:>9,} people")
    print(f"{'pandas':<12}{pandas['cpu']:>9.2f} s CPU {pandas['rss_mb']:>7,} MB", flush=True)
    found = {"pandas": pandas}
    for name in names:
        words = [word.format(folder=folder / "workspace", files=folder / "files") for word in COMMANDS[name]]
        took = measure(name, [str(COMMAND), *words])
        took["vs_pandas"] = round(took["cpu"] / pandas["cpu"], 2)
        found[name] = took
        told = f"{took['cpu']:>9.2f} s CPU {took['rss_mb']:>7,} MB {took['vs_pandas']:>8.2f} of pandas"
        print(f"{name:<12}{told}", flush=True)
    return found


def main() -> None:
    """Measure each size, and print a table and a document."""
    parser = argparse.ArgumentParser(description="CPU and memory of commands that look at everybody.")
    parser.add_argument("--people", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--only", default=",".join(COMMANDS), help="some of the commands, with commas between")
    parser.add_argument("--keep", type=Path, help="make the worlds in this folder, and leave them there")
    options = parser.parse_args()
    names = options.only.split(",")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for count in options.people:
        with tempfile.TemporaryDirectory() as parent:
            folder = (options.keep or Path(parent)) / str(count)
            folder.mkdir(parents=True)
            found[str(count)] = measured(folder, count, names)
    least, most = (found[str(count)] for count in (min(options.people), max(options.people)))
    if least is not most:
        for name in names:
            most[name]["growth"] = round(most[name]["cpu"] / least[name]["cpu"], 2)
        print("growth: " + ", ".join(f"{name} {most[name]['growth']:.1f}" for name in names))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
