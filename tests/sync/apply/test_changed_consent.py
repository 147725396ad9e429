"""Whoever said no, was cleaned or is gone is not written to, whenever that happened and wherever: by the commands.

One account for each moment, one person for each case, and nothing but the commands and what both platforms show.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from io import StringIO
from typing import Any

import pytest

from connectors.sandbox.deeds import do
from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.cli.main import run as command
from sync.cli.options import REJECTS
from tests.sync.conftest import Platforms, connected

Deed = Callable[[Platforms, str], None]
OF_THE_PLAN = ("max_changed", "max_removed", "max_unclassified")
OVERRIDE = [part for name in OF_THE_PLAN for part in ("--override", name)]


def deed(name: str, **more: Any) -> Deed:
    return lambda platforms, email: void(do(platforms.sandbox.world, name, email, more))


def void(_told: object) -> None:
    """Forget what somebody's deed gave back."""


def status(word: str) -> Deed:
    def become(platforms: Platforms, email: str) -> None:
        member = member_of(platforms, email)
        member |= {"status": word, "last_changed": platforms.email.now()}
        platforms.email.directory(AUDIENCE).save(member)

    return become


def delete_member(platforms: Platforms, email: str) -> None:
    member = member_of(platforms, email)
    platforms.email.blocked[f"{AUDIENCE}/{member['id']}"] = {"at": platforms.email.now()}
    platforms.email.remove_member(AUDIENCE, member)


def merge_into_who_opted_out(platforms: Platforms, email: str) -> None:
    do(platforms.sandbox.world, "create contact", f"twin-{email}", {"properties": {"hs_email_optout": "true"}})
    do(platforms.sandbox.world, "merge contacts", f"twin-{email}", {"with": email})


def merge_into_somebody(platforms: Platforms, email: str) -> None:
    do(platforms.sandbox.world, "create contact", f"twin-{email}", {})
    do(platforms.sandbox.world, "merge contacts", f"twin-{email}", {"with": email})


NO: dict[str, Deed] = {
    "unsubscribed in Mailchimp": deed("unsubscribe"),
    "cleaned in Mailchimp": deed("clean"),
    "pending in Mailchimp": status("pending"),
    "transactional in Mailchimp": status("transactional"),
    "opted out in HubSpot": deed("edit contact", properties={"hs_email_optout": "true"}),
    "bounced hard in HubSpot": deed("edit contact", properties={"hs_email_hard_bounce_reason_enum": "UNKNOWN_USER"}),
    "merged in HubSpot into who opted out": merge_into_who_opted_out,
}
"""Nothing of ours may come to either platform."""

GONE: dict[str, Deed] = {
    "archived in Mailchimp": status("archived"),
    "deleted in Mailchimp": delete_member,
    "deleted in HubSpot": deed("archive contact"),
    "erased in HubSpot": deed("erase contact"),
}
"""Nothing of ours may come to the record that is gone; what is left of the person said nothing."""

NO_THEN_GONE: dict[str, tuple[Deed, Deed]] = {
    "unsubscribed, then archived in Mailchimp": (NO["unsubscribed in Mailchimp"], GONE["archived in Mailchimp"]),
    "unsubscribed, then deleted in Mailchimp": (NO["unsubscribed in Mailchimp"], GONE["deleted in Mailchimp"]),
    "cleaned, then archived in Mailchimp": (NO["cleaned in Mailchimp"], GONE["archived in Mailchimp"]),
    "cleaned, then deleted in Mailchimp": (NO["cleaned in Mailchimp"], GONE["deleted in Mailchimp"]),
    "opted out, then deleted in HubSpot": (NO["opted out in HubSpot"], GONE["deleted in HubSpot"]),
    "opted out, then erased in HubSpot": (NO["opted out in HubSpot"], GONE["erased in HubSpot"]),
    "opted out, then merged in HubSpot": (NO["opted out in HubSpot"], merge_into_somebody),
    "unsubscribed in Mailchimp, then erased in HubSpot": (
        NO["unsubscribed in Mailchimp"],
        GONE["erased in HubSpot"],
    ),
}
"""The opt-out was seen by a pull, and outlives the record that held it."""

ONE = timedelta(seconds=1)
MERGED = "merged in HubSpot"
STAYS = "stays subscribed"
MOMENTS = ("before the first pull", "between two pulls", "between pull and plan", "between plan and apply")


def address(case: str) -> str:
    return f"{case.replace(', ', '-').replace(' ', '-').lower()}@cases.test"


def member_of(platforms: Platforms, email: str) -> dict[str, Any]:
    member = platforms.email.directory(AUDIENCE).find(subscriber_hash(email))
    assert member is not None
    return member


def ours(platforms: Platforms, email: str) -> dict[str, str]:
    """Everything of ours that either platform shows for an address, archived records too."""
    shown: dict[str, str] = {}
    for row in platforms.crm.contact_records.rows():
        if email in {row["properties"].get("email"), row["properties"].get("hs_additional_emails")}:
            shown |= {
                name: text for name, text in row["properties"].items() if name.startswith("personasync_") and text
            }
    member = platforms.email.directory(AUDIENCE).find(subscriber_hash(email))
    if member is not None:
        shown |= {
            name: text for name, text in member["merge_fields"].items() if name.startswith(("PS_", "PERSONA")) and text
        }
        shown |= {str(tag): "tag" for tag in member["tags"]}
    return shown


