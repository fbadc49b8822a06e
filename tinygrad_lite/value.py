"""`Value`: a scalar that records what it is computed from, with micrograd's interface."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any, Never, Protocol, overload

import numpy as np

from . import ops
from .differentiable import Differentiable, refuse_arguments
from .functions.entrywise import fmod
from .graph.backend import to_float
from .graph.meta import Meta
from .graph.node import Node, Scalar
from .graph.op import Op
from .graph.quick import binary_method, reflected_method, unary_method
from .tensor import Tensor

__all__ = ["Value"]

Number = float | np.integer[Any] | np.floating[Any]


class _Operator(Protocol):
    """A binary operator's type: of numbers a Value, with an array a Tensor."""

    @overload
    def __call__(self, other: Value | Number, /) -> Value: ...
    @overload
    def __call__(self, other: Any, /) -> Tensor: ...


def _binary(op: Op) -> _Operator:
    method: Any = binary_method(op)
    return method  # type: ignore[no-any-return]


def _reflected(op: Op) -> _Operator:
    method: Any = reflected_method(op)
    return method  # type: ignore[no-any-return]


def _unary(op: Op) -> Callable[[Value], Value]:
    return unary_method(op)


class Value(Differentiable, Scalar):
    """A real number in the computation graph.

    `data` is a Python float, `grad` a float once `backward()` of something computed from it has
    run. Operators take Values and plain numbers on either side; a plain number is a constant.
    Together with arrays the result is a `Tensor`.

    >>> a, b = Value(2.0), Value(-3.0)
    >>> e = (a * b + b**3).tanh()
    """

    __slots__ = ()

    def __init__(self, data: Any, *, name: str | None = None, **unknown: Never) -> None:
        if unknown or isinstance(data, Node):
            refuse_arguments("Value", data, unknown)
        self._data = to_float(data, "Value")
        self._grad = None
        self.op = None
        self._x = self._y = self._a = self._b = None
        self._meta = None if name is None else Meta(name=name)

    def _convert(self, value: Any, what: str) -> float:
        return to_float(value, f"Value.{what}")

    def item(self) -> float:
        """The number."""
        return self._data  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        return f"Value(data={self._data!r}, grad={self._grad!r}{name})"

    # What code that walks micrograd's graphs reads.

    @property
    def _op(self) -> str:
        return "" if self.op is None else self.op.name

    @property
    def _prev(self) -> set[Node]:
        return set(self.parents())

    @property
    def label(self) -> str:
        """The name, as micrograd's lecture calls it; "" where there is none."""
        return self.name or ""

    @label.setter
    def label(self, label: str) -> Never:
        raise AttributeError(f"a label is called name here; write v.name = {label!r}")

    __add__ = _binary(ops.add)
    __radd__ = _reflected(ops.add)
    __sub__ = _binary(ops.subtract)
    __rsub__ = _reflected(ops.subtract)
    __mul__ = _binary(ops.multiply)
    __rmul__ = _reflected(ops.multiply)
    __truediv__ = _binary(ops.divide)
    __rtruediv__ = _reflected(ops.divide)
    __floordiv__ = _binary(ops.floor_divide)
    __rfloordiv__ = _reflected(ops.floor_divide)
    __mod__ = _binary(ops.remainder)
    __rmod__ = _reflected(ops.remainder)
    __pow__ = _binary(ops.pow)
    __rpow__ = _reflected(ops.pow)
    __neg__ = _unary(ops.negative)
    __abs__ = _unary(ops.abs)

    exp = _unary(ops.exp)
    log = _unary(ops.log)
    sqrt = _unary(ops.sqrt)
    square = _unary(ops.square)
    sin = _unary(ops.sin)
    cos = _unary(ops.cos)
    tanh = _unary(ops.tanh)
    sigmoid = _unary(ops.sigmoid)
    softplus = _unary(ops.softplus)
    relu = _unary(ops.relu)
    abs = _unary(ops.abs)

    # NumPy's functions call these, by its names, on arrays that hold Values.

    __ceil__ = _unary(ops.ceil)
    __floor__ = _unary(ops.floor)
    __trunc__ = _unary(ops.trunc)
    arccos = _unary(ops.acos)
    arccosh = _unary(ops.acosh)
    arcsin = _unary(ops.asin)
    arcsinh = _unary(ops.asinh)
    arctan = _unary(ops.atan)
    arctan2 = _binary(ops.atan2)
    arctanh = _unary(ops.atanh)
    cbrt = _unary(ops.cbrt)
    conjugate = _unary(ops.identity)
    cosh = _unary(ops.cosh)
    expm1 = _unary(ops.expm1)
    fabs = _unary(ops.abs)
    hypot = _binary(ops.hypot)
    log1p = _unary(ops.log1p)
    log2 = _unary(ops.log2)
    log10 = _unary(ops.log10)
    rint = _unary(ops.round)
    sinh = _unary(ops.sinh)
    tan = _unary(ops.tan)

    def deg2rad(self) -> Value:
        """Degrees in radians."""
        return self * (pi / 180)

    def rad2deg(self) -> Value:
        """Radians in degrees."""
        return self * (180 / pi)

    def exp2(self) -> Value:
        """2**self."""
        return 2.0**self

    def fmod(self, other: Any) -> Any:
        """What self leaves when divided by `other`, with the sign of self."""
        return fmod(self, other)

    radians, degrees = deg2rad, rad2deg
