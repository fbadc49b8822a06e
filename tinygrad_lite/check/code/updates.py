"""Updates of parameters, as in W -= lr * X.T @ delta: what is taken from one is its gradient, times
a rate; so is a name's value with one among its factors, as in step = lr * dW."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import numpy as np

from ...graph.node import Node
from .trace import Assignment, Instance, Record

SURE = ("lr", "learning_rate", "learningrate")
RATES = (*SURE, "rate", "alpha", "eta", "step_size", "stepsize")
DOWN = ("delta", "update", "step")  # in names of what is to be added


def update_in(a: Assignment) -> tuple[Record, Node, float] | None:
    """What an assignment adds to a leaf or takes from it, the leaf, and how many times its gradient
    that is for a step down; None where it does no such thing."""
    statement, record = a.statement, a.record if a.part is None else a.part
    signs = {ast.Add: -1.0, ast.Sub: 1.0}
    if isinstance(statement, ast.AugAssign):
        op, written = statement.op, statement.value
    elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.BinOp):
        op, written = statement.value.op, statement.value.right
        if [ast.unparse(t) for t in statement.targets] != [ast.unparse(statement.value.left)]:
            return None
    else:
        return None
    if type(op) not in signs or len(record.operands) != 2:
        return None
    old, new = record.operands
    node = getattr(old.value, "node", None)
    if not isinstance(node, Node) or node.op is not None:
        return None
    return new, node, signs[type(op)] * rate_in(written, a.instance)


def scale_of(name: str, line: Instance) -> float | None:
    """How many times the gradient a name's value is that has a rate among its factors; None where
    it has none."""
    statement = line.statement
    rate = rate_in(statement.value, line, SURE) if isinstance(statement, ast.Assign) else 1.0
    sign = -1.0 if any(word in name.lower() for word in DOWN) else 1.0
    return None if rate == 1 else sign * rate


def rate_in(e: ast.expr, instance: Instance, names: Sequence[str] = RATES) -> float:
    """The product of the factors of an expression that are called a rate; 1 without one."""
    if isinstance(e, ast.UnaryOp):
        return rate_in(e.operand, instance, names)
    if isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Mult, ast.MatMult, ast.Div)):
        right = 1.0 if isinstance(e.op, ast.Div) else rate_in(e.right, instance, names)
        return rate_in(e.left, instance, names) * right
    name = getattr(e, "attr", getattr(e, "id", ""))
    record = instance.recorded.get(id(e))
    if name.lower() not in names or record is None or np.ndim(record.value):
        return 1.0
    return float(record.value)
