"""Modeling: discover segments, accept a proposal, fit classifiers."""
