"""SQL that Ibis compiled before, kept for the next test and the next run: compiling takes a third of a step's time.

A statement is looked up by a digest of its expression, with stand-ins for what differs each time: names of tables that
Ibis makes up, moments, ids of persons, and numbers that were counted or measured. The digest covers every argument of
every node by type and value; an expression with a part that it can't tell is compiled each time. The texts are kept in
pytest's cache folder, which the workers share.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from threading import RLock
from typing import Any, cast
from uuid import UUID

import ibis
import pytest
import sqlglot
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler
from ibis.common.grounds import Concrete
from ibis.expr import datashape as ds
from ibis.expr import datatypes as dt
from ibis.expr import operations as ops
from ibis.expr.schema import Schema

MADE_UP = "ibis_"
STAND_IN = "ibis_stand_in_{}_"
FIRST = datetime(1900, 1, 1)  # noqa: DTZ001 - each stand-in gets the zone of its moment
PLAIN = frozenset({str, int, float, bool, type(None), bytes, Decimal, datetime, date, time, timedelta, UUID})
STOOD_FOR = re.compile(r"ibis_stand_in_(\d+)_|(MAKE_TIMESTAMP(?:TZ)?\()1900, (\d+), (\d+), 0, 0, 0\.0")
FEWEST_COUNTED = 128
"""Smaller whole numbers are written in rules and windows: each is compiled by itself."""
MEASURED = re.compile(r"\d+\.\d{6,}")
PERSON_ID = re.compile(r"p-[0-9a-f]{16}-[0-9a-f]{8}")
MOST_STANDS = 365
MOST_BYTES = 64 * 1024 * 1024
"""A larger file of kept statements is begun anew."""

Stands = dict[Any, int]
"""What is stood in for, with its number by the order in which it occurs: made-up names, moments, values as `_value`."""


class StandIn(ops.Scalar[dt.DataType]):
    """A literal whose text is filled in when the statement is used."""

    number: int
    dtype: dt.DataType

    shape = ds.scalar


class CanNotTellError(Exception):
    """An expression has a part of which no digest is known."""


class Statements:
    """Texts by digest: in memory, and in a file that several processes share."""

    def __init__(self, folder: Path | None = None) -> None:
        self.translated = 0
        self._texts: dict[str, str] = {}
        self._lock = RLock()
        self._file: sqlite3.Connection | None = None
        if folder is not None:
            path = folder / "statements.sqlite"
            if path.exists() and path.stat().st_size > MOST_BYTES:
                path.unlink()
            self._file = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA synchronous = OFF")
            self._file.execute("CREATE TABLE IF NOT EXISTS statement (digest TEXT PRIMARY KEY, text TEXT NOT NULL)")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def text(self, digest: str, translate: Callable[[], str]) -> str:
        """Return the text that is kept for *digest*, or keep what *translate* returns."""
        with self._lock:
            if digest not in self._texts:
                self._texts[digest] = self._read(digest) or self._write(digest, translate())
            return self._texts[digest]

    def _read(self, digest: str) -> str:
        if self._file is None:
            return ""
        row = self._file.execute("SELECT text FROM statement WHERE digest = ?", [digest]).fetchone()
        return row[0] if row else ""

    def _write(self, digest: str, text: str) -> str:
        self.translated += 1
        if self._file is not None:
            self._file.execute("INSERT OR IGNORE INTO statement VALUES (?, ?)", [digest, text])
        return text


def keep_compiled(patch: pytest.MonkeyPatch, statements: Statements) -> None:
    """Let DuckDB's compiler look first whether it compiled the same expression before."""
    translate: Callable[..., sge.Expression] = DuckDBCompiler.to_sqlglot

    def to_sqlglot(
        this: DuckDBCompiler, expr: ibis.Expr, *, limit: str | None = None, params: Mapping[Any, Any] | None = None
    ) -> Any:
        stands: Stands = {}
        try:
            digest = digest_of(expr.op(), limit, stands)
        except (CanNotTellError, RecursionError):
            digest = ""
        if params or not digest or len(stands) > MOST_STANDS or type(this) is not DuckDBCompiler:
            return translate(this, expr, limit=limit, params=params)

        def anew() -> str:
            stood_in = _standing_in(expr.op(), stands).to_expr()
            return translate(this, stood_in, limit=limit).sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)

        return sge.Var(this=_filled(statements.text(digest, anew), list(stands)))

    def visit_stand_in(this: DuckDBCompiler, op: StandIn, *, number: int, dtype: dt.DataType) -> Any:
        del this, op, dtype
        return sge.Literal.number(STAND_IN.format(number))

    patch.setattr(DuckDBCompiler, "visit_StandIn", visit_stand_in, raising=False)
    patch.setattr(DuckDBCompiler, "to_sqlglot", to_sqlglot)


