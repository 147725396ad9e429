"""Logging of the webhook service: one key=value line per event, no addresses or secrets."""

from __future__ import annotations

import logging
import re
from typing import Any

from connectors.secret import hide

LOGGER = logging.getLogger("personasync.serve")
ADDRESS = re.compile(r"[^\s@'\"<>=]+@[^\s@'\"<>]+")
PLAIN = re.compile(r"[^\s\"=]+")


def tell(event: str, *, level: int = logging.INFO, **values: Any) -> None:
    """Write one line: the event, then its values in the order in which they are given."""
    text = " ".join(f"{name}={_shown(value)}" for name, value in values.items() if value is not None)
    LOGGER.log(level, "%s", f"event={event} {text}".rstrip())


def without_addresses(text: str) -> str:
    """Return *text* with every address and every known secret taken out."""
    return ADDRESS.sub("(address)", hide(text))


def _shown(value: Any) -> str:
    text = without_addresses(f"{value:.3f}" if isinstance(value, float) else str(value))
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if PLAIN.fullmatch(text) else '"' + text.replace('"', "'") + '"'


def to_stderr() -> None:
    """Send the lines to stderr, with the time before each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("time=%(asctime)s.%(msecs)03d level=%(levelname)s %(message)s", DATE))
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


DATE = "%Y-%m-%dT%H:%M:%S"
