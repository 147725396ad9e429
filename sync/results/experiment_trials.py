"""Trials of an experiment: per persona, who received which variant and responded to that delivery."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from ibis import Table

from connectors.records import ARMS, CAMPAIGNS, DELIVERIES, ORDERS
from segmenter.lift.exposures import answers
from segmenter.lift.mailings import Found, Mail, Mailing, mailings
from segmenter.lift.network import SIDES, Pattern, Trial
from segmenter.lift.outcomes import moment
from segmenter.lift.randomization import Experiment, sample_ratio
from segmenter.personalize.personas import UNCLASSIFIED
from sync.experiments.arms import counts
from sync.results.lift import engagements, latest
from sync.session import Workbench


def trials_of(bench: Workbench, one: Experiment, metric: str) -> tuple[list[Trial], list[str]]:
    """Return an experiment's trials, one a persona, and what of it was left out, in sentences.

    People assigned after an email was sent are excluded from it. Arms with nobody's own copy are no offers.
    """
    if len(_offers(one)) < SIDES:
        return [], []
    if _dealt_wrongly(bench, one):
        return [], [f"{one.name} is excluded: sample ratio mismatch."]
    dealt = _dealt(bench, one)
    told = _answers(bench, one).inner_join(dealt.rename(dealt_at="at"), "person_id")
    told = told.filter(told.dealt_at <= told["at"])
    there = _there(dealt)
    found = {
        persona: mailings(mails, there[persona], in_fields=bool(one.generic))
        for persona, mails in _mails(bench, told).items()
    }
    early = one.ends is None or latest(bench) < one.ends
    patterns = _patterns(bench, told, {persona: each.compared for persona, each in found.items()}, metric)
    trials = [
        Trial(one.name, persona_name(bench, persona), tuple(mine), early) for persona, mine in sorted(patterns.items())
    ]
    return trials, _left_out(one, found)


def persona_name(bench: Workbench, slug: str | None) -> str:
    """Return what a persona is called; the slug where the workspace has it no more."""
    persona = bench.workspace.personas.get(slug or "")
    return persona.name if persona else slug or UNCLASSIFIED


def _offers(one: Experiment) -> list[str]:
    return [arm for arm in one.arms if arm not in one.placebo]


def _dealt_wrongly(bench: Workbench, one: Experiment) -> bool:
    if one.holdouts:
        return False
    people: dict[str, int] = defaultdict(int)
    for (_, arm), n in counts(bench, one.name).items():
        people[arm] += n
    shares = one.shares(None)
    return sample_ratio([people[arm] for arm in shares], list(shares.values())).broken


def _dealt(bench: Workbench, one: Experiment) -> Table:
    """Assignments of an experiment's offers: ``person_id, arm, persona, at``."""
    arms = bench.warehouse.current(ARMS.name)
    mine = arms.filter(arms.experiment == one.name, arms.arm.isin(_offers(one)))
    return mine.select("person_id", "arm", "at", persona=mine.persona.fill_null(UNCLASSIFIED))


def _answers(bench: Workbench, one: Experiment) -> Table:
    """Deliveries from the beginning of the experiment to its end, with what people did on each."""
    warehouse = bench.warehouse
    table = warehouse.current(CAMPAIGNS.name)
    until = min(one.ends, latest(bench)) if one.ends else latest(bench)
    during = table.filter(table.sent_at >= moment(one.begins), table.sent_at <= moment(until))
    return answers(
        deliveries=warehouse.current(DELIVERIES.name).semi_join(during, ["connection", "campaign_id"]),
        engagements=engagements(bench),
        orders=warehouse.current(ORDERS.name),
        links=warehouse.memtable(bench.control.links.load()),
        campaigns=table,
        order_window_days=bench.workspace.results.order_days,
    )


def _there(dealt: Table) -> dict[str, dict[str, list[tuple[datetime, int]]]]:
    """People per offer and time of assignment, by persona."""
    counted = dealt.group_by("persona", "arm", "at").aggregate(n=dealt.count())
    found: dict[str, dict[str, list[tuple[datetime, int]]]] = defaultdict(lambda: defaultdict(list))
    for row in counted.to_pyarrow().to_pylist():
        found[row["persona"]][row["arm"]].append((row["at"], int(row["n"])))
    return found


def _mails(bench: Workbench, told: Table) -> dict[str, list[Mail]]:
    """The mails that reached people of an arm, by persona."""
    counted = told.group_by("persona", "connection", "mail", "arm").aggregate(n=told.count())
    reached: dict[tuple[str, tuple[str, str]], dict[str, int]] = defaultdict(dict)
    for row in counted.to_pyarrow().to_pylist():
        reached[row["persona"], (row["connection"], row["mail"])][row["arm"]] = int(row["n"])
    table = bench.warehouse.current(CAMPAIGNS.name)
    rows = table.select("connection", "campaign_id", "name", "sent_at").to_pyarrow().to_pylist()
    known: dict[tuple[str, str], dict[str, Any]] = {(row["connection"], row["campaign_id"]): row for row in rows}
    found: dict[str, list[Mail]] = defaultdict(list)
    for (persona, key), arms in sorted(reached.items()):
        found[persona].append(Mail(key, known[key]["name"] or key[1], known[key]["sent_at"], arms))
    return found


def _patterns(
    bench: Workbench, told: Table, compared: Mapping[str, Sequence[Mailing]], metric: str
) -> dict[str, list[Pattern]]:
    """Count people, by persona, to whom the same happened over all mailings."""
    rows = [
        {"persona": persona, "arm": arm, "connection": one.key[0], "mail": one.key[1], "place": place}
        for persona, several in compared.items()
        for place, mailing in enumerate(several)
        for arm, one in mailing.mails.items()
    ]
    if not rows:
        return {}
    wanted = bench.warehouse.memtable(pa.Table.from_pylist(rows))
    mine = told.inner_join(wanted, ["persona", "arm", "connection", "mail"])
    state = mine[metric].cast("int64") + 1
    places = [f"state_{place}" for place in range(max(len(several) for several in compared.values()))]
    people = mine.group_by("person_id", "persona", "arm").aggregate(
        **{name: state.max(where=mine.place == place).fill_null(0) for place, name in enumerate(places)}
    )
    alike = people.group_by("persona", "arm", *places).aggregate(n=people.count())
    found: dict[str, list[Pattern]] = defaultdict(list)
    for row in alike.to_pyarrow().to_pylist():
        states = tuple(int(row[name]) for name in places)
        found[row["persona"]].append(Pattern(row["arm"], states, int(row["n"])))
    return found


def _left_out(one: Experiment, found: Mapping[str, Found]) -> list[str]:
    """Sentences on excluded emails, once for all personas."""
    unlike = dict.fromkeys(mailing.name for each in found.values() for mailing in each.unlike)
    compared = {mail.key for each in found.values() for mailing in each.compared for mail in mailing.mails.values()}
    alone = dict.fromkeys(mail.name for each in found.values() for mail in each.alone if mail.key not in compared)
    return [
        *(f"{one.name}: {name} is excluded, it reached the variants unequally." for name in unlike),
        *(f"{one.name}: {name} is excluded, it went to one variant only." for name in alone),
    ]
