"""A bug that is planted must be that bug: one that crashes, since what it replaces has changed, is found too easily."""

from __future__ import annotations

from inspect import signature

import pytest

from tests.torture.planted import BUGS, Bug


def asked(function: object) -> tuple[list[str], set[str]]:
    """Return the kinds of what is given by place, and the names of what is given by name alone."""
    parameters = signature(function).parameters.values()  # type: ignore[arg-type]
    named = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    return [str(parameter.kind) for parameter in parameters if parameter.name not in named], named


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_it_takes_what_it_replaces_takes(bug: Bug) -> None:
    assert asked(bug.replacement) == asked(getattr(bug.target, bug.attribute))
