"""Surveys whose respondents are nobody here: their answers would reach no person, and nothing would say so."""

from __future__ import annotations

from connectors.records import CONTACTS, SURVEY_ANSWERS
from sync.session import Session

ADDRESS = "mailto:"  # how keys of addresses begin


def surveys_of_strangers(session: Session) -> list[str]:
    """Return, for each survey that was pulled and of whose respondents none is a contact, the reason and the mend.

    Args:
        session: The open workspace, its contacts linked to people.

    Returns:
        A sentence or two per survey; empty where every survey has a respondent who is a contact.
    """
    answers = session.warehouse.current(SURVEY_ANSWERS.name)
    asked = answers.select("connection", "survey", "contact_key").distinct()
    by_address = asked.contact_key.startswith(ADDRESS)
    respondents = asked.group_by("connection", "survey").aggregate(
        people=asked.count(), addresses=by_address.cast("int64").sum()
    )
    joined = asked.semi_join(session.links(), "contact_key").select("connection", "survey").distinct()
    rows = respondents.anti_join(joined, ["connection", "survey"]).order_by("connection", "survey")
    unjoined = rows.to_pyarrow().to_pylist()
    if not unjoined:
        return []
    contacts = int(session.warehouse.current(CONTACTS.name).count().to_pyarrow().as_py())
    return [_sentence(row["connection"], row["survey"], row["people"], row["addresses"], contacts) for row in unjoined]


def _sentence(connection: str, survey: str, people: int, addresses: int, contacts: int) -> str:
    who = f"Connection {connection!r}: none of the {people:,} respondents of the survey {survey!r} is a contact"
    if not contacts:
        return f"{who}, because there are no contacts yet. Add a connection that reads contacts, and pull again."
    if addresses:
        return (
            f"{who}: {addresses:,} gave an address, and it is that of none of the {contacts:,} contacts. Check that it "
            "is the right column, and that the survey is of these people."
        )
    return (
        f"{who}: they are named by ids of that connection, which no other one knows. Name the column with their "
        "addresses: answers_email in personasync.toml."
    )
