"""`offers` and the report's advice from outside: only what chance dealt out together is compared."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import ibis
import pytest

from connectors.records import ARMS
from segmenter.lift.randomization import Experiment
from sync.assign.job import assign
from sync.cli.main import run
from sync.experiments import job as experiments
from tests.sync.results.mailed_people import campaign, contact_of, made, mail, opened

pytestmark = pytest.mark.slow

PEOPLE = 1_200
BEGIN = -50.0
"""Days from now, when experiments begin."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("shop"), PEOPLE)


@dataclass
class Shop:
    """A workspace of Bo's people, and what its commands print."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def say(self, *arguments: str) -> Any:
        self.capsys.readouterr()
        assert run([*arguments, "--json", "--workspace", str(self.folder)]) == 0
        return json.loads(self.capsys.readouterr().out)

    def told(self, *arguments: str) -> tuple[int, str]:
        self.capsys.readouterr()
        status = run([*arguments, "--workspace", str(self.folder)])
        output = self.capsys.readouterr()
        return status, " ".join((output.out + output.err).split())


@pytest.fixture
def shop(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    return Shop(Path(shutil.copytree(whole, tmp_path / "shop")), capsys)


@pytest.mark.long
def test_two_campaigns_of_unequal_base_rates_and_no_effect_have_no_best_offer(shop: Shop) -> None:
    with opened(shop.folder) as session:
        people, half = sorted(contact_of(session).values()), PEOPLE // 2
        first, two = people[:half], people[half:]
        campaign(session, "Spring", session.now() - timedelta(days=40), {"sale": (first, 24), "early": (two, 24)})
        campaign(session, "Autumn", session.now() - timedelta(days=20), {"gift": (first, 72), "welcome": (two, 72)})
    offers, report, output = shop.say("offers"), shop.say("report"), shop.told("offers")

    assert [persona["supported"] for persona in offers["personas"]] == [False, False]
    assert offers["never_compared"] == {"Bo": [["early", "sale"], ["gift", "welcome"]]}
    assert "Bo: not compared yet: “early” or “sale” with “gift” or “welcome”." in output[1]
    assert "is the best of" not in json.dumps(report)
    (kept,) = report["advice"]["Keep or scale"]
    assert kept.startswith("No significant positive result yet in ")
    assert "Spring (click rate +0.0 pp, “sale” vs “early”, 95% CI -" in kept
    assert "; 600 vs 600 contacts)" in kept
    assert not any("Nothing:" in line for line in report["advice"]["Test next"])
    assert "Based on Spring (600 “early”, 600 “sale”)" in report["advice"]["Test next"][0]


@pytest.mark.long
def test_a_report_before_any_campaign_advises_nothing(shop: Shop) -> None:
    report = shop.say("report")
    page = re.sub("<[^>]+>", "", Path(report["report"]).read_text("utf-8"))

    assert report["advice"] == {}
    assert "No recommendations yet: no campaign has been measured." in page


def test_a_letter_that_the_platform_gave_is_no_offer_of_two_campaigns(shop: Shop) -> None:
    with opened(shop.folder) as session:
        people, half = sorted(contact_of(session).values()), PEOPLE // 2
        for name in ("Spring", "Autumn"):
            parts = {"a": (people[:half], 30), "b": (people[half:], 30)}
            campaign(session, name, session.now() - timedelta(days=20), parts)
    offers = shop.say("offers")

    assert offers["never_compared"]["Bo"] == [["Autumn: a", "Autumn: b"], ["Spring: a", "Spring: b"]]


@pytest.mark.long
def test_a_campaign_of_one_variant_has_no_offer_that_could_be_tested(shop: Shop) -> None:
    """HubSpot calls each half of an A/B test “master” or “variant”: both are e-mails of their own."""
    with opened(shop.folder) as session:
        people, half = sorted(contact_of(session).values()), PEOPLE // 2
        for name, variant in (("Spring", "master"), ("Spring (B)", "variant")):
            campaign(session, name, session.now() - timedelta(days=20), {variant: (people[:half], 30)})
        parts = {"sale": (people[:half], 30), "gift": (people[half:], 30)}
        campaign(session, "Autumn", session.now() - timedelta(days=20), parts)
    offers = shop.say("offers")

    assert offers["never_compared"] == {}
    assert [[cell["offer"] for cell in persona["offers"]] for persona in offers["personas"]] == [["gift", "sale"]]


@pytest.mark.long
def test_too_few_who_responded_are_named_and_compare_nothing(shop: Shop) -> None:
    with opened(shop.folder) as session:
        people, half = sorted(contact_of(session).values()), PEOPLE // 2
        large = {"sale": (people[:half], 80), "news": (people[half:], 30)}
        campaign(session, "May", session.now() - timedelta(days=40), large)
        campaign(
            session, "June", session.now() - timedelta(days=20), {"gift": (people[:5], 0), "news": (people[5:9], 0)}
        )
    offers = shop.say("offers")

    assert offers["never_compared"] == {"Bo": [["news", "sale"], ["gift"]]}
    assert offers["notes"] == ["June: “gift” and “news” are excluded for Bo: too few contacts responded to compare."]
    assert [(persona["best"], persona["supported"]) for persona in offers["personas"]] == [("sale", True)]


InArms = tuple[Shop, dict[str, list[str]]]


def deal(folder: Path, **changes: Any) -> None:
    """Deal everybody into the experiment "spring"."""
    with opened(folder, day=BEGIN) as session:
        shares = changes.pop("arms", {"old": 0.5, "new": 0.5})
        experiment = Experiment("spring", "s", shares, session.now() - timedelta(hours=1), **changes)
        experiments.create_experiment(session, experiment)
        session.reload()
        assign(session, as_of=session.now(), override=frozenset({"max_data_age_hours"}))


@pytest.fixture(scope="module")
def dealt(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The people of `whole`, dealt into two equal arms."""
    folder = Path(shutil.copytree(whole, tmp_path_factory.mktemp("dealt") / "shop"))
    deal(folder)
    return folder


