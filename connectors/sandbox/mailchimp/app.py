"""The ASGI side of the local Mailchimp: authentication, connection limit, errors, headers, field selection."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from connectors.sandbox.mailchimp import batch_runs, endpoints, problems, sending, webhooks
from connectors.sandbox.mailchimp.call import MailchimpCall, select
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.mailchimp.values import Document, Json
from connectors.sandbox.world import MAILCHIMP_KEY

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from connectors.sandbox.world import World

NAME = "mailchimp"
CONNECTIONS = 10  # simultaneous, per user; cannot be raised
SLOW_COUNT = 500  # reports with a larger count time out at the gateway
GATEWAY_TIMEOUT = b"<html><head><title>504 Gateway Time-out</title></head><body>504 Gateway Time-out</body></html>"
PROBLEM_LINK = "Definitions/ProblemDetailDocument"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def app(world: World) -> Starlette:
    """Return the local Mailchimp of *world*: the API under /3.0, results of batches under /_files."""
    gate = ApiGate(world)
    results = Route("/_files/{batch_id}/{token}", batch_runs.batch_download(gate.state), methods=["GET"])
    return Starlette(routes=[results, Mount("/3.0", gate), Mount("/", gate)])


class ApiGate:
    """Everything under /3.0."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = MailchimpState.of(world)
        self.state.effects |= sending.EFFECTS
        self.open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; it holds a connection until the last byte of the answer is out."""
        self.open += 1
        try:
            response = await self.answer(scope, receive)
            await response(scope, receive, send)
        finally:
            self.open -= 1

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """Return the answer; a refusal becomes a problem document."""
        request = Request(scope, receive)
        instance = str(uuid.UUID(int=self.world.random.getrandbits(128), version=4))
        try:
            busy = self.open + self.world.held_up.get(NAME, 0)
            if busy > CONNECTIONS and self.world.settings.enforce_limits:
                raise problems.TRIGGERED["TooManyRequests"]
            authenticate(request)
            body = parse(await request.body())
            if request.method == "POST" and request.url.path.endswith("/webhooks"):
                await asyncio.to_thread(webhooks.visit, self.world, body)
            return self.perform(request, body, instance)
        except problems.ProblemError as problem:
            return as_response(request, problem.status, problem.body(instance), instance, PROBLEM_LINK, problem.headers)

    def perform(self, request: Request, body: Json, instance: str) -> Response:
        """Find the endpoint, call it, and dress its answer."""
        root = request.scope.get("root_path", "")
        if not root.endswith("/3.0"):
            raise problems.not_found()
        path = request.scope["path"].removeprefix(root)
        route, names = endpoints.ROUTES.find(request.method, path)
        request.scope["personasync_endpoint"] = route.template
        base = f"{request.url.scheme}://{request.url.netloc}"
        call = MailchimpCall(self.world, self.state, request.method, dict(request.query_params), body, base, names)
        if self.gives_up(route.template, call):
            return Response(GATEWAY_TIMEOUT, 504, media_type="text/html")
        self.state.settle()
        batch_runs.advance(self.state, endpoints.ROUTES)
        with self.state.told.by("api"):
            document = route.handler(call)
        if document is not None:
            document = select(document, call.query)
        return as_response(request, 204 if document is None else 200, document, instance, route.schema, {})

    def gives_up(self, template: str, call: MailchimpCall) -> bool:
        """Tell whether a report is asked for in pages that the real one cannot serve in time."""
        limited = self.world.settings.enforce_limits
        return limited and template.startswith("/reports/") and call.number("count", 0) > SLOW_COUNT


def authenticate(request: Request) -> None:
    """Refuse a request without the key, or one that asks to be refused."""
    wanted = request.headers.get("x-trigger-error")
    if wanted:
        raise problems.TRIGGERED.get(wanted, problems.TRIGGERED["InternalServerError"])
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if not secret:
        raise problems.TRIGGERED["APIKeyMissing"]
    if scheme.lower() == "basic":
        secret = password(secret)
    if secret.strip() != MAILCHIMP_KEY:
        raise problems.TRIGGERED["APIKeyInvalid"]


def password(credentials: str) -> str:
    """Return the password of a Basic header, empty when it cannot be read."""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def parse(content: bytes) -> Json:
    """Return the JSON body; nothing and `null` (which the SDK sends for nothing) are an empty object."""
    if not content.strip():
        return {}
    try:
        body = json.loads(content)
    except ValueError:
        raise problems.TRIGGERED["JSONParseError"] from None
    return {} if body is None else body


def as_response(
    request: Request, status: int, document: Document | None, instance: str, schema: str, extra: dict[str, str]
) -> Response:
    """Return the answer with Mailchimp's headers; None is an empty body."""
    failed = status >= 400  # noqa: PLR2004 - the first error status
    kind = "application/problem+json" if failed else "application/json"
    headers = {"Content-Type": f"{kind}; charset=utf-8", "X-Request-Id": instance, **extra}
    if document is None:
        return Response(status_code=status, headers=headers)
    if not failed:
        headers["Vary"] = "Accept-Encoding"
    host = f"{request.url.scheme}://{request.url.netloc}"
    headers["Link"] = f'<{host}/schema/3.0/{schema or "Root"}.json>; rel="describedBy"'
    content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status, headers)
