"""Experiments: create one, and randomize people to its arms."""
