"""[assistant] of personasync.toml: what `personasync mcp` tells an assistant about people."""

from __future__ import annotations

from pydantic import Field

from sync.workspace.schema_parts import FilePart


class AssistantPart(FilePart):
    """[assistant]: an assistant sees people by their id; addresses and texts only where this allows it."""

    addresses: bool = Field(default=False, description="Whether an assistant is told email addresses and contact ids.")
    texts: bool = Field(
        default=False,
        description="Whether an assistant is told what is written about a person: names, notes, answers, reasons.",
    )
