"""[notify] of personasync.toml: who is told when something is wrong, and again when it is right."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from sync.workspace.schema_parts import FilePart

Reference = Annotated[str, StringConstraints(pattern=r"^(env|keyring|file):\S+$")]


class NotifyWebhookPart(FilePart):
    """[[notify.webhooks]]: a receiver of signed messages (Standard Webhooks)."""

    url: str = Field(pattern=r"^https?://[^\s@]+$", description="Where to send; https, but for this machine.")
    secret: Reference = Field(description='Reference to the signing secret, "whsec_..." or any text.')


class NotifyPart(FilePart):
    """[notify]: alerts, once at the first violation and once at recovery."""

    apprise: tuple[Reference, ...] = Field(
        default=(), description="References to Apprise addresses (chat, mail, pager); needs `personasync[notify]`."
    )
    webhooks: tuple[NotifyWebhookPart, ...] = Field(default=(), description="Receivers of signed webhooks.")
    max_rejected: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.01, description="Share of an apply's changes that may be rejected or unconfirmed."
    )
    persona_jump: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.1, description="Change of a persona's share of all people, between two reports, that is an alert."
    )
    max_complaints: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.001,
        description="Spam complaint rate of a persona in the newest campaign; mailbox providers act at 0.1%.",
    )
    metrics: str = Field(
        default="", description="Text file of metrics for the node exporter, written after each `run` and `notify`."
    )
