"""HubSpot's forms, and the properties that keep the answers of a survey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.forms import FormQuestion
from connectors.limits import PROPERTY_LABEL

GROUP = "personasync"
SCRIPT = """\
// HubSpot's forms take JSON; the fields are the contact properties of hubspot-properties.json.
document.getElementById("form").addEventListener("submit", function (event) {
  event.preventDefault();
  var form = event.target, done = document.getElementById("done"), fields = [];
  var again = "It could not be sent. Please try again later.";
  Array.from(form.elements).forEach(function (field) {
    if (field.name && field.value !== "" && (field.type !== "radio" || field.checked)) {
      fields.push({ objectTypeId: "0-1", name: field.name, value: field.value });
    }
  });
  var body = JSON.stringify({ fields: fields, context: { pageName: document.title } });
  fetch(form.action, { method: "POST", headers: { "Content-Type": "application/json" }, body: body })
    .then(function (answer) { done.textContent = answer.ok ? "Thank you." : again; })
    .catch(function () { done.textContent = again; });
});
"""


class HubSpotForms:
    """HubSpot as a target of forms; see `connectors.forms.FormTarget`."""

    form_hosts: tuple[str, ...] = (".hsforms.com",)
    form_address = "email"
    form_script = SCRIPT
    form_file = "hubspot-properties.json"

    @staticmethod
    def form_field(question: FormQuestion) -> str:
        """Return the property's name: that of the trait.

        Returns:
            Internal name, not the label.
        """
        return question.trait

    @staticmethod
    def form_fields(questions: Sequence[FormQuestion]) -> dict[str, Any]:
        """Return the body of ``POST /crm/v3/properties/contacts/batch/create``; the group has to be there before."""
        return {"inputs": [_property(question) for question in questions]}


def _property(question: FormQuestion) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": question.trait,
        "label": question.text[:PROPERTY_LABEL],
        "type": "enumeration" if question.answers else "number",
        "fieldType": "radio" if question.answers else "number",
        "groupName": GROUP,
        "description": f"Question {question.place} of the typing tool {question.tool}",
        "hasUniqueValue": False,
        "formField": True,
    }
    if question.answers:
        body["options"] = [
            {"label": label, "value": value, "displayOrder": order, "hidden": False}
            for order, (value, label) in enumerate(question.answers)
        ]
    return body
