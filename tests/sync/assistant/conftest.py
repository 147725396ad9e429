"""A workspace whose people and campaigns are named by somebody who wants to rule the assistant."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox import marketer
from connectors.sandbox.access import local_mailing
from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import World, make_world
from sync.assign.job import assign
from sync.clock import now
from sync.ops.setup import create_missing, missing_steps
from sync.pull.job import pull
from sync.results.job import results
from sync.session import open_session
from tests.sync.assistant.injections import injections
from tests.sync.conftest import Platforms, connected

PEOPLE = 50
TRAITS = """
[connections.survey]
connector = "files"
answers = "answers.csv"

[traits.note]
connection = "crm"
property = "jobtitle"

[traits.first]
connection = "crm"
property = "firstname"

[traits.last]
connection = "crm"
property = "lastname"

[traits.firm]
connection = "crm"
property = "company"

[traits.wish]
survey = "spring"
item = "wish"

[traits.why]
survey = "spring"
item = "why"
"""


def poison(world: World) -> dict[str, tuple[str, str]]:
    """Give people injections as names, firm and note, six each; return those that are their answers, by address."""
    texts = iter(injections())
    answers = {}
    fields = ("firstname", "lastname", "company", "jobtitle")
    for row in [each for each in HubSpotState.of(world).contacts.values() if each["properties"].get("email")][:PEOPLE]:
        row["properties"] |= {name: next(texts) for name in fields}
        answers[row["properties"]["email"]] = next(texts), next(texts)
    email = MailchimpState.of(world)
    for number, member in enumerate(email.members(AUDIENCE).values()):
        member["merge_fields"] |= {"FNAME": injections()[number % 300], "LNAME": injections()[-number % 300]}
    return answers


def send(sandbox: Sandbox) -> None:
    """Send campaigns whose titles, subjects and variants are injections."""
    texts = injections()
    where = local_mailing(sandbox.access)
    html = '<p>*|PS_HEAD|*</p><a href="http://shop.people.test/">See</a>'
    variants = {"own": html, texts[16][:60]: "<p>News</p>" + html}
    marketer.send_campaign(*where, title="Letter", subject="This week", variants=variants)
    for number in range(4):
        marketer.send_to_everybody(*where, title=f"Letter {number}", subject="This week", html=html)
    marketer.advance_clock(sandbox.access["mailchimp_url"], days=4)
    for number, campaign in enumerate(MailchimpState.of(sandbox.world).campaigns.values()):
        campaign["settings"] |= {"title": texts[7 * number + 3], "subject_line": texts[11 * number + 5]}


@pytest.fixture(scope="package")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platforms]:
    """Everybody is pulled and assigned, campaigns are imported, nothing is written to a platform by us since."""
    world = make_world()
    fill(world, 60)
    answers = poison(world)
    with Sandbox(world) as sandbox:
        platforms = connected(sandbox, tmp_path_factory.mktemp("hostile") / "workspace")
        prepare(platforms.folder, answers)
        send(sandbox)
        with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
            pull(session, override=frozenset({"clock"}))  # days have passed on the platforms alone
            assign(session, as_of=session.now())
            create_missing(session, missing_steps(session))
            results(session)
        yield platforms


def prepare(folder: Path, answers: dict[str, tuple[str, str]]) -> None:
    """Let notes, names and answers become traits, and ask a rule for them, so that reasons repeat them."""
    main = folder / "personasync.toml"
    main.write_text(main.read_text("utf-8") + TRAITS, "utf-8")
    with (folder / "answers.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "survey", "wish", "why"])
        for email, (wish, why) in answers.items():
            writer.writerow((email, "spring", wish.replace("\x00", ""), why.replace("\x00", "")))
    segments = folder / "segments.toml"
    text = segments.read_text("utf-8")
    rule = 'rule = "tenure_days < 60'
    assert rule in text
    segments.write_text(text.replace(rule, "rule = \"note != 'x' and wish != 'y' and tenure_days < 60"), "utf-8")


def allow(platforms: Platforms, text: str) -> None:
    """Set [assistant]."""
    main = platforms.folder / "personasync.toml"
    main.write_text(main.read_text("utf-8").partition("\n[assistant]")[0] + f"\n[assistant]\n{text}\n", "utf-8")


def addresses(world: Any) -> set[str]:
    """Return every address on both platforms."""
    crm, email = HubSpotState.of(world), MailchimpState.of(world)
    members = {str(member["email_address"]) for member in email.members(AUDIENCE).values()}
    return {address.lower() for address in {*crm.by_email, *members} if address}
