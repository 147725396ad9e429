"""How fast the sync engine is against the alternatives, in the same run, on local platforms with their real limits.

::

    python benchmarks/engine.py                      # everything; about a quarter of an hour
    python benchmarks/engine.py --only pull,push     # some of it
    python benchmarks/engine.py --million 0          # without the pull of a million contacts

Latency is added to every answer. Between two measurements the ten-second window is left to run empty, so that each
begins with a full one. The last line is one JSON document; its keys:

pull_vs_sdk              seconds of the official SDK's `get_all` for one of ours, by latency in ms
export_vs_side_by_side   seconds of list and search for one with an export of ids beside them, at 200 ms
repull_window_use        least seconds that the window allows for our requests, for one of ours
push_window_use          the same for batches of updates
push_vs_sequential       seconds of the SDK's batches, one after the other, for one of ours, by latency
push_vs_one_by_one       seconds of the SDK's single updates for one of ours, by latency
incremental_requests     requests of a pull of contacts after 1% of 100,000 changed, the larger platform's
idle_requests            requests of a whole pull without changes, the larger platform's
requests_over_least      share of requests beyond the least that the paths of a push allow
pull_rss_mb              peak of resident memory of a pull of a million contacts
own_429                  refusals for too many requests that we earned, over all of it
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from math import ceil
from typing import Any

from engine_platforms import Platforms, platforms
from hubspot import HubSpot

from connectors import hubspot, mailchimp
from connectors.hubspot import contacts
from connectors.records import Change
from connectors.sandbox import marketer

CONTACTS = 20_000
MANY = 100_000
EXPORT_SECONDS = 10.0  # of a job; HubSpot says nowhere how long one takes
LATENCIES = (0.06, 0.2)
SOME = 40  # calls of the slow alternatives, scaled up to all
WINDOW, WINDOW_SECONDS = 190, 10.0


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds of *work*, after the window has run empty."""
    time.sleep(WINDOW_SECONDS + 0.5)
    started = time.monotonic()
    work()
    return time.monotonic() - started


def least(count: int) -> float:
    """Return the least seconds that the ten-second window allows for *count* requests."""
    return max(ceil(count / WINDOW) - 1, 0) * WINDOW_SECONDS


def read(platform: Platforms, name: str, count: int = CONTACTS, **settings: str) -> dict[str, Any]:
    """Read all *count* contacts of a connection; return them by id."""
    module = {"crm": hubspot, "email": mailchimp}[name]
    connector = module.connect(platform.connection(name, **settings))
    emails = {}
    for page in connector.read("contacts", {}):
        emails.update(zip(page.rows["platform_id"].to_pylist(), page.rows["email"].to_pylist(), strict=True))
    connector.close()
    assert len(emails) == count
    return emails


def pulls(platform: Platforms, figures: dict[str, Any]) -> None:
    """A first pull against the SDK's `get_all`, and a second one of ids that are known."""
    figures["pull_vs_sdk"], figures["pull_seconds"] = {}, {}
    for latency in LATENCIES:
        platform.set(latency=latency)
        sdk = timed(lambda: all_by_sdk(platform))
        with platform.watched():
            ours = timed(lambda: read(platform, "crm"))
        with platform.watched():
            alone = timed(lambda: read(platform, "crm", full_pull="list"))
        name = f"{latency * 1000:.0f}"
        figures["pull_vs_sdk"][name] = round(sdk / ours, 2)
        figures["pull_seconds"][name] = {"sdk": round(sdk, 2), "ours": round(ours, 2), "ours_list": round(alone, 2)}
        say(f"pull {CONTACTS:,} at {name} ms", sdk=sdk, ours=ours, our_list_alone=alone)
    platform.set(latency=LATENCIES[0])
    repull(platform, figures)


def exports(figures: dict[str, Any]) -> list[int]:
    """A first pull of many contacts with and without an export of their ids; return the states of its answers."""
    settings = {"burst_requests": WINDOW, "latency": LATENCIES[-1], "export_seconds": EXPORT_SECONDS}
    with platforms(MANY, 0, lively=True, **settings) as platform, platform.watched():
        plain = timed(lambda: read(platform, "crm", MANY))
        exported = timed(lambda: read(platform, "crm", MANY, full_pull="export"))
    figures["export_vs_side_by_side"] = round(plain / exported, 2)
    figures["export_seconds"] = {"side_by_side": round(plain, 1), "export": round(exported, 1), "job": EXPORT_SECONDS}
    say(f"pull {MANY:,} at 200 ms, an export takes {EXPORT_SECONDS:.0f} s", side_by_side=plain, with_export=exported)
    return platform.ours


