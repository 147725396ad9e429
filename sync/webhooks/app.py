"""HTTP endpoints of the webhook service: webhooks, health, readiness, metrics.

A delivery is checked over its raw bytes, kept, and answered when it is on disk; what happens then is the worker's
matter. An event that nobody needs is answered like any other: a refusal would bring it back for a day.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.errors import SignatureError
from connectors.signatures import (
    ACTION_VERSIONS,
    WEBHOOK_VERSIONS,
    Version,
    check_hubspot,
    check_mailchimp,
    check_secret_path,
    public_uri,
)
from sync.control.inbox import Event
from sync.webhooks import guardrails as guarding
from sync.webhooks.events import MalformedError, hubspot_action, hubspot_events, mailchimp_events
from sync.webhooks.intake import FullError, Intake
from sync.webhooks.limits import Bucket, RefusedError, body_of
from sync.webhooks.logs import tell
from sync.webhooks.metrics import Metrics
from sync.webhooks.service import Service

ACTION_SECONDS = 8.0  # a workflow's call waits so long for its answer (?), then HubSpot is asked to come again
ACTION_AGAIN_MS = 5_000  # HubSpot reads Retry-After in milliseconds here (PLATFORMS: custom workflow action)
LOOK_SECONDS = 0.05

Answer = Callable[[Request], Awaitable[Response]]


class Works(Protocol):
    """A worker, as far as /ready asks."""

    trouble: str | None

    @property
    def alive(self) -> bool:
        """Whether it still works."""


class Reception:
    """Answers requests.

    Args:
        service: The service.
        intake: Where events are kept; None in a process that only works.
        metrics: Told of each delivery.
        workers: Of this process.
    """

    def __init__(self, service: Service, intake: Intake | None, metrics: Metrics, workers: Sequence[Works]) -> None:
        self._service, self._intake, self._metrics, self._workers = service, intake, metrics, workers
        self._bucket = Bucket(service.settings.requests_per_second)

    # -- deliveries ----------------------------------------------------------------------------------------
    async def hubspot(self, request: Request) -> Response:
        """Take a delivery of HubSpot's webhooks."""
        connection, body = await self._from_hubspot(request, WEBHOOK_VERSIONS)
        await self._keep(hubspot_events(body, connection))
        return Response(status_code=204)

    async def mailchimp(self, request: Request) -> Response:
        """Take a delivery of a Mailchimp audience's webhook, or the look whether somebody is here."""
        path = str(request.path_params.get("secret", ""))
        if request.method in {"GET", "HEAD"}:
            if path:
                self._check_path(path)
            return PlainTextResponse("personasync")
        body = await self._body(request)
        secrets = self._service.secrets
        if path or not secrets.mailchimp:
            self._check_path(path)
        if secrets.mailchimp:
            secret = secrets.mailchimp.reveal()
            check_mailchimp(request.scope["headers"], body=body, secret=secret, now=self._service.now())
        await self._keep(mailchimp_events(body, self._service.audiences))
        return PlainTextResponse("kept")

    async def action(self, request: Request) -> Response:
        """Classify a workflow's contact now, and answer with its persona."""
        connection, body = await self._from_hubspot(request, ACTION_VERSIONS)
        event = hubspot_action(body, connection)
        await self._keep([event])
        answer = await self._answer_to(event)
        fields = {
            name: "" if answer.get(name) is None else str(answer[name]) for name in ("persona", "segment", "confidence")
        }
        return JSONResponse({"outputFields": {**fields, "hs_execution_state": "SUCCESS"}})

    async def _answer_to(self, event: Event) -> dict[str, Any]:
        try:
            async with asyncio.timeout(ACTION_SECONDS):
                while True:
                    entry = await asyncio.to_thread(self._service.control.inbox.answer, event.key)
                    if entry is not None and entry[0] != "waiting":
                        return dict(entry[1] or {})
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise RefusedError(429, "no assignment yet", {"Retry-After": str(ACTION_AGAIN_MS)}) from None

    async def _from_hubspot(self, request: Request, accepted: Collection[Version]) -> tuple[str, bytes]:
        """Return the HubSpot connection and the body of a request that carries one of the *accepted* signatures."""
        connection = self._connection()
        body = await self._body(request)
        check_hubspot(
            request.scope["headers"],
            method=request.method,
            uri=self._uri(request),
            body=body,
            secret=self._service.secrets.hubspot.reveal(),
            now=self._service.now(),
            accepted=accepted,
        )
        return connection, body

    def _connection(self) -> str:
        connection = self._service.hubspot
        if connection is None:
            raise RefusedError(404, "no HubSpot connection")
        return connection

    def _check_path(self, path: str) -> None:
        check_secret_path(path, secret=self._service.secrets.mailchimp_path.reveal())

    def _uri(self, request: Request) -> str:
        scope = request.scope
        base = self._service.settings.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
        return public_uri(base, scope["raw_path"], scope["query_string"])

    async def _body(self, request: Request) -> bytes:
        return await body_of(request, most=self._service.settings.body_bytes)

    async def _keep(self, events: Sequence[Event]) -> None:
        if self._intake is None:
            raise RefusedError(404, "this process is a worker and takes no webhooks")
        if not self._bucket.take():  # only now: what strangers send must not use up what the platforms may
            raise RefusedError(429, "too many requests", {"Retry-After": "1"})
        if events:
            await self._intake.keep(events)

    # -- the operator --------------------------------------------------------------------------------------
    async def health(self, request: Request) -> Response:
        """Say that the process lives."""
        del request
        return JSONResponse({"state": "ok"})

    async def ready(self, request: Request) -> Response:
        """Say whether deliveries are kept and worked off."""
        del request
        try:
            reason = await asyncio.to_thread(guarding.not_in_force, self._service)
        except Exception as error:  # noqa: BLE001 - whatever keeps the store from answering
            reason = f"the control store is not available: {type(error).__name__}"
        reasons = [
            reason,
            *(worker.trouble or (None if worker.alive else "a worker has stopped") for worker in self._workers),
        ]
        fromkeys = [fromkey for fromkey in dict.fromkeys(reasons) if fromkey]
        return JSONResponse({"ready": not fromkeys, "reasons": fromkeys}, status_code=503 if fromkeys else 200)

    async def metrics(self, request: Request) -> Response:
        """Show the figures."""
        del request
        page = await asyncio.to_thread(self._metrics.page, self._service, self._service.now())
        return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")

    # -- answers -------------------------------------------------------------------------------------------
    def noted(self, platform: str, answer: Answer) -> Answer:
        """Return *answer* with every way in which it can fail turned into a status, and counted."""

        async def answered(request: Request) -> Response:
            response = await _or_refusal(answer, request, platform)
            self._metrics.deliveries.labels(platform, str(response.status_code)).inc()
            return response

        return answered