@dataclass
class Account:
    """Platforms with a person for each case, and the commands."""

    platforms: Platforms
    told: dict[str, Any] = field(default_factory=dict)

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run a command; it must succeed."""
        state, self.told = self.attempt(*arguments)
        assert state == 0, self.told
        return self.told

    def attempt(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run a command; return its exit state and what it tells scripts."""
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as said:
            state = command([*arguments, "--workspace", str(self.platforms.folder), "--json"])
        output = out.getvalue().strip()
        return state, json.loads(output) if output else {"said": said.getvalue()}

    def decide(self) -> None:
        """Read, and give everybody a persona."""
        self.run("pull")
        self.run("assign", "--override", "trait_quality")
        self.run("setup", "--yes")

    def send(self) -> dict[str, Any]:
        """Apply the newest plan. A platform may refuse what is gone: that is one of its outcomes."""
        state, document = self.attempt("apply", *OVERRIDE)
        assert state in {0, REJECTS}, document
        return document

    def settle(self) -> None:
        """Let a second pass: moments of the platforms have whole seconds."""
        self.platforms.sandbox.world.clock.advance(ONE)

    def change(self, cases: dict[str, Deed]) -> None:
        for case, deed_of in cases.items():
            deed_of(self.platforms, address(case))


@pytest.fixture(scope="module")
def open_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Account]]:
    """Make accounts with people who subscribed, each in both platforms."""
    with ExitStack() as opened:
        patch = opened.enter_context(pytest.MonkeyPatch.context())

        def make() -> Account:
            world = make_world()
            fill(world, 8)
            for case in (*NO, *GONE, MERGED, *NO_THEN_GONE, STAYS):
                do(world, "create contact", address(case), {})
                do(world, "subscribe", address(case), {})
            platforms = connected(opened.enter_context(Sandbox(world)), tmp_path_factory.mktemp("account") / "ws")
            for name, value in platforms.environment.items():
                patch.setenv(name, value)
            account = Account(platforms)
            account.settle()
            return account

        yield make


@pytest.fixture(scope="module")
def accounts(open_account: Callable[[], Account]) -> Callable[[str], Account]:
    """An account for each moment at which people change their consent."""
    return cache(lambda moment: changed_at(open_account(), moment))


def changed_at(account: Account, moment: str) -> Account:
    """Let everybody change their consent at a moment, and apply."""
    cases = {**NO, **GONE, MERGED: merge_into_somebody}
    if moment == MOMENTS[0]:
        account.change(cases)
    elif moment == MOMENTS[1]:
        account.run("pull")
        account.change(cases)
    account.decide()
    if moment == MOMENTS[2]:
        account.change(cases)
    account.run("plan")
    if moment == MOMENTS[3]:
        account.change(cases)
    account.send()
    return account


@pytest.fixture(scope="module")
def outlived(open_account: Callable[[], Account]) -> Account:
    """An account whose people said no, which a pull saw, and whose records went afterwards."""
    account = open_account()
    account.run("pull")
    account.change({case: no for case, (no, _) in NO_THEN_GONE.items()})
    account.settle()
    account.run("pull")
    account.change({case: gone for case, (_, gone) in NO_THEN_GONE.items()})
    account.settle()
    account.run("pull")
    account.decide()
    account.run("plan")
    account.send()
    return account


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("case", NO)
def test_who_said_no_is_written_to_nowhere(accounts: Callable[[str], Account], moment: str, case: str) -> None:
    assert ours(accounts(moment).platforms, address(case)) == {}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("case", GONE)
def test_a_record_that_is_gone_is_not_written_to(accounts: Callable[[str], Account], moment: str, case: str) -> None:
    """What is left of the person on the other platform said nothing."""
    shown = ours(accounts(moment).platforms, address(case))
    gone_from = ("PS_", "PERSONA", "tag") if "Mailchimp" in case else ("personasync_",)
    assert not [name for name, text in shown.items() if name.startswith(gone_from) or text in gone_from]


@pytest.mark.parametrize("moment", MOMENTS[2:])
def test_what_was_planned_for_a_contact_does_not_go_to_the_one_that_took_it_in(
    accounts: Callable[[str], Account], moment: str
) -> None:
    shown = ours(accounts(moment).platforms, address(MERGED))
    assert not [name for name in shown if name.startswith("personasync_")]


@pytest.mark.parametrize("moment", MOMENTS)
def test_who_did_not_change_their_mind_is_written_to(accounts: Callable[[str], Account], moment: str) -> None:
    shown = ours(accounts(moment).platforms, address(STAYS))
    assert {"personasync_persona", "PERSONA"} <= shown.keys()


@pytest.mark.parametrize("case", NO_THEN_GONE)
def test_an_opt_out_outlives_the_record_that_held_it(outlived: Account, case: str) -> None:
    assert ours(outlived.platforms, address(case)) == {}