@cache
def _salt() -> str:
    """Return what else a statement depends on: versions, and this file."""
    versions = (sys.version, version("ibis-framework"), version("sqlglot"), Path(__file__).read_text("utf-8"))
    return repr(versions)


def digest_of(expression: ops.Node, limit: object, stands: Stands) -> str:
    """Return a digest that two expressions share only if they compile to the same text but for *stands*.

    Args:
        expression: Its engine does not count, and neither do the rows of its tables in memory.
        limit: What else the compiler was given.
        stands: Gets what is stood in for, in order.
    """
    whole = f"{_Digests(stands).of_node(expression)} {limit!r} {_salt()}"
    return blake2b(whole.encode(), digest_size=16).hexdigest()


class _Digests:
    """Digests of the nodes of an expression, which the caller holds: they are known by identity."""

    def __init__(self, stands: Stands) -> None:
        self.stands = stands
        self._digests: dict[int, str] = {}
        self._references: dict[tuple[type, int | None], int] = {}

    def of_node(self, node: ops.Node) -> str:
        digest = self._digests.get(id(node))
        if digest is None:
            text = f"{_kind(type(node))}({self._parts(node)})"
            digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
            self._digests[id(node)] = digest
        return digest

    def _parts(self, node: ops.Node) -> str:
        if isinstance(node, ops.DatabaseTable | ops.InMemoryTable):
            name = f"#{self._number(node.name)}" if node.name.startswith(MADE_UP) else repr(node.name)
            return f"{name},{_told_once(node.schema)},{self._told(getattr(node, 'namespace', ops.Namespace()))}"
        if isinstance(node, ops.Literal) and _is_moment(node):
            return f"#{self._number(node.value)},{_told_once(node.dtype)}"
        if isinstance(node, ops.Literal) and _differs_each_time(node):
            return f"#{self._number(_value(node))},{_told_once(node.dtype)}"
        if isinstance(node, ops.Reference):  # numbered by a count of the process
            number = self._references.setdefault((type(node), node.identifier), len(self._references))
            return f"{self.of_node(node.parent)},{number}"
        return self._all(node.__args__)

    def _number(self, value: object) -> int:
        return self.stands.setdefault(value, len(self.stands))

    def _all(self, values: Iterable[object]) -> str:
        return ",".join([self._told(value) for value in values])

    def _told(self, value: object) -> str:
        kind = type(value)
        if isinstance(value, ops.Node):
            return self.of_node(value)
        if kind in PLAIN:
            return f"{kind.__name__}:{value!r}"
        if isinstance(value, dt.DataType | Schema):
            return _told_once(value)
        if isinstance(value, Enum):
            return f"{kind.__qualname__}.{value.name}"
        if isinstance(value, tuple | list):
            return f"[{self._all(value)}]"
        if isinstance(value, frozenset):  # of columns to leave out
            return f"<{','.join(sorted(map(self._told, value)))}>"
        if isinstance(value, Mapping):
            return f"{{{self._all(value.keys())}={self._all(value.values())}}}"
        if isinstance(value, Concrete):
            return f"{kind.__qualname__}({self._all(value.__args__)})"
        raise CanNotTellError(kind)


