"""How a page is answered: at once, or its head first and the rest when it is known; errors as pages too."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Match

from connectors.errors import FixSettingsError, PersonasyncError
from connectors.secret import hide
from sync.console.calculator import WAITED, TroubleError, Waited
from sync.console.forms import TOO_LARGE, SentForm, TooLargeError, Upload, read_form
from sync.console.lane import NoDataError
from sync.console.reading import WorkspaceReader
from sync.console.refill import FORM, refilled
from sync.console.security import ConsoleDoor
from sync.console.tasks import Task, Tasks
from sync.control.damage import control_trouble
from sync.design.page import prepared
from sync.warehouse.damage import warehouse_trouble

AT_ONCE_SECONDS = 0.6
"""A page that takes longer shows its head first."""
TICK_SECONDS = 0.25
SHOWN_SECONDS = 1.0
"""How far a calculation is, is shown so often: a look costs a millisecond, and some calculate for a minute."""
SECTIONS = (
    ("/", "Home"),
    ("/people", "People"),
    ("/segments", "Segments"),
    ("/personas", "Personas"),
    ("/plans", "Plans"),
    ("/campaigns", "Campaigns"),
    ("/surveys", "Surveys"),
    ("/data", "Data and sync"),
)
TASKS = "/tasks/"
ERROR = "error.html.j2"
TOO_OLD = "Nothing was done: this form is from before the console was started again, or did not arrive whole."
SENT_KEPT = 20
"""Forms that are remembered until their tasks have ended."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """A page: the template of its content, and what that shows.

    Attributes:
        section: The path of its section, as `SECTIONS` has it.
    """

    section: str
    title: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Document:
    """A page of its own, such as a poster; its styles are named in its own policy."""

    html: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file to keep, by the name that it gets there."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Go on at another page."""

    path: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for.

    Attributes:
        path: Parts of the path by name.
        query: Of the address; the last one of a name counts.
        form: Of a post: every field, in its order.
        upload: The file of a post; None: none was chosen.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    form: tuple[tuple[str, str], ...] = ()
    upload: Upload | None = None

    def field(self, name: str) -> str:
        """Return a field of the form; "" where there is none."""
        return next((value for key, value in self.form if key == name), "")

    def fields(self, name: str) -> list[str]:
        """Return every field of a name."""
        return [value for key, value in self.form if key == name]

    def number(self, name: str, default: int = 1) -> int:
        """Return a number of the address, 1 or more."""
        text = self.query.get(name, "")
        return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 10 else default  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Desk:
    """What pages are made from; *sent*: the form that a task was started with, by the task's id."""

    reader: WorkspaceReader
    tasks: Tasks
    door: ConsoleDoor
    sent: dict[str, FormOrigin] = field(default_factory=dict)


Made = ConsolePage | Document | Download | Elsewhere
View = Callable[[Desk, Asked], Made]


def page_of(view: View, *, at_once: bool = False, upload: bool = False) -> Callable[[Request], Any]:
    """Return the endpoint of a view.

    Args:
        view: Makes the page.
        at_once: Nothing is shown before all of it is known.
        upload: A file may come with its form.
    """

    async def answered(request: Request) -> Response:
        desk: Desk = request.app.state.desk
        section = section_of(request.url.path)
        asked = Asked(request.path_params, dict(request.query_params))
        if request.method == "POST":
            try:
                sent = await read_form(request, upload=upload)
            except TooLargeError:
                return _whole(desk, _error(section, TOO_LARGE, 413))
            if sent is None or not desk.door.is_token(dict(sent.fields).get("token", "")):
                return await asyncio.to_thread(_too_old, request, desk, sent)
            asked = replace(asked, form=sent.fields, upload=sent.upload)
        waited = Waited()
        WAITED.set(waited)  # the thread gets a copy of this context
        work = asyncio.ensure_future(asyncio.to_thread(_made, view, desk, asked, section))
        await asyncio.wait([work], timeout=None if at_once else AT_ONCE_SECONDS)
        if request.method == "POST":
            return await asyncio.to_thread(_after_post, request, desk, asked, await work)
        if work.done():
            return _whole(desk, await work)
        return StreamingResponse(_streamed(desk, section, work, request.url.path, waited), media_type="text/html")

    return answered


