"""The console: local web pages over the functions that the command line calls."""
