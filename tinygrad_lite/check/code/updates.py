"""Updates of parameters, as in W -= lr * X.T @ delta: what is taken from one is its gradient, times
a rate; so is a name's value with one among its factors, as in step = lr * dW."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from ...graph.node import Node
from .expressions import same
from .forms import NAMES
from .plain import HeldNumber
from .trace import Assignment, Instance, Record, Trace, Updated

RATE = re.compile(r"lr|.*learn.*")  # what is called so is one in any line
IN_UPDATES = re.compile(r"lr|eta|alpha|epsilon|.*(learn|rate|step).*")  # in that of one number
ANY = re.compile(r".+")  # in that of an array
CALLED = {name: kind() for kind, name in NAMES.items()} | {"dot": ast.MatMult()}
DOWN = ("delta", "update", "step")  # in names of what is to be added


def update_in(a: Assignment) -> tuple[Record, Node, float] | None:
    """What an assignment adds to a leaf or takes from it, the leaf, and how many times its gradient
    that is for a step down; None where it does no such thing."""
    statement, record = a.statement, a.record if a.part is None else a.part
    target: ast.expr
    signs = {ast.Add: -1.0, ast.Sub: 1.0}
    if isinstance(statement, ast.AugAssign):
        target, op, written = statement.target, statement.op, statement.value
    elif isinstance(statement, ast.Assign) and (made := _operation(statement.value)) is not None:
        target, op, written = made.left, made.op, made.right
        if [ast.unparse(t) for t in statement.targets] != [ast.unparse(target)]:
            return None
    else:
        return None
    if isinstance(target, ast.Name) and target.id != a.name:  # another name for it
        return None
    if isinstance(target, ast.Attribute) and a.of is None:
        return None
    if type(op) not in signs or len(record.operands) < 2:
        return None
    old, new = record.operands[-2:]  # a call has the function too
    node = getattr(old.value, "node", None)
    if not isinstance(node, Node) or node.op is not None:
        return None
    line, of = a.instance, new
    while of.compute is same:  # a name that stands for it, as in W -= step
        of = of.operands[0]
    if of is not new and of.site is not None and of.instance is not None:
        written, line = of.site, of.instance
    called = ANY if np.ndim(new.value) else IN_UPDATES
    return new, node, signs[type(op)] * rate_in(written, line, called)


def added_in(trace: Trace, made: Updated) -> tuple[Record, float]:
    """All that was added to a leaf whose entries were changed, one after the other, and how many
    times its gradient that is for a step down: with the one rate that is in it."""
    operands = [made.last, made.first]
    value = _difference(made.last.value, made.first.value)
    rates = {
        float(r.value)
        for r in trace.above(made.last)
        if isinstance(r.site, (ast.Name, ast.Attribute)) and _is_rate(r.site, r, IN_UPDATES)
    }
    rate = rates.pop() if len(rates) == 1 else 1.0
    return trace.add(_difference, operands, value), -rate


def _difference(a: Any, b: Any) -> Any:
    return np.subtract(np.asarray(a), np.asarray(b))


def _is_rate(e: ast.expr, record: Record | None, called: re.Pattern[str]) -> bool:
    name = getattr(e, "attr", getattr(e, "id", ""))
    value = None if record is None else record.value
    if not isinstance(value, (float, int)) or isinstance(value, HeldNumber):
        return False
    whole = float(value).is_integer()  # it counts, but for one that is called so
    return (RATE if whole else called).fullmatch(name.lower()) is not None


def _operation(e: ast.expr) -> ast.BinOp | None:
    """An expression as an operation of two: np.subtract(W, step) as W - step."""
    if isinstance(e, ast.Call) and isinstance(e.func, ast.Attribute) and len(e.args) == 2:
        op = CALLED.get(e.func.attr)
        return None if op is None or e.keywords else ast.BinOp(e.args[0], op, e.args[1])
    return e if isinstance(e, ast.BinOp) else None


def scale_of(name: str, line: Instance, trace: Trace, sign: float) -> float | None:
    """How many times the gradient a name's value is that has a rate among its factors; None where
    it has none. What reads like a step down is one that is added, `sign` times one where it is
    neither added nor subtracted."""
    statement = line.statement
    rate = rate_in(statement.value, line, RATE) if isinstance(statement, ast.Assign) else 1.0
    if rate == 1 or not any(word in name.lower() for word in DOWN):
        return None if rate == 1 else rate
    uses = {how for a in trace.assigned for how in _uses(a.statement, name)}
    return rate * (1.0 if ast.Sub in uses else -1.0 if uses else sign)


def _uses(statement: ast.AST, name: str) -> Iterator[type[ast.operator]]:
    """How an assignment adds a name to something, or subtracts it."""
    for n in ast.walk(statement):
        if isinstance(n, (ast.BinOp, ast.AugAssign)) and isinstance(n.op, (ast.Add, ast.Sub)):
            e = n.right if isinstance(n, ast.BinOp) else n.value
            if getattr(e, "id", "") == name:
                yield type(n.op)


def rate_in(e: ast.expr, instance: Instance, called: re.Pattern[str]) -> float:
    """The product of the factors of an expression that are a rate: single numbers whose name is
    `called` so, and that count nothing; 1 without one. One that is there twice is once too many."""
    return prod(dict(_rates(e, instance, called)).values())


def _rates(e: ast.expr, instance: Instance, called: re.Pattern[str]) -> Iterator[tuple[str, float]]:
    made = _operation(e)
    if isinstance(e, ast.UnaryOp):
        yield from _rates(e.operand, instance, called)
    elif made is not None and isinstance(made.op, (ast.Mult, ast.MatMult, ast.Div)):
        yield from _rates(made.left, instance, called)
        if not isinstance(made.op, ast.Div):
            yield from _rates(made.right, instance, called)
    record = instance.recorded.get(id(e))
    if record is not None and _is_rate(e, record, called):
        yield ast.unparse(e), float(record.value)
