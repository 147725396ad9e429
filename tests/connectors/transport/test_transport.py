"""The one way out: whom it talks to, what it says there, and what it makes of bad answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import responses

from connectors.connector import Traffic
from connectors.errors import (
    ContractError,
    FixSettingsError,
    PersonasyncError,
    PlatformDownError,
    RateLimitError,
    RejectedError,
)
from connectors.hubspot.refusals import translate
from connectors.sandbox.door import InjectedFault
from connectors.sandbox.server import Sandbox
from connectors.secret import Secret, bearer
from connectors.transport import Call, Slots, Transport, in_order

SECRET = "pat-na1-very-secret"
Open = Callable[..., Transport]


@pytest.fixture
def waits() -> list[float]:
    """What was waited, in seconds, without waiting."""
    return []


@pytest.fixture
def open_transport(waits: list[float]) -> Open:
    def make(base_url: str, **more: Any) -> Transport:
        given: dict[str, Any] = {
            "hosts": ("api.hubapi.com",),
            "auth": bearer(Secret(SECRET)),
            "budgets": {"": Slots(4)},
            "translate": translate,
            "traffic": Traffic(),
            "connections": 4,
            "wait": waits.append,
        }
        return Transport(base_url=base_url, **{**given, **more})

    return make


@pytest.fixture
def to_sandbox(sandbox: Sandbox, open_transport: Open) -> Transport:
    token = sandbox.access["hubspot_token"]
    return open_transport(sandbox.hubspot_url, auth=bearer(Secret(token)))


def get(transport: Transport, path: str = "/account-info/v3/details", **more: Any) -> Call:
    return Call("GET", transport.base_url + path, "account", **more)


@pytest.mark.parametrize("address", ["https://evil.example/x", "http://api.hubapi.com/x", "ftp://api.hubapi.com/x"])
def test_only_listed_hosts_over_https_are_asked(open_transport: Open, address: str) -> None:
    transport = open_transport("https://api.hubapi.com")

    with responses.RequestsMock(assert_all_requests_are_fired=False) as world:
        with pytest.raises(FixSettingsError, match=r"not a host|no https"):
            transport.send(Call("GET", address, "x"))
        assert len(world.calls) == 0
    with pytest.raises(FixSettingsError):
        open_transport(address)


def test_credentials_go_to_the_platform_and_never_to_files_of_results(open_transport: Open) -> None:
    transport = open_transport("https://api.hubapi.com", download_hosts=("*.files.example",))
    with responses.RequestsMock() as world:
        world.get("https://api.hubapi.com/x", json={})
        world.get("https://eu.files.example/r", body=b"bytes")
        transport.send(Call("GET", "https://api.hubapi.com/x", "x"))
        transport.send(Call("GET", "https://eu.files.example/r", "r", public=True))

        assert world.calls[0].request.headers["Authorization"] == f"Bearer {SECRET}"
        assert "Authorization" not in world.calls[1].request.headers


def test_no_redirection_is_followed(open_transport: Open) -> None:
    transport = open_transport("https://api.hubapi.com")
    with responses.RequestsMock() as world:
        world.get("https://api.hubapi.com/x", status=302, headers={"Location": "https://evil.example/"})
        with pytest.raises(ContractError, match="redirected"):
            transport.send(Call("GET", "https://api.hubapi.com/x", "x"))
        assert len(world.calls) == 1


def test_the_environment_gives_no_credentials_and_no_proxy(
    sandbox: Sandbox, to_sandbox: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert to_sandbox.json(get(to_sandbox))["portalId"] > 0
    assert sandbox.journal.entries[-1].status == 200


def test_a_secret_never_stands_in_an_error(open_transport: Open) -> None:
    transport = open_transport("https://api.hubapi.com")
    with responses.RequestsMock() as world:
        world.get("https://api.hubapi.com/x", status=400, json={"message": f"Bearer {SECRET} is odd", "category": "X"})
        with pytest.raises(RejectedError) as caught:
            transport.send(Call("GET", "https://api.hubapi.com/x", "x"))

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (InjectedFault(kind="html", status=502, times=99), "temporarily unavailable"),
        (InjectedFault(kind="html", status=200, times=99), "a web page"),
        (InjectedFault(kind="empty", status=503, times=99), "temporarily unavailable"),
        (InjectedFault(kind="truncate", times=99), "before the response was complete"),
        (InjectedFault(kind="reset", times=99), "before the response was complete"),
    ],
)
def test_what_is_no_answer_is_asked_again_six_times_and_then_told(
    sandbox: Sandbox, to_sandbox: Transport, waits: list[float], fault: InjectedFault, told: str
) -> None:
    sandbox.journal.faults[:] = [fault]

    with pytest.raises(PlatformDownError, match=told):
        to_sandbox.send(get(to_sandbox))

    assert to_sandbox.traffic.requests == {"GET account": 6}
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2]


def test_one_bad_answer_does_no_harm(sandbox: Sandbox, to_sandbox: Transport) -> None:
    for kind in ("html", "empty", "truncate", "reset", "lost"):
        sandbox.journal.faults[:] = [InjectedFault(kind=kind, status=502)]
        assert to_sandbox.json(get(to_sandbox))["portalId"] > 0


@pytest.mark.parametrize(("repeatable", "groups"), [(True, 2), (False, 1)])
def test_what_may_have_happened_is_repeated_only_where_that_does_no_harm(
    sandbox: Sandbox, to_sandbox: Transport, *, repeatable: bool, groups: int
) -> None:
    sandbox.journal.faults[:] = [InjectedFault(kind="lost")]
    url = f"{to_sandbox.base_url}/crm/v3/properties/contacts/groups"
    body = {"name": "g", "label": "G"}
    with pytest.raises(PersonasyncError):
        to_sandbox.send(Call("POST", url, "groups", json=body, write=True, repeatable=repeatable))

    assert sum(entry.method == "POST" for entry in sandbox.journal.entries) == groups
    assert to_sandbox.traffic.writes == groups


def test_a_wait_that_the_platform_asks_for_is_kept(open_transport: Open, waits: list[float]) -> None:
    transport = open_transport("https://api.hubapi.com")
    with responses.RequestsMock() as world:
        body = {"message": "You have reached your ten_secondly_rolling limit.", "policyName": "TEN_SECONDLY_ROLLING"}
        world.get("https://api.hubapi.com/x", status=429, json=body, headers={"Retry-After": "7"})
        world.get("https://api.hubapi.com/x", status=429, json=body)
        world.get("https://api.hubapi.com/x", status=477, headers={"Retry-After": "3"})
        world.get("https://api.hubapi.com/x", status=423)
        world.get("https://api.hubapi.com/x", json={"ok": True})

        assert transport.json(Call("GET", "https://api.hubapi.com/x", "x")) == {"ok": True}
    assert waits == [7.0, 10.0, 3.0, 2.0]


def test_a_daily_limit_ends_the_run_at_once(sandbox: Sandbox, to_sandbox: Transport, waits: list[float]) -> None:
    sandbox.world.settings.daily_requests = 0

    with pytest.raises(RateLimitError, match="after midnight"):
        to_sandbox.send(get(to_sandbox))

    assert waits == []


def test_a_platform_that_is_not_there_is_told(open_transport: Open) -> None:
    transport = open_transport("http://127.0.0.1:9")

    with pytest.raises(PlatformDownError, match=r"127\.0\.0\.1:9 could not be reached"):
        transport.send(Call("GET", "http://127.0.0.1:9/x", "x"))


def test_the_platforms_own_clock_is_known(sandbox: Sandbox, to_sandbox: Transport) -> None:
    from datetime import timedelta  # noqa: PLC0415

    sandbox.world.clock.advance(timedelta(days=3))
    to_sandbox.send(get(to_sandbox))

    assert to_sandbox.platform_time is not None
    assert abs(to_sandbox.platform_time - sandbox.world.clock.now()) < timedelta(seconds=5)


def test_answers_come_in_the_order_of_the_questions() -> None:
    gate = threading.Barrier(4, timeout=5)

    def answer(number: int) -> int:
        gate.wait()  # four at a time, or nobody
        return number

    assert list(in_order(answer, range(8), workers=4)) == list(range(8))


def test_an_error_is_raised_at_its_place() -> None:
    def answer(number: int) -> int:
        if number == 2:
            raise ValueError(number)
        return number

    results = in_order(answer, range(5), workers=2)

    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="2"):
        next(results)
