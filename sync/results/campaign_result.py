"""The result of one campaign per persona and variant, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from segmenter.stats.proportions import Responses


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that recipients do: its column in the results, its title, and the verb for sentences."""

    column: str
    title: str
    verb: str


METRICS = (
    Metric("opened", "Opened", "opened"),
    Metric("clicked", "Clicked", "clicked"),
    Metric("ordered", "Ordered", "ordered"),
    Metric("unsubscribed", "Unsubscribed", "unsubscribed"),
    Metric("complained", "Complained", "complained"),
)
CLICKED = METRICS[1]


@dataclass(frozen=True, slots=True)
class ResultRow:
    """What one campaign (or one variant of it) did for one persona; counts are people.

    Attributes:
        machine_only: People whose mail only a machine opened; they are not in *opened*.
    """

    persona: str
    variant: str | None
    delivered: int
    opened: int
    machine_only: int
    clicked: int
    ordered: int
    unsubscribed: int
    complained: int
    revenue: float

    def responses(self, metric: Metric) -> Responses:
        """Return the sufficient statistics of one metric."""
        return Responses(self.delivered, int(getattr(self, metric.column)))


@dataclass(frozen=True, slots=True)
class CampaignResult:
    """One campaign with its rows, and the platform's own totals beside ours."""

    connection: str
    campaign_id: str
    name: str
    subject: str
    sent_at: datetime | None
    currency: str
    rows: Sequence[ResultRow]
    totals: Mapping[str, int | None]
