"""What an operand should have been, given what the operation should have given."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..code.trace import Record

Vector = Any  # a NumPy array, or a number
Undo = Callable[..., Vector]  # of the wanted result and all operands: the wanted operand

ROUNDING = 1e-8  # how nearly an operation must give what it was undone from


def _root(w: Vector, a: Vector, p: Vector) -> Vector:
    if float(p).is_integer() and int(p) % 2:
        return np.sign(w) * np.abs(w) ** (1 / p)
    return np.copysign(w ** (1 / p), a)


def _left(w: Vector, a: Vector, b: Vector) -> Vector:
    if np.ndim(b) == 1:
        raise ValueError("many factors give the same product")
    return w @ np.linalg.pinv(b)


def _right(w: Vector, a: Vector, b: Vector) -> Vector:
    if np.ndim(a) == 1:
        raise ValueError("many factors give the same product")
    return np.linalg.pinv(a) @ w


_PRODUCT: tuple[Undo, ...] = (_left, _right)
_QUOTIENT: tuple[Undo, ...] = (lambda w, a, b: w * b, lambda w, a, b: a / w)
_SHAPED: tuple[Undo, ...] = (lambda w, a, *_: np.reshape(w, np.shape(a)),)
_OUTER: tuple[Undo, ...] = (
    lambda w, a, b: np.reshape(w @ np.ravel(b) / np.vdot(b, b), np.shape(a)),
    lambda w, a, b: np.reshape(np.ravel(a) @ w / np.vdot(a, a), np.shape(b)),
)
# By the operation, one per operand: from what is wanted of it, and its operands as they are.
UNDO: Mapping[Any, tuple[Undo, ...]] = {
    "add": (lambda w, a, b: w - b, lambda w, a, b: w - a),
    "subtract": (lambda w, a, b: w + b, lambda w, a, b: a - w),
    "multiply": (lambda w, a, b: w / b, lambda w, a, b: w / a),
    "divide": _QUOTIENT,
    "pow": (_root,),
    "matmul": _PRODUCT,
    "dot": _PRODUCT,
    "outer": _OUTER,
    "negative": (lambda w, a: -w,),
    "T": (lambda w, a: w.T,),
    "transpose": (lambda w, a: w.T,),
    "exp": (lambda w, a: np.log(w),),
    "log": (lambda w, a: np.exp(w),),
    "sqrt": (lambda w, a: w * w,),
    "square": (lambda w, a: np.copysign(np.sqrt(w), a),),
    "tanh": (lambda w, a: np.arctanh(w),),
    "reshape": _SHAPED,
    "ravel": _SHAPED,
    "squeeze": _SHAPED,
    "copy": _SHAPED,
    "asarray": _SHAPED,
    "array": _SHAPED,
    "diag": (lambda w, a: np.diag(w),),
    "inv": (lambda w, a: np.linalg.inv(w),),
}
ALIASES = {"power": "pow", "true_divide": "divide"}
_OPERATORS = {
    operator.add: "add",
    operator.iadd: "add",
    operator.sub: "subtract",
    operator.isub: "subtract",
    operator.mul: "multiply",
    operator.imul: "multiply",
    operator.truediv: "divide",
    operator.itruediv: "divide",
    operator.matmul: "matmul",
    operator.imatmul: "matmul",
    operator.pow: "pow",
    operator.ipow: "pow",
    operator.neg: "negative",
}


def operation(record: Record) -> tuple[str, Sequence[Record]]:
    """What an operation is called, by an operator, a function of NumPy's or a method, and its
    operands; "" for anything else."""
    name = _OPERATORS.get(record.compute)
    if name is not None:
        return name, record.operands
    if isinstance(record.site, ast.Attribute) and record.site.attr in ("T", "mT"):
        return "T", record.operands
    if not isinstance(record.site, ast.Call) or not record.operands:
        return "", ()
    function, *operands = record.operands
    called = getattr(function.value, "__name__", "")
    if isinstance(getattr(function.value, "__self__", None), np.ndarray) and function.operands:
        return called, (*function.operands, *operands)
    known = isinstance(function.value, np.ufunc) or _of_numpy(function.value)
    return (ALIASES.get(called, called), operands) if known else ("", ())


def _of_numpy(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).partition(".")[0] == "numpy"


def undone(record: Record, wanted: Vector, values: Sequence[Vector], index: int) -> Vector | None:
    """The value of operand `index` that makes the operation give `wanted`, None where there is none
    or no single one; `values` are its operands' as they are."""
    name, operands = operation(record)
    rows = UNDO.get(name, ())
    if index >= len(rows):
        return None
    try:
        found = np.asarray(rows[index](wanted, *values[: len(operands)]), dtype=float)
        found = fitted(found, np.shape(values[index]))
    except (ValueError, TypeError, IndexError, np.linalg.LinAlgError):
        return None
    if found is None or not np.isfinite(found).all():
        return None
    return found


def fitted(found: Vector, shape: tuple[int, ...]) -> Vector | None:
    """An array in the shape that was broadcast to its own; None where its rows then differ."""
    if found.shape == shape:
        return found
    if np.broadcast_shapes(found.shape, shape) != found.shape:
        return None
    lead = found.ndim - len(shape)
    for axis in range(found.ndim):
        if axis < lead or shape[axis - lead] != found.shape[axis]:
            first = found.take([0], axis)
            if np.abs(found - first).max() > ROUNDING * np.abs(found).max():
                return None
            found = first
    return found.reshape(shape)
