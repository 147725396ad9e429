"""The HTTP client of all connectors.

Takes care of the traps of both platforms' SDKs (no pool, no time-out, no retry, errors returned as data) and of
the network itself: an answer that is cut, a page instead of data, a time-out, a refused connection.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatch
from typing import Any
from urllib.parse import urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception
from tenacity.nap import sleep as nap

from connectors.connector import Traffic
from connectors.errors import (
    ContractError,
    FixSettingsError,
    PersonasyncError,
    PlatformDownError,
    RateLimitError,
    TryLaterError,
)
from connectors.probing import SeenAnswer, Watch
from connectors.secret import Secret, url_without_secrets
from connectors.transport.answers import LATER, OK, REDIRECT, TOO_MANY, common_error, json_body
from connectors.transport.bounded import MOST_BYTES, MOST_FILE_BYTES, BoundedAdapter, read_body
from connectors.transport.rate_limits import Budget
from connectors.transport.shapes import note_answer

ATTEMPTS = 6
CONNECT_SECONDS, READ_SECONDS = 5.0, 125.0  # to the first byte: both platforms give up at 100 to 120 s themselves
PATIENCE = 60.0  # seconds without an answer after which a request is not tried a third time
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0  # HubSpot's own Node client waits 200 ms times the attempt on 5xx
LONGEST_ASKED = 120.0  # a platform that asks us to wait longer than this ends the run instead
LOOPBACK = {"127.0.0.1", "localhost", "::1"}

Translate = Callable[[requests.Response], PersonasyncError | None]
"""Reads a refusal in the platform's words. None: it is no error."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        endpoint: How it is counted and named, without ids: ``contacts/search``.
        write: Whether it could change something.
        repeatable: Whether it may be sent again when nobody knows if it took effect.
        lane: Which budget it waits for.
        public: True where no credentials are sent (files of results).
    """

    method: str
    url: str
    endpoint: str
    params: Any = None
    json: Any = None
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    write: bool = False
    repeatable: bool = True
    lane: str = ""
    public: bool = False


class Transport:
    """The requests of one connection.

    Args:
        base_url: Where the API is, as the workspace or plugin.toml says.
        hosts: Patterns of hosts that may be asked; *base_url* must match one, or be this machine.
        download_hosts: Patterns of hosts that files are fetched from, without credentials.
        auth: The header that proves who we are, or what makes it for each request: some end within minutes.
        auth_header: Name of that header.
        budgets: By lane; "" is the usual one.
        translate: Reads the platform's refusals.
        session: For tests; None makes a pooled one.

    Attributes:
        wait: Waits some seconds before a request is sent again.
        watch: Shown each request with its answer, refusals among them; None: nobody looks.
    """

    def __init__(
        self,
        *,
        base_url: str,
        hosts: Sequence[str],
        auth: Secret | Callable[[], Secret],
        budgets: Mapping[str, Budget],
        translate: Translate,
        traffic: Traffic,
        connections: int,
        download_hosts: Sequence[str] = (),
        auth_header: str = "Authorization",
        session: requests.Session | None = None,
        wait: Callable[[float], None] = nap,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.traffic = traffic
        self.platform_time: datetime | None = None
        self.watch: Callable[[Call, requests.Response], None] | None = None
        self._hosts, self._download_hosts = tuple(hosts), tuple(download_hosts)
        self._auth, self._auth_header = auth, auth_header
        self._budgets, self._translate, self.wait = budgets, translate, wait
        self._session = session or pooled(connections)
        self._local = threading.local()
        self._check_host(self.base_url, self._hosts)

    def send(self, call: Call) -> requests.Response:
        """Return the answer of the 2xx kind, its body read to the end.

        Returns:
            Status 200 to 299.

        Raises:
            PersonasyncError: One of `connectors.errors`, after the retries that make sense.
        """
        self._local.repeated, self._local.lost = False, 0.0

        def again(error: BaseException) -> bool:
            self._local.repeated = self._local.repeated or isinstance(error, PlatformDownError)
            return _again(error, call)

        retrying = Retrying(
            stop=self._enough,
            wait=_pause,
            retry=retry_if_exception(again),
            sleep=self.wait,
            reraise=True,
        )
        return retrying(self._once, call)

    def present(self) -> datetime:
        """Return the platform's own time (UTC, whole seconds), as its last answer's Date header told it.

        Raises:
            ContractError: There was no answer yet, or it had no such header.
        """
        if self.platform_time is None:
            raise ContractError(f"{urlsplit(self.base_url).netloc} sent no Date header.")
        return self.platform_time

    @property
    def is_local(self) -> bool:
        """Whether the platform is on this machine."""
        return urlsplit(self.base_url).hostname in LOOPBACK

    @property
    def repeated(self) -> bool:
        """Whether this thread's last request was sent again after one that may have taken effect."""
        return bool(getattr(self._local, "repeated", False))

    @property
    def answered(self) -> Any:
        """What this thread's last answer decodes to; it is decoded once, to see whether it is an answer at all."""
        return getattr(self._local, "answered", {})

    def json(self, call: Call) -> Any:
        """Return the decoded answer, {} for an empty one. A page instead of data is asked for again.

        Returns:
            Decoded JSON: an object, a list or a plain value.
        """
        self.send(call)
        return self.answered

    def close(self) -> None:
        """Give back the sockets."""
        self._session.close()

    def _once(self, call: Call) -> requests.Response:
        self._check_host(call.url, self._download_hosts if call.public else self._hosts)
        budget, asked = self._budgets[call.lane], 0.0
        try:
            with budget.turn():
                asked = time.monotonic()
                self.traffic.count(f"{call.method} {call.endpoint}", write=call.write)
                response = self._session.request(
                    call.method,
                    call.url,
                    params=call.params,
                    json=call.json,
                    data=call.data,
                    headers=self._headers(call),
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    allow_redirects=False,
                    stream=True,
                )
                most = MOST_FILE_BYTES if call.public else MOST_BYTES
                read_body(response, most=most, asked=f"{call.method} {call.endpoint}")
        except requests.RequestException as error:
            self._local.lost += time.monotonic() - asked
            raise self._lost(call, error) from None
        if self.watch is not None:
            self.watch(call, response)
        budget.follow(response.headers)
        self.traffic.budget = budget.in_use()
        if response.status_code == TOO_MANY:
            budget.refused()
        self._note_time(response)
        self._refuse(response)
        note_answer(f"{call.method} {call.endpoint} of {urlsplit(call.url).netloc}")
        if not call.public:
            self._local.answered = json_body(response)  # HTML or a torn body with status 200 is no answer
        return response

    def _enough(self, state: RetryCallState) -> bool:
        """Tell whether a request was tried often enough; one without an answer is not tried for half an hour."""
        return state.attempt_number >= (2 if self._local.lost >= PATIENCE else ATTEMPTS)

    def _refuse(self, response: requests.Response) -> None:
        if OK <= response.status_code < REDIRECT:
            return
        error = self._translate(response) or common_error(response)
        if error is not None:
            raise error

    def _headers(self, call: Call) -> dict[str, str]:
        if call.public:
            return dict(call.headers)
        auth = self._auth() if callable(self._auth) else self._auth
        return {**call.headers, **({self._auth_header: auth.reveal()} if auth else {})}

    def _lost(self, call: Call, error: requests.RequestException) -> PlatformDownError:
        asked = f"{call.method} {urlsplit(call.url).path}"
        if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
            what = "timed out"
        elif isinstance(error, requests.exceptions.SSLError):
            what = "has no trusted certificate"
        elif "refused" in str(error) or "resolve" in str(error).lower():
            what = "could not be reached"
        else:
            what = "closed the connection before the response was complete"
        host = urlsplit(call.url).netloc
        return PlatformDownError(f"{asked}: {host} {what}.", answered=False, fix=LATER)

    def _note_time(self, response: requests.Response) -> None:
        try:
            moment = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return
        self.platform_time = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        self.traffic.date_header = (self.platform_time, time.monotonic())

    def _check_host(self, url: str, allowed: Sequence[str]) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.username is not None:
            raise FixSettingsError(f"The URL of {host} contains a user name or password.", fix="Remove it.")
        if host in LOOPBACK and parts.scheme in {"http", "https"}:
            return
        if parts.scheme != "https":
            raise FixSettingsError(
                f"{url_without_secrets(url)!r} is not an https URL.",
                fix="Use https; http is allowed for this machine only.",
            )
        if not any(fnmatch(host, pattern) for pattern in allowed):
            listed = ", ".join(allowed) or "none"
            raise FixSettingsError(f"{host!r} is not an allowed host.", fix=f"plugin.toml allows: {listed}.")


