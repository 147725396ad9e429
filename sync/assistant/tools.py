"""The tools of an assistant: each calls what a command of the same name calls. None writes to a platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sync.assign.draft import draft_rule
from sync.assign.explain import explain
from sync.assign.funnel import funnel
from sync.assign.members import members
from sync.assign.person_rows import rows_of_session
from sync.assign.segment_history import segment_history
from sync.assistant.asked import (
    Nothing,
    OfDraft,
    OfExperiment,
    OfHistory,
    OfLift,
    OfMembers,
    OfOffers,
    OfPerson,
    OfPersona,
    OfSegment,
    ToolInput,
)
from sync.console.reading import Reader
from sync.experiments.job import experiments_document
from sync.notify.conditions import conditions, conditions_document
from sync.ops.history import history_document, past, past_run, workspace_status
from sync.personas.documents import persona_card, personas_document
from sync.plan.job import newest_plan_document, plan
from sync.results.campaigns import newest_campaigns
from sync.results.documents import campaigns_document, experiment_document, lift_document, offers_document
from sync.results.experiment_sizes import measured_experiment
from sync.results.lift import lift_of_campaign, lift_of_experiment
from sync.results.offers import offers
from sync.session import Session, open_session
from sync.value.ranking import focus, rank_segments, ranking_document

ASSISTANT = "assistant"
"""Who asked for a plan, as the plan says it."""


@dataclass(frozen=True, slots=True)
class Place:
    """The workspace that tools work in."""

    directory: Path
    reader: Reader


@dataclass(frozen=True, slots=True)
class AssistantTool:
    """One tool.

    Attributes:
        command: The command that prints the same as JSON.
        keys: Names that each answer has, and their types as JSON schema calls them.
        answer: Gives the document of the command.
        about_people: Whether it is about single people.
        reads: Whether nothing at all changes, not even a plan is saved.
    """

    name: str
    title: str
    description: str
    command: str
    asked: type[ToolInput]
    keys: Mapping[str, Any]
    answer: Callable[[Place, Any], Mapping[str, Any]]
    about_people: bool = False
    reads: bool = True


def _status(place: Place, asked: Nothing) -> Mapping[str, Any]:
    del asked
    with place.reader.stores() as looked:
        return workspace_status(looked).document


def _alerts(place: Place, asked: Nothing) -> Mapping[str, Any]:
    del asked
    with place.reader.stores() as looked:
        return conditions_document(conditions(looked, place.reader.now()))


def _history(place: Place, asked: OfHistory) -> Mapping[str, Any]:
    with place.reader.stores() as looked:
        runs = [past_run(looked, asked.run)] if asked.run else past(looked, limit=asked.limit, service=False)
        return history_document(runs)


def _segments(place: Place, asked: Nothing) -> Mapping[str, Any]:
    del asked

    def read(session: Session) -> Mapping[str, Any]:
        ranked = ranking_document(rank_segments(session))
        return {**ranked, "focus": focus(session)[1] or None}

    return place.reader.ask(("segments",), read, slow=True)


def _sizes(place: Place, asked: Nothing) -> Mapping[str, Any]:
    del asked
    with place.reader.stores() as looked:
        return asdict(segment_history(looked))


def _funnel(place: Place, asked: OfSegment) -> Mapping[str, Any]:
    return place.reader.ask(("funnel", asked.segment), lambda s: asdict(funnel(s, asked.segment)), slow=True)


def _members(place: Place, asked: OfMembers) -> Mapping[str, Any]:
    return place.reader.ask(
        ("members", asked), lambda s: asdict(members(s, asked.segment, page=asked.page, size=asked.limit))
    )


def _explain(place: Place, asked: OfPerson) -> Mapping[str, Any]:
    return place.reader.ask(("explain", asked.person), lambda s: explain(s, rows_of_session(s), asked.person).document)


def _personas(place: Place, asked: Nothing) -> Mapping[str, Any]:
    del asked
    return place.reader.ask(("personas",), personas_document)


def _persona(place: Place, asked: OfPersona) -> Mapping[str, Any]:
    return place.reader.ask(
        ("persona", asked), lambda s: persona_card(s, asked.persona, asked.version).document, slow=True
    )


def _results(place: Place, asked: Nothing) -> Mapping[str, Any]:
    del asked
    return place.reader.ask(("results",), lambda s: campaigns_document(newest_campaigns(s)), slow=True)


def _lift(place: Place, asked: OfLift) -> Mapping[str, Any]:
    def read(session: Session) -> Mapping[str, Any]:
        if asked.experiment is not None:
            return lift_document(lift_of_experiment(session, asked.experiment))
        return lift_document(lift_of_campaign(session, asked.campaign))

    return place.reader.ask(("lift", asked), read, slow=True)


def _offers(place: Place, asked: OfOffers) -> Mapping[str, Any]:
    return place.reader.ask(
        ("offers", asked), lambda s: offers_document(offers(s, metric=asked.metric), asked.metric), slow=True
    )


def _experiments(place: Place, asked: Nothing) -> Mapping[str, Any]:
    del asked
    return experiments_document(place.reader.workspace().experiments.values())


def _experiment(place: Place, asked: OfExperiment) -> Mapping[str, Any]:
    name = asked.experiment
    return place.reader.ask(
        ("experiment", name), lambda s: experiment_document(measured_experiment(s, name)), slow=True
    )


def _newest_plan(place: Place, asked: Nothing) -> Mapping[str, Any]:
    del asked
    with place.reader.stores() as looked:
        return newest_plan_document(looked)


def _draft_rule(place: Place, asked: OfDraft) -> Mapping[str, Any]:
    def read(session: Session) -> Mapping[str, Any]:
        return draft_rule(session, asked.segment, asked.rule, title=asked.title, parent=asked.parent).document

    return place.reader.ask(("draft", asked), read, slow=True)


def _make_plan(place: Place, asked: Nothing) -> Mapping[str, Any]:
    del asked
    reader = place.reader
    with open_session(place.directory, now=reader.now, environment=reader.environment) as session:
        return plan(session, proposed_by=ASSISTANT).document


OBJECT, LIST, TEXT, COUNT, FLAG = "object", "array", "string", "integer", "boolean"
MAYBE = {kind: [kind, "null"] for kind in (OBJECT, TEXT)}
PLAN: Mapping[str, Any] = {
    "changes": COUNT,
    "changed_contacts": OBJECT,
    "by_field": OBJECT,
    "samples": LIST,
    "breaches": LIST,
    "minutes": "number",
    "left_out": LIST,
}
TOOLS = (
    AssistantTool(
        "status",
        "Freshness and the newest plan",
        "How fresh the data are, the newest plan, and what is not confirmed yet.",
        "status",
        Nothing,
        {"streams": LIST, "plan": MAYBE[OBJECT], "unsettled": COUNT, "last_write": MAYBE[OBJECT]},
        _status,
    ),
    AssistantTool(
        "alerts",
        "What is wrong now",
        "What is wrong now: failed or refused runs, old data, rejected changes, spam complaints; empty if all is well.",
        "status --check",
        Nothing,
        {"state": TEXT, "wrong": LIST},
        _alerts,
    ),
    AssistantTool(
        "history",
        "Latest runs",
        "The latest runs of commands and what each did, newest first.",
        "history",
        OfHistory,
        {"runs": LIST},
        _history,
    ),
    AssistantTool(
        "segments",
        "Segments by value",
        "Segments ranked by value, with intervals: keep, merge or retire.",
        "segments",
        Nothing,
        {"currency": MAYBE[TEXT], "segments": LIST, "notes": LIST, "focus": MAYBE[TEXT]},
        _segments,
    ),
    AssistantTool(
        "segment_sizes",
        "Sizes over time",
        "The size of each segment at each assign, and what changed in the definitions.",
        "segments --history",
        Nothing,
        {"sizes": LIST, "changes": LIST},
        _sizes,
    ),
    AssistantTool(
        "funnel",
        "Clause funnel of a segment",
        "How many people each part of a segment's rule keeps and drops.",
        "funnel",
        OfSegment,
        {"segment": TEXT, "rule": TEXT, "people": COUNT, "clauses": LIST, "left": COUNT, "assigned": COUNT},
        _funnel,
    ),
    AssistantTool(
        "members",
        "People in a segment",
        "A page of the people in a segment, each by person_id: ask `explain` about one. Addresses only where allowed.",
        "members",
        OfMembers,
        {"segment": TEXT, "people": COUNT, "page": COUNT, "pages": COUNT, "members": LIST},
        _members,
        about_people=True,
    ),
    AssistantTool(
        "explain",
        "Why a person has this persona",
        "Why one person is in a segment: the values that decided, each segment tried, and what would change it.",
        "explain",
        OfPerson,
        {"person_id": TEXT, "segment": MAYBE[TEXT], "tried": LIST, "traits": OBJECT, "would_change": OBJECT},
        _explain,
        about_people=True,
    ),
    AssistantTool(
        "personas",
        "List of personas",
        "All personas, with their people, the age of their facts, and what the team has still to write.",
        "personas show",
        Nothing,
        {"personas": LIST, "segments_without": LIST},
        _personas,
    ),
    AssistantTool(
        "persona",
        "One persona",
        "One persona: facts from data with intervals, the typical member, and the text that the team wrote.",
        "personas show",
        OfPersona,
        {"slug": TEXT, "profile": OBJECT, "invention": OBJECT, "to_write": LIST, "versions": LIST},
        _persona,
    ),
    AssistantTool(
        "results",
        "Newest campaigns",
        "The newest campaigns with people, opens, clicks and orders by persona and variant.",
        "results --show",
        Nothing,
        {"campaigns": LIST},
        _results,
    ),
    AssistantTool(
        "lift",
        "Lift of a campaign or experiment",
        "The lift of a campaign's or an experiment's variants for each persona, with intervals and a verdict.",
        "lift",
        OfLift,
        {"about": TEXT, "verdict": LIST, "comparisons": LIST, "revenue": LIST, "notes": LIST},
        _lift,
    ),
    AssistantTool(
        "offers",
        "Best offer by persona",
        "Which offer works best for each persona; randomized variants only.",
        "offers",
        OfOffers,
        {"metric": TEXT, "personas": LIST, "never_compared": OBJECT, "notes": LIST},
        _offers,
    ),
    AssistantTool(
        "experiments",
        "List of experiments",
        "The experiments of the workspace.",
        "experiment list",
        Nothing,
        {"experiments": LIST},
        _experiments,
    ),
    AssistantTool(
        "experiment",
        "One experiment",
        "One experiment: people by persona and variant, what they can detect, and the verdict.",
        "experiment show",
        OfExperiment,
        {"experiment": TEXT, "arms": OBJECT, "people": OBJECT, "everyone": OBJECT, "verdict": LIST},
        _experiment,
    ),
    AssistantTool(
        "newest_plan",
        "The newest plan",
        "What the newest plan would change, without the code that approves it.",
        "plan --show",
        Nothing,
        {**PLAN, "state": TEXT},
        _newest_plan,
    ),
    AssistantTool(
        "draft_rule",
        "Draft a rule",
        "Try a rule for a segment, or for a new one: its text for segments.toml, what each part of it keeps and drops, "
        "and who would move. Nothing is saved: a person puts the text into segments.toml.",
        "funnel --what-if",
        OfDraft,
        {"segment": TEXT, "new": FLAG, "toml": TEXT, "size": COUNT, "funnel": OBJECT, "would_move": OBJECT},
        _draft_rule,
    ),
    AssistantTool(
        "make_plan",
        "Make a plan",
        "Make a plan of what would change on the platforms, and save it for review. Nothing is sent: a person reviews "
        "the plan and types its code at a terminal or in the console. There is no tool that sends.",
        "plan",
        Nothing,
        PLAN,
        _make_plan,
        reads=False,
    ),
)
