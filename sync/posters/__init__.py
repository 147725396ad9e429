"""Persona posters: one page each, to print and hang up, or to show as a slide."""
