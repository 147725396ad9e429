"""A form that is refused, or whose task fails, comes back with what was typed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest

from sync.clock import now
from sync.console.security import ConsoleDoor
from tests.sync.console.survey_world import new_workspace
from tests.sync.console.visitor import TOKEN, Answer, Visitor, visiting

pytestmark = pytest.mark.outside

TINY = "surveys/tiny.csv"
PAGE = f"/surveys/answers/file?name={quote(TINY, safe='')}"
FORMS: dict[str, tuple[str, dict[str, str]]] = {  # where it is posted: the page that it stands on, and its fields
    "/surveys/answers/discover": (PAGE, {"file": TINY, "name": "kinds", "segments": "", "method": "kmeans"}),
    "/surveys/design/tool": (PAGE, {"file": TINY, "tool": "x", "length": "", "segments": "2", "title": "", "low": ""}),
    "/campaigns/create": ("/campaigns/new", {"name": "spring", "arm": "old", "metric": "orders", "mde": "1%"}),
}


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    folder = new_workspace(tmp_path_factory.mktemp("typed") / "workspace")
    (folder / "surveys").mkdir()
    (folder / TINY).write_text("email,q1,q2\na@people.test,1,2\nb@people.test,2,1\n", "utf-8")
    with visiting(folder, {}) as known:
        yield known


def send(visitor: Visitor, path: str, fields: dict[str, str], *, referer: str = "") -> Answer:
    """Post a form as the browser does, and follow it to the end of its task."""
    came = {"Referer": referer or f"http://{visitor.host}{FORMS[path][0]}"}
    answer = visitor.ask("POST", path, urlencode({"token": visitor.token("/surveys"), **fields}), **came)
    return visitor.get(answer.headers["location"]) if answer.status == 303 else answer


@pytest.mark.parametrize(
    ("path", "wrong", "typed"),
    [
        ("/campaigns/create", {"metric": "none"}, {"name": '<b>"spring"', "holdout": "11%", "mde": "2.5%"}),
        ("/campaigns/create", {"mde": "NaN"}, {"name": "spring_2", "arm": "my own arm"}),
        ("/surveys/design/tool", {"length": "-1"}, {"title": "Our <i>questions</i>", "text:q1": "How “often”?"}),
        ("/surveys/design/tool", {"tool": "No Name"}, {"low": "never", "high": "daily", "tool": "No Name"}),
        ("/surveys/answers/discover", {"segments": "99"}, {"name": "my_kinds", "segments": "99"}),
        ("/surveys/answers/discover", {}, {"name": "too_few"}),  # it fails once it has begun: a task
    ],
)  # fmt: skip
def test_what_was_typed_comes_back_under_the_reason(
    visitor: Visitor, path: str, wrong: dict[str, str], typed: dict[str, str]
) -> None:
    answer = send(visitor, path, {**FORMS[path][1], **wrong, **typed})
    again = re.search(r'href="(/tasks/\w+/form)"', answer.text)
    answer = visitor.get(again[1]) if again else answer

    assert 'role="alert"' in answer.text
    for name, text in typed.items():
        assert f'value="{html.escape(text)}"' in answer.text, name


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="none"),
        pytest.param("\xe9", id="no ASCII"),
        pytest.param(ConsoleDoor(now).token(), id="of an earlier console"),  # drawn: no part of the test's name
    ],
)
def test_a_form_from_before_the_console_was_started_again_does_nothing_and_comes_back(
    visitor: Visitor, token: str
) -> None:
    path, typed = "/surveys/design/tool", {"title": "Our <i>questions</i>", "text:q1": "How “often”?"}
    fields = {**FORMS[path][1], **typed, "token": token}
    answer = visitor.ask("POST", path, urlencode(fields), Referer=f"http://{visitor.host}{PAGE}")
    given = TOKEN.findall(answer.text)

    assert (answer.status, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "Nothing was done: this form is from before the console was started again" in answer.words
    assert 'role="alert"' in answer.text
    for name, text in typed.items():
        assert f'value="{html.escape(text)}"' in answer.text, name
    assert "This survey" not in visitor.get("/surveys/x").words
    assert set(given) == {visitor.token("/surveys")}
    again = visitor.ask("POST", path, urlencode({**fields, "token": given[0], "tool": "No Name"}))
    assert (again.status, "is not a valid tool name" in again.words) == (400, True)  # sent once more, it is read


def test_a_form_from_before_without_its_page_gets_a_page_that_says_so(visitor: Visitor) -> None:
    answer = visitor.post("/campaigns/create", "0" * 64, name="winter")

    assert (answer.status, "This form is too old" in answer.words) == (403, True)
    assert "Nothing was done" in answer.words
    assert "winter" not in visitor.get("/campaigns").words


@pytest.mark.parametrize(
    "referer", ["http://[", "http://evil.example/surveys", "{0}/none", "{0}/surveys/none", "{0}/\xe9"]
)
def test_a_form_from_nowhere_gets_the_reason_alone(visitor: Visitor, referer: str) -> None:
    fields = {"file": TINY, "tool": "No Name", "title": "Ours"}
    answer = send(visitor, "/surveys/design/tool", fields, referer=referer.format(f"http://{visitor.host}"))

    assert (answer.status, "is not a valid tool name" in answer.words) == (400, True)
    assert "Ours" not in answer.text
