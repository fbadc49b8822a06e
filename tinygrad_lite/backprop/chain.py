"""One step of the chain rule: what an op hands to one of its inputs.

The op's rule is applied, and the result brought to the input's shape and dtype. This is the only
place that un-broadcasts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..graph import errors, floats
from ..graph.backend import Namespace, namespace, on_floats
from ..graph.node import Node, Scalar
from ..graph.op import NO_PARAMS, ONE, Op


def contribution(node: Node, index: int, g: Any, *, record: bool = False) -> Any:
    """What `node` hands to its input `index`, given its own cotangent g: one step of the chain
    rule. The result has the input's shape and dtype."""
    op = node.op
    assert op is not None
    x = node.inputs[index]
    xp: Namespace
    if record:
        _refuse_changed(node)
        y, operands, xp = node, node.inputs, ops
    else:
        y, operands = node._data, node.operands
        xp = floats if type(y) is float else np if type(y) is np.ndarray else namespace(y)
    rule = op.rules[0 if op.arity is None else index]
    if rule is None:
        raise TypeError(
            f"{op.name} has no derivative rules; state them with "
            f"{op.name}.{'local' if op.elementwise else 'pull'}(...)"
        )
    meta = node._meta
    params = NO_PARAMS if meta is None else meta.params
    try:
        if op.elementwise:
            if rule is ONE:
                c = g
            elif type(rule) is float:
                c = -g if rule == -1 else g * rule if rule else ops.zeros_like(g)
            elif xp is floats:
                c = g * on_floats(rule, y, *operands, **params)
            elif params:
                c = g * rule(xp, y, *operands, **params)
            else:
                c = g * rule(xp, y, *operands)
        elif op.arity is None:
            c = rule(xp, g, y, index, *operands, **params)
        else:
            c = rule(xp, g, y, *operands, **params)
            for a in operands:
                if c is a and type(c) is np.ndarray:
                    c = c.copy()  # a gradient is no one else's array: users change it in place
    except Exception as error:
        errors.note_rule(error, node, index, g)
        raise
    data = x._data
    if (
        type(c) is np.ndarray
        and type(data) is np.ndarray
        and c.shape == data.shape
        and c.dtype is data.dtype
    ):
        return c  # as `fit` would, sooner
    if op.elementwise and not isinstance(node, Scalar) and c.shape != node.shape:
        raise ValueError(
            f"the local derivative of {op.name} for input {op.input_name(index)} does not "
            f"broadcast to the shape {node.shape} of the result: it made the gradient {c.shape}"
        )
    return fit(c, x, op, index)


def fit(c: Any, x: Node, op: Op, index: int) -> Any:
    """Bring a contribution to its input's shape and dtype: sum over the axes along which the op
    broadcast the input. This is the only place that un-broadcasts."""
    if isinstance(x, Scalar):
        if isinstance(c, (float, Scalar)):
            return c if type(c) is not np.float64 else float(c)
        if not hasattr(c, "shape"):
            raise errors.misfit(op, index, x, c)
        return ops.sum(c) if isinstance(c, Node) else float(c.sum())
    data = x._data
    shape = data.shape
    if not hasattr(c, "shape"):
        raise errors.misfit(op, index, x, c)
    if c.shape != shape:
        extra = len(c.shape) - len(shape)
        axes = tuple(
            i for i, n in enumerate(c.shape) if i < extra or (shape[i - extra] == 1 and n != 1)
        )
        if extra < 0 or any(n != c.shape[i + extra] and n != 1 for i, n in enumerate(shape)):
            raise errors.misfit(op, index, x, c)
        xp = ops if isinstance(c, Node) else namespace(c)
        if axes == (0,) and type(c) is np.ndarray and c.ndim == 2:
            c = np.ones(len(c), c.dtype) @ c  # a third of the time of c.sum(axis=0)
        else:
            c = xp.sum(c, axis=axes)
        if c.shape != shape:
            c = xp.reshape(c, shape)
    dtype = c._data.dtype if isinstance(c, Node) else c.dtype
    if dtype != data.dtype:
        c = ops.astype(c, dtype=data.dtype)
    return c


def _refuse_changed(node: Node) -> None:
    """Rules that run on nodes read the inputs' current data; it must be what was recorded."""
    for x, a in zip(node.inputs, node.operands, strict=True):
        if isinstance(x, Node) and x._data is not a:
            raise ValueError(
                f"{node.op}: the data of an input was set after it was used; differentiate the "
                "gradient before changing the data"
            )
