"""What accepting a proposal brought, and what to do next, in sentences."""

from __future__ import annotations

import shlex

from sync.modeling.accept import Accepted


def accepted_sentences(done: Accepted, name: str) -> list[str]:
    """Return what to know of an accepted proposal, and the commands that go on from it.

    Args:
        done: What `accept_here` did.
        name: Of the proposal.
    """
    sentences = [f"segments.toml has {len(done.added)} new segments. Members: {done.labels}", *done.remarks]
    if done.tool is not None:
        sentences += _tool_lines(done)
    if done.survey:
        sentences.append(f"For a shorter survey, run: personasync survey design --proposal {name} --tool short")
    fit = f"personasync fit --target discovered --labels {name}"
    fit += f" --weight {shlex.quote(done.weight)}" if done.weight else ""
    others = "people without answers" if done.tool else "everyone else"
    if done.persons:
        sentences += [
            f"To classify {others}, train a model on these labels: {fit}",
            f"Next, draft a persona for each segment: personasync personas draft --all --proposal {name}",
        ]
    else:
        sentences.append(
            "None of the members is a contact of this workspace, so `fit` and `personas` can't use them. To change "
            "that, run `personasync pull`, then `personasync discover` again with an email column as --respondent."
        )
    return sentences


def _tool_lines(done: Accepted) -> list[str]:
    """What classifies people by their answers from now on, and where the answers come from."""
    tool = done.tool
    lines = [f"{tool.version}: it classifies everyone who answered all {len(tool.questions)} items."] if tool else []
    lines.append(f"personasync.toml has {len(done.traits)} new traits, one for each item.")
    if done.connection:
        lines.append(
            f"It also has the connection {done.connection!r}, which reads the answers: personasync pull, then "
            "personasync assign"
        )
    return lines
