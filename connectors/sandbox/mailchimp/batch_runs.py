"""How batches are done: one at a time, by the same endpoints as single calls, results as a tar of JSON files."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.responses import Response

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.call import MAX_COUNT, MailchimpCall, Routes, select
from connectors.sandbox.mailchimp.values import Document, Json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from connectors.sandbox.mailchimp.state import MailchimpState

QUEUED = 0.1  # seconds in `pending`
PREPARED = 0.2  # seconds until the first operation
SPEED = 5000  # operations a second
WRAPPED_UP = 0.1  # seconds in `finalizing`
UNSEEN = 30.0  # seconds more in it of a batch at which nobody looked
AT_ONCE = 5000  # operations done in one go, so that other requests get their turn
PER_FILE = 1000
GONE = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


def advance(state: MailchimpState, routes: Routes) -> None:
    """Do what the first batch of the queue is due to have done by now."""
    while state.unfinished:
        row = state.batches[state.unfinished[0]]
        now = state.world.clock.now().timestamp()
        row["begun"] = row["begun"] if row["begun"] is not None else now
        work(state, routes, row, now - row["begun"])
        state.batches[row["id"]] = row
        if row["status"] != "finished":
            return
        row["completed_at"] = state.now()
        state.unfinished.pop(0)


def work(state: MailchimpState, routes: Routes, row: Document, elapsed: float) -> None:
    """Bring one batch to where it is *elapsed* seconds after its beginning."""
    total = len(row["operations"])
    done = row["finished_operations"]
    due = max(done, min(total, int((elapsed - PREPARED) * SPEED), done + AT_ONCE))
    for operation in row["operations"][done:due]:
        results = run_operation(state, routes, operation, row["base"])
        row["errored_operations"] += any(result["status_code"] >= 400 for result in results)  # noqa: PLR2004
        row["results"].append(results)
    row["finished_operations"] = due
    if elapsed >= QUEUED:
        row["total_operations"] = total
    row["status"] = status_of(row, elapsed)
    if row["status"] == "finished":
        row["operations"] = []


def status_of(row: Document, elapsed: float) -> str:
    """Return the word for how far a batch is; nobody who looks at once sees it finished at the first look."""
    total = len(row["operations"])
    if row["finished_operations"] < total or elapsed < PREPARED:
        return "pending" if elapsed < QUEUED else "preprocessing" if elapsed < PREPARED else "started"
    since = elapsed - (PREPARED + total / SPEED + WRAPPED_UP)
    return "finished" if since >= (0 if row["polled"] else UNSEEN) else "finalizing"


def run_operation(state: MailchimpState, routes: Routes, operation: Document, base: str) -> list[Document]:
    """Do one operation; a GET without a count brings all pages, one result each."""
    tail = operation["path"].partition("?")[2]
    query = {**dict(parse_qsl(tail)), **{name: text(value) for name, value in (operation.get("params") or {}).items()}}
    if "fields" not in query and "exclude_fields" not in query:
        query["exclude_fields"] = "_links"
    paged = operation["method"] == "GET" and "count" not in query
    results, offset = [], 0
    while True:
        page = {"count": str(MAX_COUNT), "offset": str(offset)} if paged else {}
        status, document = perform(state, routes, operation, {**query, **page}, base)
        response = "" if document is None else json.dumps(document, ensure_ascii=False)
        results.append({"status_code": status, "operation_id": operation.get("operation_id", ""), "response": response})
        offset += MAX_COUNT
        if not paged or document is None or offset >= document.get("total_items", 0):
            return results


def text(value: Json) -> str:
    """Return a parameter as it stands in a query."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def perform(
    state: MailchimpState, routes: Routes, operation: Document, query: dict[str, str], base: str
) -> tuple[int, Document | None]:
    """Return status and document of one call."""
    try:
        path = operation["path"].partition("?")[0].removeprefix("/3.0")
        route, names = routes.find(operation["method"], path)
        body = json.loads(operation.get("body") or "{}")
        call = MailchimpCall(state.world, state, operation["method"], query, body, base, names)
        with state.told.by("api"):
            document = route.handler(call)
        shown = None if document is None else select(document, query)
    except json.JSONDecodeError:
        problem = problems.TRIGGERED["JSONParseError"]
        return problem.status, problem.body(state.token("instance", 32))
    except problems.ProblemError as problem:
        return problem.status, problem.body(state.token("instance", 32))
    return (204, None) if shown is None else (200, shown)


def batch_download(state: MailchimpState) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that hands out the results of a batch; it asks for no key."""

    async def results(request: Request) -> Response:
        token = request.path_params["token"].removesuffix(".tar.gz")
        ticket = state.files.get(token)
        row = state.batches.get(request.path_params["batch_id"])
        if ticket is None or row is None or ticket["batch_id"] != row["id"] or ticket["expires"] < state.now():
            return Response(GONE, 403, media_type="application/xml")
        return Response(results_archive(row["results"]), media_type="application/octet-stream")

    return results


def results_archive(results: list[list[Document]]) -> bytes:
    """Return a gzipped tar of JSON files; pages of one GET lie in several of them."""
    pages = max((len(pages) for pages in results), default=1)
    count = max(pages, -(-len(results) // PER_FILE))
    files: list[list[Document]] = [[] for _ in range(count)]
    for place, pages_of_one in enumerate(results):
        for page, result in enumerate(pages_of_one):
            files[(place + page) % count].append(result)
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", compresslevel=1) as tar:
        for number, entries in enumerate(files):
            content = json.dumps(entries, ensure_ascii=False).encode()
            info = tarfile.TarInfo(f"./{number:04d}.json")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()
