"""Confidence thresholds of a model's predictions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a model's answer is sure enough (SCIENCE.md 4.2).

    Attributes:
        confidence: Least probability of the best segment.
        margin: Least lead of its probability over the runner-up's.
        known: Least share of the model's traits that are known for the person; below, the model is not asked.
    """

    confidence: float = 0.6
    margin: float = 0.15
    known: float = 0.5
