"""Mailchimp batch operations (/batches): start, poll, and fetch the results file.

A finished job is no success: every operation's own status counts (PLATFORMS: batches). The file's address lives ten
minutes and gets no credentials.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.errors import MissingScopeError, NotFoundError, PersonasyncError, PlatformDownError, RejectedError
from connectors.mailchimp.api import MailchimpApi
from connectors.transport import MOST_FILE_BYTES, Call, entries

FIRST_LOOK, LONGEST_LOOK = 0.2, 10.0  # seconds between two looks; doubled each time
USUAL_SECONDS = 0.0004  # of an operation, before a job has shown how fast they go; a guess that costs a look at most
PATIENCE_FOR_OTHERS = 300.0  # seconds
MOST_JOBS = 1000
RESULTS, PATCHED = "batch results", "PATCH /lists/{list_id}/members/{subscriber_hash}"
PATIENCE = 3600.0  # seconds after which a job that does not end is given up


class Jobs:
    """Runs jobs one after the other, and learns how long they take: looking too early is a request for nothing.

    Args:
        api: The account.
        wait: Waits some seconds.
    """

    def __init__(self, api: MailchimpApi, wait: Callable[[float], None]) -> None:
        self._api, self._wait = api, wait
        self._seconds_each = USUAL_SECONDS  # that an operation takes, as the last job showed

    def run(self, operations: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, Any]]:
        """Run *operations* as one job and return (status, decoded answer) by operation id.

        Args:
            operations: ``method``, ``path``, ``operation_id``, ``body`` as JSON text (an object is an error, trap M8).

        Raises:
            PlatformDownError: The job did not end in an hour.
        """
        job = self._api.call(self._api.sdk.batches.start, {"operations": list(operations)})
        return job_answers(self._api, self._finished(job, len(operations)))

    def _finished(self, job: Mapping[str, Any], count: int) -> Mapping[str, Any]:
        """Look at a job of *count* operations until it has ended: when it should have, by its own progress."""
        waited, pause, due = 0.0, FIRST_LOOK, self._seconds_each * count
        while job["status"] != "finished":
            if waited > PATIENCE:
                raise PlatformDownError(f"Mailchimp's batch {job['id']} did not finish within an hour.", answered=True)
            now = min(max(due - waited, pause), LONGEST_LOOK)
            self._wait(now)
            waited += now
            job = self._api.call(self._api.sdk.batches.status, job["id"])
            done, pause = int(job.get("finished_operations") or 0), min(pause * 2, LONGEST_LOOK)
            if due and done >= count:  # only the results are still to be put together
                self._seconds_each, due, pause = waited / count, 0.0, FIRST_LOOK
            elif done:
                due = waited * count / done
        return job


def wait_for_all(api: MailchimpApi, *, wait: Callable[[float], None]) -> None:
    """Wait until no job of the account is under way, or `PATIENCE_FOR_OTHERS` is over: they may be somebody else's."""
    pause, waited = FIRST_LOOK, 0.0
    while waited < PATIENCE_FOR_OTHERS:
        # the newest ones come first in no promise, so all that are kept are looked at: they live seven days
        jobs = api.call(api.sdk.batches.list, count=MOST_JOBS, fields=["batches.id", "batches.status"])
        if all(job["status"] == "finished" for job in entries(jobs, "batches")):
            return
        wait(pause)
        waited, pause = waited + pause, min(pause * 2, LONGEST_LOOK)


def job_answers(api: MailchimpApi, job: Mapping[str, Any]) -> dict[str, tuple[int, Any]]:
    """Return (status, decoded answer) by operation id of a job that has ended."""
    return dict(_answers(_download(api, job)))


def _download(api: MailchimpApi, job: Mapping[str, Any]) -> bytes:
    try:
        return _fetch(api, job["response_body_url"])
    except (MissingScopeError, NotFoundError, RejectedError):  # its time was up: looking again gives a new address
        fresh = api.call(api.sdk.batches.status, job["id"])
        return _fetch(api, fresh["response_body_url"])


def _fetch(api: MailchimpApi, url: str) -> bytes:
    return api.transport.send(Call("GET", url, "batch results", public=True)).content


def _answers(archive: bytes) -> Iterator[tuple[str, tuple[int, Any]]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            unpacked = 0
            for member in files:
                unpacked += member.size
                if unpacked > MOST_FILE_BYTES:
                    raise tarfile.TarError  # noqa: TRY301 - it is as good as damaged
                file = files.extractfile(member)
                for load in decoded(file.read(), RESULTS) if file is not None else ():
                    yield str(load["operation_id"]), (int(load["status_code"]), _inner(load.get("response")))
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise PlatformDownError("Mailchimp's batch results file is damaged.", answered=True) from error


def _inner(text: str | None) -> Any:
    try:
        return decoded(text or "{}", PATCHED)
    except ValueError:
        return {}


def decoded(text: str | bytes, operation: str) -> Any:
    """Return the answer of an *operation*, or the list of such answers, decoded."""
    del operation  # for whoever notes which keys are read
    return json.loads(text)


def failure(error: PersonasyncError) -> str:
    """Return what an outcome says when the whole job got no answer."""
    return f"{error} The next pull shows whether it was applied."
