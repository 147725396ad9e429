"""Klaviyo's API as its official client describes it: operations, their models, filters, sorts and limits."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from openapi_client import models
from openapi_client.api.accounts_api import AccountsApi
from openapi_client.api.campaigns_api import CampaignsApi
from openapi_client.api.events_api import EventsApi
from openapi_client.api.lists_api import ListsApi
from openapi_client.api.metrics_api import MetricsApi
from openapi_client.api.profiles_api import ProfilesApi
from openapi_client.api.reporting_api import ReportingApi

from tests.described.description import DescribedOperation

APIS: tuple[type, ...] = (AccountsApi, CampaignsApi, EventsApi, ListsApi, MetricsApi, ProfilesApi, ReportingApi)
SECONDS = {"s": 1.0, "m": 60.0, "d": 86_400.0}
LIMITS = re.compile(r"\*Rate limits\*:((?:<br>\w+: `\d+/[smd]`)+)")
FILTER = re.compile(r"`([\w.]+)`: ((?:`[\w-]+`(?:, )?)+)")


@cache
def klaviyo_operations() -> tuple[DescribedOperation, ...]:
    """Return every operation of these parts of the API; one that has several names, once."""
    found: dict[tuple[str, str], DescribedOperation] = {}
    for api in APIS:
        source = _functions(api)
        for name, method in inspect.getmembers(api, inspect.isfunction):
            if f"_{name}_serialize" in source:
                operation = _operation(source, name, method)
                found.setdefault((operation.method, operation.path), operation)
    return tuple(found.values())


@cache
def klaviyo_revision() -> str:
    """Return the revision that the description is of."""
    [revision] = set(re.findall(r"/en/v(\d{4}-\d\d-\d\d)/", Path(inspect.getfile(ProfilesApi)).read_text("utf-8")))
    return str(revision)


def attributes_of(operation: DescribedOperation) -> frozenset[str]:
    """Return the names of the attributes that an answer can show."""
    data = operation.answer.model_fields["data"].annotation
    entry = (typing.get_args(data) or (data,))[0]
    return frozenset(entry.model_fields["attributes"].annotation.model_fields)


def _functions(api: type) -> dict[str, str]:
    """The text of each method; `inspect.getsource` reads the file of a megabyte anew for each."""
    text = Path(inspect.getfile(api)).read_text("utf-8")
    return {part.partition("(")[0].strip(): part for part in text.split("\n    def ")[1:]}


def _operation(source: Mapping[str, str], name: str, method: Any) -> DescribedOperation:
    sent, said = source[f"_{name}_serialize"], inspect.getdoc(method) or ""
    parameters = inspect.signature(method).parameters
    wire = {ours: theirs for theirs, ours in re.findall(r"_query_params\.append\(\('([^']+)', (\w+)\)\)", sent)}
    body = re.search(r"_body_params = (\w+)$", sent, re.MULTILINE)
    status, answer = re.findall(r"'(2\d\d)': (?:\"(\w+)\"|None)", source[name])[0]
    described = str(parameters["filter"].annotation) if "filter" in parameters else ""
    sorts = re.search(r"sorted by the following fields[^:]*: ((?:`[\w.]+`(?:, )?)+)", said)
    limits = LIMITS.search(said)
    return DescribedOperation(
        name,
        _found(r"method='(\w+)'", sent),
        _found(r"resource_path='([^']+)'", sent),
        {theirs: parameters[ours].annotation for ours, theirs in wire.items()},
        frozenset(re.findall(r"'([^']+)': 'csv'", sent)),
        parameters[body[1]].annotation if body and body[1] != "None" else None,
        getattr(models, answer) if answer else None,
        int(status),
        tuple((int(most), SECONDS[unit]) for most, unit in re.findall(r"`(\d+)/([smd])`", limits[1] if limits else "")),
        {field: frozenset(re.findall(r"`([\w-]+)`", words)) for field, words in FILTER.findall(described)},
        frozenset(re.findall(r"`([\w.]+)`", sorts[1])) if sorts else frozenset(),
        said.partition("*Rate limits*")[0],
    )


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, pattern
    return found[1]
