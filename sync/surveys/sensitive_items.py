"""Sensitive survey items, which may not decide segments without a purpose."""

from __future__ import annotations

from segmenter.privacy.sensitive import why_sensitive
from segmenter.traits.builtin import catalogue
from segmenter.traits.definitions import SurveyTrait
from segmenter.typing_tool.tool_file import trait_name
from sync.workspace.settings import Workspace


def why_item(workspace: Workspace, owner: str, survey: str, item: str, text: str = "") -> str:
    """Return why an item is sensitive, "" where it is not, or [sensitive] allows it or calls it innocent.

    Args:
        workspace: What it says of its purpose.
        owner: The tool or the proposal that asks; the item's trait begins with its name.
        survey: Where the item is from.
        item: Its name.
        text: What people are asked, where that is known.

    Returns:
        A part of a sentence.
    """
    surveyed = workspace.catalogue.surveyed.values()
    own = [trait.name for trait in surveyed if (trait.survey, trait.item) == (survey, item)]
    name = trait_name(owner, item)
    if item in workspace.sensitive.innocent or any(workspace.sensitive.allows(label) for label in (*own, name)):
        return ""
    known = catalogue([SurveyTrait(name, survey, item, "number", text)])
    reasons = [why_sensitive(label, workspace.catalogue) for label in own]
    return why_sensitive(name, known) or next((reason for reason in reasons if reason), "")
