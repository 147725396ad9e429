"""Lift: the effect of campaigns per persona, against a holdout or between variants, with intervals."""
