"""Does the closed loop keep its word? False alarms, coverage, power, and hidden preferences found by campaigns.

::

    python benchmarks/closed_loop.py                # everything, some minutes
    python benchmarks/closed_loop.py --only figures # simulation with known truth only
    python benchmarks/closed_loop.py --only offers  # the best offer: false ones, and true ones found

Simulated groups go through the same functions as real ones (`segmenter.lift`). The campaigns run on local platforms,
whose people have a hidden taste that no platform shows: the loop has to find out which offer speaks to whom. The last
line is one JSON document.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from connectors.sandbox import marketer
from connectors.sandbox.tastes import TASTES, click_factor
from segmenter.lift.effects import Comparison, LiftQuestion, compare_arms, corrected_for_multiplicity
from segmenter.lift.network import Trial, trial
from segmenter.lift.offers import Best, best_offers
from segmenter.lift.outcomes import Stratum
from segmenter.lift.randomization import Experiment
from segmenter.stats.means import Amounts, Paired
from segmenter.stats.power import people_needed
from segmenter.stats.proportions import Responses
from segmenter.stats.sequential import confidence_sequence
from sync.experiments import job as experiments
from sync.ops.demo import CAMPAIGN_DAYS, MAILS, DemoClock, local_platforms, make_workspace
from sync.ops.run import run_loop
from sync.results import lift as lifting
from sync.results import offers as learning
from sync.results.job import results
from sync.session import Session, open_session

CAMPAIGNS, LOOKS, PERSONAS, PEOPLE, BASE = 2_000, 60, 4, 600, 0.08
NOTHING = Paired(Amounts(0, 0.0, 0.0), Amounts(0, 0.0, 0.0), 0.0)
OFFERS = {
    "early": "Early access to our new arrivals",
    "sale": "The sale has started: 20% off",
    "gift": "A gift for every name on your list",
    "welcome": "Welcome: your first order ships free",
}
OFFER_RUNS, BETTER = 1_000, 0.03
THIN = (1, 5, 10, 20, 60, 100, 300)
"""People per arm of a comparison that alone connects an offer with the others."""
LINK = '<a href="https://shop.example/offer">Have a look</a>'
OVERRIDE = frozenset({"max_changed", "max_removed"})


def strata(chance: np.random.Generator, rates: np.ndarray, lift: np.ndarray, people: int) -> list[Stratum]:
    """One campaign of two arms: *rates* and *lift* by persona."""
    groups = []
    for persona, (rate, more) in enumerate(zip(rates, lift, strict=True)):
        for arm, p in (("old", rate), ("new", rate + more)):
            counts = dict.fromkeys(("clicked", "ordered", "opened", "unsubscribed", "complained"), 0)
            counts["clicked"] = int(chance.binomial(people, p))
            groups.append(Stratum(f"p{persona}", arm, people, counts, NOTHING))
    return groups


def analysed(rows: list[Stratum], question: LiftQuestion) -> Comparison:
    """What `personasync lift` would say of these rows."""
    return corrected_for_multiplicity([compare_arms(rows, question)], primary="clicked")[0]


def figures() -> dict[str, float]:
    """False alarms, coverage and power over simulated campaigns with known truth."""
    chance = np.random.default_rng(20_261_126)
    question = LiftQuestion("clicked", "new", "old", mde=0.02)
    rates = BASE + 0.02 * np.arange(PERSONAS)
    alarms = family = covered = inside = 0
    for _ in range(CAMPAIGNS):
        comparison = analysed(strata(chance, rates, np.zeros(PERSONAS), PEOPLE), question)
        alarms += comparison.everyone.verdict in {"more", "less"}
        family += any(persona.verdict in {"more", "less"} for persona in comparison.personas)
        true = chance.normal(0.02, 0.01, PERSONAS)
        comparison = compare_arms(strata(chance, rates, true, PEOPLE), question)
        covered += comparison.everyone.interval.low <= true.mean() <= comparison.everyone.interval.high
        inside += sum(e.interval.low <= t <= e.interval.high for e, t in zip(comparison.personas, true, strict=True))
    needed = people_needed(BASE, BASE + question.mde)
    seen = sum(
        analysed(strata(chance, np.array([BASE]), np.array([question.mde]), needed), question).everyone.verdict
        == "more"
        for _ in range(CAMPAIGNS)
    )
    return {
        "aa_false_positive_rate": alarms / CAMPAIGNS,
        "aa_persona_findings": family / CAMPAIGNS,
        "interval_coverage": covered / CAMPAIGNS,
        "interval_coverage_personas": inside / (CAMPAIGNS * PERSONAS),
        "power_promised": 0.8,
        "power_seen": seen / CAMPAIGNS,
    }


def peeking() -> dict[str, float]:
    """How many of 2,000 tests without an effect raise an alarm at any of 60 looks: ours, and with 1.96 each time."""
    chance = np.random.default_rng(7)
    per_look = 200
    ours = naive = 0
    for _ in range(CAMPAIGNS):
        counts = np.cumsum(chance.binomial(per_look, 0.1, size=(2, LOOKS)), axis=1)
        alarm = fooled = False
        for look in range(LOOKS):
            n = per_look * (look + 1)
            first, two = Responses(n, int(counts[0, look])), Responses(n, int(counts[1, look]))
            interval = confidence_sequence(first, two, planned=per_look * LOOKS)
            alarm |= interval.low > 0 or interval.high < 0
            pooled = (first + two).rate
            fooled |= abs(first.rate - two.rate) > 1.959964 * math.sqrt(2 * pooled * (1 - pooled) / n)
        ours, naive = ours + alarm, naive + fooled
    return {"aa_false_positive_rate_peeking": ours / CAMPAIGNS, "naive_false_positive_rate_peeking": naive / CAMPAIGNS}


def offered(chance: np.random.Generator, arms: Mapping[str, tuple[float, int]], name: str) -> list[Trial]:
    """One campaign in variants: the true rate of each, and its people, for every persona."""
    return [
        trial(
            name,
            f"p{number}",
            {offer: Responses(n, int(chance.binomial(n, rate))) for offer, (rate, n) in arms.items()},
        )
        for number in range(PERSONAS)
    ]


def disjoint(chance: np.random.Generator) -> list[Trial]:
    """Two campaigns with base rates of 4% and 8%, other offers in each, and no effect."""
    calm, eager = dict.fromkeys(("sale", "early"), (0.04, 800)), dict.fromkeys(("gift", "welcome"), (0.08, 800))
    return [*offered(chance, calm, "calm"), *offered(chance, eager, "eager")]


def unequal(chance: np.random.Generator) -> list[Trial]:
    """The same two offers in both campaigns, one mostly where the base rate is 4%, the other where it is 8%."""
    calm, eager = {"sale": (0.04, 1200), "gift": (0.04, 300)}, {"sale": (0.08, 300), "gift": (0.08, 1200)}
    return [*offered(chance, calm, "calm"), *offered(chance, eager, "eager")]


def shared(chance: np.random.Generator, more: float = 0.0) -> list[Trial]:
    """Campaigns that share offers, with base rates of 4%, 8% and 12%; "sale" is better by *more*."""
    trials = []
    for base, names in ((0.04, ("sale", "early")), (0.08, ("early", "gift", "sale")), (0.12, ("gift", "sale"))):
        arms = {name: (base + more * (name == "sale"), 800) for name in names}
        trials += offered(chance, arms, f"base {base}")
    return trials


def thin_edge(people: int) -> Callable[[np.random.Generator], list[Trial]]:
    """A campaign that compares "sale" with "early" well, and one of a few people that has "gift", as good as "sale"."""

    def design(chance: np.random.Generator) -> list[Trial]:
        large = offered(chance, {"sale": (0.08, 2000), "early": (0.04, 2000)}, "large")
        return [*large, *offered(chance, {"gift": (0.08, people), "early": (0.04, people)}, "small")]

    return design


def untrue(best: Best) -> bool:
    """Whether one offer is told to be better than all others of which "sale" and "gift" are, which are as good."""
    return best.supported and {"sale", "gift"} <= {cell.offer for cell in best.offers}


def best_offer() -> dict[str, float]:
    """How often any persona is told a best offer where none works better, and how often the true one is found."""
    chance = np.random.default_rng(14)
    rates: dict[str, float] = {}
    designs: tuple[Callable[[np.random.Generator], list[Trial]], ...] = (disjoint, unequal, shared)
    for design in designs:
        called = sum(any(best.supported for best in best_offers(design(chance))) for _ in range(OFFER_RUNS))
        rates[f"false_best_offer_rate_{design.__name__}"] = called / OFFER_RUNS
    for people in THIN:
        called = sum(any(map(untrue, best_offers(thin_edge(people)(chance)))) for _ in range(OFFER_RUNS))
        rates[f"false_best_offer_rate_thin_edge_{people}"] = called / OFFER_RUNS
    true = 0
    for _ in range(OFFER_RUNS):
        true += sum(best.supported and best.best.offer == "sale" for best in best_offers(shared(chance, BETTER)))
    worst = max(rates.values())
    return {"false_best_offer_rate": worst, **rates, "true_best_offer_found": true / (OFFER_RUNS * PERSONAS)}


def send(access: Mapping[str, str], clock: DemoClock, name: str, html: Mapping[str, str]) -> None:
    """Mail each arm its own, and let the answers come in."""
    where = (access["mailchimp_url"], access["mailchimp_key"], access["audience"])
    for arm, text in html.items():
        body = f"<h1>{text}</h1>{LINK}"
        marketer.send_to_tag(*where, title=f"{name}: {arm}", subject="This week", html=body, tag=f"ps:{name}_{arm}")
    clock.let_pass(access, CAMPAIGN_DAYS)


def experiment(session: Session, name: str, arms: list[str], **more: Any) -> None:
    """Create it, and bring it to the platforms."""
    shares = {arm: 1 / len(arms) for arm in arms}
    experiments.create_experiment(session, Experiment(name, name, shares, session.now(), **more))
    run_loop(session, as_of=session.now(), set_up=True, override=OVERRIDE)


def truth(session: Session, access: Mapping[str, str]) -> dict[str, str]:
    """The offer that most people of each persona would click, by their hidden tastes."""
    hidden = marketer.side_door(access["mailchimp_url"], "truth")
    links = session.control.links.mapping()
    table = session.warehouse.current("assignments")
    persona_of = {row["person_id"]: row["persona"] for row in table.to_pyarrow().to_pylist()}
    names = {slug: persona.name for slug, persona in session.workspace.personas.items()}
    sums: dict[str, dict[str, float]] = {}
    for address, taste in hidden.items():
        persona = names.get(persona_of.get(links.get(f"mailto:{address}", ""), "") or "")
        if persona:
            traits = TASTES[taste if isinstance(taste, str) else taste["taste"]]
            row = sums.setdefault(persona, dict.fromkeys(OFFERS, 0.0))
            name = taste if isinstance(taste, str) else taste["taste"]
            for offer, text in OFFERS.items():
                row[offer] += traits.open * min(1.0, traits.click * click_factor(name, text))
    return {persona: max(row, key=lambda offer: row[offer]) for persona, row in sums.items()}


def campaigns(people: int) -> dict[str, Any]:
    """How many campaigns find what each persona likes, and what own copy does above that of a random persona."""
    with tempfile.TemporaryDirectory() as parent, local_platforms(people=people, seed=1) as access:
        folder = Path(parent) / "workspace"
        make_workspace(folder, access)
        clock = DemoClock()
        secrets = {"HUBSPOT_TOKEN": access["hubspot_token"], "MAILCHIMP_API_KEY": access["mailchimp_key"]}
        with open_session(folder, now=clock, environment={**os.environ, **secrets}) as session:
            run_loop(session, as_of=session.now(), set_up=True, override=OVERRIDE)
            wanted = truth(session, access)
            recovered = 0
            for round_ in range(1, 4):
                name = f"round{round_}"
                experiment(session, name, list(OFFERS))
                send(access, clock, name, OFFERS)
                results(session)
                experiments.end_experiment(session, name, session.now())
                bests = {best.persona: best for best in learning.offers(session).bests}
                right = {p: bests[p].best.offer == offer for p, offer in wanted.items() if p in bests}
                sure = sum(bests[p].supported for p in right)
                print(f"  after {round_} campaigns: {sum(right.values())} of {len(wanted)} right, {sure} of them sure")
                if not recovered and len(right) == len(wanted) and all(right.values()):
                    recovered = round_
            experiment(session, "worth", ["own", "random"], placebo=("random",))
            for _ in range(MAILS):
                send(access, clock, "worth", dict.fromkeys(("own", "random"), "*|PS_HEAD|*: *|PS_OFFER|*"))
            results(session)
            lift = lifting.lift_of_experiment(session, "worth")
    everyone = next(
        c.everyone for c in lift.comparisons if c.question.metric == "clicked" and c.question.treated == "random"
    )
    return {
        "campaigns_to_recover": recovered,
        "lift_vs_random_personas": -everyone.difference,
        "lift_vs_random_personas_interval": [-everyone.interval.high, -everyone.interval.low],
    }


def main() -> None:
    """Measure, and print one document at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["figures", "offers", "campaigns"])
    parser.add_argument("--people", type=int, default=6_000)
    options = parser.parse_args()
    report: dict[str, Any] = {}
    if options.only in {None, "figures"}:
        report |= {**figures(), **peeking()}
    if options.only in {None, "figures", "offers"}:
        report |= best_offer()
    for name, value in report.items():
        print(f"  {name}: {value:.4f}")
    if options.only in {None, "campaigns"}:
        report |= campaigns(options.people)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
