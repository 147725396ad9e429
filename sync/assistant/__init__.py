"""Assistants: the tools that a language model may call (MCP). It reads and proposes; a person approves and applies."""
