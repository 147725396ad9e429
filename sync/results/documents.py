"""Results as plain data: what `lift`, `offers`, `experiment` and `results --show` print as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from segmenter.lift.text import NO_SENDS, sentences, verdict
from sync.results.campaign_result import CampaignResult


def campaigns_document(campaigns: Sequence[CampaignResult]) -> dict[str, Any]:
    """Return campaigns as a JSON document: people by persona and variant, and the platform's own totals.

    Returns:
        In the order of *campaigns*.
    """
    return {
        "campaigns": [
            {
                "connection": campaign.connection,
                "campaign": campaign.campaign_id,
                "name": campaign.name,
                "subject": campaign.subject,
                "sent_at": campaign.sent_at,
                "currency": campaign.currency,
                "partial": campaign.partial,
                "results": [asdict(row) for row in campaign.rows],
                "totals": dict(campaign.totals),
            }
            for campaign in campaigns
        ]
    }


def lift_document(lift: Any) -> dict[str, Any]:
    """Return the lift as a JSON document: rates and differences as shares.

    Returns:
        A comparison for each metric and pair of variants; intervals that are not known are None.
    """
    return {
        "about": lift.about,
        "verdict": verdict(lift.comparisons, lift.primary) if lift.mailed else [NO_SENDS],
        "primary": lift.primary,
        "early": lift.early,
        "mailed": lift.mailed,
        "sample_ratio_p": None if lift.ratio is None else lift.ratio.p,
        "sample_ratio_broken": bool(lift.ratio and lift.ratio.broken),
        "comparisons": [
            {
                "metric": comparison.question.metric,
                "treated": comparison.question.treated,
                "control": comparison.question.control,
                "heterogeneity_p": comparison.common.p,
                "personas_differ": comparison.common.differ,
                "everyone": effect_document(comparison.everyone),
                "personas": [effect_document(effect) for effect in comparison.personas],
                "sentences": sentences(comparison),
            }
            for comparison in lift.comparisons
        ],
        "revenue": [
            {
                "treated": revenue.treated,
                "control": revenue.control,
                "difference": revenue.difference,
                "interval": [revenue.interval.low, revenue.interval.high]
                if revenue.interval.high != float("inf")
                else None,
                "currency": revenue.currency,
                "variance_explained": revenue.less,
                "orders_left_out": revenue.left_out,
            }
            for revenue in lift.spend
        ],
        "notes": list(lift.notes),
    }


def effect_document(effect: Any) -> dict[str, Any]:
    """Return one effect as a JSON document.

    Returns:
        People and responses of both sides, the difference with its interval, and the verdict.
    """
    return {
        "persona": effect.persona,
        "treated": {"people": effect.treated.people, "converted": effect.treated.converted},
        "control": {"people": effect.control.people, "converted": effect.control.converted},
        "difference": effect.difference,
        "interval": [effect.interval.low, effect.interval.high],
        "p": effect.p,
        "shrunken": effect.shrunken,
        "stands": effect.stands,
        "more_people_needed": effect.more,
        "verdict": effect.verdict,
    }


def offers_document(results: Any, metric: str) -> dict[str, Any]:
    """Return the offers as a JSON document: one entry for each persona and group of offers that were compared."""
    return {
        "metric": metric,
        "personas": [best_document(best) for best in results.bests],
        "never_compared": {persona: [list(group) for group in groups] for persona, groups in results.apart.items()},
        "notes": list(results.notes),
    }


def best_document(best: Any) -> dict[str, Any]:
    """Return one persona's offers that were compared with each other.

    Returns:
        The best offer, its lead over the rival, and each offer's people and rate.
    """
    return {
        "persona": best.persona,
        "best": best.best.offer,
        "supported": best.supported,
        "p": best.p,
        "rival": best.rival,
        "difference": best.difference,
        "lead": [best.lead.low, best.lead.high],
        "early": best.early,
        "side_by_side": best.direct,
        "comparisons": [{"name": trial.name, "people": trial.people()} for trial in best.trials],
        "offers": [
            {
                "offer": cell.offer,
                "people": cell.responses.people,
                "converted": cell.responses.converted,
                "rate": cell.rate,
                "expected": cell.expected,
            }
            for cell in best.offers
        ],
    }


def experiment_document(view: Any) -> dict[str, Any]:
    """Return an experiment as a JSON document.

    Returns:
        People by persona and variant, what they can detect and still miss, and the verdict.
    """
    experiment = view.experiment
    return {
        "experiment": experiment.name,
        "arms": dict(experiment.arms),
        "holdout": experiment.holdout,
        "groups": experiment.groups,
        "metric": experiment.metric,
        "begins": experiment.begins,
        "ends": experiment.ends,
        "baseline": view.everyone.baseline,
        "mde": experiment.mde,
        "people": {size.persona: dict(size.people) for size in view.sizes},
        "least_lift": {size.persona: size.least for size in view.sizes},
        "needed_per_arm": {size.persona: size.needed for size in view.sizes},
        "missing_per_arm": {size.persona: size.missing for size in view.sizes},
        "everyone": {
            "people": dict(view.everyone.people),
            "least_lift": view.everyone.least,
            "needed_per_arm": view.everyone.needed,
            "missing_per_arm": view.everyone.missing,
        },
        "sample_ratio_p": None if view.ratio is None else view.ratio.p,
        "edited_on_platforms": dict(view.edited),
        "verdict": list(view.verdict),
    }
