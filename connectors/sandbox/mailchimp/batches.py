"""Batch operations: submit, poll, stop. See batch_runs for how they are done."""

from __future__ import annotations

import random
from datetime import timedelta

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.links import collection_links, link
from connectors.sandbox.mailchimp.values import Document, stamp

ROUTES = Routes()
BATCH = "/batches/{batch_id}"
INSTANCE = "Batches/Instance"
MAX_PENDING = 500
URL_LIFE = timedelta(minutes=10)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SHOWN = ("id", "status", "total_operations", "finished_operations", "errored_operations", "submitted_at")


@ROUTES.on("POST", "/batches", INSTANCE)
def submit(call: MailchimpCall) -> Document:
    """Take operations in; their order is not kept."""
    operations = checked_operations(call.json)
    if len(call.state.unfinished) >= MAX_PENDING:
        message = f"You have more than {MAX_PENDING} pending batches. Please wait until some of them finish."
        raise problems.ProblemError(429, "Too Many Requests", message)
    batch_id = call.state.token("batch")
    random.Random(f"{call.world.seed}/{batch_id}").shuffle(operations)  # noqa: S311 - an order, not a secret
    row = {
        "id": batch_id,
        "status": "pending",
        "total_operations": 0,
        "finished_operations": 0,
        "errored_operations": 0,
        "submitted_at": call.state.now(),
        "completed_at": "",
        # the first of the queue begins at once, whoever looks; the next one when it has ended
        "begun": None if call.state.unfinished else call.world.clock.now().timestamp(),
        "polled": False,
        "base": call.base,
        "operations": operations,
        "results": [],
    }
    call.state.batches[batch_id] = row
    call.state.unfinished.append(batch_id)
    return show_batch(call, row)


def checked_operations(body: Document) -> list[Document]:
    """Return the operations, or refuse the batch: a body is a JSON string, never an object."""
    operations = body.get("operations")
    problems.expect(operations, list, "operations")
    if not operations:
        raise problems.invalid_fields(("operations", "This collection should contain 1 element or more."))
    for place, operation in enumerate(operations):
        where = f"operations.item:{place}"
        problems.expect(operation, dict, where)
        for key, kind in (("body", str), ("params", dict), ("operation_id", str), ("path", str)):
            if operation.get(key) is not None:
                problems.expect(operation[key], kind, f"{where}.{key}")
        if operation.get("method") not in METHODS:
            raise problems.invalid_fields((f"{where}.method", f"Value must be one of: {', '.join(METHODS)}"))
        if not operation.get("path"):
            raise problems.invalid_fields((f"{where}.path", "This value should not be blank."))
    return list(operations)


def batch_of(call: MailchimpCall) -> Document:
    """Return the batch that the path names."""
    return call.row_of(call.state.batches, "batch_id")


@ROUTES.on("GET", "/batches", "Batches/Collection")
def list_batches(call: MailchimpCall) -> Document:
    """Page through the batches."""
    rows = list(call.state.batches.values())
    for row in rows:
        row["polled"] = True
    return {
        "batches": [show_batch(call, row) for row in call.page(rows)],
        "total_items": len(rows),
        "_links": collection_links(f"{call.url}/batches", "Batches", parent="Root"),
    }


@ROUTES.on("GET", BATCH, INSTANCE)
def poll(call: MailchimpCall) -> Document:
    """Return how far a batch is; a finished one has a new URL of its results, good for ten minutes."""
    row = batch_of(call)
    row["polled"] = True
    call.state.batches[row["id"]] = row
    return show_batch(call, row)


@ROUTES.on("DELETE", BATCH)
def stop(call: MailchimpCall) -> None:
    """Stop a batch; the results of what was done are gone."""
    row = batch_of(call)
    del call.state.batches[row["id"]]
    if row["id"] in call.state.unfinished:
        call.state.unfinished.remove(row["id"])


def show_batch(call: MailchimpCall, row: Document) -> Document:
    """Return the body of a batch."""
    href = f"{call.url}/batches/{row['id']}"
    body = {key: row[key] for key in SHOWN}
    body |= {"completed_at": row["completed_at"], "response_body_url": ""}
    if row["status"] == "finished":
        token = call.state.token("file", 32)
        expires = stamp(call.world.clock.now() + URL_LIFE)
        call.state.files[token] = {"batch_id": row["id"], "expires": expires}
        body["response_body_url"] = f"{call.base}/_files/{row['id']}/{token}.tar.gz"
    body["_links"] = [
        link("parent", f"{call.url}/batches", target="Definitions/Batches/CollectionResponse"),
        link("self", href, target="Definitions/Batches/Response"),
        link("delete", href, "DELETE"),
    ]
    return body
