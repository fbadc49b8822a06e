"""Edits of whole lines: += for =, a line left out, the head of a loop. Only a run can tell."""

from __future__ import annotations

import ast
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ..code.source import replaced
from ..code.trace import Instance, Record, Trace
from ..slips import FAR, FIRST, LIKELY, NEAR, ODD
from .farther import terms
from .indexed import BACKWARDS, indices
from .known import TOLERANCE
from .looked import Place, looked_up
from .pool import Pool
from .rows import Edit, is_nothing
from .slipped import edits, exchanged, settings
from .written import number

LEFT_OUT = FAR  # what it costs that a line is left out


def heads(trace: Trace, numpy: str) -> Iterator[Edit]:
    """Slips in what a loop runs over, and in the test of a branch."""
    seen: set[ast.AST] = set()
    for record in trace.records:
        e, instance = record.site, record.instance
        if e is None or e in seen or instance is None:
            continue
        seen.add(e)
        head = getattr(instance.statement, "iter", getattr(instance.statement, "test", None))
        if head is not None and e in set(ast.walk(head)):
            setting = settings(instance.source.tree).get(e, "")
            found = edits(e, instance.value, numpy, setting)
            yield from (edit for edit in found if edit.rank <= ODD)
            if e is head:
                yield from _turned_round(e, record.value)
            if isinstance(e, ast.Name) and isinstance(record.value, int):
                for name, other in instance.names.items():
                    if name != e.id and type(other.value) is int:
                        yield Edit(e, ast.Name(name, ast.Load()), "other", ODD)


def _turned_round(e: ast.expr, value: Any) -> Iterator[Edit]:
    """The other way round, what a loop runs over."""
    if isinstance(e, ast.Call) and getattr(e.func, "id", "") == "reversed":
        yield Edit(e, e.args[0], "wrong-order", FIRST)
    elif isinstance(value, range):
        called = ast.Call(ast.Name("reversed", ast.Load()), [e], [])
        yield Edit(e, called, "wrong-order", NEAR)
    elif isinstance(value, (list, tuple, np.ndarray)) and not isinstance(e, ast.Subscript):
        yield Edit(e, ast.Subscript(e, BACKWARDS, ast.Load()), "wrong-order", NEAR)


def left_out(
    trace: Trace,
    goal: Record,
    value: Any,
    wanted: Any,
    pool: Callable[[Instance], Pool],
    constants: frozenset[float],
) -> Iterator[Edit]:
    """A term that is never added to a value, or a factor: a line of its own, before the first that
    uses the name."""
    definition: Any = trace.definition
    body = () if isinstance(definition, ast.Lambda) else definition.body
    after = (r.instance for r in trace.records[goal.index + 1 :] if r.instance is not None)
    lines = {part: s for s in body for part in ast.walk(s)}
    using = (i for i in _first(trace, goal, after) if i.statement in lines)
    instance = next(using, None)
    name = None
    if instance is not None:
        name = next((n for n, r in reversed(instance.names.items()) if r is goal), None)
    if instance is None or name is None:
        return
    statement = lines[instance.statement]
    found = list(_lacking(ast.Name(name, ast.Load()), value, wanted))
    for target, v, w in found:
        less = LIKELY * (target is not found[0][0])  # only a part of it is wrong
        at = Place(target, v, pool(instance), constants)
        for edit in chain(looked_up(at, w), terms(at, w)):
            made = edit.new
            if not isinstance(made, ast.BinOp):
                continue
            rest = made.right
            if made.right is target and isinstance(made.op, ast.Mult):
                rest = made.left
            elif made.left is not target:
                continue
            if _mentions(rest, target):
                continue
            for copy in body if isinstance(target, ast.Name) else ():
                if _copies(copy, name):  # dz = da, and nothing more
                    whole = ast.Assign(copy.targets, ast.BinOp(copy.value, made.op, rest), lineno=0)
                    yield Edit(copy, whole, edit.kind, FAR - NEAR + edit.rank + less)
            added = ast.AugAssign(_stored(target), made.op, rest)
            yield Edit(statement, [added, statement], edit.kind, LEFT_OUT + edit.rank + less)