@dataclass(frozen=True, slots=True)
class FormOrigin:
    """A form as it was sent: the page that it stands on, where it went, and its fields."""

    view: View
    page: Asked
    action: str
    fields: tuple[tuple[str, str], ...]


def _origin(request: Request) -> tuple[View, Asked] | None:
    """The page that a form was sent from, by the address that the browser names; None where it is none of ours."""
    try:
        came = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return None
    if came.netloc != request.headers.get("host"):
        return None
    scope = {"type": "http", "method": "GET", "path": unquote(came.path), "headers": []}
    for route in request.app.routes:
        match, known = route.matches(scope)
        view = request.app.state.views.get(route.path)
        if match == Match.FULL and view is not None:
            return view, Asked(known["path_params"], dict(parse_qsl(came.query, keep_blank_values=True)))
    return None


def _after_post(request: Request, desk: Desk, asked: Asked, made: Made) -> Response:
    """The answer to a form. What was typed is not lost: a form that is refused is shown again, filled in."""
    origin = _origin(request)
    if origin is None:
        return _whole(desk, made)
    sent = FormOrigin(*origin, request.scope["raw_path"].decode("latin-1"), asked.form)
    if isinstance(made, Elsewhere) and made.path.startswith(TASKS):
        desk.sent[made.path.removeprefix(TASKS)] = sent
        while len(desk.sent) > SENT_KEPT:
            del desk.sent[next(iter(desk.sent))]
    if not isinstance(made, ConsolePage) or made.status < HTTPStatus.BAD_REQUEST:
        return _whole(desk, made)
    message = str(made.values.get("message", ""))
    return _once_more(desk, sent, message, made.status) or _whole(desk, made)


def _too_old(request: Request, desk: Desk, sent: SentForm | None) -> Response:
    """The answer to a form without the session's token: nothing is done, and the form is shown anew, filled in."""
    origin = _origin(request) if sent is not None else None
    if sent is not None and origin is not None:
        form = FormOrigin(*origin, request.scope["raw_path"].decode("latin-1"), sent.fields)
        message = f"{TOO_OLD} Look through it, and send it once more."
        if (shown := _once_more(desk, form, message, HTTPStatus.FORBIDDEN)) is not None:
            return shown
    message = f"{TOO_OLD} Open its page again, and fill it in once more."
    return _whole(desk, _error(section_of(request.url.path), message, HTTPStatus.FORBIDDEN, "This form is too old"))


def _once_more(desk: Desk, sent: FormOrigin, message: str, status: int) -> Response | None:
    """The page of a form with what was sent, under the reason; None where the page has no such form any more."""
    page = _made(sent.view, desk, sent.page, section_of(sent.action))
    if not isinstance(page, ConsolePage) or page.template == ERROR:
        return None
    filled = refilled(_content(desk, page), sent.action, sent.fields)
    if filled is None:
        return None
    refusal = _part("refused.html.j2", message=message, form=FORM)
    return HTMLResponse(_head(desk, page.section, page.title) + refusal + filled + _foot(), status_code=status)


def form_again_page(request: Request) -> Response:
    """Show the form of a task that failed, with what was typed."""
    desk: Desk = request.app.state.desk
    name = request.path_params["task"]
    task, sent = desk.tasks.get(name), desk.sent.get(name)
    shown = _once_more(desk, sent, task.message, 200) if task is not None and sent is not None else None
    return shown or _whole(desk, _error("/", "This is not known any more.", 404, "Not found"))


def task_page(template: str) -> Callable[[Request], Any]:
    """Return the endpoint that shows a task: its progress as it comes, and what it ended with."""

    async def answered(request: Request) -> Response:
        desk: Desk = request.app.state.desk
        task = desk.tasks.get(request.path_params["task"])
        if task is None:
            return _whole(desk, _error("/", "This is not known any more.", 404, "Not found"))
        return StreamingResponse(_progress(desk, task, template), media_type="text/html")

    return answered


def section_of(path: str) -> str:
    """Return the path of the section that an address belongs to."""
    return next((own for own, _ in SECTIONS[1:] if path.startswith(own)), "/")


