"""Lift: what a campaign did, per persona, against a holdout or between arms, with intervals."""
