"""What somebody typed for a new experiment, read into its definition."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.errors import FixSettingsError
from sync.results.campaigns import pooled_rate
from sync.session import Session


def parse_share(text: str) -> float:
    """Return the share in *text*.

    Returns:
        Above 0, at most 1.

    Raises:
        FixSettingsError: It is none.
    """
    try:
        share = float(text.rstrip("% ")) / (100 if text.rstrip().endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise FixSettingsError(f"{text!r} is not a percentage.", fix="Write a share like 1% or 0.01.")
    return share


def baseline_of(session: Session, metric: str, given: str | None) -> tuple[float | None, str]:
    """Return the rate to plan with, and where it is from.

    Args:
        session: The open workspace.
        metric: "clicked", "ordered" or "opened".
        given: What somebody typed; None: nothing.

    Returns:
        None for the rate where nothing is known, and what is assumed then, in words.
    """
    if given is not None:
        return parse_share(given), "as given"
    rate = pooled_rate(session, metric)
    if rate is None:
        return None, "an assumption, no campaign has been measured yet; set --baseline"
    return rate, "as in the newest campaigns"


def arms_of(texts: Sequence[str]) -> dict[str, float]:
    """Return the variants with shares.

    Returns:
        Share by name; where none is given, all are equal.

    Raises:
        FixSettingsError: Some arms name a share and some do not, or an arm is named twice.
    """
    pairs = [name_and_share(text) if "=" in text else (text, "") for text in texts]
    if len({name for name, _ in pairs}) < len(pairs):
        raise FixSettingsError("Two variants have the same name.", fix="Give each variant its own name.")
    if not any(text for _, text in pairs):
        return {name: 1 / len(pairs) for name, _ in pairs}
    if not all(text for _, text in pairs):
        raise FixSettingsError(
            "Some variants have a share and some don't.",
            fix="Give all shares or none, like --arm old=50% --arm new=50%.",
        )
    return {name: parse_share(text) for name, text in pairs}


def share_or_none(text: str) -> float:
    """Return a share that may be none.

    Returns:
        0 to 1.
    """
    return 0.0 if text.strip().rstrip("%") in {"0", "0.0"} else parse_share(text)


def name_and_share(text: str) -> tuple[str, str]:
    """Return both sides of ``name=share``.

    Returns:
        The name, and the share as text.

    Raises:
        FixSettingsError: One is missing.
    """
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise FixSettingsError(f"{text!r} is not name=share.", fix="Write name=share, like name=10%.")
    return name, value
