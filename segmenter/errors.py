"""Errors: a definition that is not valid, with its place."""

from __future__ import annotations


class DefinitionError(ValueError):
    """A segment, rule, persona or template field is wrong.

    Attributes:
        where: What is wrong, in the user's words: ``segment 'champions'``.
        line: Line within a rule's text, from 1; None where the whole definition is meant.
        column: Column within that line, from 1.
    """

    def __init__(self, message: str, *, where: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(f"{where}: {message}")
        self.where = where
        self.line = line
        self.column = column
