"""Effect size thresholds and the significance level for distinctive traits."""

from __future__ import annotations

GAP = 0.25  # of a share, or
RATIO = 0.5  # of the share in all: flexclust 1.5.0
SPREAD = 0.5  # standard deviations, for numbers
LEVEL = 0.05
