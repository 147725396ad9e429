"""The HTTP side: token, limits, scopes, then the handler; every answer in HubSpot's shape and with its headers."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.sandbox.hubspot import exports
from connectors.sandbox.hubspot.access import check_kind, check_scopes, check_token
from connectors.sandbox.hubspot.calls import KINDS, Answer, HubSpotCall
from connectors.sandbox.hubspot.effects import settle
from connectors.sandbox.hubspot.errors import Refusal, correlation_id, no_such_resource
from connectors.sandbox.hubspot.limits import LONGEST_URL, AccountLimits
from connectors.sandbox.hubspot.paths import ENDPOINTS, ApiPath
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.world import World

CONTENT_TYPE = "application/json;charset=utf-8"


def app(world: World) -> Starlette:
    """Return the local HubSpot of *world* as an ASGI application."""
    state = HubSpotState.of(world)
    limits = AccountLimits(state)
    routes = [
        Route(path, _endpoint(endpoint, state, limits), methods=[endpoint.method], name=f"{endpoint.method} {path}")
        for endpoint in ENDPOINTS
        for path in endpoint.paths
    ]
    routes.append(Route("/_files/{taskId}/{token}", exports.export_download(state), methods=["GET"]))
    application = Starlette(routes=routes, exception_handlers={HTTPException: _not_imitated})
    application.router.redirect_slashes = False
    application.add_middleware(_SamePathWithSlash)
    return application


class _SamePathWithSlash:
    """The SDK calls some paths with a slash at the end, the documentation without: both are one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = scope["path"].rstrip("/") or "/"
        await self.app(scope, receive, send)


def _endpoint(
    endpoint: ApiPath, state: HubSpotState, limits: AccountLimits
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        request.scope["personasync_endpoint"] = _name(endpoint, request.path_params)
        body = await request.body()
        try:
            made = _answer(endpoint, state, limits, request, body)
        except Refusal as refusal:
            made = Answer(refusal.status, refusal.body)
        headers = {} if endpoint.search else limits.headers(now=time.monotonic())
        return _response(made, headers)

    return answer


def _name(endpoint: ApiPath, path: Mapping[str, str]) -> str:
    kind = path.get("objectType", "")
    return endpoint.paths[0].replace("{objectType}", KINDS.get(kind.lower(), kind))


def _answer(endpoint: ApiPath, state: HubSpotState, limits: AccountLimits, request: Request, body: bytes) -> Answer:
    if len(request.scope["raw_path"]) + len(request.scope["query_string"]) > LONGEST_URL:
        message = "URI Too Long"
        raise Refusal(414, message)
    check_token(request.headers.get("authorization"))
    limits.admit(search=endpoint.search, now=time.monotonic())
    for name in ("objectType", "toObjectType"):
        check_kind(request.path_params.get(name, "contacts").lower())
    check_scopes(endpoint.needs(request.path_params), state.world.settings.scopes)
    settle(state)
    with state.webhooks.by_api():
        return endpoint.handler(_call(state, request, body))


def _call(state: HubSpotState, request: Request, body: bytes) -> HubSpotCall:
    query: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        query.setdefault(name, []).append(value)
    return HubSpotCall(
        state=state,
        path=request.path_params,
        query=query,
        body=body,
        base_url=f"{request.url.scheme}://{request.url.netloc}",
        route=request.url.path,
    )


def _response(answer: Answer, headers: Mapping[str, str]) -> Response:
    correlation = correlation_id()
    sent = {
        **headers,
        "X-HubSpot-Correlation-Id": correlation,
        "X-Trace": f"2B{secrets.token_hex(19).upper()}000000000000000000",
    }
    if answer.body is None:
        return _spelt(Response(status_code=answer.status), sent)
    body: dict[str, Any] = answer.body
    if answer.status >= 400:  # noqa: PLR2004
        body = {**body, "correlationId": correlation}
        if body.get("errorType") == "RATE_LIMIT":
            body["requestId"] = secrets.token_hex(16)
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return _spelt(Response(text.encode(), status_code=answer.status), {**sent, "Content-Type": CONTENT_TYPE})


def _spelt(response: Response, headers: Mapping[str, str]) -> Response:
    # Starlette would write the names in lower case; a client that cares for their case shall meet HubSpot's
    response.raw_headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return response


async def _not_imitated(_request: Request, _error: Exception) -> Response:
    refusal = no_such_resource()
    return _response(Answer(404, refusal.body), {})
