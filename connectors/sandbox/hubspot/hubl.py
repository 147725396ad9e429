"""Rendering e-mails: the part of HubL that personalisation uses. HubL is Jinja's cousin, so Jinja renders it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import TemplateError, Undefined
from jinja2.sandbox import SandboxedEnvironment

from connectors.sandbox.hubspot.errors import invalid_request

Row = dict[str, Any]


class _Shown(str):
    """A property's value that compares as the value and prints as the label."""

    __slots__ = ("label",)
    label: str


class _Contact:
    """``contact`` in a template: the values of one record, each printed as people see it."""

    def __init__(self, values: Mapping[str, str], labels: Mapping[str, Mapping[str, str]]) -> None:
        self._values = values
        self._labels = labels

    def __getitem__(self, name: str) -> _Shown:
        value = self._values.get(name) or ""
        shown = _Shown(value)
        shown.label = self._labels.get(name, {}).get(value, value)
        return shown


def renderer(subject: str, body: str, definitions: Mapping[str, Row]) -> Callable[[Mapping[str, str]], str]:
    """Return what renders subject and body for the properties of a contact.

    Args:
        subject: HubL.
        body: HubL.
        definitions: Property definitions by ``contacts/<name>``, for the labels of enumerations.

    Raises:
        Refusal: 400 when a text is no HubL that this platform knows.
    """
    labels = {
        key.partition("/")[2]: {option["value"]: option["label"] for option in definition["options"]}
        for key, definition in definitions.items()
        if key.startswith("contacts/") and definition["options"]
    }
    environment = SandboxedEnvironment(finalize=_print, autoescape=False)
    try:
        template = environment.from_string(f"{subject}\n{body}")
    except TemplateError as error:
        message = f"The email cannot be rendered: {error}"
        raise invalid_request(message) from error

    def render(values: Mapping[str, str]) -> str:
        contact = _Contact(values, labels)

        def personalization_token(name: str, default: str = "") -> str:
            return contact[name.removeprefix("contact.")] or default

        try:
            return template.render(contact=contact, personalization_token=personalization_token)
        except TemplateError as error:
            message = f"The email cannot be rendered: {error}"
            raise invalid_request(message) from error

    return render


def _print(value: object) -> object:
    return value.label if isinstance(value, _Shown) else ("" if isinstance(value, Undefined) else value)


def texts(content: object) -> str:
    """Return every text inside an e-mail's ``content``, in order: widgets, plain text, flexible areas."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        parts = [texts(value) for key, value in content.items() if key not in {"templatePath", "id", "name", "type"}]
    elif isinstance(content, list):
        parts = [texts(value) for value in content]
    else:
        return ""
    return "\n".join(part for part in parts if part)
