"""Batch operations and webhook settings."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import requests

from connectors.sandbox.mailchimp import batches
from connectors.sandbox.mailchimp.directory import subscriber_hash

if TYPE_CHECKING:
    from tests.connectors.sandbox.mailchimp.conftest import Platform

Json = Any  # a parsed JSON value, or what has no types


def operation(method: str, path: str, name: str, body: object = None, **params: Json) -> dict[str, Any]:
    shown = {"method": method, "path": path, "operation_id": name, "params": params}
    return shown if body is None else {**shown, "body": json.dumps(body)}


def rename(platform: Platform, name: str) -> dict[str, Any]:
    path = f"{platform.members}/{subscriber_hash(f'{name}@people.test')}"
    return operation("PATCH", path, name, {"merge_fields": {"FNAME": name}})


def finish(platform: Platform, batch_id: str) -> dict[str, Any]:
    """Let time pass until the batch is done."""
    batch: dict[str, Any] = {}
    for _ in range(10):
        batch = platform.get(f"/batches/{batch_id}")
        if batch["status"] == "finished":
            return batch
        platform.world.clock.advance(timedelta(seconds=5))
    message = f"never finished: {batch}"
    raise AssertionError(message)


def results(batch: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the content of each file of the archive; no key is needed."""
    content = requests.get(batch["response_body_url"], timeout=5).content
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        files = [archive.extractfile(name) for name in archive.getnames()]
        return [json.loads(file.read()) for file in files if file is not None]


def test_an_operation_that_asks_for_no_possible_answer_fails_alone(platform: Platform) -> None:
    platform.add("ada", "bob")
    unknown = operation("GET", platform.members, "unknown", fields="nonsense,total_items")
    both = operation("GET", platform.members, "both", fields="members", exclude_fields="_links")
    first = platform.post("/batches", {"operations": [unknown, both, rename(platform, "ada")]})
    second = platform.post("/batches", {"operations": [rename(platform, "bob")]})

    answers = {result["operation_id"]: result for file in results(finish(platform, first["id"])) for result in file}

    statuses = {name: answer["status_code"] for name, answer in answers.items()}
    assert statuses == {"unknown": 200, "both": 400, "ada": 200}
    assert json.loads(answers["unknown"]["response"]) == {"total_items": 2}
    assert finish(platform, second["id"])["errored_operations"] == 0


def test_a_batch_goes_through_its_states_and_does_what_single_calls_do(platform: Platform) -> None:
    platform.add("ada", "bob")
    submitted = platform.post("/batches", {"operations": [rename(platform, "ada"), rename(platform, "nobody")]})
    first = platform.get(f"/batches/{submitted['id']}")

    done = finish(platform, submitted["id"])
    answers = {result["operation_id"]: result for result in results(done)[0]}

    assert (submitted["status"], submitted["total_operations"]) == ("pending", 0)
    assert first["status"] != "finished"
    assert (done["total_operations"], done["finished_operations"], done["errored_operations"]) == (2, 2, 1)
    assert done["completed_at"]
    assert answers["ada"]["status_code"] == 200
    assert json.loads(answers["ada"]["response"])["merge_fields"]["FNAME"] == "ada"
    assert (answers["nobody"]["status_code"], json.loads(answers["nobody"]["response"])["status"]) == (404, 404)
    assert platform.get(f"{platform.members}/ada@people.test")["full_name"] == "ada"


def test_operations_are_not_done_in_their_order(platform: Platform) -> None:
    names = [f"p{number}" for number in range(30)]
    platform.add(*names)
    batch = platform.post("/batches", {"operations": [rename(platform, name) for name in names]})

    done = [result["operation_id"] for result in results(finish(platform, batch["id"]))[0]]

    assert sorted(done) == sorted(names)
    assert done != names


def test_one_batch_runs_at_a_time(platform: Platform) -> None:
    platform.add("ada")
    first, second = (platform.post("/batches", {"operations": [rename(platform, "ada")]}) for _ in range(2))
    platform.world.clock.advance(timedelta(seconds=1))

    states = [platform.get(f"/batches/{batch['id']}")["status"] for batch in (first, second)]

    assert states == ["finalizing", "pending"]
    assert finish(platform, second["id"])["finished_operations"] == 1


def test_a_batch_at_which_nobody_looks_does_not_block_the_next(platform: Platform) -> None:
    platform.add("ada")
    strange = {**rename(platform, "ada"), "surprise": 1}
    platform.post("/batches", {"operations": [strange]})

    second = platform.post("/batches", {"operations": [rename(platform, "ada")]})

    assert finish(platform, second["id"])["finished_operations"] == 1