async def _or_refusal(answer: Answer, request: Request, platform: str) -> Response:
    try:
        return await answer(request)
    except RefusedError as error:
        status, reason, headers = error.status, str(error), error.headers
    except SignatureError as error:
        status, reason, headers = 401, str(error), {}
    except MalformedError as error:
        status, reason, headers = 400, str(error), {}
    except FullError:
        status, reason, headers = 503, "queue full", {"Retry-After": "2"}
    except Exception as error:  # noqa: BLE001 - the outer edge: what is not on disk must come again
        tell("not_kept", level=logging.ERROR, platform=platform, error=type(error).__name__)
        status, reason, headers = 503, "not saved", {"Retry-After": "2"}
    tell("refused", level=logging.WARNING, platform=platform, status=status, reason=reason)
    return PlainTextResponse(reason, status_code=status, headers=headers)


def make_app(service: Service, intake: Intake | None, metrics: Metrics, workers: Sequence[Works] = ()) -> Starlette:
    """Return the app of one process: with an *intake* it takes deliveries, without one it only tells how it stands."""
    desk = Reception(service, intake, metrics, workers)
    routes = [
        Route("/health", desk.health),
        Route("/ready", desk.ready),
        Route("/metrics", desk.metrics),
    ]
    if intake is not None:
        from_mailchimp = desk.noted("mailchimp", desk.mailchimp)
        routes += [
            Route("/webhooks/hubspot", desk.noted("hubspot", desk.hubspot), methods=["POST"]),
            Route("/webhooks/mailchimp", from_mailchimp, methods=["GET", "POST"]),
            Route("/webhooks/mailchimp/{secret}", from_mailchimp, methods=["GET", "POST"]),
            Route("/actions/hubspot", desk.noted("action", desk.action), methods=["POST"]),
        ]
    return Starlette(routes=routes)
