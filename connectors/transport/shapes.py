"""Answers of another form than documented: told as such, with the endpoint that sent them.

A connector reads answers as their documentation has them. Where one is a list in place of an object, lacks a key or
holds a text for a number, Python raises an error of its own somewhere in the reading. `told_as_answers` makes the
platform's error of it, so that a pull keeps what it has, `doctor` goes on with the next connection, and a person reads
who sent what. Lists are held to be lists where they are taken out of an answer (`entries`): an object without keys in
the place of a list would read as nobody, and nobody is what people look like who were deleted.
"""

from __future__ import annotations

import functools
import inspect
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from connectors.errors import ContractError

UNREADABLE = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
FIX = "Nothing is lost. Run the command again later; if this stays, report it with the output of `personasync --debug`."
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,40}")  # of an answer; anything else may be somebody's data


class _Asked(threading.local):
    """What this thread asked last, and how often it has asked."""

    count = 0
    what = ""


_asked = _Asked()


def note_answer(what: str) -> None:
    """Note what the answer is to that this thread reads from now on.

    Args:
        what: Host, method and endpoint without ids.
    """
    _asked.count += 1
    _asked.what = what


def last_answer() -> str:
    """Return what this thread asked last, as `note_answer` was told; "" for nothing."""
    return _asked.what


def unreadable(reason: str) -> ContractError:
    """Return the error of the answer that this thread reads.

    Args:
        reason: What is wrong with it, without anybody's data.

    Returns:
        The error to raise.
    """
    return ContractError(f"The response to {last_answer()} has another form than documented: {reason}.", fix=FIX)


def entries(answer: Any, key: str, *, optional: bool = False) -> list[Any]:
    """Return what an answer lists.

    Args:
        answer: Decoded.
        key: Under which it does.
        optional: Whether the platform leaves an empty list out.

    Returns:
        Objects.

    Raises:
        ContractError: It has no list of objects there.
    """
    if not isinstance(answer, dict):
        raise unreadable("it is not an object")
    if key not in answer and optional:
        return []
    listed = answer.get(key)
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise unreadable(f"{key!r} is not a list of objects" if key in answer else f"{key!r} is missing")
    return listed


@contextmanager
def told_as_answers() -> Iterator[None]:
    """Tell what goes wrong while an answer is read as the platform's error; what was not asked for is nobody's.

    Raises:
        ContractError: An answer that came inside of the block has another form.
    """
    before = _asked.count
    try:
        yield
    except UNREADABLE as error:
        if _asked.count == before:
            raise
        raise unreadable(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        key = error.args[0] if error.args else None
        return f"{key!r} is missing" if isinstance(key, str) and KEY.fullmatch(key) else "a key is missing"
    if isinstance(error, IndexError):
        return "a list is empty"
    return "a value has another type" if isinstance(error, (AttributeError, TypeError)) else "a value can't be read"


class ReadsAnswers:
    """Base class of connectors: what goes wrong in a public method while it reads an answer is told as the answer's."""

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for owner in reversed(cls.__mro__):
            for name, value in vars(owner).items() if owner not in {object, ReadsAnswers} else ():
                if inspect.isfunction(value) and not name.startswith("_") and getattr(cls, name) is value:
                    setattr(cls, name, _told(value))


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    if getattr(function, "told_as_answers", False):
        return function

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def each(*arguments: Any, **more: Any) -> Any:
            with told_as_answers():
                return (yield from function(*arguments, **more))

    else:

        @functools.wraps(function)
        def each(*arguments: Any, **more: Any) -> Any:
            with told_as_answers():
                given = function(*arguments, **more)
            return _each(given) if inspect.isgenerator(given) else given

    vars(each)["told_as_answers"] = True
    return each


def _each(given: Iterator[Any]) -> Iterator[Any]:
    with told_as_answers():
        yield from given
