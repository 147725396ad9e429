"""Mailchimp's signup forms, and the merge fields that keep the answers of a survey."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from connectors.forms import FormQuestion
from connectors.limits import MERGE_FIELD_HELP, MERGE_FIELD_NAME, MERGE_TAG_LENGTH

TAG_PREFIX = MERGE_TAG_LENGTH // 2  # characters of the tool's name in a merge tag


class MailchimpForms:
    """Mailchimp as a target of forms; see `connectors.forms.FormTarget`."""

    form_hosts: tuple[str, ...] = (".list-manage.com",)
    form_address = "EMAIL"
    form_script = ""
    form_file = "mailchimp-merge-fields.json"

    @staticmethod
    def form_field(question: FormQuestion) -> str:
        """Return the merge tag of a question: at most ten capitals, digits and underscores."""
        letters = re.sub(r"[^A-Z0-9]", "", question.tool.upper())[:TAG_PREFIX] or "TOOL"
        return f"{letters}_Q{question.place}"

    @staticmethod
    def form_fields(questions: Sequence[FormQuestion]) -> list[dict[str, Any]]:
        """Return the bodies of ``POST /lists/{id}/merge-fields``, one a question.

        A choice has no value beside its text in Mailchimp, so that the choices are the numbers, and the help text tells
        what they mean.
        """
        return [_merge_field(question) for question in questions]


def _merge_field(question: FormQuestion) -> dict[str, Any]:
    body: dict[str, Any] = {
        "tag": MailchimpForms.form_field(question),
        "name": question.text[:MERGE_FIELD_NAME],
        "type": "dropdown" if question.answers else "number",
        "required": False,
        "public": True,
        "default_value": "",
        "help_text": ", ".join(f"{value} = {label}" for value, label in question.answers)[:MERGE_FIELD_HELP],
    }
    if question.answers:
        body["options"] = {"choices": [value for value, _ in question.answers]}
    return body
