"""Mails of an experiment: which can be compared between its arms, and who answered which.

Clicks, opens, unsubscriptions and complaints follow mails, and whoever sends decides who gets one. So `lift`, `offers`
and the report compare arms only in mailings that reached them alike (`segmenter.lift.mailings`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from ibis import Table

from connectors.records import ARMS, CAMPAIGNS, DELIVERIES, ORDERS
from segmenter.lift.exposures import delivery_answers
from segmenter.lift.mailings import ComparableMailings, SentMail, mailings
from segmenter.lift.outcomes import moment_literal
from segmenter.lift.randomization import Experiment
from segmenter.personalize.personas import UNCLASSIFIED
from sync.results.engagements import engagements, latest_moment
from sync.session import Session

MAILED = pa.schema(
    [(name, pa.string()) for name in ("persona", "arm", "connection", "campaign_id")] + [("place", pa.int64())]
)


@dataclass(frozen=True, slots=True)
class ExperimentMailings:
    """An experiment's mails: what each person did, and which mails are compared.

    Attributes:
        answers: One row a mail and person of an arm: see `segmenter.lift.exposures.delivery_answers`, with ``arm`` and
            ``persona``. Mails before a person's assignment are left out.
        of_persona: Mailings by the persona's slug.
    """

    experiment: Experiment
    answers: Table
    of_persona: Mapping[str, ComparableMailings]

    def got_by(self, arms: Collection[str]) -> frozenset[tuple[str, int]]:
        """Return the compared mailings that all of *arms* got: the persona's slug, and the mailing's number."""
        return frozenset(
            (persona, place)
            for persona, each in self.of_persona.items()
            for place, mailing in enumerate(each.compared)
            if mailing.mails.keys() >= set(arms)
        )

    def mails(self, session: Session, wanted: Collection[tuple[str, int]]) -> Table:
        """Return the mails of some mailings.

        Args:
            session: The open workspace.
            wanted: As `got_by` returns them.

        Returns:
            Columns ``persona, arm, connection, campaign_id`` and ``place``, the mailing's number.
        """
        rows = [
            {"persona": persona, "arm": arm, "connection": mail.key[0], "campaign_id": mail.key[1], "place": place}
            for persona, place in sorted(wanted)
            for arm, mail in self.of_persona[persona].compared[place].mails.items()
        ]
        return session.warehouse.memtable(pa.Table.from_pylist(rows, schema=MAILED))

    def excluded(self) -> list[str]:
        """Return sentences on excluded mails, once for all personas."""
        every = self.of_persona.values()
        unlike = dict.fromkeys(mailing.name for each in every for mailing in each.unlike)
        compared = {mail.key for each in every for mailing in each.compared for mail in mailing.mails.values()}
        alone = dict.fromkeys(mail.name for each in every for mail in each.alone if mail.key not in compared)
        name = self.experiment.name
        return [
            *(f"{name}: {mail} is excluded, it reached the variants unequally." for mail in unlike),
            *(f"{name}: {mail} is excluded, it went to one variant only." for mail in alone),
        ]


def experiment_mailings(
    session: Session, experiment: Experiment, arms: Collection[str], *, in_fields: bool
) -> ExperimentMailings:
    """Find an experiment's comparable mailings, by persona.

    Args:
        session: The open workspace.
        experiment: The experiment.
        arms: Those to compare; the holdout is none of them.
        in_fields: See `segmenter.lift.mailings.mailings`.
    """
    allocated = _allocated(session, experiment, arms)
    answers = _answers(session, experiment).inner_join(allocated.rename(allocated_at="at"), "person_id")
    answers = answers.filter(answers.allocated_at <= answers["at"])
    there = _there(allocated)
    by_persona = {
        persona: mailings(mails, there[persona], in_fields=in_fields)
        for persona, mails in _mails(session, answers).items()
    }
    return ExperimentMailings(experiment, answers, by_persona)


def mails_during(session: Session, experiment: Experiment) -> Table:
    """Return the campaigns sent from the beginning of an experiment to its end."""
    table = session.warehouse.current(CAMPAIGNS.name)
    until = moment_literal(end_of(session, experiment))
    return table.filter(table.sent_at >= moment_literal(experiment.begins), table.sent_at <= until)


def end_of(session: Session, experiment: Experiment) -> datetime:
    """Return the end of an experiment, or the moment up to which its figures are known."""
    return min(experiment.ends, latest_moment(session)) if experiment.ends else latest_moment(session)


def engagements_in(session: Session, people: Table, mails: Table) -> Table:
    """Return what *people* did in the mails that their arm and persona are compared by (columns of `engagements`).

    Args:
        session: The open workspace.
        people: Columns ``person_id``, ``persona``, ``arm``.
        mails: As `ExperimentMailings.mails` returns them.
    """
    every, links = engagements(session), session.links()
    named = people.select("person_id", "arm", persona=people.persona.fill_null(UNCLASSIFIED))
    mine = every.inner_join(links.inner_join(named, "person_id"), "contact_key")
    mine = mine.semi_join(mails, ["persona", "arm", "connection", "campaign_id"])
    return mine.select(*every.columns)


def persona_name(session: Session, slug: str | None) -> str:
    """Return what a persona is called; the slug where the workspace has it no more."""
    persona = session.workspace.personas.get(slug or "")
    return persona.name if persona else slug or UNCLASSIFIED


def _allocated(session: Session, experiment: Experiment, wanted: Collection[str]) -> Table:
    """Assignments to arms of an experiment: ``person_id, arm, persona, at``."""
    arms = session.warehouse.current(ARMS.name)
    mine = arms.filter(arms.experiment == experiment.name, arms.arm.isin(list(wanted)))
    return mine.select("person_id", "arm", "at", persona=mine.persona.fill_null(UNCLASSIFIED))


def _answers(session: Session, experiment: Experiment) -> Table:
    """Deliveries from the beginning of the experiment to its end, with what people did on each."""
    warehouse = session.warehouse
    during = mails_during(session, experiment)
    return delivery_answers(
        deliveries=warehouse.current(DELIVERIES.name).semi_join(during, ["connection", "campaign_id"]),
        engagements=engagements(session),
        orders=warehouse.current(ORDERS.name),
        links=session.links(),
        campaigns=warehouse.current(CAMPAIGNS.name),
        order_window_days=session.workspace.results.order_days,
    )


def _there(allocated: Table) -> dict[str, dict[str, list[tuple[datetime, int]]]]:
    """People per arm and time of assignment, by persona."""
    counted = allocated.group_by("persona", "arm", "at").aggregate(n=allocated.count())
    counts: dict[str, dict[str, list[tuple[datetime, int]]]] = defaultdict(lambda: defaultdict(list))
    for row in counted.to_pyarrow().to_pylist():
        counts[row["persona"]][row["arm"]].append((row["at"], int(row["n"])))
    return counts


def _mails(session: Session, answers: Table) -> dict[str, list[SentMail]]:
    """The mails that reached people of an arm, by persona."""
    counted = answers.group_by("persona", "connection", "mail", "arm").aggregate(n=answers.count())
    reached: dict[tuple[str, tuple[str, str]], dict[str, int]] = defaultdict(dict)
    for row in counted.to_pyarrow().to_pylist():
        reached[row["persona"], (row["connection"], row["mail"])][row["arm"]] = int(row["n"])
    table = session.warehouse.current(CAMPAIGNS.name)
    rows = table.select("connection", "campaign_id", "name", "sent_at").to_pyarrow().to_pylist()
    known: dict[tuple[str, str], dict[str, Any]] = {(row["connection"], row["campaign_id"]): row for row in rows}
    mails: dict[str, list[SentMail]] = defaultdict(list)
    for (persona, key), arms in sorted(reached.items()):
        mails[persona].append(SentMail(key, known[key]["name"] or key[1], known[key]["sent_at"], arms))
    return mails