def all_by_sdk(platform: Platforms) -> None:
    """Read all contacts as the SDK's documentation shows it, with the properties that ours reads."""
    connection = platform.connection("crm")
    wanted = list(dict.fromkeys([*contacts.READ, *connection.mapped, *connection.owned]))
    assert len(platform.client().crm.contacts.get_all(properties=wanted)) == CONTACTS


def repull(platform: Platforms, figures: dict[str, Any]) -> None:
    """Read again contacts whose ids are known."""
    import pyarrow as pa  # noqa: PLC0415 - only here

    ids = pa.array(list(read(platform, "crm")), pa.string())
    connector = hubspot.connect(platform.connection("crm"))
    rows = 0

    def again() -> None:
        nonlocal rows
        rows = sum(page.rows.num_rows for page in connector.read("contacts", {}, lambda _states: ids))

    with platform.watched() as seen:
        seconds = timed(again)
    lane = sum(not request["path"].endswith("/search") for request in seen)
    figures["repull_window_use"] = round((least(lane) + LATENCIES[0]) / seconds, 3)
    assert rows >= CONTACTS
    say(f"read {CONTACTS:,} known ids again", ours=seconds, least=least(lane))


def pushes(platform: Platforms, figures: dict[str, Any]) -> None:
    """Updates of one property of every contact, against the SDK's batches and single updates."""
    ids = list(read(platform, "crm", full_pull="list"))
    for name in ("push_vs_sequential", "push_vs_one_by_one", "push_seconds"):
        figures[name] = {}
    uses = []
    for turn, latency in enumerate(LATENCIES):
        platform.set(latency=latency)
        changes = [Change("crm", key, "p", None, "field", "personasync_reason", None, f"{turn}") for key in ids]
        ours, use = ours_pushed(platform, changes, latency)
        uses.append(use)
        sequential = timed(lambda: batched(platform.client(), ids[: SOME * 100])) / SOME * (CONTACTS / 100)
        single = timed(lambda: one_by_one(platform.client(), ids[:SOME])) / SOME * CONTACTS
        name = f"{latency * 1000:.0f}"
        figures["push_vs_sequential"][name] = round(sequential / ours, 2)
        figures["push_vs_one_by_one"][name] = round(single / ours, 1)
        figures["push_seconds"][name] = {
            "ours": round(ours, 2),
            "sequential": round(sequential),
            "single": round(single),
        }
        say(f"push {CONTACTS:,} at {name} ms", ours=ours, sdk_batches=sequential, sdk_one_by_one=single)
    figures["push_window_use"] = round(min(uses), 3)


def ours_pushed(platform: Platforms, changes: list[Change], latency: float) -> tuple[float, float]:
    """Push *changes*; return the seconds, and the share of the window that was used."""
    connector = hubspot.connect(platform.connection("crm"))
    with platform.watched() as seen:
        seconds = timed(lambda: list(connector.push(changes)))
    connector.close()
    return seconds, (least(len(seen)) + latency) / seconds


def batched(client: HubSpot, ids: list[str]) -> None:
    """Update contacts as the SDK's documentation shows it: a hundred at a time, one call after the other."""
    for start in range(0, len(ids), 100):
        inputs = [{"id": key, "properties": {"personasync_reason": "x"}} for key in ids[start : start + 100]]
        client.crm.contacts.batch_api.update({"inputs": inputs})


def one_by_one(client: HubSpot, ids: list[str]) -> None:
    """Update contacts one by one."""
    for key in ids:
        client.crm.contacts.basic_api.update(key, {"properties": {"personasync_reason": "y"}})


