"""What Ibis compiled in this process, kept for the next test: half of a step's time goes into statements seen before.

A statement is looked up by its expression, with stand-ins for what differs each time: names of tables that Ibis makes
up, and moments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import ibis
import pytest
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler
from ibis.expr import datatypes as dt
from ibis.expr import operations as ops

MADE_UP = "ibis_"
FIRST = datetime(1900, 1, 1)  # noqa: DTZ001 - each stand-in gets the zone of its moment
Stands = dict[Any, Any]

_kept: dict[tuple[type, ops.Node, Any], tuple[sge.Expression, Stands]] = {}


def keep_compiled(patch: pytest.MonkeyPatch) -> None:
    """Let DuckDB's compiler look first whether it compiled the same expression before."""
    translate: Callable[..., sge.Expression] = DuckDBCompiler.to_sqlglot

    def to_sqlglot(
        this: DuckDBCompiler, expr: ibis.Expr, *, limit: str | None = None, params: Mapping[Any, Any] | None = None
    ) -> sge.Expression:
        if params or type(this) is not DuckDBCompiler:
            return translate(this, expr, limit=limit, params=params)
        stands: Stands = {}
        key = type(this), _standing_in(expr.op(), stands), limit
        if key not in _kept:
            _kept[key] = translate(this, expr, limit=limit), stands
        kept, before = _kept[key]
        return _filled(kept.copy(), dict(zip(before, stands, strict=True)))

    patch.setattr(DuckDBCompiler, "to_sqlglot", to_sqlglot)


def _standing_in(expression: ops.Node, stands: Stands) -> ops.Node:
    """Return the expression without an engine and with stand-ins; *stands* gets what they stand for, in order."""

    def replaced(node: ops.Node, arguments: dict[str, Any] | None) -> ops.Node:
        if isinstance(node, ops.DatabaseTable | ops.InMemoryTable):
            made_up = node.name.startswith(MADE_UP)
            name = stands.setdefault(node.name, f"{len(stands)}") if made_up else node.name
            namespace = getattr(node, "namespace", ops.Namespace())
            return ops.UnboundTable(name=name, schema=node.schema, namespace=namespace)
        if isinstance(node, ops.Literal) and isinstance(node.value, datetime) and _in_utc(node.dtype):
            moment = FIRST.replace(tzinfo=node.value.tzinfo) + timedelta(days=len(stands))
            return ops.Literal(stands.setdefault(node.value, moment), dtype=node.dtype)
        return node.__recreate__(arguments) if arguments else node

    node: ops.Node = expression.replace(replaced)
    return node


def _in_utc(kind: dt.DataType) -> bool:
    return isinstance(kind, dt.Timestamp) and kind.timezone in {None, "UTC"}


def _filled(statement: sge.Expression, now: Stands) -> sge.Expression:
    """Put what differs now in the place of what stood there when the statement was compiled."""
    moments = {_parts(old): new for old, new in now.items() if isinstance(old, datetime) and old != new}
    names = {old: new for old, new in now.items() if isinstance(old, str) and old != new}
    for node in statement.find_all(sge.Identifier, sge.Anonymous) if moments or names else ():
        if isinstance(node, sge.Identifier):
            node.set("this", names.get(node.this, node.this))
        elif node.name.casefold().startswith("make_timestamp"):
            moment = moments.get(tuple(expression.name for expression in node.expressions[:6]))
            if moment is not None:
                rest = node.expressions[6:]
                node.set("expressions", [*map(sge.Literal.number, _parts(moment)), *rest])
    return statement


def _parts(moment: datetime) -> tuple[str, ...]:
    """Return what Ibis gives to make_timestamp."""
    seconds = moment.second + moment.microsecond / 1e6
    return tuple(map(str, (moment.year, moment.month, moment.day, moment.hour, moment.minute, seconds)))
