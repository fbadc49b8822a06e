"""What an expression computes, as a function and the operands that it is applied to."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from .library import LIBRARY, Library, called
from .plain import attribute

MOST = 100_000  # values of one iterator
BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.MatMult: operator.matmul,
    ast.Pow: operator.pow,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
NAMES: Mapping[type[ast.operator], str] = {  # of those that are ops
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.MatMult: "matmul",
    ast.Pow: "pow",
}
IN_PLACE: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    kind: getattr(operator, "i" + function.__name__.rstrip("_"))
    for kind, function in BINARY.items()
}
UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
COMPARED: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
Form = tuple[Callable[..., Any], list[ast.expr]]


class CannotRecord(TypeError):  # as other edits fail that only a run could tell
    """A construct of the language that is not recorded."""


def form(e: ast.expr) -> Form:
    """The function and its operands; raises `CannotRecord` where an expression is no such thing."""
    return _form(e, LIBRARY.get())


@lru_cache(maxsize=2048)  # in a loop an expression is computed again and again
def _form(e: ast.expr, library: Library) -> Form:
    make = _FORMS.get(type(e))
    if make is None:
        raise CannotRecord(type(e).__name__)
    return make(e)


def _subscript(e: ast.Subscript) -> Form:
    return operator.getitem, [e.value, e.slice]


def _slice(e: ast.Slice) -> Form:
    ends = (e.lower, e.upper, e.step)
    given = [x is not None for x in ends]

    def cut(*values: Any) -> slice:
        rest = iter(values)
        return slice(*[next(rest) if has else None for has in given])

    return cut, [x for x in ends if x is not None]


def _sequence(e: ast.Tuple | ast.List | ast.Set) -> Form:
    kind = {ast.Tuple: tuple, ast.List: list, ast.Set: set}[type(e)]
    if not any(isinstance(x, ast.Starred) for x in e.elts):
        return (lambda *values: kind(values)), list(e.elts)
    spread, operands = spreading(e.elts)
    return (lambda *values: kind(spread(values))), operands


def spreading(elements: list[ast.expr]) -> tuple[Callable[[Any], Iterator[Any]], list[ast.expr]]:
    """How the values of some elements are strung together, starred ones spread out."""
    starred = [isinstance(x, ast.Starred) for x in elements]

    def spread(values: Any) -> Iterator[Any]:
        for value, star in zip(values, starred, strict=True):
            yield from value if star else (value,)

    return spread, [x.value if isinstance(x, ast.Starred) else x for x in elements]


def _dict(e: ast.Dict) -> Form:
    plain = [key is not None for key in e.keys]

    def gathered(*values: Any) -> dict[Any, Any]:
        rest = iter(values)
        found: dict[Any, Any] = {}
        for one in plain:
            found.update({next(rest): next(rest)} if one else next(rest))
        return found

    pairs = zip(e.keys, e.values, strict=True)
    return gathered, [x for pair in pairs for x in pair if x is not None]


def _compare(e: ast.Compare) -> Form:
    tests = [COMPARED[type(o)] for o in e.ops]
    if len(tests) == 1:
        return tests[0], [e.left, e.comparators[0]]

    def chained(*values: Any) -> Any:
        for test, a, b in zip(tests, values, values[1:], strict=False):
            answer = test(a, b)
            if not answer:
                break
        return answer

    return chained, [e.left, *e.comparators]


def _call(e: ast.Call) -> Form:
    spread, operands = spreading(e.args)
    names = [k.arg for k in e.keywords]

    def compute(function: Any, *values: Any) -> Any:
        given: dict[str, Any] = {}
        for name, value in zip(names, values[len(operands) :], strict=True):
            given.update({name: value} if name is not None else value)
        _refuse_crash(function, values)
        return settled(function(*spread(values[: len(operands)]), **given))

    return called(compute), [e.func, *operands, *(k.value for k in e.keywords)]


def _refuse_crash(function: Any, values: tuple[Any, ...]) -> None:
    """Raise `ValueError` where NumPy may end the process: `add.at` of what does not fit there."""
    of = getattr(function, "__self__", None)
    if isinstance(of, np.ufunc) and function.__name__ == "at" and len(values) == 3:
        array, index, new = values
        np.broadcast_to(new, np.shape(np.asarray(array)[index]))


def settled(value: Any) -> Any:
    """A result that can be read again: what an iterator yields, as a list. Raises `CannotRecord`
    for one that seems to have no end."""
    if not isinstance(value, Iterator):
        return value
    found = [*islice(value, MOST + 1)]
    if len(found) > MOST:
        raise CannotRecord("an iterator that goes on")
    return found


_CONVERT: Mapping[int, Callable[[Any], str]] = {ord("s"): str, ord("r"): repr, ord("a"): ascii}


def _formatted(e: ast.FormattedValue) -> Form:
    convert: Callable[[Any], Any] = _CONVERT.get(e.conversion, lambda v: v)
    if e.format_spec is None:
        return (lambda value: format(convert(value))), [e.value]
    return (lambda value, spec: format(convert(value), spec)), [e.value, e.format_spec]


_FORMS: Mapping[type[ast.expr], Callable[[Any], Form]] = {
    ast.Constant: lambda e: (lambda: e.value, []),
    ast.BinOp: lambda e: (BINARY[type(e.op)], [e.left, e.right]),
    ast.UnaryOp: lambda e: (UNARY[type(e.op)], [e.operand]),
    ast.Attribute: lambda e: (called(lambda of: attribute(of, e.attr)), [e.value]),
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.Compare: _compare,
    ast.Call: _call,
    ast.JoinedStr: lambda e: (lambda *parts: "".join(parts), list(e.values)),
    ast.FormattedValue: _formatted,
}
