"""Every command: its name, the module that has it, and what `personasync --help` says of it, in the order of the work.

This table is all that help, completion and the look-up of a command need: a module is imported when its command runs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A command, or a group of commands.

    Attributes:
        module: Of `sync.cli`; importing it registers the command with `sync.cli.options.app`.
        help: The first sentence of its own help; a test holds them equal.
    """

    name: str
    module: str
    help: str


HELP_GROUPS: dict[str, tuple[Entry, ...]] = {
    "Start": (
        Entry("init", "init", "Write a commented workspace that validates."),
        Entry("demo", "init", "Show the whole loop on local platforms, twice; the second run changes nothing."),
        Entry(
            "doctor",
            "doctor",
            "Check credentials, scopes, limits, fields, clock and version; say how to mend what is wrong.",
        ),
        Entry("setup", "pipeline", "Create the fields and groups that personasync owns, and let events reach `serve`."),
        Entry("sandbox", "init", "Local platforms to try things on, without an account."),
    ),
    "The loop": (
        Entry("pull", "pipeline", "Read contacts, orders and answers that changed on the platforms."),
        Entry("assign", "pipeline", "Give every person a segment and a persona."),
        Entry("plan", "pipeline", "Show what would change on the platforms, and save it for `apply`."),
        Entry(
            "apply",
            "pipeline",
            "Send a saved plan to the platforms, or a part of it; the rest waits for the next apply of the plan.",
        ),
        Entry("undo", "pipeline", "Take back what a run wrote, except what was changed since."),
        Entry("results", "pipeline", "Import what the campaigns did."),
        Entry("report", "pipeline", "Write one HTML page: personas, and what the campaigns did for each."),
        Entry("run", "pipeline", "Do all steps in order, under the guardrails."),
    ),
    "Understand": (
        Entry("status", "status", "Show how fresh the data are, what the newest plan is, and what has no outcome yet."),
        Entry("history", "status", "List the newest runs, with what each did."),
        Entry(
            "explain",
            "status",
            "Say why one contact has their persona: every segment that was tried, with the values that decided.",
        ),
        Entry("classify", "models", "Classify one person again, now, and show what would be decided."),
        Entry(
            "quality",
            "quality",
            "Judge the data (missing, impossible, stale, twice there), and compare people and answers with the "
            "reference.",
        ),
        Entry("migration", "discover", "Show who moved from which segment to which between two moments."),
    ),
    "Segments and models": (
        Entry(
            "discover",
            "discover",
            "Look for segments in traits or in a survey, say how sure they are, and save a proposal to edit.",
        ),
        Entry(
            "overlap",
            "discover",
            "Show how two segmentations of the same people meet: proposals, or the segments in force.",
        ),
        Entry(
            "segments", "segments", "Rank segments by value, with intervals, and say which to keep, merge or let go."
        ),
        Entry("survey", "survey", "The few questions that tell which segment somebody is in."),
        Entry(
            "fit",
            "models",
            "Fit a model on company data, judge it on people it did not learn from, and use it if it is good enough.",
        ),
    ),
    "Personas": (
        Entry("personas", "personas", "Personas from evidence: facts that are found, invention that people write."),
        Entry("preview", "preview", "Show the mail that people would get, and what is wrong with its template."),
    ),
    "Campaigns": (
        Entry("experiment", "experiments", "Arms and holdouts: who gets what, so that the difference can be told."),
        Entry(
            "lift",
            "lift",
            "Say what a campaign did for each persona, against the holdout or between arms, with intervals.",
        ),
        Entry(
            "offers",
            "lift",
            "Say which offer (variant or arm) works best for which persona, where chance dealt them out, and how sure.",
        ),
    ),
    "Operate": (
        Entry("serve", "serve", "Take webhooks, and give contacts their persona within seconds."),
        Entry("inbox", "serve", "Show what waits in the webhook inbox, and which contacts are parked and why."),
        Entry("audit", "audit", "Ask whether segments and traits give a sensitive flag away."),
    ),
}

ENTRIES = {entry.name: entry for entries in HELP_GROUPS.values() for entry in entries}
