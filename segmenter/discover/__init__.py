"""Segment discovery: clustering and latent classes, with tests against data without segments."""
