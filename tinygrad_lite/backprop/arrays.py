"""The sweep over a graph of NumPy arrays: `flow` with `contribution`, written out.

A training step on a small batch is two dozen calls of NumPy, each as short as what is asked between
them in general. Consumers are counted, and a node is released when the last has contributed, so no
order is listed. What is not usual goes through `contribution`; the general loop is the test.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.node import Node
from ..graph.op import ONE, first, second
from .chain import contribution, fitted

_ndarray = np.ndarray
_vdot = np.vdot


def sweep_arrays(root: Node, seed: Any) -> dict[Node, Any]:
    """The cotangent of every node that root depends on, consumers first."""
    waits = _consumers(root)
    found: dict[Node, Any] = {root: seed}
    ready = [root]
    while ready:
        node = ready.pop()
        if node.op is None:
            continue
        g, operands, usual = found[node], node.operands, _is_usual(node)
        for index, x in enumerate(node.inputs):
            left = waits.get(x) if isinstance(x, Node) else None
            if left is None:
                continue
            data, c = x._data, None
            if usual and data is operands[index] and type(data) is _ndarray:
                try:
                    c = _applied(node, index, g, operands)
                    if c is not None:
                        c = fitted(c, node, index, g)
                except Exception:
                    c = None  # the same again raises it with a note
            if c is None:
                c = contribution(node, index, g)
            known = found.get(x)
            found[x] = c if known is None else known + c
            if left == 1:
                ready.append(x)
            waits[x] = left - 1
    return found


def _consumers(root: Node) -> dict[Node, int]:
    """How many inputs each node is that root depends on; constants are none."""
    waits = {root: 0}
    stack = [root]
    while stack:
        for x in stack.pop().inputs:
            if isinstance(x, Node):
                known = waits.get(x)
                if known is not None:
                    waits[x] = known + 1
                elif (meta := x._meta) is None or not meta.constant:
                    waits[x] = 1
                    stack.append(x)
    return waits


def _is_usual(node: Node) -> bool:
    """Whether an op of a fixed number of NumPy arrays of one dtype, with no by-product, made it."""
    meta = node._meta
    if meta is not None and (meta.mixed or meta.kept is not None):
        return False
    return type(node._data) is _ndarray and node.op.arity is not None  # type: ignore[union-attr]


def _applied(node: Node, index: int, g: Any, operands: tuple[Any, ...]) -> Any:
    """`chain.applied` of a usual node; None where it may meet a 0 times infinity."""
    op: Any = node.op
    rule = op.rules[index]
    if not op.elementwise:
        c = rule(np, g, node._data, *operands, **node.params)
        for a in operands:
            if c is a:
                return c.copy()
        return c
    if rule is ONE:
        return g
    if rule is second:
        c = g * operands[1]
    elif rule is first:
        c = g * operands[0]
    elif type(rule) is float:
        return g * rule if rule else np.zeros_like(g)
    else:
        c = g * rule(np, node._data, *operands, **node.params)
    total = _vdot(c, c)
    return c if total == total else None
