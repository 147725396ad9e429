"""Statistics: intervals, tests, power, multiplicity, clustering, alignment."""