def test_a_body_as_an_object_breaks_the_schema(platform: Platform) -> None:
    wrong = {"method": "PATCH", "path": "/ping", "body": {"vip": True}}

    body = platform.refusal("POST", "/batches", json={"operations": [wrong]})

    field, message = "operations.item:0.body", "Schema describes string, object found instead"
    assert body["errors"] == [{"field": field, "message": message}]
    assert platform.refusal("POST", "/batches", json={"operations": []})
    assert platform.refusal("POST", "/batches", json={"operations": [{"method": "HEAD", "path": "/"}]})


def test_a_broken_body_and_an_unknown_path_fail_alone(platform: Platform) -> None:
    broken = {"method": "POST", "path": platform.members, "body": "{", "operation_id": "broken"}
    away = {"method": "GET", "path": "/nowhere", "operation_id": "away"}
    batch = platform.post("/batches", {"operations": [broken, away]})

    answers = {result["operation_id"]: result["status_code"] for result in results(finish(platform, batch["id"]))[0]}

    assert answers == {"broken": 400, "away": 404}


def test_a_get_without_a_count_brings_all_pages_spread_over_files(platform: Platform) -> None:
    platform.add(*(f"p{number}" for number in range(1200)))
    everything = operation("GET", platform.members, "all", fields="members.id,total_items")
    batch = platform.post("/batches", {"operations": [everything]})

    files = results(finish(platform, batch["id"]))
    pages = [json.loads(result["response"])["members"] for file in files for result in file]

    assert len(files) == 2
    assert sorted(len(page) for page in pages) == [200, 1000]


def test_the_url_of_the_results_lives_ten_minutes_and_a_new_look_gives_a_new_one(platform: Platform) -> None:
    batch = platform.post("/batches", {"operations": [operation("GET", "/ping", "p", count=1)]})
    done = finish(platform, batch["id"])
    assert results(done)

    platform.world.clock.advance(timedelta(minutes=11))

    assert requests.get(done["response_body_url"], timeout=5).status_code == 403
    assert results(platform.get(f"/batches/{batch['id']}"))
    assert requests.get(done["response_body_url"] + "x", timeout=5).status_code == 403


def test_a_deleted_batch_is_stopped_and_gone(platform: Platform) -> None:
    platform.add("ada")
    batch = platform.post("/batches", {"operations": [rename(platform, "ada")]})

    platform.call("DELETE", f"/batches/{batch['id']}")
    platform.world.clock.advance(timedelta(minutes=1))

    assert platform.refusal("GET", f"/batches/{batch['id']}", 404)
    assert platform.get("/batches")["total_items"] == 0
    assert platform.get(f"{platform.members}/ada@people.test")["full_name"] == ""


def test_more_than_500_pending_batches_are_too_many(platform: Platform) -> None:
    platform.state.unfinished = platform.state.unfinished + [
        platform.post("/batches", {"operations": [operation("GET", "/ping", "p")]})["id"]
    ] * (batches.MAX_PENDING - 1)

    body = platform.refusal("POST", "/batches", 429, json={"operations": [operation("GET", "/ping", "p")]})

    assert "pending batches" in body["detail"]


def test_a_webhook_shows_its_secret_once(platform: Platform) -> None:
    path = f"/lists/{platform.list_id}/webhooks"
    body = {
        "url": "https://hooks.people.test/x",
        "events": {"subscribe": True, "profile": True},
        "sources": {"user": True, "admin": True, "api": False},
    }

    made = platform.post(path, body)
    shown = platform.get(f"{path}/{made['id']}")
    changed = platform.patch(f"{path}/{made['id']}", {"events": {"profile": False}})

    assert made["signing_enabled"] is True
    assert made["signing_secret"].startswith("whsec_")
    assert "signing_secret" not in shown
    assert "signing_secret" not in platform.get(path)["webhooks"][0]
    assert (changed["events"]["profile"], changed["events"]["subscribe"]) == (False, True)
    assert platform.refusal("POST", path, json=body)["detail"].startswith("Sorry")
    assert platform.refusal("POST", path, json={"url": "hooks"})
    assert platform.call("DELETE", f"{path}/{made['id']}").status_code == 204
    assert platform.refusal("GET", f"{path}/{made['id']}", 404)
