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
        Entry("init", "init", "Create a workspace with commented settings."),
        Entry("demo", "init", "Run the whole loop on local platforms, without accounts."),
        Entry("doctor", "doctor", "Check connections and settings; show how to fix problems."),
        Entry("setup", "pipeline", "Create the fields, tags and lists that personasync owns."),
        Entry("connectors", "connectors", "List the connectors that are installed, or write a new one."),
        Entry("sandbox", "sandbox", "Local platforms to try things out."),
        Entry("help", "help", "Read the documentation: list the topics, or show one."),
    ),
    "The loop": (
        Entry("pull", "pipeline", "Pull new and changed contacts, orders, events and survey answers."),
        Entry("assign", "pipeline", "Assign every person to a segment and a persona."),
        Entry("plan", "pipeline", "Preview the changes on the platforms and save them as a plan."),
        Entry("apply", "pipeline", "Send a saved plan to the platforms, or a part of it."),
        Entry("undo", "pipeline", "Undo a run: restore the values from before it."),
        Entry("results", "pipeline", "Import campaign results: deliveries, opens, clicks and orders."),
        Entry("report", "pipeline", "Write the HTML report: personas and campaign results."),
        Entry("run", "pipeline", "Run all steps in order, with guardrails."),
    ),
    "Understand": (
        Entry("console", "console_command", "Open local web pages: people, segments, plans, campaigns, data."),
        Entry("mcp", "mcp", "Serve tools to an assistant (MCP): it reads and proposes, and never applies."),
        Entry("status", "status", "Show data freshness, the newest plan, and unconfirmed changes."),
        Entry("history", "status", "List the latest runs and what each did."),
        Entry("explain", "status", "Explain why a contact has its persona."),
        Entry("members", "by_hand", "List the people in a segment, or find people."),
        Entry("classify", "models", "Classify one person now and show the result."),
        Entry("quality", "quality", "Check data quality and drift."),
        Entry("migration", "discover", "Show how people moved between segments over time."),
    ),
    "Segments and models": (
        Entry("discover", "discover", "Find segments in traits or a survey and save a proposal."),
        Entry("overlap", "discover", "Compare two segmentations of the same people."),
        Entry("segments", "segments", "Rank segments by value: keep, merge or retire."),
        Entry(
            "gallery", "gallery", "List ready segments (RFM, VIP, win back ...), show one, or add it to your segments."
        ),
        Entry("funnel", "funnel", "Show how many people each part of a segment's rule keeps and drops."),
        Entry("pin", "by_hand", "Put a person into a segment by hand, until a date."),
        Entry("unpin", "by_hand", "End a person's pin: rules and models decide again."),
        Entry("pins", "by_hand", "List the people who are in a segment by hand."),
        Entry("object", "by_hand", "Note that a person objects to profiling, tracking and advertising."),
        Entry("survey", "survey_group", "Surveys: typing tools, crosstabs, quality, sample sizes, TURF, MaxDiff."),
        Entry("fit", "models", "Train a classification model and validate it."),
    ),
    "Personas": (
        Entry("personas", "personas", "Personas: facts from your data, profile from your team."),
        Entry("preview", "preview", "Preview an email as recipients would see it."),
    ),
    "Campaigns": (
        Entry("experiment", "experiments", "A/B tests and holdouts: create, show, list, end."),
        Entry("lift", "lift", "Measure a campaign's or experiment's lift for each persona."),
        Entry("campaign", "past_campaign", "Measure a past campaign from a file."),
        Entry("export", "export", "Write people, a plan or an audience to a file, for other programs."),
        Entry("offers", "lift", "Show which offer works best for each persona."),
    ),
    "Operate": (
        Entry("notify", "notify", "Tell your team what is wrong, once, and once when it is right again."),
        Entry("serve", "serve", "Run the webhook service."),
        Entry("backup", "backup", "Save settings, stores, plans and reports to one file."),
        Entry("restore", "backup", "Put a backup in place of the state, which is moved aside."),
        Entry("rebuild", "backup", "Make a lost control store again from warehouse and plans."),
        Entry("inbox", "serve", "Show the webhook queue and failed contacts (dead letters)."),
        Entry("forget", "forget", "Erase people from everything that this workspace holds."),
        Entry("audit", "audit", "Check whether segments predict a sensitive attribute."),
    ),
}

ENTRIES = {entry.name: entry for entries in HELP_GROUPS.values() for entry in entries}

GROUPS: dict[str, tuple[str, ...]] = {
    "connectors": ("list", "new"),
    "experiment": ("create", "end", "list", "show"),
    "export": ("audience", "people", "person", "plan", "segment", "tables"),
    "personas": ("diff", "draft", "poster", "show"),
    "sandbox": ("send", "up"),
    "survey": (
        "add",
        "conjoint",
        "crosstab",
        "design",
        "import",
        "list",
        "maxdiff",
        "quality",
        "sample-size",
        "score",
        "turf",
        "weight",
    ),
}
"""Commands below others, by the name of the group; a test holds them equal to those that there are."""
NO_WORKSPACE = {
    "campaign",
    "connectors list",
    "connectors new",
    "demo",
    "help",
    "init",
    *(f"survey {name}" for name in ("conjoint", "crosstab", "maxdiff", "quality", "sample-size", "turf", "weight")),
}
"""Commands without the option --workspace; held equal as well."""
