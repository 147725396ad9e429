"""The web application: which address shows what. All of it stands behind `sync.console.security.Guard`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sync.console import answers, campaigns, data, home, people, personas, plans, segments, surveys
from sync.console.pages import Desk, View, form_again_page, missing_page, page_of, task_page
from sync.console.security import OPEN, USED, Guard, set_session
from sync.design.page import prepared

GET, POST = ("GET",), ("POST",)
VIEWS: tuple[tuple[str, tuple[str, ...], View], ...] = (
    ("/", GET, home.home_page),
    ("/people", GET, people.people_page),
    ("/people/person", GET, people.person_page),
    ("/people/person/timeline", GET, people.timeline_page),
    ("/segments", GET, segments.segments_page),
    ("/segments/by-value", GET, segments.value_page),
    ("/segments/{segment}", GET, segments.segment_page),
    ("/plans", GET, plans.plans_page),
    ("/plans/make", POST, plans.make_plan_task),
    ("/plans/apply", POST, plans.apply_task),
    ("/plans/undo", POST, plans.look_task),
    ("/plans/undo/{task}", GET, plans.undo_page),
    ("/plans/undo/{task}/do", POST, plans.undo_task),
    ("/personas", GET, personas.personas_page),
    ("/personas/{persona}", GET, personas.persona_page),
    ("/personas/{persona}/poster/{shape}", GET, personas.poster_document),
    ("/campaigns", GET, campaigns.campaigns_page),
    ("/campaigns/new", GET, campaigns.new_experiment_page),
    ("/campaigns/create", POST, campaigns.create_experiment_task),
    ("/campaigns/results/{connection}/{campaign}", GET, campaigns.campaign_page),
    ("/campaigns/experiments/{experiment}", GET, campaigns.experiment_page),
    ("/campaigns/experiments/{experiment}/end", POST, campaigns.end_experiment_task),
    ("/surveys", GET, surveys.surveys_page),
    ("/surveys/answers/keep", POST, answers.keep_task),
    ("/surveys/answers/file", GET, answers.answers_page),
    ("/surveys/answers/discover", POST, answers.discover_task),
    ("/surveys/design/tool", POST, answers.design_task),
    ("/surveys/proposals/{proposal}", GET, surveys.proposal_page),
    ("/surveys/proposals/{proposal}/accept", POST, surveys.accept_task),
    ("/surveys/{tool}", GET, surveys.survey_page),
    ("/surveys/tools/{tool}/form", POST, surveys.write_form_task),
    ("/surveys/tools/{tool}/add", POST, surveys.add_task),
    ("/surveys/tools/{tool}/form", GET, surveys.form_page),
    ("/surveys/tools/{tool}/files/{file}", GET, surveys.form_file),
    ("/data", GET, data.data_page),
    ("/data/quality", GET, data.quality_page),
    ("/data/runs/{run}", GET, data.run_page),
)

WHOLE = (surveys.form_page, surveys.form_file)
"""What can't begin before all of it is known."""
WITH_FILE = (answers.keep_task,)
"""Forms with a file."""


def make_console(desk: Desk, hosts: Collection[str]) -> Guard:
    """Return the application.

    Args:
        desk: What pages are made from.
        hosts: Values of the Host header that are ours, such as "127.0.0.1:8500".
    """
    routes = [
        Route(path, page_of(view, at_once=view in WHOLE, upload=view in WITH_FILE), methods=list(methods))
        for path, methods, view in VIEWS
    ]
    routes.append(Route("/tasks/{task}", task_page("task.html.j2"), methods=["GET"]))
    routes.append(Route("/tasks/{task}/form", form_again_page, methods=["GET"]))
    routes.append(Route(f"{OPEN}{{key}}", _open, methods=["GET", "POST"]))
    app = Starlette(routes=routes, exception_handlers={404: _missing, 405: _missing})
    app.router.redirect_slashes = False
    app.state.desk = desk
    app.state.views = {path: view for path, methods, view in VIEWS if methods == GET}
    return Guard(app, desk.door, hosts)


def _open(request: Request) -> Response:
    """Show the button, or open the session and go to Home: what only looks at a link does not use it up."""
    desk: Desk = request.app.state.desk
    key, page = request.path_params["key"], prepared("sync.console", "open.html.j2")
    if request.method != "POST":
        return HTMLResponse(page.render(key=key))
    session = desk.door.enter(key)
    if session is None:
        return HTMLResponse(page.render(key="", message=USED), status_code=410)
    response = Response(status_code=303, headers={"location": "/"})
    set_session(response, session)
    return response


def _missing(request: Request, error: Any) -> Response:
    del error
    return missing_page(request.app.state.desk)
