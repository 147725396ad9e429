"""One file for each step, numbered in order."""
