"""An assistant's side: the official client over standard input and output of the real command."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import validate  # type: ignore[import-untyped] # it brings no types
from mcp import Client, StdioServerParameters, stdio_client, types

COMMAND = ["-c", "from sync.cli import main; main()"]


@dataclass
class Assistant:
    """Calls tools, and keeps every text that came back."""

    client: Client
    tools: Mapping[str, types.Tool]
    heard: list[tuple[str, str]] = field(default_factory=list)

    async def ask(self, name: str, **arguments: Any) -> Any:
        """Return a tool's document, which has the form that the tool promises; None: it is an error."""
        answer = await self.client.call_tool(name, arguments)
        assert isinstance(answer, types.CallToolResult)
        [content] = answer.content
        assert isinstance(content, types.TextContent)
        self.heard.append((name, content.text))
        if answer.is_error:
            assert answer.structured_content is None
            return None
        assert json.loads(content.text) == answer.structured_content
        validate(answer.structured_content, self.tools[name].output_schema or {})
        return answer.structured_content


@asynccontextmanager
async def assisting(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Assistant]:
    """Start `personasync mcp` as an assistant's program does, and talk to it."""
    arguments = [*COMMAND, "mcp", "--workspace", str(folder)]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(environment))
    async with Client(stdio_client(server)) as client:
        listed = await client.list_tools()
        yield Assistant(client, {tool.name: tool for tool in listed.tools})
