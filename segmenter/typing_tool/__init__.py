"""Typing tool: the few survey questions that best predict the segment, and their scoring."""
