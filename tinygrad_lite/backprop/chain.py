"""One step of the chain rule: what an op hands to one of its inputs.

This is the only place that runs derivative rules (the sweep over floats is its loop written out),
and the only one that un-broadcasts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..graph import backend, errors, floats
from ..graph.backend import Namespace, broadcast_axes, namespace, on_floats, row_of_ones
from ..graph.dtypes import brought
from ..graph.node import Array, Node, Scalar
from ..graph.op import NO_PARAMS, ONE, Op
from ..ops.guards import zero_where_unused
from .recording import RECORDING

_ndarray = np.ndarray
_PLAIN = (float, _ndarray)


def contribution(node: Node, index: int, g: Any, *, record: bool = False) -> Any:
    """What `node` hands to its input `index`, given its own cotangent g: one step of the chain
    rule. The result has the input's shape and dtype."""
    op: Any = node.op
    x = node.inputs[index]
    if record:
        errors.refuse_overwritten(node, rebound=True)
        y, xp = node, RECORDING
        operands = node.inputs if type(node._data) in _PLAIN else _where_computed(node)
    else:
        y, operands = node._data, node.operands
        if x._data is not operands[index]:
            errors.refuse_overwritten(node)
        xp = floats if type(y) is float else np if type(y) is _ndarray else namespace(y)
    params, meta = NO_PARAMS, node._meta
    if meta is not None:
        params = meta.params
        if meta.mixed:
            operands = _alike(op, operands, node._data.dtype)
        if meta.kept is not None and not record:
            params = {**params, "kept": meta.kept}
    try:
        c = applied(op, index, xp, g, y, operands, params)
    except Exception as error:
        errors.note_rule(error, node, index, g)
        raise
    return fitted(c, node, index, g)


def applied(
    op: Op,
    index: int,
    xp: Namespace,
    g: Any,
    y: Any,
    operands: Sequence[Any],
    params: Mapping[str, Any],
) -> Any:
    """The op's rule for one input run on `operands` and the result y: g times the local derivative,
    or the pullback of g, not yet summed to the input's shape; 0 where g is, whatever the slope."""
    rule = op.rules[0 if op.arity is None else index]
    if op.elementwise:
        if rule is ONE:
            return g
        if type(rule) is float:
            if not rule:
                return (ops if isinstance(g, Node) else namespace(g)).zeros_like(g)
            return -g if rule == -1 else g * rule
        c = g * local(op, index, xp, y, operands, params)
        if type(c) is _ndarray:
            total = np.vdot(c, c)  # as `holds_nan` does
            if total == total:
                return c
        elif isinstance(c, (float, np.generic)) and c == c:
            return c
        return zero_where_unused(xp, g, c)
    if op.arity is None:
        return _stated(op, rule)(xp, g, y, index, *operands, **params)
    c = _stated(op, rule)(xp, g, y, *operands, **params)
    if type(c) is _ndarray:
        for a in (*operands, params.get("kept")):
            if c is a:
                return c.copy()  # a gradient is no one else's array: users change it in place
    return c


def local(
    op: Op, index: int, xp: Namespace, y: Any, operands: Sequence[Any], params: Mapping[str, Any]
) -> Any:
    """The local derivative of an elementwise op for one input, at any `operands` and y."""
    rule = op.rules[index]
    if type(rule) is float:
        return rule
    if xp is floats:
        return on_floats(_stated(op, rule), y, *operands, **params)
    return _stated(op, rule)(xp, y, *operands, **params)


def _where_computed(node: Node) -> tuple[Any, ...]:
    """A node's inputs, those that are plain as they were brought beside another library's data."""
    pairs = zip(node.inputs, node.operands, strict=True)
    return tuple(x if isinstance(x, Node) else a for x, a in pairs)


def _alike(op: Op, operands: Sequence[Any], dtype: Any) -> tuple[Any, ...]:
    """Operands of several dtypes in that of the result, as the forward computation had them."""
    return tuple(
        ops.astype(a, dtype=dtype) if isinstance(a, Array) and a._data.dtype != dtype else a
        for a in brought(op, operands, dtype)
    )


def _stated(op: Op, rule: Any) -> Any:
    if rule is None:
        raise TypeError(
            f"{op.name} has no derivative rules; state them with "
            f"{op.name}.{'local' if op.elementwise else 'pull'}(...)"
        )
    return rule


def slope(node: Node, index: int) -> Any:
    """The local derivative of an elementwise op at the recorded values, an array or a number."""
    op: Any = node.op
    y = node._data
    xp = floats if type(y) is float else namespace(y)
    meta, operands = node._meta, node.operands
    if meta is not None and meta.mixed:
        operands = _alike(op, operands, y.dtype)
    return local(op, index, xp, y, operands, node.params)


def is_constant(op: Op, index: int) -> bool:
    """Whether the derivative for an input does not depend on anything, or is not stated."""
    return not callable(op.rules[0 if op.arity is None else index])


def fitted(c: Any, node: Node, index: int, g: Any) -> Any:
    """What a rule made of node's cotangent g, as its input `index` can add it up."""
    x = node.inputs[index]
    data = x._data
    if (type(c) is _ndarray is type(data) or backend.records(data)) and c.dtype == data.dtype:
        shape, wanted = c.shape, data.shape  # as `fit` would, sooner
        if shape == wanted:
            return c
        if shape[1:] == wanted and len(shape) == 2 and shape == g.shape:  # a bias's gradient
            return row_of_ones(shape[0], c.dtype) @ c
    op: Any = node.op
    if op.elementwise and not isinstance(node, Scalar) and c.shape != node.shape:
        raise ValueError(
            f"the local derivative of {op.name} for input {op.input_name(index)} does not "
            f"broadcast to the shape {node.shape} of the result: it made the gradient {c.shape}"
        )
    return fit(c, x, op, index)


def fit(c: Any, x: Node, op: Op, index: int) -> Any:
    """Bring a contribution to its input's kind, shape and dtype: sum over the axes along which the
    op broadcast the input. This is the only place that un-broadcasts."""
    if isinstance(x, Scalar):
        if isinstance(c, (float, Scalar)):
            return c if type(c) is not np.float64 else float(c)
        if not hasattr(c, "shape"):
            raise errors.misfit(op, index, x, c)
        return ops.sum(c) if isinstance(c, Node) else float(c.sum())
    data, shape = x._data, x._data.shape
    if not hasattr(c, "shape"):
        raise errors.misfit(op, index, x, c)
    if c.shape != shape:
        extra = len(c.shape) - len(shape)
        if extra < 0 or any(n != c.shape[i + extra] and n != 1 for i, n in enumerate(shape)):
            raise errors.misfit(op, index, x, c)
        axes = broadcast_axes(c.shape, shape)
        xp = ops if isinstance(c, Node) else namespace(c)
        c = xp.sum(c, axis=axes)
        if c.shape != shape:
            c = xp.reshape(c, shape)
    if c.dtype != data.dtype or isinstance(c, Scalar):  # of a Value times an array without axes
        c = ops.astype(c, dtype=data.dtype)
    return c
