"""Campaign result: counts per persona and variant, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from segmenter.lift.outcomes import TRACKED_METRICS
from segmenter.stats.proportions import Responses


@dataclass(frozen=True, slots=True)
class Metric:
    """A response metric: its column in the results, and its title."""

    column: str
    title: str


METRICS = (
    Metric("opened", "Opened"),
    Metric("clicked", "Clicked"),
    Metric("ordered", "Ordered"),
    Metric("unsubscribed", "Unsubscribed"),
    Metric("complained", "Spam complaints"),
)
CLICKED = METRICS[1]


@dataclass(frozen=True, slots=True)
class ResultRow:
    """Results of a campaign (or of one variant) for one persona; counts are people.

    Attributes:
        tracked: Those of the delivered who may be tracked: opens and clicks are known of them alone.
        machine_only: People with machine opens only; they are not in *opened*.
    """

    persona: str
    variant: str | None
    delivered: int
    tracked: int
    opened: int
    machine_only: int
    clicked: int
    ordered: int
    unsubscribed: int
    complained: int
    revenue: float

    def responses(self, metric: Metric) -> Responses:
        """Return the sufficient statistics of one metric.

        Returns:
            Delivered mails, of opens and clicks those to people who may be tracked; and how many had that outcome.
        """
        people = self.tracked if metric.column in TRACKED_METRICS else self.delivered
        return Responses(people, int(getattr(self, metric.column)))


@dataclass(frozen=True, slots=True)
class CampaignResult:
    """One campaign with its rows, and the platform's own totals beside ours.

    Attributes:
        partial: Whether consent withholds people from our counts, so that they are lower than the platform's.
    """

    connection: str
    campaign_id: str
    name: str
    subject: str
    sent_at: datetime | None
    currency: str
    rows: Sequence[ResultRow]
    totals: Mapping[str, int | None]
    partial: bool = False
