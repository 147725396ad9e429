"""Reports of any number of personas whose campaign went out in variants: every section has a row for each of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from connectors.sandbox import marketer
from connectors.sandbox.fill import fill
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.clock import now
from sync.ops.demo import make_workspace, send_demo_campaign
from sync.ops.run import run_loop
from sync.session import open_session

PEOPLE = 300
DAYS = timedelta(days=900).days  # since when people are known
NAMES = (
    "<i>Rita</i> 🎁 مرحبا " + "x" * 56,
    "محمد عبد الرحمن بن خالد الأنصاري",
    "Ä" * 78,
    "A very long name of many words that goes on and on until eighty letters are full",
    "👩‍👩‍👧‍👦 Family & <script>alert(1)</script>",
)


def report_of(folder: Path, personas: int) -> Path:
    """Run everything for so many personas, by how long people are known, and return the report."""
    return report_after(folder, lambda: _personas(folder, personas))


def report_after(folder: Path, change: Callable[[], None], people: int = PEOPLE) -> Path:
    """Make a workspace, *change* its files, run everything with a campaign in variants, and return the report."""
    world = make_world()
    fill(world, people)
    with Sandbox(world) as sandbox:
        access = sandbox.access
        make_workspace(folder, access)
        change()
        environment = {"HUBSPOT_TOKEN": access["hubspot_token"], "MAILCHIMP_API_KEY": access["mailchimp_key"]}
        with open_session(folder, now=now, environment=environment) as session:

            def campaign() -> None:
                send_demo_campaign(access)
                marketer.advance_clock(access["mailchimp_url"], days=4)

            done = run_loop(session, as_of=session.now(), set_up=True, before_results=campaign)
    return done.written.path


def _personas(folder: Path, personas: int) -> None:
    main = folder / "personasync.toml"
    main.write_text(main.read_text("utf-8").replace("min_audience = 20", "min_audience = 1"), "utf-8")
    segments, texts = [], []
    for number in range(personas):
        name, quote = (json.dumps(name_of(number + k), ensure_ascii=False) for k in (0, 1))
        least, most = DAYS * number // personas, DAYS * (number + 1) // personas
        rule = f"tenure_days >= {least}" + (f" and tenure_days < {most}" if number + 1 < personas else "")
        segments.append(f"[[segments]]\nname = 's{number}'\ntitle = {name}\nrule = {json.dumps(rule)}\n")
        texts.append(
            f"[personas.p{number}]\nname = {name}\nsegments = ['s{number}']\nquote = {quote}\nstory = {quote}\n"
        )
    (folder / "segments.toml").write_text("\n".join(segments), "utf-8")
    fields = (folder / "personas.toml").read_text("utf-8").partition("[personas.")[0]
    (folder / "personas.toml").write_text("\n".join([fields, *texts]), "utf-8")


def name_of(number: int) -> str:
    """One that breaks pages, and that nobody else has: platforms want their choices to differ."""
    return f"{NAMES[number % len(NAMES)][:77]} {number}"
