"""Classifiers: linear models, scored for one person, an array or a whole table."""
