"""PostgreSQL as the warehouse: what Ibis writes for it that it lacks, or that means something else there.

Every expression has to give there what it gives on DuckDB. So texts are compared by their code points, whatever
language the database sorts by; a half is rounded away from zero; and what can't be cast is null.
"""

from __future__ import annotations

from typing import Any, cast

import ibis.expr.operations as ops
import sqlglot.expressions as sge
from ibis.backends.postgres import Backend as PostgreSQL
from ibis.backends.sql.compilers.postgres import PostgresCompiler
from ibis.expr import datatypes

CASTS = {
    "float64": ("DOUBLE PRECISION", "RETURN cell::DOUBLE PRECISION"),
    # by its parts: the cast knows 'today', and goes by the session's order of day and month
    "date": (
        "DATE",
        r"""parts := regexp_match(cell, '^\s*(\d{1,4})([-/ ])(\d{1,2})\2(\d{1,2})\s*$');
        RETURN make_date(parts[1]::int, parts[3]::int, parts[4]::int)""",
    ),
}
MADE = "pg_temp.personasync_{}"
"""Functions of this session only: two commands never make one at the same moment, and nothing of them stays."""
SETTINGS = (
    "SET TIME ZONE 'UTC'",
    "SET jit = off",  # to compile a statement of some hundred columns takes longer than to run it
    *(
        f"CREATE OR REPLACE FUNCTION {MADE.format(name)}(cell text) RETURNS {kind} LANGUAGE plpgsql IMMUTABLE STRICT "
        f"AS $$ DECLARE parts text[]; BEGIN {body}; EXCEPTION WHEN data_exception THEN RETURN NULL; END $$"
        for name, (kind, body) in CASTS.items()
    ),
)


Base: Any = PostgresCompiler  # its methods have no types


class Compiler(Base):  # type: ignore[misc]  # so is it
    """Ibis' compiler with what our expressions need (Ibis 12, PostgreSQL 15)."""

    __slots__ = ()

    def visit_ScalarUDF(self, op: ops.ScalarUDF, **arguments: Any) -> Any:  # noqa: N802 - Ibis names them
        """Say how many microseconds a moment is after 1970: `segmenter.traits.timestamps` asks by a name of others."""
        if self.__sql_name__(op).casefold() != "unix_micros":
            return super().visit_ScalarUDF(op, **arguments)
        [moment] = arguments.values()
        return self.cast(sge.Extract(this=sge.Var(this="EPOCH"), expression=moment) * 1_000_000, op.dtype)

    def visit_HexDigest(self, op: ops.HexDigest, *, arg: Any, how: str) -> Any:  # noqa: N802
        """Only the digest by which people are assigned to arms."""
        return self.f.anon.md5(arg) if how == "md5" else self.visit_Undefined(op, arg=arg, how=how)

    def json_extract_path_text(self, op: Any, arg: Any, *rest: Any) -> Any:
        """Not by the function of this name: sqlglot makes an operator of it, which takes no list of the path."""
        del op, rest
        return sge.JSONBExtractScalar(this=sge.paren(arg), expression=sge.Literal.string("{}"))

    def visit_TryCast(self, op: ops.TryCast, *, arg: Any, to: Any) -> Any:  # noqa: N802
        """Null where the cast fails."""
        kind = str(to)
        if op.arg.dtype.is_string() and kind in CASTS:
            return sge.Anonymous(this=MADE.format(kind), expressions=[arg])
        return self.visit_Undefined(op, arg=arg, to=to)

    def visit_Cast(self, op: ops.Cast, *, arg: Any, to: Any) -> Any:  # noqa: N802
        """A boolean becomes a number by way of the only one that PostgreSQL makes of it."""
        if op.arg.dtype.is_boolean() and to.is_numeric():
            return self.cast(self.cast(arg, datatypes.int32), to)
        return super().visit_Cast(op, arg=arg, to=to)

    def visit_Round(self, op: ops.Round, *, arg: Any, digits: Any) -> Any:  # noqa: N802
        """Halves go away from zero, as everywhere else; PostgreSQL takes those of floats to the even number."""
        if not op.arg.dtype.is_floating():
            return super().visit_Round(op, arg=arg, digits=digits)
        scale = self.cast(self.f.anon.power(10, digits), datatypes.float64)
        scaled = sge.paren(sge.paren(arg) * scale)
        whole = self.f.anon.trunc(scaled)
        away = self.if_(
            self.f.anon.abs(scaled - whole) >= self.cast(0.5, datatypes.float64), self.f.anon.sign(scaled), 0
        )
        return self.cast(sge.paren(whole + away) / scale, op.dtype)

    def visit_Min(self, op: ops.Min, *, arg: Any, where: Any) -> Any:  # noqa: N802
        """The first text by its code points."""
        return super().visit_Min(op, arg=_by_code_points(op.arg, arg), where=where)

    def visit_Max(self, op: ops.Max, *, arg: Any, where: Any) -> Any:  # noqa: N802
        """The last text by its code points."""
        return super().visit_Max(op, arg=_by_code_points(op.arg, arg), where=where)

    def visit_SortKey(self, op: ops.SortKey, *, arg: Any, **order: Any) -> Any:  # noqa: N802
        """Texts in the order of their code points."""
        return super().visit_SortKey(op, arg=_by_code_points(op.arg, arg), **order)

    def visit_Less(self, op: ops.Less, *, left: Any, right: Any) -> Any:  # noqa: N802
        """Texts by their code points; so are the three below."""
        return self.binop(sge.LT, _by_code_points(op.left, left), right)

    def visit_LessEqual(self, op: ops.LessEqual, *, left: Any, right: Any) -> Any:  # noqa: N802, D102
        return self.binop(sge.LTE, _by_code_points(op.left, left), right)

    def visit_Greater(self, op: ops.Greater, *, left: Any, right: Any) -> Any:  # noqa: N802, D102
        return self.binop(sge.GT, _by_code_points(op.left, left), right)

    def visit_GreaterEqual(self, op: ops.GreaterEqual, *, left: Any, right: Any) -> Any:  # noqa: N802, D102
        return self.binop(sge.GTE, _by_code_points(op.left, left), right)

    def _argminmax(self, op: Any, *, arg: Any, key: Any, where: Any, desc: bool) -> Any:
        return super()._argminmax(op, arg=arg, key=_by_code_points(op.key, key), where=where, desc=desc)


def _by_code_points(value: Any, compiled: Any) -> Any:
    if not value.dtype.is_string():
        return compiled
    return sge.Collate(this=sge.paren(compiled), expression=sge.to_identifier("C", quoted=True))


def prepare(opened: PostgreSQL) -> None:
    """Make a connection ready for our expressions.

    Args:
        opened: Just connected; nothing was compiled for it yet.
    """
    cast("Any", opened).compiler = Compiler()
    for statement in SETTINGS:
        opened.con.execute(cast("Any", statement))
