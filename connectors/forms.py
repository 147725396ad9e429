"""Forms of a platform that take the answers of a survey, and the fields in which they are kept there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class FormQuestion:
    """A question of a typing tool.

    Attributes:
        tool: Name of the tool.
        place: Of the question, from 1.
        trait: What the answer becomes.
        text: The question.
        answers: Stored number and label of each choice; empty: any number.
    """

    tool: str
    place: int
    trait: str
    text: str
    answers: Sequence[tuple[str, str]] = ()


@runtime_checkable
class FormTarget(Protocol):
    """A connector whose platform has forms; asked of its class.

    Attributes:
        form_hosts: What the hosts of its forms end with.
        form_address: Name of the input for the address.
        form_script: Sends the form in the platform's own way; "": the browser posts it.
        form_file: Name of the file with `form_fields`.
    """

    form_hosts: tuple[str, ...]
    form_address: str
    form_script: str
    form_file: str

    @staticmethod
    def form_field(question: FormQuestion) -> str:
        """Return the name of the field that keeps the answer to a question.

        Returns:
            As the platform writes it in forms.
        """

    @staticmethod
    def form_fields(questions: Sequence[FormQuestion]) -> Any:
        """Return the JSON with which those fields are made.

        Returns:
            The body of the platform's request, or a list of bodies.
        """