def _lacking(target: ast.expr, value: Any, wanted: Any) -> Iterator[tuple[ast.expr, Any, Any]]:
    """What is wrong of an array, with its value and what that should be: all of it, or only some
    rows or columns, where others are right and not 0."""
    v, w = np.asarray(value, dtype=float), np.asarray(wanted, dtype=float)
    for axis in {0, v.ndim - 1} if v.ndim and v.shape == w.shape else ():
        n, least = v.shape[axis], TOLERANCE * np.abs(w).max()
        d, size = (np.abs(np.moveaxis(x, axis, 0)).reshape(n, -1).max(axis=1) for x in (w - v, w))
        off = np.flatnonzero(d > least)
        first, last = int(min(off, default=0)), int(max(off, default=-1)) + 1
        if not 0 < len(off) == last - first < n or (first and last < n):
            continue
        if not (size[d <= least] > least).any():
            continue
        rows: Any = slice(first or None, last - n or None)
        part: ast.expr = ast.Slice(
            number(first) if first else None, number(last - n) if last < n else None
        )
        if len(off) == 1:
            rows, part = first, number(0 if not first else -1)
        index = (slice(None),) * axis + (rows,)
        code = ast.Tuple([*[ast.Slice()] * axis, part], ast.Load()) if axis else part
        yield ast.Subscript(target, code, ast.Load()), v[index], w[index]
    yield target, v, w


