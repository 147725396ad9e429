"""Models that classify: linear, so that one scorer serves one person, an array and a million rows."""
