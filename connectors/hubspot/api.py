"""HubSpot API calls: through the official SDK where it has the method and version, else directly.

The SDK's own HTTP layer (no time-out, no retry of POST, a pool per read of an attribute) is replaced by our
transport, which decodes answers; the SDK's models cost twenty times as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from importlib.metadata import version as installed
from typing import Any
from urllib.parse import quote, urlencode

import requests
from hubspot import HubSpot

from connectors.errors import FixSettingsError, MissingScopeError
from connectors.hubspot.operations import NUMBERED, Operation
from connectors.hubspot.refusals import scopes_to_add
from connectors.transport import Call, Transport, spelt

SNAKE = {"includeStats": "include_stats", "isPublished": "is_published", "updatedAfter": "updated_after"}
_under_way: ContextVar[Operation] = ContextVar("operation")


class HubSpotApi:
    """One account, as plain values."""

    def __init__(self, transport: Transport, *, version: str) -> None:
        _refuse_broken_urllib3()
        self.transport, self.version = transport, version
        self._sdk = HubSpot(access_token=HIDDEN_TOKEN, host=transport.base_url, api_factory=self._build)
        self._methods: dict[str, Any] = {}

    def call(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> Any:
        """Return the decoded answer of *operation*.

        Args:
            operation: One of `connectors.hubspot.operations`.
            path: Values of the names in the path.
            query: As HubSpot spells it; lists are repeated.
            body: Plain data.

        Raises:
            PersonasyncError: See `connectors.transport`.
        """
        try:
            if operation.sdk is None or self.version != NUMBERED:
                return self._direct(operation, path or {}, query or {}, body)
            return self._by_sdk(operation, path or {}, query or {}, body)
        except MissingScopeError as error:
            raise scopes_to_add(error, operation.scopes) from error

    def _by_sdk(self, operation: Operation, path: Mapping[str, str], query: Mapping[str, Any], body: Any) -> Any:
        arguments: dict[str, Any] = {**path, **{SNAKE.get(key, key): value for key, value in query.items()}}
        if operation.numbered.startswith("/crm/v3/properties"):
            arguments["object_type"] = "contacts"
        elif operation.numbered.startswith("/crm/v4/associations"):
            arguments |= {"from_object_type": "deals", "to_object_type": "contacts"}
        if operation.body:
            arguments[operation.body] = body
        token = _under_way.set(operation)
        try:
            self._method(operation)(**arguments, _preload_content=False)
        finally:
            _under_way.reset(token)
        return self.transport.answered

    def _method(self, operation: Operation) -> Any:
        # reading an attribute of the SDK builds a new API object each time: keep the bound method
        name = f"{operation.method} {operation.numbered}"
        if name not in self._methods and operation.sdk is not None:
            self._methods[name] = operation.sdk(self._sdk)
        return self._methods[name]

    def _direct(self, operation: Operation, path: Mapping[str, str], query: Mapping[str, Any], body: Any) -> Any:
        quoted = {name: quote(value, safe="") for name, value in path.items()}
        url = self.transport.base_url + operation.path(self.version).format(**quoted)
        params = urlencode(spelt(list(query.items())), doseq=True)
        return self.transport.json(_request(operation, operation.method, url, params=params, json=body))

    def _build(self, package: Any, api_name: str, config: Mapping[str, Any]) -> Any:
        configuration = package.Configuration()
        configuration.access_token, configuration.host = config["access_token"], config["host"]
        client = package.ApiClient(configuration=configuration)
        client.rest_client.pool_manager = _SdkPool(self.transport)
        return getattr(package, api_name)(api_client=client)


HIDDEN_TOKEN = "set by the transport"  # noqa: S105 - the real one is sent by the transport, and renewed there
FIRST_BROKEN_URLLIB3 = "2.6.0"


class _SdkPool:
    """What the SDK thinks is urllib3's pool manager."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def request(self, method: str, url: str, body: Any = None, fields: Any = None, **ignored: Any) -> _SdkReply:
        """Send one of the SDK's requests; time-outs, headers and retries are the transport's."""
        del ignored
        headers = {"Content-Type": "application/json"} if body is not None else {}
        call = _request(_under_way.get(), method, url, params=spelt(fields), data=body, headers=headers)
        return _SdkReply(self._transport.send(call))


class _SdkReply:
    """What the SDK thinks is urllib3's response."""

    def __init__(self, response: requests.Response) -> None:
        self.status, self.reason = response.status_code, response.reason
        self.data, self.headers = response.content, response.headers


def _request(operation: Operation, method: str, url: str, **more: Any) -> Call:
    return Call(
        method=method,
        url=url,
        endpoint=operation.endpoint,
        write=operation.write,
        repeatable=operation.repeatable,
        lane="search" if operation.search else "",
        **more,
    )


def _refuse_broken_urllib3() -> None:
    if installed("urllib3") == FIRST_BROKEN_URLLIB3:
        raise FixSettingsError(
            "urllib3 2.6.0 is installed; HubSpot's SDK does not work with it.", fix="Upgrade urllib3."
        )
