"""`record_scalar` written out for Value's operators, `record_array` for NumPy's arrays.

One object per op, one call: the speed of graphs of scalars, and of arrays that are small. Whatever
is not plain (constants, debug mode, dtypes that differ) goes the general way, which is the test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import floats
from .backend import on_floats, to_float
from .context import latest_context
from .meta import Meta
from .node import Array, Scalar
from .op import NO_PARAMS, Op
from .record import record_array, record_scalar

_new = object.__new__
_ndarray = np.ndarray


def record_plain(op: Op, inputs: tuple[Any, ...], params: Mapping[str, Any] = NO_PARAMS) -> Array:
    """`record_array` on NumPy arrays of one floating dtype, outside any context."""
    tensor, dtype, recorded, operands = Array.result, None, False, []
    for x in inputs:
        kind = type(x)
        if kind is tensor:
            meta = x._meta
            if meta is None or not meta.constant:
                recorded = True
            x = x._data
            kind = type(x)
        if kind is _ndarray:
            if x.dtype is not dtype:
                if dtype is not None:
                    return record_array(op, inputs, params)
                dtype = x.dtype
        elif kind is not float or not op.elementwise:
            return record_array(op, inputs, params)
        operands.append(x)
    if not recorded or op.keeping is not None or latest_context() is not None:
        return record_array(op, inputs, params)
    try:
        y = op.forward(np, *operands, **params)
    except Exception:
        return record_array(op, inputs, params)  # which explains the same error
    if type(y) is not _ndarray:
        y = np.asarray(y)
    if y.dtype is not dtype:
        return record_array(op, inputs, params)
    node: Any = _new(tensor)
    node._data = y
    node._grad = None
    node.op = op
    node.inputs = inputs
    node.operands = tuple(operands)
    node._meta = Meta(params=params) if params else None
    return node  # type: ignore[no-any-return]


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
