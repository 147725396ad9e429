"""Export: people, segments, plans and hashed audiences as files, for importers of other programs."""