def _error(section: str, message: str, status: int, title: str = "This did not work") -> ConsolePage:
    back = {"section": section, "name": dict(SECTIONS)[section]}
    return ConsolePage(section, title, ERROR, {"message": message, "back": back}, status)


def missing_page(desk: Desk) -> Response:
    """Return the page of a path that is none."""
    return _whole(desk, _error("/", "There is no such page.", 404, "Not found"))


def _made(view: View, desk: Desk, asked: Asked, section: str) -> Made:
    """The view's answer; an error becomes a page that says what happened and what to do."""
    try:
        return view(desk, asked)
    except NoDataError:
        return ConsolePage(section, "No data yet", "nothing.html.j2")
    except PersonasyncError as error:
        return _error(section, hide(str(error)), 400 if isinstance(error, FixSettingsError) else 503)
    except TroubleError as error:
        return _error(section, str(error), 500)
    except Exception as error:  # noqa: BLE001 - the outer edge: nobody should have to read a traceback
        known = warehouse_trouble(error) or control_trouble(error)
        log.warning("%s", hide(repr(error)))
        return _error(section, hide(str(known) if known else f"Unexpected error: {error!r}."), 500)


def _whole(desk: Desk, made: Made) -> Response:
    if isinstance(made, Elsewhere):
        return RedirectResponse(made.path, status_code=303)
    if isinstance(made, Document):
        return HTMLResponse(made.html, headers={"content-security-policy": OF_DOCUMENTS})
    if isinstance(made, Download):
        kept = f"attachment; filename*=UTF-8''{quote(made.name, safe='')}"
        return Response(made.content, media_type="application/octet-stream", headers={"content-disposition": kept})
    html = _head(desk, made.section, made.title) + _content(desk, made) + _foot()
    return HTMLResponse(html, status_code=made.status)


OF_DOCUMENTS = (  # a document names its own styles by digest in its head; both policies count
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


async def _streamed(
    desk: Desk, section: str, work: asyncio.Future[Made], address: str, waited: Waited
) -> AsyncIterator[str]:
    """The head with how far the calculation is, then the page; each part of the progress hides the one before."""
    yield _head(desk, section, dict(SECTIONS)[section]) + _part("waiting.html.j2", step=None)
    shown = waited.step
    while not (await asyncio.wait([work], timeout=SHOWN_SECONDS))[0]:
        if waited.step != shown:
            shown = waited.step
            yield _part("waiting.html.j2", step=shown)
    made = await work
    if isinstance(made, ConsolePage):
        yield _content(desk, made)
    else:  # the head has gone out: a link takes the reader there
        yield _part("arrived.html.j2", path=made.path if isinstance(made, Elsewhere) else address)
    yield _foot()


async def _progress(desk: Desk, task: Task, template: str) -> AsyncIterator[str]:
    section = section_of(task.back)
    yield _head(desk, section, task.title, own=task)
    shown = -1
    while True:
        state, changed = task.state, task.changed
        if changed != shown:
            shown = changed
            yield _part(template, task=task, working=True)
        if state != "working":
            break
        await asyncio.sleep(TICK_SECONDS)
    yield _part(template, task=task, working=False, again=task.task_id in desk.sent, token=desk.door.token()) + _foot()


def _content(desk: Desk, made: ConsolePage) -> str:
    return _part(made.template, **{"title": made.title, "token": desk.door.token(), **made.values})


def _head(desk: Desk, section: str, title: str, *, own: Task | None = None) -> str:
    try:
        name, remarks = (workspace := desk.reader.workspace()).name, workspace.remarks
    except PersonasyncError:
        name, remarks = desk.reader.directory.name, ()
    working = desk.tasks.working()
    running = desk.reader.running() if working is None else None
    working = None if working is own else working  # its own page shows it
    known = {"workspace": name, "remarks": remarks, "working": working, "running": running}
    return _part("head.html.j2", sections=SECTIONS, section=section, title=title, **known)


def _foot() -> str:
    return "</main>\n</body>\n</html>\n"


def _part(template: str, **values: Any) -> str:
    return prepared("sync.console", template).render(**values)
