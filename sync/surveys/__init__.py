"""Surveys: design a typing tool, score answers, export forms."""
