"""Rules: parsing, evaluation, and the segments they define."""