@contextmanager
def watched(transport: Transport, *watchers: Watch) -> Iterator[None]:
    """Show *watchers* every answer, refusals among them, until the block ends."""

    def watch(call: Call, response: requests.Response) -> None:
        seen = SeenAnswer(
            call.method,
            call.endpoint,
            response.status_code,
            dict(response.headers),
            response.content,
            call.public,
            url=response.url or call.url,
            sent=json.loads(call.data) if isinstance(call.data, (str, bytes)) else call.json or call.data,
            lane=call.lane,
        )
        for watcher in watchers:
            watcher(seen)

    transport.watch = watch
    try:
        yield
    finally:
        transport.watch = None


def spelt(parameters: Any) -> Any:
    """Return the parameters of a query with booleans as both platforms document them: Python's ``True`` is no JSON."""
    if isinstance(parameters, Mapping):
        return {name: spelt(value) for name, value in parameters.items()}
    if isinstance(parameters, (list, tuple)):
        return type(parameters)(spelt(value) for value in parameters)
    return str(parameters).lower() if isinstance(parameters, bool) else parameters


def pooled(connections: int) -> requests.Session:
    """Return a session that keeps its connections, and takes nothing from the environment (no ~/.netrc, no proxies).

    Args:
        connections: How many it keeps; a request beyond them waits.

    Returns:
        It tries nothing again: that is the transport's part.
    """
    session = requests.Session()
    session.trust_env = False
    adapter = BoundedAdapter(pool_connections=4, pool_maxsize=connections, pool_block=True, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _again(error: BaseException, call: Call) -> bool:
    if isinstance(error, RateLimitError):
        return not error.daily and (error.wait or 0) <= LONGEST_ASKED
    if isinstance(error, PlatformDownError):
        return call.repeatable
    return isinstance(error, TryLaterError)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    attempt = state.attempt_number
    if isinstance(error, RateLimitError) and error.wait is not None:
        return error.wait
    return float(
        min(FIRST_WAIT * 2 ** (attempt - 1) if not isinstance(error, RateLimitError) else attempt, LONGEST_WAIT)
    )
