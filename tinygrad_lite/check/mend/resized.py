"""Other sizes for a loss that is a function, so that no number is taken for a length of an axis."""

from __future__ import annotations

import contextvars
from typing import Any

import numpy as np

from ...graph.backend import is_array
from ...graph.node import Node, raw, topological_order
from ...graph.trees import map_tree
from ..code.derivation import Data
from ..computed import Computed
from .redraw import near

WIDTH = 0.1  # of the factors' logarithms


def resized(made: Computed) -> Data:
    """The loss with every axis longer by one, of data that are what the recorded ones are; whole
    numbers among the caller's variables that are lengths are longer too.

    Raises whatever the function does where it is not made for such data, and `ValueError` where it
    then computes something else.
    """
    rng = np.random.default_rng(0)
    constants: dict[int, Any] = {}

    def longer(x: Any) -> Any:
        value = raw(x)
        if not is_array(value):
            return x
        new = near(rng, WIDTH, _extended(np.asarray(value)), free=isinstance(x, Node))
        if isinstance(x, Node):
            leaf: Any = type(x)
            return leaf(new, name=x.name)
        return constants.setdefault(id(x), new)

    given = {name: map_tree(longer, value) for name, value in made.arguments.items()}
    root = contextvars.Context().run(np.errstate(all="ignore")(made.function), **given)
    old, new = topological_order(made.root), topological_order(root)
    if [node.op for node in old] != [node.op for node in new]:
        raise ValueError("it computes something else for other sizes")
    for one, other in zip(old, new, strict=True):
        for x, a in zip(one.inputs, other.inputs, strict=True):
            if is_array(x):
                constants.setdefault(id(x), a)
    lengths = {n for node in old if node.op is None for n in node.shape if n > 1}
    lengths |= {n for a in made.arguments.values() if is_array(a) for n in a.shape if n > 1}
    whole = [v for v in made.names.values() if type(v) is int and v in lengths]
    return Data(dict(zip(old, new, strict=True)), {**constants, **{id(v): v + 1 for v in whole}})


def _extended(a: Any) -> Any:
    """An array with its first entries again along every axis; of rows that pick one, none more."""
    for axis in range(a.ndim):
        if a.shape[axis] > 1:
            more = a.take([0], axis)
            picks = a.min() >= 0 and np.array_equal(a, a != 0) and (a.sum(axis=axis) == 1).all()
            a = np.concatenate([a, 0 * more if picks else more], axis=axis)
    return a