@cache
def _kind(kind: type[ops.Node]) -> str:
    """Return a node's class by name; a function of the engine's own by what it is called with."""
    if not issubclass(kind, ops.ScalarUDF | ops.AggUDF):
        return f"{kind.__module__}.{kind.__qualname__}"
    function = cast("Any", kind)
    if function.__input_type__.name != "BUILTIN":
        raise CanNotTellError(kind)
    told = function.__func_name__, function.__udf_namespace__, function.__config__, function.dtype
    return f"{kind.__mro__[1].__qualname__}{told!r}"


@cache
def _told_once(value: dt.DataType | Schema) -> str:
    if isinstance(value, Schema):
        return f"({','.join(f'{name!r}:{_told_once(kind)}' for name, kind in value.items())})"
    return f"{type(value).__qualname__}{value!r}"


def _is_moment(literal: ops.Literal[Any]) -> bool:
    """Tell whether a literal is a moment in UTC or without a zone."""
    kind, value = literal.dtype, literal.value
    plain = isinstance(value, datetime) and not value.utcoffset()
    return plain and isinstance(kind, dt.Timestamp) and kind.timezone in {None, "UTC"}


def _differs_each_time(literal: ops.Literal[Any]) -> bool:
    """Tell whether a literal was counted or measured, or is a person's id."""
    value, kind = literal.value, literal.dtype
    if type(value) is int:
        return kind.is_integer() and value >= FEWEST_COUNTED  # a span of time has a whole number too
    if type(value) is float:
        return kind.is_floating() and bool(MEASURED.fullmatch(repr(value)))
    return isinstance(value, str) and kind.is_string() and bool(PERSON_ID.fullmatch(value))


def _value(literal: ops.Literal[Any]) -> tuple[str, str]:
    """Return the value of a literal as its type and its text in a statement: 200 and 200.0 are equal to Python."""
    value = literal.value
    return type(value).__name__, f"'{value}'" if isinstance(value, str) else repr(value)


def _standing_in(expression: ops.Node, stands: Stands) -> Any:
    """Return the expression without an engine and with stand-ins."""

    def replaced(node: ops.Node, arguments: dict[str, Any] | None) -> ops.Node:
        if isinstance(node, ops.DatabaseTable | ops.InMemoryTable):
            name = STAND_IN.format(stands[node.name]) if node.name.startswith(MADE_UP) else node.name
            namespace = getattr(node, "namespace", ops.Namespace())
            return ops.UnboundTable(name=name, schema=node.schema, namespace=namespace)
        if isinstance(node, ops.Literal) and _is_moment(node):
            moment = FIRST.replace(tzinfo=node.value.tzinfo) + timedelta(days=stands[node.value])
            return ops.Literal(moment, dtype=node.dtype)
        if isinstance(node, ops.Literal) and _differs_each_time(node):
            return StandIn(stands[_value(node)], node.dtype)
        return node.__recreate__(arguments) if arguments else node

    return expression.replace(replaced)


def _filled(text: str, values: list[Any]) -> str:
    """Put what is meant now in the places of the stand-ins."""

    def now(match: re.Match[str]) -> str:
        if match[1]:
            value = values[int(match[1])]
            return str(value[1] if isinstance(value, tuple) else value)
        day = FIRST.replace(month=int(match[3]), day=int(match[4]))
        return match[2] + _parts(values[(day - FIRST).days])

    return STOOD_FOR.sub(now, text)


def _parts(moment: datetime) -> str:
    """Return what Ibis gives to make_timestamp."""
    seconds = moment.second + moment.microsecond / 1e6
    return f"{moment.year}, {moment.month}, {moment.day}, {moment.hour}, {moment.minute}, {seconds}"
