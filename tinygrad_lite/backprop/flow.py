"""The chain rule: the reverse sweep, un-broadcasting and accumulation.

For every node, consumers first: take its cotangent g (the gradient of the root with respect to it),
apply the op's rule for each input, and add the contribution to the input's cotangent.

`sweep` serves all graphs and returns the cotangents; given `record=True` it runs the rules on
nodes, so that what it returns can be differentiated again. `sweep_scalars` is the same loop for
graphs of floats.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from ..graph import errors
from ..graph.backend import namespace, to_array, to_float
from ..graph.node import Node, Scalar, topological_order
from .chain import contribution
from .scalars import sweep_scalars

_lock = threading.RLock()  # a sweep marks the nodes it passes; two threads may share some


def backward(root: Node, cotangent: Any = None, *, record: bool = False) -> None:
    """Set `.grad` of everything `root` depends on: leaves add to theirs, the rest replace it."""
    if root.op is None and root.constant:
        raise ValueError(
            "backward() on a constant: it was made by detach() or under no_grad(), so nothing "
            "that it was computed from is known"
        )
    seed = _seed(root, cotangent)
    if root.op is None:
        with _lock:
            _accumulate(root, seed, shared=True)
        return
    with _lock:
        meta = root._meta
        debug = meta is not None and meta.copies is not None
        if isinstance(root, Scalar) and not record and not debug:
            sweep_scalars(root, seed)
        else:
            _store(sweep(root, seed, record=record))


def _seed(root: Node, cotangent: Any) -> Any:
    if isinstance(cotangent, Node):
        cotangent = cotangent._data
    if isinstance(root, Scalar):
        return 1.0 if cotangent is None else to_float(cotangent, "backward()")
    xp = namespace(root._data)
    if cotangent is None:
        if prod(root.shape) != 1:
            raise ValueError(
                f"backward() on shape {tuple(root.shape)} needs the gradient of the loss with "
                "respect to it: pass an array of that shape, or reduce to a scalar first, as in "
                ".sum()"
            )
        return xp.ones_like(root._data)
    seed = xp.asarray(to_array(cotangent, "backward()"), dtype=root._data.dtype, copy=True)
    if seed.shape != root.shape:
        raise ValueError(f"backward(): the gradient has shape {seed.shape}, the node {root.shape}")
    return seed


def _store(cotangents: dict[Node, Any]) -> None:
    passed_on = {id(g) for node, g in cotangents.items() if node.op is not None}
    for node, g in cotangents.items():
        if type(g) is not np.ndarray and isinstance(g, np.generic) and not isinstance(node, Scalar):
            g = np.asarray(g)  # what NumPy makes of arithmetic on zero-dimensional arrays
        if node.op is not None:
            node._grad = g
        else:
            _accumulate(node, g, shared=id(g) in passed_on)


def _accumulate(leaf: Node, g: Any, *, shared: bool) -> None:
    """Add g to a leaf's gradient. A `shared` array is also another node's: users change leaf
    gradients in place (clipping), so each leaf owns its own."""
    old = leaf._grad
    if old is not None:
        total = old + g
        leaf._grad = np.asarray(total) if isinstance(total, np.generic) else total
    elif isinstance(g, (Node, float)):
        leaf._grad = g
    elif type(g) is np.ndarray:
        leaf._grad = np.array(g) if shared or g.base is not None else g
    else:
        leaf._grad = namespace(g).asarray(g, copy=True)


def sweep(
    root: Node,
    seed: Any,
    *,
    record: bool = False,
    toward: Iterable[Node] | None = None,
) -> dict[Node, Any]:
    """The cotangent of every node that `root` depends on, given the root's, consumers first.

    With `toward`, only along paths to those nodes, and not beyond them. With `record`, rules run on
    nodes and the cotangents are nodes (or constants).
    """
    if root.op is None and root.constant and toward is None:
        raise ValueError("a constant depends on nothing, so no gradient flows back from it")
    order = topological_order(root)
    relevant = None if toward is None else _leading_to(order, set(toward))
    stops = frozenset(toward or ())
    cotangents: dict[Node, Any] = {root: seed}
    for node in order:
        if node.op is None or node in stops or node not in cotangents:
            continue
        g = cotangents[node]
        meta = node._meta
        debug = meta is not None and meta.copies is not None
        if debug:
            errors.refuse_written(node)
        for index, x in enumerate(node.inputs):
            if not isinstance(x, Node):
                continue
            if (x.op is None and x.constant) if relevant is None else x not in relevant:
                continue
            c = contribution(node, index, g, record=record)
            if debug:
                errors.refuse_bad_gradient(node, index, g, c)
            known = cotangents.get(x)
            cotangents[x] = c if known is None else known + c
    return cotangents


def _leading_to(order: list[Node], targets: set[Node]) -> set[Node]:
    """The nodes that depend on a target, the targets too."""
    found: set[Node] = set()
    for node in reversed(order):
        if node in targets or any(x in found for x in node.parents()):
            found.add(node)
    return found
