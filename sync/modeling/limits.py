"""Numbers of segments that may be asked for, and what a search begins with where nobody says otherwise."""

LEAST, MOST = 2, 12
USUAL_MOST = 6
"""The largest number that is tried."""
SEED = 20_261_124
