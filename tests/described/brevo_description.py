"""Brevo's API as its official client describes it: operations, with the types of what they take and answer."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from brevo.account.raw_client import RawAccountClient
from brevo.contacts.raw_client import RawContactsClient
from brevo.email_campaigns.raw_client import RawEmailCampaignsClient
from pydantic import ConfigDict, Field, create_model

from tests.described.description import DescribedOperation

APIS: tuple[type, ...] = (RawAccountClient, RawContactsClient, RawEmailCampaignsClient)
SENT = re.compile(r'httpx_client\.request\(\s*f?"([^"]+)",\s*method="(\w+)",(.*?)request_options=', re.DOTALL)
PLACE = re.compile(r"\{encode_path_param\((\w+)\)\}")
PAIR = re.compile(r'^ {16}"(\w+)": (?:[\w.]+\(\s*object_=)?(\w+),', re.MULTILINE)
MADE = 201  # the client takes any 2xx: what makes something says 201 and what only changes it 204, as Brevo's pages do


@cache
def brevo_operations() -> tuple[DescribedOperation, ...]:
    """Return every operation of these parts of the API."""
    found = []
    for api in APIS:
        source = Path(inspect.getfile(api)).read_text("utf-8").partition("\nclass Async")[0]
        texts = {part.partition("(")[0].strip(): part for part in source.split("\n    def ")[1:]}
        for name, method in inspect.getmembers(api, inspect.isfunction):
            if name in texts and (sent := SENT.search(texts[name])):
                found.append(_operation(name, method, *sent.groups()))
    return tuple(found)


def _operation(name: str, method: Any, path: str, verb: str, rest: str) -> DescribedOperation:
    hints = typing.get_type_hints(method, include_extras=True)
    parameters = inspect.signature(method).parameters
    [answer] = typing.get_args(hints["return"])
    query, body = _pairs(rest, "params"), _pairs(rest, "json")
    lists = {wire for wire, ours in query.items() if "Sequence" in str(hints[ours])}
    empty = answer is type(None)
    status = 204 if empty and verb != "POST" else 200 if verb != "POST" else MADE
    return DescribedOperation(
        name,
        verb,
        "/v3/" + PLACE.sub(lambda match: "{" + match[1] + "}", path),
        {wire: hints[ours] for wire, ours in query.items()},
        frozenset(lists),
        _body(name, {wire: (hints[ours], parameters[ours].default) for wire, ours in body.items()}) if body else None,
        None if empty else answer,
        204 if name == "update_batch_contacts" else status,
        says=(inspect.getdoc(method) or "").partition("Parameters\n")[0],
    )


def _pairs(rest: str, argument: str) -> dict[str, str]:
    """The names on the wire, and those of the client's arguments, of one dictionary of a call."""
    found = re.search(rf"^ {{12}}{argument}={{\n(.*?)^ {{12}}}},", rest, re.DOTALL | re.MULTILINE)
    return dict(PAIR.findall(found[1])) if found else {}


def _body(name: str, fields: Mapping[str, tuple[Any, Any]]) -> Any:
    """A model of the body, made of the client's arguments: those without a default must be there."""
    made: dict[str, Any] = {}
    for wire, (kind, default) in fields.items():
        needed = default is inspect.Parameter.empty
        made[f"field_{wire}"] = (kind, Field(alias=wire) if needed else Field(default=None, alias=wire))
    return create_model(f"{name}_body", __config__=ConfigDict(extra="forbid"), **made)
