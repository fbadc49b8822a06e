"""A graph of scalars computed again in place: what remains where there is no pattern."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backprop.scalars import sweep_scalars
from ..graph import floats
from ..graph.backend import on_floats
from ..graph.meta import Meta
from ..graph.node import Scalar
from .lift.walk import CONSTANT, Scalars


class Again:
    """A copy of a graph whose nodes take new numbers. `run()`: its value, and the gradient of the
    leaves, which hold what `p` does then. Nothing is allocated and no Python of the user's runs, so
    that it is faster than the code that made the graph."""

    called = "Python"

    def __init__(self, graph: Scalars, p: Any) -> None:
        self._p = p
        made: list[Any] = []
        for i, kind in enumerate(graph.kinds):
            node: Any = object.__new__(Scalar)
            node._data, node._grad, node._meta = 0.0, None, None
            node.op = node._x = node._y = node._a = node._b = None
            made.append(node)
            if kind is None:
                continue
            node.op = kind.op
            inputs = [
                graph.constants[z - CONSTANT] if z >= CONSTANT else made[z] for z in graph.inputs(i)
            ]
            if kind.params or len(inputs) > 2 or isinstance(inputs[0], float):
                node._x = tuple(inputs)
                node._meta = Meta(params=kind.params) if kind.params else None
            else:
                node._x, node._y = inputs[0], inputs[1] if len(inputs) == 2 else None
        self._leaves = [node for node in made if node.op is None]
        self._nodes = [node for node in made if node.op is not None]

    def run(self) -> tuple[float, Any]:
        """The root's value and the leaves' gradient."""
        for leaf, value in zip(self._leaves, self._p.tolist(), strict=True):
            leaf._data, leaf._grad = value, None
        for node in self._nodes:
            x, y = node._x, node._y
            node._grad = None
            if type(x) is tuple:
                node._a = a = tuple([z if type(z) is float else z._data for z in x])
                params = node._meta.params if node._meta else {}
                node._data = float(on_floats(node.op.forward, *a, **params))
                continue
            node._a = a = x._data
            operands: tuple[float, ...] = (a,)
            if y is not None:
                node._b = b = y if type(y) is float else y._data
                operands = (a, b)
            try:
                node._data = node.op.forward(floats, *operands)
            except (ArithmeticError, ValueError):
                node._data = on_floats(node.op.forward, *operands)
        root = self._nodes[-1]
        sweep_scalars(root, 1.0)
        return root._data, np.array([leaf._grad or 0.0 for leaf in self._leaves])
