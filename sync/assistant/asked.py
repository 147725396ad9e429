"""What each tool may be asked, checked; the JSON schemas of the tools are made from it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sync.assign.explain import PERSON_ID
from sync.experiments.job import USUAL

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class ToolInput(BaseModel):
    """What a tool is asked: names that it does not have are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(ToolInput):
    """Nothing is asked."""


class OfHistory(ToolInput):
    """ToolInput of `history`."""

    run: Text | None = Field(default=None, description="Only this run.")
    limit: int = Field(default=20, ge=1, le=100, description="Number of runs.")


class OfSegment(ToolInput):
    """ToolInput of `funnel`."""

    segment: Text = Field(description="Name of the segment.")


class OfMembers(ToolInput):
    """ToolInput of `members`."""

    segment: Text | None = Field(default=None, description="Name of the segment; without one: everybody.")
    page: int = Field(default=1, ge=1, le=1_000_000, description="Page, from 1.")
    limit: int = Field(default=25, ge=1, le=100, description="People on a page.")


class OfPerson(ToolInput):
    """ToolInput of `explain`."""

    person: Annotated[str, StringConstraints(pattern=f"^{PERSON_ID.pattern}$")] = Field(
        description="A person_id that `members` gave."
    )


class OfPersona(ToolInput):
    """ToolInput of `persona`."""

    persona: Text = Field(description="Slug of the persona, or name of its segment.")
    version: int | None = Field(default=None, ge=1, description="A version; without one: the newest.")


class OfLift(ToolInput):
    """ToolInput of `lift`."""

    campaign: Text | None = Field(default=None, description="Name or id of a campaign; without one: the newest.")
    experiment: Text | None = Field(default=None, description="Name of an experiment, in place of a campaign.")


class OfOffers(ToolInput):
    """ToolInput of `offers`."""

    metric: Annotated[str, StringConstraints(pattern=f"^({'|'.join(USUAL)})$")] = Field(
        default="clicked", description=f"One of: {', '.join(USUAL)}."
    )


class OfExperiment(ToolInput):
    """ToolInput of `experiment`."""

    experiment: Text = Field(description="Name of the experiment.")


class OfDraft(ToolInput):
    """ToolInput of `draft_rule`."""

    segment: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")] = Field(
        description="Name of a segment that there is, or of a new one: lower-case letters, digits, underscores."
    )
    rule: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)] = Field(
        description="A condition over traits: orders_365d >= 3 and days_since_order < 60."
    )
    title: Annotated[str, StringConstraints(max_length=80)] = Field(default="", description="Title of a new segment.")
    parent: Text | None = Field(default=None, description="A segment that a new one is a part of.")
