"""The sweep over a graph of NumPy arrays: `flow` with `contribution`, written out.

A training step on a small batch is two dozen calls of NumPy, each as short as what is asked between
them in general. Consumers are counted, and a node is released when the last has contributed, so no
order is listed. What is not usual goes through `contribution`; the general loop is the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..graph import errors
from ..graph.node import Node
from ..graph.op import NO_PARAMS, ONE, Op, first, second
from .chain import contribution, fitted

_ndarray = np.ndarray
_vdot = np.vdot


@np.errstate(all="ignore")  # as in `flow`; a decorator takes a third of what a `with` does
def sweep_arrays(root: Node, seed: Any) -> dict[Node, Any]:
    """The cotangent of every node that root depends on, consumers first."""
    waits = _consumers(root)
    found: dict[Node, Any] = {root: seed}
    ready = [root]
    while ready:
        node = ready.pop()
        op = node.op
        if op is None:
            continue
        g, y, operands, meta, index = found[node], node._data, node.operands, node._meta, -1
        usual, params = type(y) is _ndarray and op.arity is not None, NO_PARAMS
        if meta is not None:
            usual, params = usual and not meta.mixed, meta.params
            if meta.kept is not None:
                params = {**params, "kept": meta.kept}
        for x in node.inputs:
            index += 1
            if not isinstance(x, Node):
                continue
            left = waits.get(x)
            if left is None:  # a constant
                if x._data is not operands[index]:
                    errors.refuse_overwritten(node)
                continue
            data, c = x._data, None
            if usual and data is operands[index]:
                try:
                    c = _applied(op, index, g, y, operands, params)
                    if c is not None and (c.shape != data.shape or c.dtype is not data.dtype):
                        c = fitted(c, node, index, g)
                except Exception:
                    c = None  # the same again raises it with a note
            if c is None:
                c = contribution(node, index, g)
            known = found.get(x)
            found[x] = c if known is None else known + c
            if left == 1:
                ready.append(x)
            else:
                waits[x] = left - 1
    return found


def _consumers(root: Node) -> dict[Node, int]:
    """How many inputs each node is that root depends on; constants are none."""
    waits = {root: 0}
    stack = [root]
    while stack:
        for x in stack.pop().inputs:
            if isinstance(x, Node):
                if x in waits:
                    waits[x] += 1
                elif (meta := x._meta) is None or not meta.constant:
                    waits[x] = 1
                    if x.op is not None:
                        stack.append(x)
    return waits


def _applied(
    op: Op, index: int, g: Any, y: Any, operands: tuple[Any, ...], params: Mapping[str, Any]
) -> Any:
    """`chain.applied` on NumPy arrays; None where a 0 may have met an infinity."""
    rule = op.rules[index]
    if not op.elementwise:
        c = rule(np, g, y, *operands, **params)
        for a in operands:
            if c is a:
                return c.copy()
        kept: Any = params.get("kept")
        return c.copy() if c is kept else c
    if rule is ONE:
        return g
    if rule is second:
        c = g * operands[1]
    elif rule is first:
        c = g * operands[0]
    elif type(rule) is float:
        return g * rule if rule else np.zeros_like(g)
    else:
        c = g * rule(np, y, *operands, **params)
    total = _vdot(c, c)
    return c if total == total else None
