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

from connectors.errors import ContractError, FixSettingsError, PersonasyncError
from connectors.transport import Call, Transport, entries, pages, spelt

SDK_VERSION = "3.0.80"  # a rewrite under the same name may be published any day


class MailchimpEndpoint:
    """One thing that may be asked: how it is counted, whether it writes, whether it may be sent twice."""

    def __init__(self, method: str, template: str, name: str, *, write: bool = False, repeatable: bool = True) -> None:
        self.method, self.name, self.write, self.repeatable = method, name, write, repeatable
        self.template = template  # as Mailchimp's own description spells it
        self.pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", template) + "$")


ENDPOINTS = (
    MailchimpEndpoint("GET", "/ping", "ping"),
    MailchimpEndpoint("GET", "/lists/{list_id}", "lists/{list}"),
    MailchimpEndpoint("GET", "/lists/{list_id}/members", "members"),
    MailchimpEndpoint("GET", "/lists/{list_id}/members/{subscriber_hash}", "members/{member}"),
    MailchimpEndpoint("PATCH", "/lists/{list_id}/members/{subscriber_hash}", "members/{member}", write=True),
    MailchimpEndpoint("GET", "/lists/{list_id}/members/{subscriber_hash}/tags", "members/tags"),
    MailchimpEndpoint("GET", "/lists/{list_id}/merge-fields", "merge-fields"),
    MailchimpEndpoint("POST", "/lists/{list_id}/merge-fields", "merge-fields", write=True, repeatable=False),
    MailchimpEndpoint("GET", "/lists/{list_id}/interest-categories", "interest-categories"),
    MailchimpEndpoint(
        "GET", "/lists/{list_id}/interest-categories/{interest_category_id}/interests", "interest-categories/interests"
    ),
    MailchimpEndpoint("GET", "/lists/{list_id}/webhooks", "webhooks"),
    MailchimpEndpoint("POST", "/lists/{list_id}/webhooks", "webhooks", write=True, repeatable=False),
    MailchimpEndpoint("GET", "/lists/{list_id}/tag-search", "tag-search"),
    MailchimpEndpoint("GET", "/lists/{list_id}/segments", "segments"),
    MailchimpEndpoint("POST", "/lists/{list_id}/segments", "segments", write=True, repeatable=False),
    MailchimpEndpoint("POST", "/lists/{list_id}/segments/{segment_id}", "segments/{segment}", write=True),
    MailchimpEndpoint("GET", "/lists/{list_id}/segments/{segment_id}/members", "segments/members"),
    MailchimpEndpoint("GET", "/ecommerce/orders", "orders"),
    MailchimpEndpoint("GET", "/ecommerce/stores", "stores"),
    MailchimpEndpoint("GET", "/ecommerce/stores/{store_id}/orders", "stores/orders"),
    MailchimpEndpoint("GET", "/ecommerce/stores/{store_id}/products", "stores/products"),
    MailchimpEndpoint("GET", "/campaigns", "campaigns"),
    MailchimpEndpoint("GET", "/reports", "reports"),
    MailchimpEndpoint("GET", "/reports/{campaign_id}/sub-reports", "reports/sub-reports"),
    MailchimpEndpoint("GET", "/reports/{campaign_id}/sent-to", "reports/sent-to"),
    MailchimpEndpoint("GET", "/reports/{campaign_id}/email-activity", "reports/email-activity"),
    MailchimpEndpoint("GET", "/reports/{campaign_id}/unsubscribed", "reports/unsubscribed"),
    MailchimpEndpoint("GET", "/reports/{campaign_id}/abuse-reports", "reports/abuse-reports"),
    MailchimpEndpoint("GET", "/batches", "batches"),
    MailchimpEndpoint("POST", "/batches", "batches", write=True, repeatable=False),
    MailchimpEndpoint("GET", "/batches/{batch_id}", "batches/{batch}"),
)


class MailchimpApi:
    """One account, as plain values. `sdk` is the official client; call its methods through `call`."""

    def __init__(self, transport: Transport) -> None:
        _refuse_other_sdk()
        self.transport = transport
        self.sdk = mailchimp_marketing.Client({"server": ""})  # with a server, the SDK rewrites addresses (S2)
        self.sdk.api_client.host = transport.base_url
        self.sdk.api_client.request = MethodType(_request_of(transport), self.sdk.api_client)

    def call(self, method: Callable[..., Any], *arguments: Any, **query: Any) -> Any:
        """Call a method of the SDK and return plain data.

        Raises:
            PersonasyncError: See `connectors.transport`.
        """
        try:
            method(*arguments, **query)
        except ApiClientError as error:
            if isinstance(error.text, PersonasyncError):
                raise error.text from None
            raise ContractError(f"Mailchimp's SDK failed: {error.text}") from error
        return self.transport.answered  # the SDK hands out the response itself where there is no body (S1)

    def pages(
        self, method: Callable[..., Any], *arguments: Any, key: str, size: int, **query: Any
    ) -> Iterator[list[Any]]:
        """Yield the entries under *key*, page by page, until a short page: some answers carry no total."""
        answers = pages(
            lambda offset: entries(self.call(method, *arguments, count=size, offset=offset or 0, **query), key),
            lambda listed, offset: (offset or 0) + size if len(listed) >= size else None,
            entries=lambda listed: listed,
            what=f"Mailchimp's {key.replace('_', ' ')}",
        )
        yield from answers


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
            params=spelt(query_params),
            data=data,
            headers=kind,
            write=endpoint.write,
            repeatable=endpoint.repeatable,
        )
        return transport.send(call)

    return request


def endpoint_of(method: str, path: str) -> MailchimpEndpoint:
    """Return the endpoint of a request.

    Raises:
        FixSettingsError: It is none that this connector may use.
    """
    for endpoint in ENDPOINTS:
        if endpoint.method == method and endpoint.pattern.match(path):
            return endpoint
    raise FixSettingsError(f"{method} {path} is not an allowed Mailchimp request.")


def _refuse_other_sdk() -> None:
    version = installed("mailchimp-marketing")
    if version != SDK_VERSION:
        raise FixSettingsError(
            f"mailchimp-marketing {version} is installed.",
            fix=f"Install version {SDK_VERSION}, the only one known to work.",
        )
