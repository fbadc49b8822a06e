"""A value together with how it is written.

A formula run on such stand-ins gives both, so that a slip of the table, or a form that people give
a name, is stated once and yields what may stand in a place of the user's source.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..code.source import replaced

OPERATORS: Mapping[Any, type[ast.operator]] = {
    np.add: ast.Add,
    np.subtract: ast.Sub,
    np.multiply: ast.Mult,
    np.divide: ast.Div,
    np.matmul: ast.MatMult,
    np.power: ast.Pow,
    np.bitwise_or: ast.BitOr,
}
COMPARISONS: Mapping[Any, type[ast.cmpop]] = {
    np.greater: ast.Gt,
    np.less: ast.Lt,
    np.greater_equal: ast.GtE,
    np.less_equal: ast.LtE,
}
CALLED = {"absolute": "abs"}  # the names that people use
# What an expression raises that does not fit where it is tried.
FAILS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    NameError,
    MemoryError,
    RuntimeError,  # PyTorch's
)
LARGEST = 200_000  # entries of what is tried, unless its operands have as many
_LOAD = ast.Load()
_NONE = ast.Constant(0)  # of a term that only broadcasts


class Written(NDArrayOperatorsMixin):
    """`value`, and `code` that gives it; `numpy` is what NumPy is called there."""

    __slots__ = ("code", "numpy", "value")

    def __init__(self, code: ast.expr, value: Any, numpy: str = "np") -> None:
        self.code, self.value, self.numpy = code, value, numpy

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            return NotImplemented
        values = [_value(x) for x in inputs]
        if prod(getattr(v, "size", 1) for v in values) > LARGEST:
            shapes = [np.shape(v) for v in values]
            _refuse_large(
                [shapes[0][:-1], shapes[-1][-1:]]
                if ufunc is np.matmul
                else [np.broadcast_shapes(*shapes)],
                shapes,
            )
        value = ufunc(*values)
        return Written(self._applied(ufunc, [_code(x) for x in inputs]), value, self.numpy)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func is np.outer:
            shapes = [np.shape(_value(x)) for x in args]
            _refuse_large(shapes, shapes)
        value = func(*[_value(x) for x in args], **kwargs)
        if not isinstance(value, (np.ndarray, np.generic)):
            return value
        if func is np.swapaxes and args[1:] == (-1, -2) and value.ndim == 2:
            return self.T
        settings = [ast.keyword(k, ast.Constant(v)) for k, v in kwargs.items()]
        called = self._called(func, [_code(x) for x in args], settings)
        return Written(called, value, self.numpy)

    def __getitem__(self, index: Any) -> Written:
        text = ", ".join(_index(i) for i in (index if isinstance(index, tuple) else (index,)))
        at = ast.parse(f"x[{text}]", mode="eval").body
        assert isinstance(at, ast.Subscript)
        at.value = self.code
        return Written(at, np.asarray(self.value)[index], self.numpy)

    @property
    def T(self) -> Written:
        """The transpose; that of a transpose is what was transposed, that of A @ B is B.T @ A.T."""
        if np.ndim(self.value) == 1:
            return self
        code = self.code
        if isinstance(code, ast.BinOp) and isinstance(code.op, ast.MatMult):
            code = ast.BinOp(turned(code.right), ast.MatMult(), turned(code.left))
        else:
            code = turned(code)
        return Written(code, np.asarray(self.value).T, self.numpy)

    def _called(self, func: Any, args: list[ast.expr], settings: list[ast.keyword]) -> ast.Call:
        function: ast.expr = ast.Name(self.numpy, _LOAD)
        inside = ["linalg"] if getattr(np.linalg, func.__name__, None) is func else []
        for part in (*inside, CALLED.get(func.__name__, func.__name__)):
            function = ast.Attribute(function, part, _LOAD)
        return ast.Call(function, args, settings)

    def _applied(self, ufunc: Any, codes: list[ast.expr]) -> ast.expr:
        """The operator between operands, what changes nothing left out."""
        if ufunc is np.negative:
            return negated(codes[0])
        if ufunc in COMPARISONS:
            return ast.Compare(codes[0], [COMPARISONS[ufunc]()], codes[1:])
        if ufunc not in OPERATORS:
            return self._called(ufunc, codes, [])
        a, b = codes
        if _literal(a) and _literal(b) and ufunc in (np.add, np.subtract):
            return number(float(ufunc(ast.literal_eval(a), ast.literal_eval(b))))
        if ufunc is np.multiply and (_is(a, 0) or _is(b, 0)):
            return _NONE
        if ufunc in (np.add, np.subtract) and b is _NONE:
            return a
        if ufunc in (np.add, np.subtract) and a is _NONE:
            return b if ufunc is np.add else negated(b)
        if ufunc in (np.multiply, np.divide, np.power) and _is(b, 1):
            return a
        if ufunc is np.multiply and _is(a, 1):
            return b
        if ufunc is np.divide and _is(a, 1) and _calls_exp(b):  # 1 / exp(b)
            return ast.Call(b.func, [negated(b.args[0])], [])  # type: ignore[attr-defined]
        inverse = inverted(b)
        if ufunc in (np.multiply, np.divide) and inverse is not None:  # a / (1 / b)
            ufunc, b = (np.divide if ufunc is np.multiply else np.multiply), inverse
        if (
            ufunc in (np.add, np.subtract)
            and isinstance(b, ast.UnaryOp)
            and isinstance(b.op, ast.USub)
        ):  # a + -b
            ufunc, b = (np.subtract if ufunc is np.add else np.add), b.operand
        return ast.BinOp(a, OPERATORS[ufunc](), b)


def _refuse_large(axes: Sequence[tuple[int, ...]], operands: Sequence[tuple[int, ...]]) -> None:
    """Raise `ValueError` where a result with all these axes has far more entries than operands."""
    entries = prod(n for shape in axes for n in shape)
    if entries > max(LARGEST, 2 * max(map(prod, operands), default=0)):
        raise ValueError("so many entries")


def inverted(code: ast.expr) -> ast.expr | None:
    """What b is in 1 / b."""
    inverse = isinstance(code, ast.BinOp) and isinstance(code.op, ast.Div) and _is(code.left, 1)
    return code.right if isinstance(code, ast.BinOp) and inverse else None


def _calls_exp(code: ast.expr) -> bool:
    """Whether it is exp(b)."""
    if not isinstance(code, ast.Call) or len(code.args) != 1 or code.keywords:
        return False
    return getattr(code.func, "attr", getattr(code.func, "id", "")) == "exp"


def negated(code: ast.expr) -> ast.expr:
    """-x, x of -x, a * b of -a * b; and b - a of a - b is left to a row of its own."""
    first: Any = code
    while isinstance(first, ast.BinOp) and isinstance(first.op, (ast.Mult, ast.Div, ast.MatMult)):
        first = first.left
    if isinstance(first, ast.UnaryOp) and isinstance(first.op, ast.USub):
        return first.operand if first is code else replaced(code, {first: first.operand})
    return ast.UnaryOp(ast.USub(), code)


def turned(code: ast.expr) -> ast.expr:
    """x.T, and x of x.T."""
    if isinstance(code, ast.Attribute) and code.attr == "T":
        return code.value
    return ast.Attribute(code, "T", _LOAD)


def shifted(code: ast.expr, by: int) -> ast.expr:
    """The code for a whole number, and so much more: i + 1, and i again."""
    if _literal(code):
        return number(ast.literal_eval(code) + by)
    if isinstance(code, ast.BinOp) and _literal(code.right):
        sign = {ast.Add: 1, ast.Sub: -1}.get(type(code.op))
        if sign is not None:
            return shifted(code.left, sign * ast.literal_eval(code.right) + by)
    if not by:
        return code
    return ast.BinOp(code, ast.Add() if by > 0 else ast.Sub(), number(abs(by)))


def shown(code: Any) -> str:
    """Code as text; of a line that is put before another, that line."""
    first = code[0] if isinstance(code, list) else code
    return ast.unparse(ast.fix_missing_locations(first))


def number(value: float) -> ast.expr:
    """A number as people write it: 2, 0.5, -1."""
    whole = float(value).is_integer() and abs(value) < 1e15
    size = ast.Constant(abs(int(value)) if whole else abs(float(value)))
    return ast.UnaryOp(ast.USub(), size) if value < 0 else size


def _literal(code: ast.expr) -> bool:
    """Whether it is a number, with its sign."""
    code = code.operand if isinstance(code, ast.UnaryOp) else code
    return isinstance(code, ast.Constant) and type(code.value) in (int, float)


def _is(code: ast.expr, value: float) -> bool:
    return (
        isinstance(code, ast.Constant) and type(code.value) in (int, float) and code.value == value
    )


def _code(x: Any) -> ast.expr:
    return x.code if isinstance(x, Written) else number(x)


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Written) else x


def _index(i: Any) -> str:
    if isinstance(i, slice):
        return ":".join("" if p is None else str(p) for p in (i.start, i.stop))
    return "..." if i is Ellipsis else repr(i)


def standing(edits: Iterable[Any]) -> dict[ast.AST, Any]:
    """What stands at each place, after all lines that are put before it; a place inside of what
    replaces it is a copy, so that it is not replaced again."""
    found: dict[ast.AST, Any] = {}
    for e in sorted(edits, key=lambda e: isinstance(e.new, list)):
        own = found.get(e.place) if isinstance(e.new, list) else None
        found[e.place] = replaced(e.new, {e.place: own or copy.copy(e.place)})
    return found
