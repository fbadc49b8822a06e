"""The Jacobian dy/dx of two nodes and its products, all by sweeps.

`pull` multiplies it by a cotangent from the left, which is what a sweep does; `push` multiplies it
by a tangent from the right. A pull is linear in its cotangent G, so its own derivative with respect
to G is the transpose: forward mode is the reverse sweep swept once more, exact and without a second
set of rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from .. import ops
from ..graph import errors
from ..graph.backend import device_of, namespace
from ..graph.context import enable_grad
from ..graph.node import Array, Node, Scalar, topological_order
from .flow import sweep, sweeper


def pull(y: Node, xs: Sequence[Node], cotangent: Any, *, record: bool = False) -> list[Any]:
    """cotangent . dy/dx for each of `xs`: arrays of their shapes, zeros for those y ignores.

    With `record` they are nodes, or plain zeros and constants.
    """
    return puller(y, xs, record=record)(cotangent)


def puller(y: Node, xs: Sequence[Node], *, record: bool = False) -> Callable[[Any], list[Any]]:
    """`pull`, prepared for any number of cotangents."""
    swept = sweeper(y, record=record, toward=xs)

    def run(cotangent: Any) -> list[Any]:
        if isinstance(y, Array) and isinstance(cotangent, (Scalar, float)):
            cotangent = _as_array(cotangent, y)
        if record and not isinstance(cotangent, (Node, float, np.ndarray)):
            cotangent = leaf_like(y, cotangent).detach()  # some libraries refuse `array * node`
        found = swept(cotangent)
        return [_own(found[x], x) if x in found else ops.zeros_like(x) for x in xs]

    return run


def _as_array(cotangent: Any, y: Array) -> Any:
    """The cotangent of an array without axes, given as a number."""
    if isinstance(cotangent, Scalar):
        return ops.reshape(cotangent, shape=())
    return namespace(y.data).asarray(cotangent, dtype=y.data.dtype)


def _own(g: Any, x: Node) -> Any:
    """g, if an array then one of its own: a sweep may hand out one array twice, or a view."""
    if isinstance(g, Node) or isinstance(x, Scalar):
        return g
    return namespace(x.data).asarray(g, copy=True)


def push(y: Node, xs: Sequence[Node], tangents: Sequence[Any], *, record: bool = False) -> Any:
    """sum of dy/dx . tangent over `xs`: how y changes as the xs move along the tangents."""
    with enable_grad():
        G = leaf_like(y, ops.ones_like(y))
        pulled = sweep(y, G, record=True, toward=xs)
        total: Any = ops.zeros_like(y)
        for x, tangent in zip(xs, tangents, strict=True):
            g = pulled.get(x)
            if isinstance(g, Array) and isinstance(x, Scalar):
                tangent = ops.ones_like(g) * tangent  # arrays hand a scalar a 0-d gradient
            if isinstance(g, Node):
                total = ops.add(total, pull(g, [G], tangent, record=record)[0])
    return total


def leaf_like(y: Node, data: Any) -> Any:
    """A fresh leaf of y's kind with `data`."""
    kind: Any = type(y) if isinstance(y, Scalar) else Array.result
    return kind(data)


def jacobian(y: Node, x: Node, *, record: bool = False) -> Any:
    """dy/dx, of shape y.shape + x.shape: entry [i, j] is d y[i] / d x[j].

    One sweep per entry of y. `ValueError` if y does not depend on x, with the reason.
    """
    if not isinstance(x, Node):
        raise TypeError(
            f"jacobian(x) takes the node to differentiate by; a {type(x).__name__} is a constant"
        )
    if x.constant or x not in set(topological_order(y)):
        raise ValueError(f"jacobian: {errors.why_unreached(y, x)}")
    return jacobians(y, [x], record=record)[0]


def jacobians(y: Node, xs: Sequence[Node], *, record: bool = False) -> list[Any]:
    """dy/dx for each of `xs`, zeros where y does not depend on it."""
    if isinstance(y, Scalar):
        return pull(y, xs, 1.0, record=record)
    n = prod(y.shape)
    xp = namespace(y.data)
    units = xp.reshape(xp.eye(n, dtype=y.data.dtype, device=device_of(y.data)), (n, *y.shape))
    pulled = puller(y, xs, record=record)
    rows = [pulled(units[i, ...]) for i in range(n)]
    found = []
    for k, x in enumerate(xs):
        shape = (*y.shape, *x.shape)
        column = [row[k] for row in rows]
        if any(isinstance(g, Node) for g in column):
            found.append(ops.reshape(ops.stack(column), shape=shape))
        elif n:
            found.append(xp.reshape(xp.stack([xp.asarray(g) for g in column]), shape))
        else:
            found.append(xp.zeros(shape, dtype=y.data.dtype, device=device_of(y.data)))
    return found
