"""Surveys: answers as numbers, and what is wrong with them."""
