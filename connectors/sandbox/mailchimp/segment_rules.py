"""Who is in a segment: a tag's members, or those who meet a saved segment's conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.sandbox.mailchimp import problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.sandbox.mailchimp.state import MailchimpState
    from connectors.sandbox.mailchimp.values import Document

MAX_CONDITIONS = 10
TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "is": lambda shown, wanted: shown == wanted,
    "not": lambda shown, wanted: shown != wanted,
    "contains": lambda shown, wanted: wanted in shown,
    "notcontain": lambda shown, wanted: wanted not in shown,
    "starts": lambda shown, wanted: shown.startswith(wanted),
    "ends": lambda shown, wanted: shown.endswith(wanted),
    "greater": lambda shown, wanted: shown > wanted,
    "less": lambda shown, wanted: shown < wanted,
    "blank": lambda shown, _wanted: not shown,
    "blank_not": lambda shown, _wanted: bool(shown),
}


def check_options(state: MailchimpState, list_id: str, options: Document) -> Document:
    """Return the options of a saved segment, or refuse what is not imitated or not valid."""
    problems.expect(options, dict, "options")
    match, conditions = options.get("match", "any"), options.get("conditions", [])
    if match not in ("any", "all"):
        raise problems.invalid_fields(("options.match", "Value must be one of: any, all"))
    problems.expect(conditions, list, "options.conditions")
    if len(conditions) > MAX_CONDITIONS:
        raise problems.invalid_fields(("options.conditions", f"At most {MAX_CONDITIONS} conditions are possible"))
    for place, condition in enumerate(conditions):
        problems.expect(condition, dict, f"options.conditions.item:{place}")
        check_condition(state, list_id, place, condition)
    return {"match": match, "conditions": conditions}


def check_condition(state: MailchimpState, list_id: str, place: int, condition: Document) -> None:
    """Refuse a condition that names nothing, or of a kind that is not imitated."""
    where = f"options.conditions.item:{place}"
    kind, op = condition.get("condition_type"), condition.get("op")
    if kind == "StaticSegment":
        if op not in ("static_is", "static_not"):
            raise problems.invalid_fields((f"{where}.op", "Value must be one of: static_is, static_not"))
        if str(condition.get("value")) not in state.segments(list_id):
            raise problems.invalid_fields((f"{where}.value", "The segment does not exist"))
    elif kind in ("TextMerge", "SelectMerge"):
        if op not in list(TEXT_TESTS):
            raise problems.invalid_fields((f"{where}.op", f"Value must be one of: {', '.join(TEXT_TESTS)}"))
        if condition.get("field") not in [row["tag"] for row in state.fields(list_id).values()]:
            raise problems.invalid_fields((f"{where}.field", "The merge field does not exist"))
    else:
        raise problems.invalid_fields((f"{where}.condition_type", "Value must be one of: StaticSegment, TextMerge"))


def meets(member: Document, options: Document) -> bool:
    """Tell whether a member meets the options of a saved segment."""
    answers = [meets_one(member, condition) for condition in options["conditions"]]
    return all(answers) if options["match"] == "all" else any(answers)


def meets_one(member: Document, condition: Document) -> bool:
    """Tell whether a member meets one condition."""
    if condition["condition_type"] == "StaticSegment":
        tagged = str(condition["value"]) in member["tags"]
        return bool(tagged == (condition["op"] == "static_is"))
    shown = str(member["merge_fields"].get(condition["field"], "")).lower()
    return TEXT_TESTS[condition["op"]](shown, str(condition.get("value", "")).lower())


def in_segment(state: MailchimpState, list_id: str, segment: Document) -> list[Document]:
    """Return all members of a segment, whatever their status."""
    directory = state.directory(list_id)
    if segment["type"] == "static":
        return [directory.members[key] for key in directory.tagged.get(str(segment["id"]), {})]
    return [member for member in directory.members.values() if meets(member, segment["options"])]


def reachable(members: list[Document]) -> list[Document]:
    """Return those who may be mailed."""
    return [member for member in members if member["status"] == "subscribed"]
