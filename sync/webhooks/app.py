"""HTTP endpoints of the webhook service: webhooks, health, readiness, metrics.

A delivery is checked over its raw bytes, kept, and answered when it is on disk; what happens then is the worker's
matter. An event that nobody needs is answered like any other: a refusal would bring it back for a day.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors.errors import SignatureError
from connectors.events import ActionSource, Delivery, MalformedError
from connectors.signatures import check_secret_path, public_uri
from sync.control.inbox import Event
from sync.webhooks import guardrails as guarding
from sync.webhooks.events import inbox_event
from sync.webhooks.intake import FullError, Intake
from sync.webhooks.limits import Bucket, RefusedError, body_of
from sync.webhooks.logs import tell
from sync.webhooks.metrics import Metrics
from sync.webhooks.service import Sender, Service
from sync.webhooks.strangers import FOREIGN
from sync.workspace.webhook_addresses import ACTIONS, WEBHOOKS, Expected, expected_at

ACTION_SECONDS = 8.0  # a workflow's call waits so long for its answer (?), then the platform is asked to come again
ANSWERED = ("persona", "segment", "confidence")
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
    async def webhook(self, request: Request) -> Response:
        """Take a delivery, or the look whether somebody is here."""
        sender, expected = self._sender(request)
        if request.method in {"GET", "HEAD"}:
            if expected.rest:
                check_secret_path(expected.rest, secret=sender.path.reveal())
            return PlainTextResponse("personasync")
        body = await self._body(request)
        if expected.rest or (sender.may_be_unsigned and not sender.secret):
            check_secret_path(expected.rest, secret=sender.path.reveal())
        delivery = self._delivery(request, body, sender, expected)
        if sender.secret or not sender.may_be_unsigned:
            await self._verified(sender.source.verify, delivery, sender, f"{WEBHOOKS}/{expected.place}")
        events = sender.source.parse(delivery)
        await self._keep([inbox_event(event, expected.connections, sender.connector) for event in events])
        return PlainTextResponse("kept")

    async def action(self, request: Request) -> Response:
        """Classify a workflow's contact now, and answer with its persona."""
        sender, expected = self._sender(request)
        source = sender.source
        if expected.rest or not isinstance(source, ActionSource):
            raise RefusedError(404, "nothing is expected here")
        delivery = self._delivery(request, await self._body(request), sender, expected)
        await self._verified(source.verify_action, delivery, sender, f"{ACTIONS}/{expected.place}")
        event = inbox_event(source.parse_action(delivery), expected.connections, "action")
        await self._keep([event])
        state, known = await self._answer_to(event)
        if state == FOREIGN:
            raise RefusedError(403, "another account")
        values = None if known is None else {name: _text(known.get(name)) for name in ANSWERED}
        answer = source.action_answer(values)
        return JSONResponse(answer.body, answer.status, dict(answer.headers))

    async def _answer_to(self, event: Event) -> tuple[str, dict[str, Any] | None]:
        """Return what became of an event, and its answer; None where that takes too long."""
        try:
            async with asyncio.timeout(ACTION_SECONDS):
                while True:
                    entry = await asyncio.to_thread(self._service.control.inbox.answer, event.key)
                    if entry is not None and entry[0] != "waiting":
                        return entry[0], dict(entry[1] or {})
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            return "waiting", None

    def _sender(self, request: Request) -> tuple[Sender, Expected]:
        """Return who sends to this address."""
        connector, rest = str(request.path_params["connector"]), str(request.path_params.get("rest", ""))
        sender, service = self._service.senders.get(connector), self._service
        if sender is not None:
            expected = expected_at(service.workspace, service.manifest, connector, rest)
            if expected.connections:
                return sender, expected
        raise RefusedError(404, "nothing is expected here")

    async def _verified(
        self, verify: Callable[[Delivery], bool], delivery: Delivery, sender: Sender, place: str
    ) -> None:
        """Return when a delivery's signature is right.

        Who has signed with a time once must go on: without, a delivery can be sent again.
        """
        service = self._service
        if verify(delivery):
            if place not in service.timed:
                await asyncio.to_thread(service.note_timed, place, sender)
        elif await asyncio.to_thread(service.is_timed, place, sender):
            raise SignatureError("the signature with a time is missing", reason="missing")

    def _delivery(self, request: Request, body: bytes, sender: Sender, expected: Expected) -> Delivery:
        parts = self._service.workspace.connections
        return Delivery(
            method=request.method,
            url=self._uri(request),
            headers=request.scope["headers"],
            body=body,
            now=self._service.now(),
            secret=sender.secret,
            connections={name: parts[name].settings() for name in expected.connections},
            spec=sender.spec,
        )

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
    def noted(self, answer: Answer, called: str = "") -> Answer:
        """Return *answer* with every way in which it can fail turned into a status, and counted.

        Args:
            answer: Of the address.
            called: By this name; "": by that of the connector, where there is one.
        """

        async def answered(request: Request) -> Response:
            connector = str(request.path_params["connector"])
            platform = called or (connector if connector in self._service.senders else "unknown")
            response = await _or_refusal(answer, request, platform)
            self._metrics.deliveries.labels(platform, str(response.status_code)).inc()
            return response

        return answered


def _text(value: Any) -> str:
    return "" if value is None else str(value)


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
        webhook, methods = desk.noted(desk.webhook), ["GET", "POST"]
        action = desk.noted(desk.action, "action")
        routes += [
            Route(f"{WEBHOOKS}/{{connector}}", webhook, methods=methods),
            Route(f"{WEBHOOKS}/{{connector}}/{{rest:path}}", webhook, methods=methods),
            Route(f"{ACTIONS}/{{connector}}", action, methods=["POST"]),
            Route(f"{ACTIONS}/{{connector}}/{{rest:path}}", action, methods=["POST"]),
        ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False  # a redirect would repeat the Host header, which anybody may write
    return app
