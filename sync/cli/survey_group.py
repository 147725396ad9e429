"""The group `survey`: importing this module registers all of its commands."""

from sync.cli import (
    survey,
    survey_add,
    survey_crosstab,
    survey_maxdiff,
    survey_quality,
    survey_sample_size,
    survey_turf,
    survey_weight,
)

__all__ = [
    "survey",
    "survey_add",
    "survey_crosstab",
    "survey_maxdiff",
    "survey_quality",
    "survey_sample_size",
    "survey_turf",
    "survey_weight",
]
