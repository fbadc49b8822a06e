"""What an operand should have been, given what the operation should have given."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...graph.backend import is_array
from ..code.assigning import with_entry
from ..code.library import LIBRARY
from ..code.trace import Record
from .written import FAILS

Vector = Any  # a NumPy array, or a number
Undo = Callable[..., Vector]  # of the wanted result and all operands: the wanted operand

SINGULAR = 1e6  # the condition of a matrix that is not inverted
NOTHING = 1e-13  # of two numbers, what their difference is where they are one
ROUNDING = 1e-8  # how nearly an operation must give what it was undone from


def _less(a: Vector, b: Vector) -> Vector:
    """a - b, where what is but rounding is 0."""
    d = np.asarray(a - b, dtype=float)
    return np.where(np.abs(d) <= NOTHING * (np.abs(a) + np.abs(b)), 0.0, d)


def _root(w: Vector, a: Vector, p: Vector) -> Vector:
    if float(p).is_integer() and int(p) % 2:
        return np.sign(w) * np.abs(w) ** (1 / p)
    return np.copysign(w ** (1 / p), a)


def _left(w: Vector, a: Vector, b: Vector) -> Vector:
    return w @ _inverse(b.T).T


def _right(w: Vector, a: Vector, b: Vector) -> Vector:
    return _inverse(a) @ w


def _inverse(a: Vector) -> Vector:
    """What undoes a @; `ValueError` where many factors give the same product."""
    if np.ndim(a) != 2 or a.shape[0] < a.shape[1] or np.linalg.cond(a) > SINGULAR:
        raise ValueError("many factors give the same product")
    return np.linalg.pinv(a)


_PRODUCT: tuple[Undo, ...] = (_left, _right)
_QUOTIENT: tuple[Undo, ...] = (lambda w, a, b: w * b, lambda w, a, b: a / w)
_SHAPED: tuple[Undo, ...] = (lambda w, a, *_: np.reshape(w, np.shape(a)),)


def _rest(w: Vector, base: Vector, key: Any, value: Vector) -> Vector:
    found = np.array(w)
    found[key] = np.asarray(base)[key]
    return found


_OUTER: tuple[Undo, ...] = (
    lambda w, a, b: np.reshape(w @ np.ravel(b) / np.vdot(b, b), np.shape(a)),
    lambda w, a, b: np.reshape(np.ravel(a) @ w / np.vdot(a, a), np.shape(b)),
)
# By the operation, one per operand: from what is wanted of it, and its operands as they are.
UNDO: Mapping[Any, tuple[Undo, ...]] = {
    "add": (lambda w, a, b: _less(w, b), lambda w, a, b: _less(w, a)),
    "subtract": (lambda w, a, b: _less(w, -b), lambda w, a, b: _less(a, w)),
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
    "entry": (_rest, lambda w, *_: None, lambda w, base, key, value: w[key]),
    "inv": (lambda w, a: np.linalg.inv(w),),
}
# Of arrays that are joined, in a list: what is wanted of each.
JOINED: Mapping[str, Callable[..., Sequence[Vector]]] = {
    "concatenate": lambda w, parts, axis=0: _split(w, parts, axis),
    "vstack": lambda w, parts: _split(w, parts, 0) if np.ndim(parts[0]) > 1 else list(w),
    "hstack": lambda w, parts: _split(w, parts, min(np.ndim(parts[0]), 2) - 1),
    "stack": lambda w, parts, axis=0: list(np.moveaxis(w, axis, 0)),
    "array": lambda w, parts: list(w),
    "asarray": lambda w, parts: list(w),
}


def _split(w: Vector, parts: Sequence[Vector], axis: int) -> Sequence[Vector]:
    return np.split(w, np.cumsum([np.shape(p)[axis] for p in parts])[:-1], axis)


ALIASES = {"power": "pow", "true_divide": "divide", "t": "T", "view": "reshape", "mm": "matmul"}
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
    with_entry: "entry",
}


def operation(record: Record) -> tuple[str, Sequence[Record]]:
    """What an operation is called, by an operator, a function of NumPy's or a method, and its
    operands; "" for anything else."""
    compute = record.compute
    if isinstance(compute, partial):  # an augmented assignment
        compute = compute.args[0]
    name = _OPERATORS.get(compute)
    if name is not None:
        return name, record.operands
    if isinstance(record.site, (ast.Tuple, ast.List)):
        return "sequence", record.operands
    if isinstance(record.site, ast.Attribute) and record.site.attr in ("T", "mT"):
        return "T", record.operands
    if not isinstance(record.site, ast.Call) or not record.operands:
        return "", ()
    if isinstance(record.site.func, ast.Attribute) and is_array(record.operands[0].value):
        attr = record.site.func.attr
        return ALIASES.get(attr, attr), record.operands
    function, *operands = record.operands
    called = getattr(function.value, "__name__", "")
    known = isinstance(function.value, np.ufunc) or _of_library(function.value)
    return (ALIASES.get(called, called), operands) if known else ("", ())


def _of_library(function: Any) -> bool:
    module = LIBRARY.get().module
    if module is not np:
        return getattr(module, getattr(function, "__name__", ""), None) is function
    return str(getattr(function, "__module__", "")).partition(".")[0] == "numpy"


def leaves_open(record: Record, index: int) -> bool:
    """Whether an operation gives the same for several values of an operand, so that what is undone
    is one of them: an even power for any signs, an entry that is set for any value there."""
    name, operands = operation(record)
    if name == "pow" and index == 0:
        exponent = np.asarray(operands[1].value)
        return bool(exponent.ndim == 0 and exponent.dtype.kind in "iuf" and exponent % 2 == 0)
    return name == "square" or (name == "entry" and index == 0)


def undone(record: Record, wanted: Any, values: Sequence[Any], index: int) -> Any:
    """The value of operand `index` that makes the operation give `wanted`, None where there is none
    or no single one; `values` are its operands' as they are. Of a list of arrays it is a list."""
    name, operands = operation(record)
    rows = UNDO.get(name, ())
    if name == "sequence":
        return fitted(np.asarray(wanted[index], dtype=float), np.shape(values[index]))
    values = values[len(values) - len(operands) :]  # a function is not among them
    index -= len(record.operands) - len(operands)
    if name in JOINED and index == 0 and isinstance(values[0], (list, tuple)):
        try:
            return JOINED[name](wanted, *values)
        except FAILS:
            return None
    if not 0 <= index < len(rows):
        return None
    try:
        found: Any = np.asarray(rows[index](wanted, *values), dtype=float)
        found = fitted(found, np.shape(values[index]))
    except FAILS:
        return None
    if found is None or not np.isfinite(found).all():
        return None
    return found


def fitted(found: Vector, shape: tuple[int, ...]) -> Vector | None:
    """An array in the shape that was broadcast to its own; as it is where its rows then differ."""
    if found.shape == shape:
        return found
    if np.broadcast_shapes(found.shape, shape) != found.shape:
        return None
    lead, whole = found.ndim - len(shape), found
    for axis in range(found.ndim):
        if axis < lead or shape[axis - lead] != found.shape[axis]:
            first = found.take([0], axis)
            if np.abs(found - first).max() > ROUNDING * np.abs(found).max():
                return whole
            found = first
    return found.reshape(shape)
