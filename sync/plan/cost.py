"""What a plan costs: requests by endpoint, their price in each platform's own currency, and the time they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.records import Change
from sync.session import Session


@dataclass(frozen=True, slots=True)
class Price:
    """What requests cost one account, in the platform's own currency.

    Attributes:
        unit: What the platform counts, such as "tokens".
        units: How many.
        quota: How many the account has in a period; 0: no quota is known.
        period: second, minute, hour or day.
    """

    unit: str
    units: int
    quota: int
    period: str

    def sentence(self, name: str) -> str:
        """Return it in a sentence, for the connection *name*."""
        quota = f", of {self.quota:,} per {self.period}" if self.quota else ""
        return f"{name}: {self.units:,} {self.unit}{quota}."


@dataclass(slots=True)
class PlanCost:
    """What a plan costs.

    Attributes:
        requests: By connection and endpoint.
        seconds: That they take, one connection after the other.
        prices: By connection, where the platform counts something else than requests, or has a quota.
    """

    requests: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: float = 0.0
    prices: dict[str, Price] = field(default_factory=dict)


def plan_cost(session: Session, changes: Sequence[Change]) -> PlanCost:
    """Return what it costs to send *changes* through the connections of the workspace."""
    cost = PlanCost()
    for name in session.workspace.connections:
        mine = [change for change in changes if change.connection == name]
        if mine and session.workspace.writes(name, session.manifest):
            requests = session.connector(name).requests_for(mine)
            cost.requests[name] = requests
            cost.seconds += seconds_of(session, name, requests)
            price = price_of(session, name, requests)
            if price.quota or price.unit != "requests":
                cost.prices[name] = price
    return cost


def price_of(session: Session, name: str, requests: Mapping[str, int]) -> Price:
    """Return what *requests* (number by endpoint) cost the account of connection *name*."""
    spec = session.workspace.spec(name, session.manifest).cost
    return Price(spec.unit, spec.of(requests), spec.quota, spec.period)


def seconds_of(session: Session, name: str, requests: Mapping[str, int]) -> float:
    """Return the least time that *requests* take: at the account's limits, and until its quota has allowed them."""
    spec = session.workspace.spec(name, session.manifest).cost
    return max(session.connector(name).seconds_for(requests), spec.seconds(spec.of(requests)))