def _stored(target: Any) -> Any:
    """A name, or a part of what it has, to be given a value."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Store())
    return ast.Subscript(target.value, target.slice, ast.Store())


def _copies(statement: Any, name: str) -> bool:
    """Whether a statement gives a name what another has."""
    copies = isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name)
    return copies and ast.unparse(statement.targets[0]) == name


def _first(trace: Trace, goal: Record, after: Iterable[Instance]) -> Iterator[Instance]:
    """The first statement that reads a value, else the last of all."""
    last = None
    users = {u.instance for u in goal.users}
    for last in after:
        if last in users and last is not goal.instance:
            yield last
    if last is not None:
        yield last


def statements(s: ast.AST, numbers: Iterable[float]) -> Iterator[Edit]:
    """What one slip may have changed at an assignment, undone: = for +=, += for -=; and = 0 or
    another number for *= one of the `numbers`."""
    if isinstance(s, ast.Assign) and len(s.targets) == 1:
        (target,) = s.targets
        free = not _mentions(s.value, target) and not is_nothing(s.value)
        if isinstance(target, (ast.Name, ast.Subscript, ast.Attribute)) and free:
            for op, rank in ((ast.Add(), NEAR), (ast.Sub(), FAR)):
                yield Edit(s, ast.AugAssign(target, op, s.value), "missing-term", rank)
        if isinstance(target, ast.Subscript):
            yield Edit(s, _added_at(target, s.value), "missing-term", ODD)
        size: Any = getattr(s.value, "value", None)
        if isinstance(target, ast.Subscript) and type(size) in (int, float):
            for n in {size, *numbers} - {0, 1}:
                kind = "wrong-activation-derivative" if size == 0 else "missing-factor"
                yield Edit(s, ast.AugAssign(target, ast.Mult(), number(n)), kind, LIKELY)
    target = getattr(s, "target", None) or (getattr(s, "targets", None) or [None])[0]
    if isinstance(s, ast.Assign) and isinstance(target, ast.Tuple):
        for value in exchanged(s.value):
            yield Edit(s, ast.Assign(s.targets, value, lineno=0), "wrong-order", NEAR)
    if isinstance(s, (ast.Assign, ast.AugAssign)) and isinstance(target, ast.Subscript):
        for new, kind, rank in indices(target):
            if isinstance(new, ast.Subscript):
                yield Edit(s, replaced(s, {target: new}), kind, rank)
        for part in ast.walk(s.value):
            if isinstance(part, ast.Subscript):
                two: dict[ast.AST, ast.AST] = {target.slice: part.slice, part.slice: target.slice}
                yield Edit(s, replaced(s, two), "off-by-index", LIKELY)
    if isinstance(s, ast.AugAssign):
        minus = isinstance(_leftmost(s.value), ast.UnaryOp)  # that one is too many
        for op in (ast.Add(), ast.Sub()):
            if not isinstance(s.op, type(op)):
                rank = FAR if minus else -ODD
                yield Edit(s, ast.AugAssign(s.target, op, s.value), "sign", rank)
        if isinstance(s.target, ast.Subscript):
            yield Edit(s, _added_at(s.target, s.value), "missing-term", FIRST)
        yield Edit(s, ast.Assign([s.target], s.value, lineno=0), "double-count", LIKELY)


def sliced(s: ast.AST, slices: Sequence[ast.expr], names: Container[str]) -> Iterator[Edit]:
    """x[1:] += a * y[1:] for x += a * y, by the slices that there are elsewhere, where y is one of
    the names."""
    target: Any = getattr(s, "target", None) or (getattr(s, "targets", None) or [None])[0]
    if not isinstance(s, (ast.Assign, ast.AugAssign)) or not isinstance(target, ast.Name):
        return
    if isinstance(s, ast.Assign) and not _mentions(s.value, target):
        return
    read = [n for n in ast.walk(s.value) if isinstance(n, ast.Name)]
    own = [target, *(n for n in read if n.id == target.id)]
    for other in (n for n in read if n.id in names and n.id != target.id):
        for part in slices:
            new = replaced(s, {n: ast.Subscript(n, part, n.ctx) for n in (*own, other)})
            yield Edit(s, new, "other", LIKELY)


def _leftmost(e: ast.expr) -> ast.expr:
    """What an expression begins with, through products and sums."""
    while isinstance(e, ast.BinOp):
        e = e.left
    return e


def _added_at(target: ast.Subscript, value: ast.expr) -> ast.Expr:
    called = ast.parse("np.add.at", mode="eval").body
    return ast.Expr(ast.Call(called, [target.value, target.slice, value], []))


def _mentions(e: ast.expr, target: ast.expr) -> bool:
    """Whether an expression has what is assigned in it: no `+=` was meant then."""
    alike = (n for n in ast.walk(e) if type(n) is type(target))
    return any(ast.unparse(n) == ast.unparse(target) for n in alike)


def started(body: Sequence[Any], left: frozenset[str] = frozenset()) -> Iterator[Edit]:
    """0 for what a loop hands on from turn to turn, before it begins, where an earlier loop, or an
    earlier turn of one around it, has `left` a value."""
    for s in body:
        names = (n for n in ast.walk(s) if isinstance(n, ast.Name))
        stored = {n.id for n in names if isinstance(n.ctx, ast.Store)}
        if not isinstance(s, (ast.For, ast.While)):
            left -= stored
            continue
        for name in sorted(left & _carried(s.body)):
            start = ast.parse(f"{name} = np.zeros_like({name})").body[0]
            yield Edit(s, [start, s], "double-count", ODD)
        left |= stored
        yield from started(s.body, left)


def _carried(body: Sequence[ast.stmt]) -> set[str]:
    """The names that are read before they are given a value in a turn, and are given one there."""
    read, stored = set[str](), set[str]()
    for s in body:
        names = [n for n in ast.walk(s) if isinstance(n, ast.Name)]
        sums = {n.target for n in ast.walk(s) if isinstance(n, ast.AugAssign)}
        read |= {n.id for n in names if isinstance(n.ctx, ast.Load) or n in sums} - stored
        stored |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
    return read & stored
