"""What a platform's own package says of its API: operations with what they take, what they answer, and their limits.

The typed models of an official client are read where the tests run, so nothing of them is copied here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError


@dataclass(frozen=True)
class DescribedOperation:
    """An operation.

    Attributes:
        path: With ``{name}`` for what stands in its place.
        query: Type of each parameter, by its name on the wire.
        lists: Parameters that are lists, with commas.
        body: Type of the body; None: there is none.
        answer: Type of the answer; None: it is empty.
        status: Of the answer.
        windows: Requests and seconds.
        filters: Operators by field of the query's ``filter``.
        sorts: Fields of the query's ``sort``.
        says: What it does, in the description's words.
    """

    name: str
    method: str
    path: str
    query: Mapping[str, Any]
    lists: frozenset[str]
    body: Any
    answer: Any
    status: int
    windows: tuple[tuple[int, float], ...] = ()
    filters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sorts: frozenset[str] = frozenset()
    says: str = ""

    def places(self, path: str) -> dict[str, str] | None:
        """Return what stands in the places of the path; None where it is another one."""
        ours, theirs = self.path.strip("/").split("/"), path.strip("/").split("/")
        if len(ours) != len(theirs):
            return None
        pairs = list(zip(ours, theirs, strict=True))
        if any(mine != other for mine, other in pairs if not mine.startswith("{")):
            return None
        return {mine.strip("{}"): other for mine, other in pairs if mine.startswith("{")}

    def query_faults(self, query: Mapping[str, str]) -> Iterator[str]:
        """Yield what is wrong with a query."""
        for name, text in query.items():
            if name not in self.query:
                yield f"{name!r} is not a parameter of {self.name}"
                continue
            value: Any = text.split(",") if name in self.lists else int(text) if text.isdigit() else text
            yield from faults(self.query[name], value, name)

    def body_faults(self, body: Any) -> Iterator[str]:
        """Yield what is wrong with a body."""
        if self.body is None:
            if body is not None:
                yield f"{self.name} takes no body"
        elif body is None:
            yield f"{self.name} needs a body"
        else:
            yield from faults(self.body, body, "body")

    def answer_faults(self, answer: Any) -> Iterator[str]:
        """Yield what is wrong with an answer of ours."""
        if self.answer is None:
            if answer is not None:
                yield f"{self.name} answers nothing"
        else:
            yield from faults(self.answer, answer, "answer")


def faults(kind: Any, value: Any, where: str) -> list[str]:
    """Return what is wrong with a value: what the type's own validation says, and names that it does not have."""
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        return [f"{where}.{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return list(_odd(kind, value, where))


def _odd(kind: Any, value: Any, where: str) -> Iterator[str]:
    """Yield names that a type does not have, and words that are none of its choices; both pass most validations."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        yield from _odd(inner[0], value, where)
    elif origin in {typing.Union, types.UnionType}:
        yield from _odd_in_union(inner, value, where)
    elif isinstance(value, list) and inner:
        for number, entry in enumerate(value):
            yield from _odd(inner[0], entry, f"{where}[{number}]")
    elif isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(value, dict):
        known = {info.alias or name: info.annotation for name, info in kind.model_fields.items()}
        for name, entry in value.items():
            if name in known:
                yield from _odd(known[name], entry, f"{where}.{name}")
            elif known:  # a model without names of its own takes any
                yield f"{where}.{name} is not described"


def _odd_in_union(kinds: tuple[Any, ...], value: Any, where: str) -> Iterator[str]:
    """Yield what is odd by the type that fits best; words that are none of the choices, beside which stands Any."""
    choices = [word for kind in kinds if typing.get_origin(kind) is typing.Literal for word in typing.get_args(kind)]
    if choices and value is not None:
        if value not in choices:
            yield f"{where}: {value!r} is none of {choices}"
        return
    readings = [list(_odd(kind, value, where)) for kind in kinds if _fits(kind, value)]
    yield from min(readings, key=len, default=[])


def _fits(kind: Any, value: Any) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True