@pytest.fixture
def in_arms(dealt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> InArms:
    """A workspace of people in two equal arms, with the contacts of each."""
    shop = Shop(Path(shutil.copytree(dealt, tmp_path / "dealt")), capsys)
    return shop, contacts_of_arms(shop)


def allocated(shop: Shop, **changes: Any) -> dict[str, list[str]]:
    """Deal everybody into the experiment "spring"; the contacts of each arm."""
    deal(shop.folder, **changes)
    return contacts_of_arms(shop)


def contacts_of_arms(shop: Shop) -> dict[str, list[str]]:
    with opened(shop.folder, day=BEGIN) as session:
        arms = session.warehouse.current(ARMS.name)
        key = contact_of(session)
        members: dict[str, list[str]] = {}
        for row in arms.filter(arms.experiment == "spring").order_by("person_id").to_pyarrow().to_pylist():
            members.setdefault(row["arm"], []).append(key[row["person_id"]])
    return members


def sent(shop: Shop, *mails: tuple[float, str, Sequence[str], int]) -> None:
    """Send mails (days after the beginning, name, to whom, how many click), and end the experiment."""
    with opened(shop.folder) as session:
        for day, name, contacts, clicks in mails:
            mail(session, name, session.now() + timedelta(days=BEGIN + day), contacts, clicks)
    with opened(shop.folder, day=-5) as session:
        experiments.end_experiment(session, "spring", session.now())


@pytest.mark.long
def test_before_any_mail_went_out_an_experiment_has_no_figures(shop: Shop) -> None:
    allocated(shop, holdout=0.2)
    status, text = shop.told("lift", "--experiment", "spring")
    report = shop.say("report")

    assert status == 0
    assert "No sends yet" in text
    assert "“new” vs “old”" not in text
    assert not shop.say("lift", "--experiment", "spring")["mailed"]
    assert report["advice"] == {}


@pytest.mark.long
def test_with_a_holdout_the_arms_are_compared_with_each_other_first(shop: Shop) -> None:
    arms = allocated(shop, holdout=0.2)
    old, new = arms["old"], arms["new"]
    sent(shop, (1, "old words", old, len(old) // 20), (1.1, "new words", new, len(new) // 5))
    lift, report = shop.say("lift", "--experiment", "spring"), shop.say("report")

    clicked = {
        (comparison["treated"], comparison["control"]): comparison["everyone"]["verdict"]
        for comparison in lift["comparisons"]
        if comparison["metric"] == "clicked"
    }
    assert list(clicked) == [("new", "old"), ("old", "holdout"), ("new", "holdout")]
    assert clicked["new", "old"] == "more"
    lines = shop.told("lift", "--experiment", "spring")[1]
    assert lines.startswith("spring Everyone: click rate +")
    assert "“new” vs “old”" in lines.split("Guardrails: ")[0]
    assert "Expected next send" not in lines
    assert "Expected next send" in shop.told("lift", "--experiment", "spring", "--all")[1]
    assert any(
        line.startswith("Keep “new” for everyone: click rate +") and "vs “old”" in line
        for line in report["advice"]["Keep or scale"]
    )


@pytest.mark.long
def test_an_arm_that_got_more_mails_is_not_better_for_it(in_arms: InArms) -> None:
    """Each mail is clicked by a tenth, by others each time: of the new arm's people nearly a third clicked once."""
    shop, arms = in_arms
    old, new = arms["old"], arms["new"]
    more = [(2.0 + n, f"reminder {n}", new[100 * n :] + new[: 100 * n], len(new) // 10) for n in (1, 2)]
    sent(shop, (1, "old words", old, len(old) // 10), (1.1, "new words", new, len(new) // 10), *more)
    (persona,) = shop.say("offers")["personas"]

    assert not persona["supported"]
    assert abs(persona["difference"]) < 0.01
    assert {offer["offer"]: offer["people"] for offer in persona["offers"]} == {"old": len(old), "new": len(new)}
    assert "spring: reminder 1 is excluded, it went to one variant only." in shop.told("offers")[1]
    lift, report = shop.say("lift", "--experiment", "spring"), shop.say("report")
    clicked = next(comparison["everyone"] for comparison in lift["comparisons"] if comparison["metric"] == "clicked")
    assert (clicked["treated"]["people"], clicked["treated"]["converted"]) == (len(new), len(new) // 10)
    assert "spring: reminder 1 is excluded, it went to one variant only." in lift["notes"]
    basis = f"in spring (click rate {100 * clicked['difference']:+.1f} pp, “new” vs “old”, 95% CI "
    for title, told_so in (("Stop", "No significant negative result"), ("Keep or scale", "No significant positive")):
        (line,) = report["advice"][title]
        assert line.startswith(told_so)
        assert basis in line
        assert f"{len(new):,} vs {len(old):,} contacts" in line


@pytest.mark.long
def test_a_newsletter_to_all_is_no_offers_answer(in_arms: InArms) -> None:
    shop, arms = in_arms
    old, new = arms["old"], arms["new"]
    everybody = [*new[: len(new) // 2], *old[: len(old) // 10], *new[len(new) // 2 :], *old[len(old) // 10 :]]
    own = ((1, "old words", old, len(old) // 10), (1.1, "new words", new, len(new) // 10))
    sent(shop, *own, (9, "newsletter", everybody, len(everybody) // 4))
    (persona,) = shop.say("offers")["personas"]

    assert {offer["offer"]: offer["people"] for offer in persona["offers"]} == {"old": len(old), "new": len(new)}
    assert not persona["supported"]


@pytest.mark.long
def test_an_arm_that_is_better_is_found_and_named_with_its_comparison(in_arms: InArms) -> None:
    shop, arms = in_arms
    old, new = arms["old"], arms["new"]
    for_it = ((1, "old words", old, len(old) // 20), (1.1, "new words", new, len(new) // 5))
    again = ((15, "old again", old[::-1], len(old) // 20), (15.1, "new again", new[::-1], len(new) // 5))
    sent(shop, *for_it, *again)
    (persona,), report = shop.say("offers")["personas"], shop.say("report")

    assert (persona["best"], persona["supported"], persona["side_by_side"], persona["early"]) == (
        "new",
        True,
        True,
        False,
    )
    assert persona["comparisons"] == [{"name": "spring", "people": {"old": len(old), "new": len(new)}}]
    assert {offer["offer"]: offer["people"] for offer in persona["offers"]} == {
        "old": 2 * len(old),
        "new": 2 * len(new),
    }
    assert any(f"spring ({len(new):,} “new”, {len(old):,} “old”)" in line for line in report["advice"]["Keep or scale"])
    (nothing,) = report["advice"]["Test next"]
    assert nothing.startswith("Nothing: every persona has a significant winner among all offers. Bo: “new” is the best")
    assert f"spring ({len(new):,} “new”, {len(old):,} “old”)" in nothing


@pytest.mark.long
def test_an_arm_that_no_mail_has_shown_is_left_to_test(shop: Shop) -> None:
    arms = allocated(shop, arms={"new": 0.4, "old": 0.4, "third": 0.2})
    old, new = arms["old"], arms["new"]
    sent(shop, (1, "old words", old, len(old) // 20), (1.1, "new words", new, len(new) // 4))
    (persona,), report = shop.say("offers")["personas"], shop.say("report")

    assert (persona["best"], persona["supported"]) == ("new", True)
    assert report["advice"]["Test next"] == ["Test “new” vs “third” for Bo: not compared yet."]


@pytest.mark.long
def test_mails_that_did_not_reach_the_arms_alike_compare_nothing(in_arms: InArms) -> None:
    shop, arms = in_arms
    old, new = arms["old"], arms["new"]
    sent(shop, (1, "old words", old, len(old) // 20), (1.1, "new words", new[: len(new) // 2], len(new) // 5))
    status, result = shop.told("offers")

    assert status == 0
    assert "No offers have been compared yet." in result
    assert "spring: old words / new words is excluded, it reached the variants unequally." in result
    result = shop.say("lift", "--experiment", "spring")
    verdicts = {comparison["metric"]: comparison["everyone"]["verdict"] for comparison in result["comparisons"]}
    assert verdicts.pop("ordered") != "nobody"
    assert set(verdicts.values()) == {"nobody"}
    assert shop.say("report")["advice"].keys() == {"Test next"}


@pytest.mark.long
def test_an_experiment_whose_arms_are_not_as_dealt_compares_nothing(in_arms: InArms) -> None:
    shop, arms = in_arms
    with opened(shop.folder, day=BEGIN) as session:
        table = session.warehouse.current(ARMS.name)
        moved = table.filter(table.arm == "new").order_by("person_id").limit(200).mutate(arm=ibis.literal("old"))
        session.warehouse.append(ARMS.name, moved.to_pyarrow().cast(ARMS.columns), recorded_at=session.now())
    sent(shop, (1, "old words", arms["old"], 30), (1.1, "new words", arms["new"], 200))
    text = shop.told("offers")[1]

    assert "No offers have been compared yet." in text
    assert "spring is excluded: sample ratio mismatch." in text
    summary = shop.say("report")["summary"]
    assert any(line.startswith("spring: Sample ratio mismatch: ") for line in summary)
    assert "No campaign had variants, so there is nothing to compare yet." not in summary
