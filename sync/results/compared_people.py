"""People whose outcomes are compared: who a campaign reached, who is in an experiment's arms, and in which currency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import ARMS, ASSIGNMENTS, CAMPAIGNS, DELIVERIES, ORDERS
from segmenter.lift.exposures import reached, sent_in_variants
from segmenter.lift.randomization import Experiment
from sync.session import Session


def people_of_experiment(session: Session, experiment: Experiment) -> Table:
    """Return who is in an experiment's arms: ``person_id, persona, arm, at``, the moment of the assignment (UTC)."""
    arms = session.warehouse.current(ARMS.name)
    return arms.filter(arms.experiment == experiment.name).select("person_id", "persona", "arm", "at")


def main_currency(session: Session) -> str | None:
    """Return the currency of most orders, None without orders: amounts in others can't be added to it."""
    return session.warehouse.read_once.get("currency", lambda: _most_used_currency(session))


def _most_used_currency(session: Session) -> str | None:
    orders = session.warehouse.current(ORDERS.name)
    counted = orders.group_by("currency").aggregate(n=orders.count())
    rows = counted.order_by(counted.n.desc(), counted.currency).limit(1).to_pyarrow().to_pylist()
    return rows[0]["currency"] if rows else None


def newest_with_variants(session: Session) -> dict[str, Any]:
    """Return the newest campaign that was sent in variants.

    Raises:
        FixSettingsError: There is none.
    """
    warehouse = session.warehouse
    table = warehouse.current(CAMPAIGNS.name)
    varied = sent_in_variants(warehouse.current(DELIVERIES.name), table)
    sent = table.filter(table.sent_at.notnull()).semi_join(varied, ["connection", "campaign_id"])
    for row in sent.order_by(sent.sent_at.desc()).to_pyarrow().to_pylist():
        people = people_reached(session, row)
        if people.arm.nunique().to_pyarrow().as_py() > 1:
            return dict(row)
    raise FixSettingsError(
        "No campaign with variants has been imported yet.",
        fix="Send one and run `personasync results`, or compare variants: `personasync lift --experiment NAME`.",
    )


def campaign_named(session: Session, name: str) -> dict[str, Any]:
    """Return the sent campaign with this name or id.

    Raises:
        FixSettingsError: There is none, or several have the name.
    """
    table = session.warehouse.current(CAMPAIGNS.name)
    sent = table.filter(table.sent_at.notnull(), table.parent_id.isnull()).order_by(table.sent_at.desc())
    rows: list[dict[str, Any]] = sent.to_pyarrow().to_pylist()
    if not rows:
        raise FixSettingsError("No campaign has been imported yet.", fix="Send one, then run `personasync results`.")
    campaigns = [row for row in rows if name in {row["campaign_id"], row["name"]}]
    if len(campaigns) > 1:
        choices = ", ".join(
            f"{row['campaign_id']} ({row['connection']}, {row['sent_at']:%Y-%m-%d})" for row in campaigns
        )
        raise FixSettingsError(
            f"{len(campaigns)} campaigns have the name {name!r}.", fix=f"Use an id instead: {choices}."
        )
    if not campaigns:
        listed = ", ".join(repr(row["name"]) for row in rows[:5])
        raise FixSettingsError(f"There is no campaign {name!r}.", fix=f"Most recent: {listed}.")
    return campaigns[0]


def mails_of_campaign(session: Session, campaign: Mapping[str, Any]) -> Table:
    """Return a campaign's own mails, those of its variants among them: ``connection, campaign_id``."""
    table = session.warehouse.current(CAMPAIGNS.name)
    own = (table.campaign_id == campaign["campaign_id"]) | (table.parent_id == campaign["campaign_id"])
    return table.filter(table.connection == campaign["connection"], own).select("connection", "campaign_id")


def people_reached(session: Session, campaign: Mapping[str, Any]) -> Table:
    """Return the people reached by a campaign: ``person_id, persona, arm, at``, with persona and variant of that time.

    Only the campaign's own deliveries are looked at: those of all are a hundred times as many.
    """
    warehouse = session.warehouse
    own = warehouse.current(DELIVERIES.name).semi_join(
        mails_of_campaign(session, campaign), ["connection", "campaign_id"]
    )
    key = "reached", campaign["connection"], campaign["campaign_id"]
    people = warehouse.read_once.get(
        key,
        lambda: reached(own, session.links(), warehouse.current(CAMPAIGNS.name), warehouse.history(ASSIGNMENTS.name)),
    )
    return people.group_by("person_id").aggregate(
        persona=people.persona.max(), arm=people.variant.max(), at=people["at"].min()
    )