def counts(figures: dict[str, Any]) -> list[int]:
    """Requests of an incremental pull, of one without changes, and of a push; nothing is timed here."""
    with platforms(MANY, MANY, enforce_limits=True, burst_requests=100_000) as platform:
        platform.command("setup", "--yes")
        platform.command("pull")
        time.sleep(3)  # Mailchimp's moments have whole seconds: what changed just now is read twice
        platform.command("pull")
        with platform.watched() as seen:
            platform.command("pull")
        figures["idle_requests"] = larger(seen)
        change(platform, MANY // 100)
        with platform.watched() as seen:
            platform.command("pull")
        read_contacts = [
            request for request in seen if "contacts" in request["path"] or request["path"].endswith("/members")
        ]
        figures["incremental_requests"] = larger(read_contacts)
        figures["incremental_requests_all_streams"] = larger(seen)
        platform.command("assign")
        _, _, plan = platform.command("plan")
        with platform.watched() as seen:
            _, _, applied = platform.command("apply")
        figures["requests_over_least"] = round(len(seen) / fewest(plan["requests"]) - 1, 4)
        figures["push_requests"] = {
            "sent": len(seen),
            "least": fewest(plan["requests"]),
            "outcomes": applied["outcomes"],
        }
        say(f"requests at {MANY:,}", **{k: figures[k] for k in ("idle_requests", "incremental_requests")})
        return platform.ours


def fewest(planned: dict[str, dict[str, int]]) -> int:
    """Return the least requests of a push: no sample read back, no id looked up, one look at each job and one more."""
    left_out = {
        "POST contacts/batch/read",
        "POST lists/records/memberships/batch/read",
        "GET members",
        "GET lists/by name",
    }
    sent = {end: n for ends in planned.values() for end, n in ends.items() if end not in left_out}
    jobs = sent.get("POST batches", 0)
    return sum(sent.values()) - sent.get("GET batches/{batch}", 0) + 2 * jobs


def change(platform: Platforms, count: int) -> None:
    """Change contacts on both platforms, as people there would."""
    client = platform.client()
    ids = [row.id for row in client.crm.contacts.basic_api.get_page(limit=100).results]
    first = int(ids[0])
    for start in range(0, count, 100):
        inputs = [{"id": str(first + 7 * n), "properties": {"country": "DE"}} for n in range(start, start + 100)]
        client.crm.contacts.batch_api.update({"inputs": inputs})
    for start in range(0, count, 500):
        numbers = range(start, start + 500)
        members = [{"email_address": f"p{7 * n}@people.test", "merge_fields": {"FNAME": "X"}} for n in numbers]
        access = platform.access
        marketer.change_members(access["mailchimp_url"], access["mailchimp_key"], access["audience"], members)


def million(figures: dict[str, Any], count: int) -> None:
    """Peak memory of a pull."""
    with platforms(count, 1_000, enforce_limits=False) as platform:
        text = (platform.folder / "personasync.toml").read_text("utf-8")
        (platform.folder / "personasync.toml").write_text(text, "utf-8")
        platform.command("setup", "--yes")
        seconds, peak, document = platform.command("pull")
        assert document["rows"]["crm contacts"] >= count
        figures["pull_rss_mb"], figures["pull_of"] = round(peak), count
        say(f"pull of {count:,} contacts into the warehouse", seconds=seconds, peak_mb=peak)


def larger(seen: list[dict[str, Any]]) -> int:
    """Return how many requests the platform got that got more."""
    return max(sum(request["platform"] == name for request in seen) for name in ("hubspot", "mailchimp"))


def say(what: str, **figures: float) -> None:
    """Print a line of the table."""
    print(f"{what:40}", *(f"{name} {value:10,.2f}" for name, value in figures.items()), flush=True)


def main() -> None:
    """Measure, and print a table and a document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="pull,push,export,counts,million")
    parser.add_argument("--million", type=int, default=1_000_000)
    options = parser.parse_args()
    wanted, figures, ours = options.only.split(","), {}, []
    if {"pull", "push"} & set(wanted):
        with platforms(CONTACTS, 0, lively=True) as platform:
            platform.command("setup", "--yes")
            if "pull" in wanted:
                pulls(platform, figures)
            if "push" in wanted:
                pushes(platform, figures)
            ours += platform.ours
    if "export" in wanted:
        ours += exports(figures)
    if "counts" in wanted:
        ours += counts(figures)
    if "million" in wanted and options.million:
        million(figures, options.million)
    figures["own_429"] = ours.count(429)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
