"""What a campaign did, per persona, against a holdout or between arms, with intervals."""

from __future__ import annotations

from segmenter.lift.counting import BEFORE_ANY, campaign_results
from segmenter.lift.rates import Interval, Responses, newcombe, wilson

__all__ = ["BEFORE_ANY", "Interval", "Responses", "campaign_results", "newcombe", "wilson"]
