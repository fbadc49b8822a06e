"""Normalisation derived as a whole: y = (x - mean) / std, with the compact formula misremembered.

dE/dx = 1/std (G - mean(G) - y mean(G y)), G = dE/dy, all means along the axis of the normalisation
(Ioffe and Szegedy 2015, simplified). Its slips are those of no single step of the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..graph.node import Node
from .search import Changed, Search
from .tape import Vector, op_name

COMPACT = 0.3  # what it costs to suppose that the compact formula was used


def normalised(search: Search) -> Iterator[Changed]:
    """The gradient of what is normalised, for slips in the formula, wherever it applies."""
    tape = search.tape
    for x in search.region:
        if x in search.blocked or not _centred(search, x):
            continue
        for y in search.region:
            if y is x or y.shape != x.shape:
                continue
            for axis in range(len(x.shape)):
                scale = _scale(x.data, y.data, axis)
                if scale is None:
                    continue
                name = tape.label(y)
                right = _formula(search.g[y], y.data, scale, y.data, axis)
                for kind, text, value in _slips(search.g[y], x.data, y.data, scale, axis, name):
                    yield Changed(x, kind, COMPACT, text, search.g[x] - right + value)


def _centred(search: Search, x: Node) -> bool:
    """Whether the graph takes the mean of a node."""
    consumers = search.tape.consumers[x]
    return x.data.size > 2 and any(op_name(n) in ("mean", "sum") for n, _ in consumers)


def _mean(v: Vector, axis: int) -> Vector:
    return np.mean(v, axis=axis, keepdims=True)


def _scale(x: Vector, y: Vector, axis: int) -> Vector | None:
    """1 / std, when y is x normalised along the axis, its variance divided by N."""
    centred = x - _mean(x, axis)
    variance = _mean(centred * centred, axis)
    if x.shape[axis] < 2 or not np.all(variance):
        return None
    scale = _mean(y * centred, axis) / variance
    unit = scale * scale * variance  # 1 but for eps
    near = np.all((unit > 0.9) & (unit < 1.0001))
    return scale if near and np.allclose(y, centred * scale, rtol=0, atol=1e-9) else None


def _formula(g: Vector, inner: Any, scale: Vector, outer: Any, axis: int) -> Vector:
    return scale * (g - _mean(g, axis) - outer * _mean(g * inner, axis))


def _slips(
    g: Vector, x: Vector, y: Vector, scale: Vector, axis: int, name: str
) -> Iterator[tuple[str, str, Vector]]:
    means = f"in the derivative of the normalisation {name}"
    lost, centred = "missing-factor", x - _mean(x, axis)
    for other in range(x.ndim):
        if other != axis:
            n = x.shape[other] / x.shape[axis]
            text = f"the sums {means} are over axis {other}, not {axis}"
            yield "wrong-axis", text, _formula(g, y, scale, y, other)
            wrong = scale * (g - n * _mean(g, other) - y * n * _mean(g * y, other))
            yield "wrong-axis", text, wrong
    text = f"the factor {name} before the sum is missing {means}"
    yield lost, text, _formula(g, y, scale, 1.0, axis)
    text = f"the factor {name} in the sum is missing {means}"
    yield lost, text, _formula(g, 1.0, scale, y, axis)
    for wrong, what in ((centred, "the centred values stand"), (x, "the input stands")):
        text = f"{what} where {name}, divided by the deviation, belongs {means}"
        for inner, outer in ((wrong, wrong), (wrong, y), (y, wrong)):
            yield lost, text, _formula(g, inner, scale, outer, axis)
