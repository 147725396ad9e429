"""Who may use the console: one browser, from our own pages, by a link that works once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync.console.security import LINK_HOLDS, SESSION_HOLDS, ConsoleDoor
from sync.console.server import listen_locally
from sync.workspace.scaffold import Answers, NewConnection, write_workspace
from tests.sync.console.visitor import Visitor, visiting

pytestmark = pytest.mark.outside


def new_workspace(made: Path) -> Path:
    write_workspace(
        made,
        Answers(
            name="<b>Shop</b> & Söhne",
            connections=[NewConnection("crm", "hubspot", {"access_token": "env:HUBSPOT_TOKEN"})],
        ),
    )
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that nobody pulled into yet, with a name that is HTML."""
    return new_workspace(tmp_path_factory.mktemp("console") / "workspace")


@pytest.fixture(scope="module")
def visitor(folder: Path) -> Iterator[Visitor]:
    with visiting(folder, {}) as known:
        yield known


def stranger(visitor: Visitor) -> Visitor:
    return Visitor(visitor.link)


def test_it_listens_on_this_machine_only() -> None:
    with listen_locally(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/", "/people", "/plans", "/data", "/tasks/x", "/nowhere"])
def test_nobody_gets_in_without_the_session(visitor: Visitor, path: str) -> None:
    answer = stranger(visitor).get(path)

    assert answer.status == 401
    assert "Shop" not in answer.text


def test_a_session_that_was_guessed_is_none(visitor: Visitor) -> None:
    assert stranger(visitor).ask("GET", "/", Cookie="personasync_console=" + "a" * 43).status == 401


def test_a_used_link_opens_nothing(visitor: Visitor) -> None:
    again = stranger(visitor).enter()

    assert (again.status, "set-cookie" in again.headers) == (410, False)
    assert "used already" in again.words


def test_to_look_at_a_link_does_not_use_it_up(folder: Path) -> None:
    with visiting(folder, {}, enter=False) as known:
        looked = known.get("/open/" + known.link.rpartition("/")[2])
        wrong = Visitor(known.link[:-3] + "xyz").enter()

        assert (looked.status, wrong.status, known.enter().status) == (200, 410, 303)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}"])
def test_a_forged_host_is_refused(visitor: Visitor, host: str) -> None:
    answer = visitor.ask("GET", "/", Host=host.format(port=visitor.host.partition(":")[2]))

    assert answer.status == 421


def test_localhost_is_us_too(visitor: Visitor) -> None:
    assert visitor.ask("GET", "/", Host="localhost:" + visitor.host.partition(":")[2]).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_a_post_of_another_site_is_refused(visitor: Visitor, headers: dict[str, str]) -> None:
    body = f"token={visitor.token()}"

    assert visitor.ask("POST", "/plans/make", body, **headers).status == 403


@pytest.mark.parametrize("body", ["", "token=", "token=wrong", "token=%ff", "x=1"])
def test_a_form_without_the_token_is_refused(visitor: Visitor, body: str) -> None:
    answer = visitor.ask("POST", "/plans/make", body)

    assert answer.status == 403


def test_a_form_that_is_too_large_or_of_another_kind_is_refused(visitor: Visitor) -> None:
    token = visitor.token()

    assert visitor.ask("POST", "/plans/make", f"token={token}&x={'y' * 1_100_000}").status == 403
    assert visitor.ask("POST", "/plans/make", f"token={token}", Content_Type="text/plain").status == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_refused(visitor: Visitor, method: str) -> None:
    assert visitor.ask(method, "/").status == 405


@pytest.mark.parametrize("path", ["/plans/make", "/plans/apply", "/plans/undo", "/campaigns/create"])
def test_nothing_is_done_by_a_link(visitor: Visitor, path: str) -> None:
    assert visitor.get(path).status == 404


def test_a_page_loads_and_runs_nothing_and_stays_in_no_cache(visitor: Visitor) -> None:
    headers = visitor.get("/").headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))

    assert policy["default-src"] == "'none'"
    assert policy["style-src"].startswith("'sha256-")
    assert (policy["img-src"], policy["form-action"], policy["frame-ancestors"]) == ("data:", "'self'", "'none'")
    assert "script-src" not in policy
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert "server" not in headers


def test_the_session_is_for_this_browser_alone(folder: Path) -> None:
    with visiting(folder, {}, enter=False) as known:
        cookie = known.enter().headers["set-cookie"].lower()

    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in cookie.split(";")}


def test_names_that_are_html_are_text(visitor: Visitor) -> None:
    answer = visitor.get("/")

    assert "<b>Shop</b> & Söhne" in answer.words
    assert "<b>Shop" not in answer.text


@pytest.mark.long
def test_before_the_first_pull_pages_say_what_to_do(tmp_path: Path) -> None:
    with visiting(new_workspace(tmp_path / "workspace"), {}) as visitor:
        pages_say_what_to_do(visitor)
        started = visitor.post("/plans/make", visitor.token())
        assert "nothing to plan yet" in visitor.done(started).words
        pages_say_what_to_do(visitor)


def pages_say_what_to_do(visitor: Visitor) -> None:
    for path in ("/people", "/personas", "/campaigns", "/data/quality"):
        answer = visitor.get(path)
        assert answer.status == 200, path
        assert "personasync " in answer.words.partition("times in UTC")[2], path
    for path in ("/", "/segments", "/plans", "/surveys", "/data"):
        assert visitor.get(path).status == 200, path


def test_a_link_and_a_session_end() -> None:
    moment = [datetime(2026, 11, 30, tzinfo=UTC)]
    door = ConsoleDoor(lambda: moment[0])
    late = ConsoleDoor(lambda: moment[0])
    session = door.enter(door.key)
    assert session is not None
    assert door.knows(session)

    moment[0] += max(SESSION_HOLDS, LINK_HOLDS) + timedelta(seconds=1)

    assert not door.knows(session)
    assert late.enter(late.key) is None
