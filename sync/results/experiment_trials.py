"""Trials of an experiment: per persona, who received which variant and responded to that delivery."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from ibis import Table

from connectors.records import ARMS, CAMPAIGNS, DELIVERIES, ORDERS
from segmenter.lift.exposures import delivery_answers
from segmenter.lift.mailings import ComparableMailings, Mailing, SentMail, mailings
from segmenter.lift.network import SIDES, Pattern, Trial
from segmenter.lift.outcomes import moment_literal
from segmenter.lift.randomization import Experiment, sample_ratio
from segmenter.personalize.personas import UNCLASSIFIED
from sync.experiments.arms import people_by_arm
from sync.results.lift import engagements, latest_moment
from sync.session import Session


def trials_of(session: Session, experiment: Experiment, metric: str) -> tuple[list[Trial], list[str]]:
    """Return an experiment's trials, one a persona, and what of it was left out, in sentences.

    Who was dealt in after a mail went out takes no part in it, and arms that are shown nobody's own copy are no offers.
    """
    if len(_offers(experiment)) < SIDES:
        return [], []
    if _allocated_wrongly(session, experiment):
        return [], [f"{experiment.name} is excluded: sample ratio mismatch."]
    allocated = _allocated(session, experiment)
    told = _answers(session, experiment).inner_join(allocated.rename(allocated_at="at"), "person_id")
    told = told.filter(told.allocated_at <= told["at"])
    there = _there(allocated)
    found = {
        persona: mailings(mails, there[persona], in_fields=bool(experiment.generic))
        for persona, mails in _mails(session, told).items()
    }
    early = experiment.ends is None or latest_moment(session) < experiment.ends
    patterns = _patterns(session, told, {persona: each.compared for persona, each in found.items()}, metric)
    trials = [
        Trial(experiment.name, persona_name(session, persona), tuple(mine), early)
        for persona, mine in sorted(patterns.items())
    ]
    return trials, _left_out(experiment, found)


def persona_name(session: Session, slug: str | None) -> str:
    """Return what a persona is called; the slug where the workspace has it no more."""
    persona = session.workspace.personas.get(slug or "")
    return persona.name if persona else slug or UNCLASSIFIED


def _offers(experiment: Experiment) -> list[str]:
    return [arm for arm in experiment.arms if arm not in experiment.placebo]


def _allocated_wrongly(session: Session, experiment: Experiment) -> bool:
    if experiment.holdouts:
        return False
    people: dict[str, int] = defaultdict(int)
    for (_, arm), n in people_by_arm(session, experiment.name).items():
        people[arm] += n
    shares = experiment.shares(None)
    return sample_ratio([people[arm] for arm in shares], list(shares.values())).broken


def _allocated(session: Session, experiment: Experiment) -> Table:
    """Who was dealt which offer, and when: ``person_id, arm, persona, at``."""
    arms = session.warehouse.current(ARMS.name)
    mine = arms.filter(arms.experiment == experiment.name, arms.arm.isin(_offers(experiment)))
    return mine.select("person_id", "arm", "at", persona=mine.persona.fill_null(UNCLASSIFIED))


def _answers(session: Session, experiment: Experiment) -> Table:
    """Deliveries from the beginning of the experiment to its end, with what people did on each."""
    warehouse = session.warehouse
    table = warehouse.current(CAMPAIGNS.name)
    until = min(experiment.ends, latest_moment(session)) if experiment.ends else latest_moment(session)
    during = table.filter(table.sent_at >= moment_literal(experiment.begins), table.sent_at <= moment_literal(until))
    return delivery_answers(
        deliveries=warehouse.current(DELIVERIES.name).semi_join(during, ["connection", "campaign_id"]),
        engagements=engagements(session),
        orders=warehouse.current(ORDERS.name),
        links=warehouse.memtable(session.control.links.load()),
        campaigns=table,
        order_window_days=session.workspace.results.order_days,
    )


def _there(allocated: Table) -> dict[str, dict[str, list[tuple[datetime, int]]]]:
    """How many people were dealt an offer, and when, by persona."""
    counted = allocated.group_by("persona", "arm", "at").aggregate(n=allocated.count())
    found: dict[str, dict[str, list[tuple[datetime, int]]]] = defaultdict(lambda: defaultdict(list))
    for row in counted.to_pyarrow().to_pylist():
        found[row["persona"]][row["arm"]].append((row["at"], int(row["n"])))
    return found


def _mails(session: Session, told: Table) -> dict[str, list[SentMail]]:
    """The mails that reached people of an arm, by persona."""
    counted = told.group_by("persona", "connection", "mail", "arm").aggregate(n=told.count())
    reached: dict[tuple[str, tuple[str, str]], dict[str, int]] = defaultdict(dict)
    for row in counted.to_pyarrow().to_pylist():
        reached[row["persona"], (row["connection"], row["mail"])][row["arm"]] = int(row["n"])
    table = session.warehouse.current(CAMPAIGNS.name)
    rows = table.select("connection", "campaign_id", "name", "sent_at").to_pyarrow().to_pylist()
    known: dict[tuple[str, str], dict[str, Any]] = {(row["connection"], row["campaign_id"]): row for row in rows}
    found: dict[str, list[SentMail]] = defaultdict(list)
    for (persona, key), arms in sorted(reached.items()):
        found[persona].append(SentMail(key, known[key]["name"] or key[1], known[key]["sent_at"], arms))
    return found


def _patterns(
    session: Session, told: Table, compared: Mapping[str, Sequence[Mailing]], metric: str
) -> dict[str, list[Pattern]]:
    """Count people, by persona, to whom the same happened over all mailings."""
    rows = [
        {"persona": persona, "arm": arm, "connection": mail.key[0], "mail": mail.key[1], "place": place}
        for persona, several in compared.items()
        for place, mailing in enumerate(several)
        for arm, mail in mailing.mails.items()
    ]
    if not rows:
        return {}
    wanted = session.warehouse.memtable(pa.Table.from_pylist(rows))
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


def _left_out(experiment: Experiment, found: Mapping[str, ComparableMailings]) -> list[str]:
    """Name what is not compared, once for all personas."""
    unlike = dict.fromkeys(mailing.name for each in found.values() for mailing in each.unlike)
    compared = {mail.key for each in found.values() for mailing in each.compared for mail in mailing.mails.values()}
    alone = dict.fromkeys(mail.name for each in found.values() for mail in each.alone if mail.key not in compared)
    return [
        *(f"{experiment.name}: {name} is excluded, it reached the variants unequally." for name in unlike),
        *(f"{experiment.name}: {name} is excluded, it went to one variant only." for name in alone),
    ]
