"""Exports: one job at a time, its file fetched without a key. Which columns the real one has is not documented (?)."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from connectors.sandbox.hubspot.calls import Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.errors import Refusal, invalid_request, no_such_resource
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso

Row = dict[str, Any]

MOST_A_DAY = 30
FORMATS, LANGUAGES = ("CSV", "XLS", "XLSX"), ("EN", "DE", "ES", "FR", "JA", "NL", "PT_BR", "IT", "PL", "SV", "FI", "NO")
DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)
REQUIRED = ("exportType", "exportName", "format", "language", "objectType", "objectProperties")


def start(call: HubSpotCall) -> Answer:
    """Answer ``POST /crm/v3/exports/export/async``: all contacts in use, or those of a list."""
    body = call.json_object()
    for name in REQUIRED:
        if not body.get(name):
            message = f"Some required fields were not set: [{name}]"
            raise invalid_request(message)
    _check(call.state, body)
    state, now = call.state, call.state.now_ms()
    today = [row for row in state.exports.values() if row["asked"] > now - DAY_MS]
    if state.world.settings.enforce_limits and len(today) >= MOST_A_DAY:
        message = f"At most {MOST_A_DAY} exports in 24 hours."
        raise Refusal(429, message, "RATE_LIMITS")
    seconds = state.world.settings.export_seconds
    begins = max([now, *(row["ends"] for row in state.exports.values())])  # one at a time, the others wait
    key = str(state.world.store.next_id("hubspot.exports", 88))
    row = {"asked": now, "begins": begins, "ends": begins + round(seconds * 1000), "token": secrets.token_hex(16)}
    state.exports[key] = {**row, "columns": list(body["objectProperties"]), "list": body.get("listId")}
    return Answer(202, {"id": key, "links": {}})


def _check(state: HubSpotState, body: Row) -> None:
    if body["objectType"].upper() not in {"CONTACT", "0-1"} or body["exportType"] not in {"VIEW", "LIST"}:
        message = "Only contacts are exported here, by VIEW or LIST"
        raise invalid_request(message)
    if body["format"] not in FORMATS or body["language"] not in LANGUAGES:
        message = f"Invalid format {body['format']!r} or language {body['language']!r}"
        raise invalid_request(message)
    if body["exportType"] == "LIST" and str(body.get("listId")) not in state.lists:
        message = f"No list {body.get('listId')!r}"
        raise no_such_resource(message)
    if body["format"] != "CSV" or any(
        (body.get("publicCrmSearchRequest") or {}).get(key) for key in ("filters", "query")
    ):
        message = "Not imitated: other formats than CSV, and filters"
        raise invalid_request(message)


def export_status(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/exports/export/async/tasks/{taskId}/status``."""
    row, now = call.state.exports.get(call.path["taskId"]), call.state.now_ms()
    if row is None:
        message = f"No export task with ID {call.path['taskId']}"
        raise no_such_resource(message)
    shown: Row = {"requestedAt": iso(row["asked"]), "startedAt": iso(row["begins"]), "completedAt": iso(row["ends"])}
    if now < row["begins"]:
        return ok({**shown, "status": "PENDING"})
    if now < row["ends"]:
        return ok({**shown, "status": "PROCESSING"})
    if "ids" not in row:  # who is in the file is decided when it is written
        row = call.state.exports[call.path["taskId"]] = {**row, "ids": _ids(call.state, row)}
    address = f"{call.base_url}/_files/{call.path['taskId']}/{row['token']}.csv"
    return ok({**shown, "status": "COMPLETE", "numErrors": 0, "errors": [], "links": {}, "result": address})


def _ids(state: HubSpotState, row: Row) -> list[str]:
    everybody = list(map(str, state.contact_records.order))
    if row["list"] is None:
        return everybody
    members = state.members.get(str(row["list"]), {})
    return [key for key in everybody if key in members]


def export_download(state: HubSpotState) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that hands out an export; it asks for no token."""

    async def file(request: Request) -> Response:
        row = state.exports.get(request.path_params["taskId"])
        if row is None or request.path_params["token"].removesuffix(".csv") != row["token"] or "ids" not in row:
            return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
        return Response(_written(state, row), media_type="text/csv")

    return file


def _written(state: HubSpotState, row: Row) -> bytes:
    columns = [name for name in row["columns"] if name != "hs_object_id"]
    labels = [state.properties.get(f"contacts/{name}", {}).get("label", name) for name in columns]
    target = io.StringIO()
    out = csv.writer(target)
    out.writerow(["Record ID", *labels])
    for key in row["ids"]:
        properties = state.contact_records.table.rows.get(key, {}).get("properties", {})
        out.writerow([key, *(properties.get(name, "") for name in columns)])
    return target.getvalue().encode("utf-8-sig")
