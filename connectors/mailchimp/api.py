"""Mailchimp API calls: the official SDK over our transport.

Its own HTTP layer has no pool and no retry, rewrites the word "server" anywhere in an address, and returns an error
without a body as if it were data (PLATFORMS: S1 to S5); ours replaces it. What is not in `ENDPOINTS` can't be
asked for: nothing here subscribes, archives, deletes or sends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib.metadata import version as installed
from types import MethodType
from typing import Any

import mailchimp_marketing
import requests
from mailchimp_marketing.api_client import ApiClientError

from connectors.errors import ContractError, FixSettingsError, PersonasyncError, PlatformDownError
from connectors.transport import Call, Transport

TRIES = 3  # for a page that is another one, out of some cache
SDK_VERSION = "3.0.80"  # a rewrite under the same name may be published any day


class Endpoint:
    """One thing that may be asked: how it is counted, whether it writes, whether it may be sent twice."""

    def __init__(self, method: str, pattern: str, name: str, *, write: bool = False, repeatable: bool = True) -> None:
        self.method, self.name, self.write, self.repeatable = method, name, write, repeatable
        self.pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", pattern) + "$")


ENDPOINTS = (
    Endpoint("GET", "/ping", "ping"),
    Endpoint("GET", "/lists/{list}", "lists/{list}"),
    Endpoint("GET", "/lists/{list}/members", "members"),
    Endpoint("GET", "/lists/{list}/members/{member}", "members/{member}"),
    Endpoint("PATCH", "/lists/{list}/members/{member}", "members/{member}", write=True),
    Endpoint("GET", "/lists/{list}/members/{member}/tags", "members/tags"),
    Endpoint("GET", "/lists/{list}/merge-fields", "merge-fields"),
    Endpoint("POST", "/lists/{list}/merge-fields", "merge-fields", write=True, repeatable=False),
    Endpoint("GET", "/lists/{list}/webhooks", "webhooks"),
    Endpoint("POST", "/lists/{list}/webhooks", "webhooks", write=True, repeatable=False),
    Endpoint("GET", "/lists/{list}/tag-search", "tag-search"),
    Endpoint("GET", "/lists/{list}/segments", "segments"),
    Endpoint("POST", "/lists/{list}/segments", "segments", write=True, repeatable=False),
    Endpoint("POST", "/lists/{list}/segments/{segment}", "segments/{segment}", write=True),
    Endpoint("GET", "/lists/{list}/segments/{segment}/members", "segments/members"),
    Endpoint("GET", "/ecommerce/orders", "orders"),
    Endpoint("GET", "/ecommerce/stores", "stores"),
    Endpoint("GET", "/ecommerce/stores/{store}/orders", "stores/orders"),
    Endpoint("GET", "/ecommerce/stores/{store}/products", "stores/products"),
    Endpoint("GET", "/campaigns", "campaigns"),
    Endpoint("GET", "/reports", "reports"),
    Endpoint("GET", "/reports/{campaign}/sub-reports", "reports/sub-reports"),
    Endpoint("GET", "/reports/{campaign}/sent-to", "reports/sent-to"),
    Endpoint("GET", "/reports/{campaign}/email-activity", "reports/email-activity"),
    Endpoint("GET", "/reports/{campaign}/unsubscribed", "reports/unsubscribed"),
    Endpoint("GET", "/reports/{campaign}/abuse-reports", "reports/abuse-reports"),
    Endpoint("GET", "/batches", "batches"),
    Endpoint("POST", "/batches", "batches", write=True, repeatable=False),
    Endpoint("GET", "/batches/{batch}", "batches/{batch}"),
)


class MailchimpApi:
    """One account, as plain values. `sdk` is the official client; call its methods through `call`."""

    def __init__(self, transport: Transport) -> None:
        _refuse_other_sdk()
        self.transport = transport
        self.sdk = mailchimp_marketing.Client({"server": ""})  # with a server, the SDK rewrites addresses (S2)
        self.sdk.api_client.host = transport.base_url
        self.sdk.api_client.request = MethodType(_request_of(transport), self.sdk.api_client)

    @staticmethod
    def call(method: Callable[..., Any], *arguments: Any, **query: Any) -> Any:
        """Call a method of the SDK and return plain data.

        Raises:
            PersonasyncError: See `connectors.transport`.
        """
        try:
            answer = method(*arguments, **query)
        except ApiClientError as error:
            if isinstance(error.text, PersonasyncError):
                raise error.text from None
            raise ContractError(f"Mailchimp's SDK failed: {error.text}") from error
        # the SDK hands out the response itself where there is no body (S1)
        return {} if isinstance(answer, requests.Response) else answer

    def pages(
        self, method: Callable[..., Any], *arguments: Any, key: str, size: int, **query: Any
    ) -> Iterator[list[Any]]:
        """Yield the entries under *key*, page by page, until a short page: some answers carry no total.

        Raises:
            PlatformDownError: A page came again and again in the place of the next one.
        """
        offset, before = 0, None
        while True:
            for _ in range(TRIES):
                entries = self.call(method, *arguments, count=size, offset=offset, **query).get(key, [])
                if not entries or entries != before:
                    break
            else:
                what = f"Mailchimp returned the same {key} at offsets {offset - size} and {offset}."
                raise PlatformDownError(what, answered=True, mend="Run the command again later.")
            yield entries
            if len(entries) < size:
                return
            offset, before = offset + size, entries


def _request_of(transport: Transport) -> Callable[..., requests.Response]:
    def request(
        _client: Any, method: str, url: str, query_params: Any = None, headers: Any = None, body: Any = None
    ) -> Any:
        del headers  # ours are the transport's
        endpoint = endpoint_of(method, url.removeprefix(transport.base_url))
        data = None if method == "GET" else json.dumps(body)
        kind = {} if data is None else {"Content-Type": "application/json"}
        call = Call(
            method,
            url,
            endpoint.name,
            params=query_params,
            data=data,
            headers=kind,
            write=endpoint.write,
            repeatable=endpoint.repeatable,
        )
        return transport.send(call)

    return request


def endpoint_of(method: str, path: str) -> Endpoint:
    """Return the endpoint of a request.

    Raises:
        FixSettingsError: It is none that this connector may use.
    """
    for endpoint in ENDPOINTS:
        if endpoint.method == method and endpoint.pattern.match(path):
            return endpoint
    raise FixSettingsError(f"{method} {path} is not an allowed Mailchimp request.")


def _refuse_other_sdk() -> None:
    found = installed("mailchimp-marketing")
    if found != SDK_VERSION:
        raise FixSettingsError(
            f"mailchimp-marketing {found} is installed.",
            mend=f"Install version {SDK_VERSION}, the only one known to work.",
        )
