"""`record_scalar` written out for Value's operators: the speed of scalar graphs.

One object per op, one call. Whatever is not plain (constants, debug mode) goes the general way,
which is the test of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import floats
from .backend import on_floats, to_float
from .context import latest_context
from .node import Scalar
from .op import NO_PARAMS, Op
from .record import record_scalar

_new = object.__new__


def unary_method(op: Op) -> Callable[[Any], Any]:
    """`op` as a method of a scalar node."""
    forward = op.forward

    def method(self: Scalar) -> Any:
        a = self._data
        try:
            y = forward(floats, a)
        except (ArithmeticError, ValueError):
            y = on_floats(forward, a)
        context = latest_context()
        if context is None:
            meta = None
        elif context.ordinary:
            meta = context.meta
        else:
            return record_scalar(op, type(self), (self,), NO_PARAMS)
        known = self._meta
        if known is not None and known.constant:
            return record_scalar(op, type(self), (self,), NO_PARAMS)
        node = _new(self.__class__)
        node._data = y
        node._grad = None
        node.op = op
        node._x = self
        node._y = None
        node._a = a
        node._b = None
        node._meta = meta
        return node

    return _dressed(method, op)


def binary_method(op: Op) -> Callable[[Any, Any], Any]:
    """`op` as an operator of a scalar node with another one or a float."""
    forward = op.forward

    def method(self: Scalar, other: Any) -> Any:
        a = self._data
        kind = type(self)
        if type(other) is kind:
            b = other._data
            source: Any = other
        elif type(other) is float:
            source = b = other
        elif isinstance(other, (int, float)):  # np.float64 is a float
            return method(self, to_float(other, op.name))
        else:
            return op(self, other)
        try:
            y = forward(floats, a, b)
        except (ArithmeticError, ValueError):
            y = on_floats(forward, a, b)
        context = latest_context()
        if context is None:
            meta = None
        elif context.ordinary:
            meta = context.meta
        else:
            return record_scalar(op, kind, (self, other), NO_PARAMS)
        known = self._meta
        if known is not None and known.constant:
            return record_scalar(op, kind, (self, other), NO_PARAMS)
        node = _new(kind)
        node._data = y
        node._grad = None
        node.op = op
        node._x = self
        node._y = source
        node._a = a
        node._b = b
        node._meta = meta
        return node

    return _dressed(method, op)


def reflected_method(op: Op) -> Callable[[Any, Any], Any]:
    """`op` as an operator with the node on the right-hand side."""

    def method(self: Scalar, other: Any) -> Any:
        if type(other) is float or type(other) is int:
            return record_scalar(op, type(self), (other, self), NO_PARAMS)
        return op(other, self)

    return _dressed(method, op)


def _dressed(method: Callable[..., Any], op: Op) -> Callable[..., Any]:
    method.__name__ = op.name
    method.__doc__ = op.forward.__doc__
    return method
