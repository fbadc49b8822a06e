"""`backward()`: the sweep from a node, and what it leaves in `.grad`."""

from __future__ import annotations

import threading
from math import prod
from typing import Any

import numpy as np

from ..graph.backend import beside, namespace, to_array, to_float
from ..graph.node import Borrowed, Node, Scalar
from .arrays import sweep_arrays
from .flow import in_debug, sweep
from .scalars import sweep_scalars

_lock = threading.RLock()  # a sweep marks the nodes it passes; two threads may share some


def backward(root: Node, cotangent: Any = None, *, record: bool = False) -> None:
    """Set `.grad` of everything `root` depends on: leaves add to theirs, the rest replace it."""
    if root.constant:
        raise ValueError(
            "backward() on a constant: it was made by detach() or under no_grad(), so nothing "
            "that it was computed from is known"
        )
    seed = _seed(root, cotangent, record)
    with _lock:
        if record or in_debug(root):
            _store(sweep(root, seed, record=record))
        elif isinstance(root, Scalar) and root.op is not None:
            sweep_scalars(root, seed)
        else:
            _store(sweep_arrays(root, seed))


def _seed(root: Node, cotangent: Any, record: bool) -> Any:
    if isinstance(cotangent, Node):
        if record and cotangent.shape == root.shape:
            return cotangent
        cotangent = cotangent._data
    if isinstance(root, Scalar):
        return 1.0 if cotangent is None else to_float(cotangent, "backward()")
    xp = namespace(root._data)
    if cotangent is None:
        if xp is np and not root.shape:  # most, and `ones_like` takes longer
            return np.array(1.0, root._data.dtype)
        if prod(root.shape) != 1:
            raise ValueError(
                f"backward() on shape {tuple(root.shape)} needs the gradient of the loss with "
                "respect to it: pass an array of that shape, or reduce to a scalar first, as in "
                ".sum()"
            )
        return xp.ones_like(root._data)
    seed = beside(root._data, to_array(cotangent, "backward()"), copy=True)
    if seed.shape != root.shape:
        raise ValueError(f"backward(): the gradient has shape {seed.shape}, the node {root.shape}")
    return seed


def _store(cotangents: dict[Node, Any]) -> None:
    """Set the gradients, all or none, each an array of its own: users change them in place."""
    old: list[tuple[Node, Any]] = []
    taken: set[int] = set()
    try:
        for node, g in cotangents.items():
            known = node._grad
            if known is not None and node.op is None:
                g = known + g
                if isinstance(g, np.generic):
                    g = np.asarray(g)
            elif type(g) is np.ndarray:
                key = id(g)
                if key in taken or g.base is not None:
                    g = g.copy() if node.op is None else Borrowed(g)
                taken.add(key)
            elif isinstance(g, np.generic):
                if not isinstance(node, Scalar):
                    g = np.asarray(g)  # what NumPy makes of arithmetic on arrays without axes
            elif not isinstance(g, (Node, float)):
                g = namespace(g).asarray(g, copy=True)
            old.append((node, known))
            node._grad = g
    except BaseException:  # Ctrl-C
        for node, known in old:
            node._grad = known
        raise
