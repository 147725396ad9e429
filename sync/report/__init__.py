"""The report: page, sections, charts and cards."""
