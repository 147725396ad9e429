"""Surveys: coding of answers, and survey quality checks."""
