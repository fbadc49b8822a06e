"""Is a zero one by chance? The values of a graph with its leaves moved a little.

Where a cotangent is 0 and a slope infinite, the product is 0 if the cotangent stays 0 nearby (a
branch not taken, the distance of a point to itself), and has some other limit if it does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .backend import namespace, on_floats
from .node import Node, Scalar, raw
from .reach import filled

_values: ContextVar[dict[Node, Any] | None] = ContextVar("tinygrad_lite_moved", default=None)
_STEP = 1e-3


@contextmanager
def moved_once() -> Iterator[None]:
    """Leaves move the same way, and a node is computed once, as long as this is open."""
    token = _values.set({})
    try:
        yield
    finally:
        _values.reset(token)


def stays_zero(x: Any) -> Any:
    """Where x is 0 and stays so as the leaves that it was computed from move: booleans in the shape
    of x. Nowhere, if it cannot be computed there; a plain x does not move."""
    here = raw(x) == 0
    if not isinstance(x, Node):
        return here
    known = _values.get()
    try:
        with np.errstate(all="ignore"):
            return here & (_moved(x, {} if known is None else known) == 0)
    except Exception:  # an op that is not defined at the moved values
        return here & False


def _moved(root: Node, known: dict[Node, Any]) -> Any:
    """The value of root where the leaves have moved, those of its graph left in `known`."""

    def made(node: Node) -> Any:
        return _leaf(node, len(known)) if node.op is None else _computed(node, known)

    return filled(root, known, made)


def _leaf(node: Node, seed: int) -> Any:
    a = node._data
    if node.constant:
        return a
    step = np.random.default_rng(seed).uniform(0.5 * _STEP, _STEP, node.shape)
    if not isinstance(node, Scalar):
        step = namespace(a).asarray(step, dtype=a.dtype)
    return a + step * (1 + abs(a))


def _computed(node: Node, known: dict[Node, Any]) -> Any:
    op: Any = node.op
    pairs = zip(node.inputs, node.operands, strict=True)
    operands = [known[x] if isinstance(x, Node) else a for x, a in pairs]
    if isinstance(node, Scalar):
        return on_floats(op.forward, *operands, **node.params)
    return op.forward(namespace(*operands), *operands, **node.params)
