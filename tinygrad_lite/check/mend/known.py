"""What a graph knows: its values, cotangents and local derivatives, recognised in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from math import prod
from typing import Any

import numpy as np

from ...backprop.chain import contribution, slope
from ...graph.node import Node
from .rows import is_numeric

Vector = Any  # a NumPy array, or a number
TOLERANCE = 1e-7  # how nearly a gradient is the true one, relative to the largest entry
EXACT = 1e-9  # how nearly two arrays agree that are the same, relative to the largest entry


class Role(IntEnum):
    """What an array is in the graph."""

    NOTHING = 0
    VALUE = 1
    SLOPE = 2
    COTANGENT = 3


class Known:
    """The arrays of a graph, with what they are there, and the numbers that it holds; `kinked` is
    whether it has corners, or masks."""

    def __init__(self, order: Iterable[Node], g: Mapping[Node, Any], *, kinked: bool) -> None:
        self.kinked = kinked
        self.constants: set[float] = set()
        self.made: dict[Any, Any] = {}  # what people make of the values of a derivation
        found: dict[int, list[tuple[Vector, Role]]] = {}
        with np.errstate(all="ignore"):
            for role, value in self._arrays(order, g):
                v = np.sort(np.ravel(np.asarray(value, dtype=float)))
                if v.size and (v[0] < v[-1] or float(f"{v[0]:.3g}") != v[0]):  # 0.05 says nothing
                    found.setdefault(v.size, []).append((v, role))
        self._shaped = dict[tuple[int, ...], list[Vector]]()
        self._order, self._g = order, g
        self._sorted = {
            n: (np.array([v for v, _ in rows]), [r for _, r in rows]) for n, rows in found.items()
        }

    def _arrays(self, order: Iterable[Node], g: Mapping[Node, Any]) -> Iterable[tuple[Role, Any]]:
        for node in order:
            yield Role.VALUE, node.data
            if node in g:
                yield Role.COTANGENT, g[node]
            if node.op is None:
                continue
            for i, x in enumerate(node.inputs):
                if isinstance(x, Node):
                    if node.op.elementwise:
                        yield Role.SLOPE, slope(node, i)
                elif isinstance(x, (int, float)) and not isinstance(x, bool):
                    self.constants.add(abs(float(x)))
                elif is_numeric(x):
                    yield Role.VALUE, x
            for p in node.params.values():
                if isinstance(p, (int, float)) and not isinstance(p, bool):
                    self.constants.add(abs(float(p)))

    def of_shape(self, shape: tuple[int, ...]) -> list[Vector]:
        """The cotangents of a shape, what steps hand on to them, then the values; each once, with
        or without axes of length 1."""
        if shape not in self._shaped:
            g, nodes = self._g, [n for n in self._order if prod(n.shape) == prod(shape)]
            found = [g[n] for n in nodes if n in g]
            for n in self._order:
                for i, x in enumerate(n.inputs) if n in g else ():
                    if isinstance(x, Node) and x in g and prod(x.shape) == prod(shape):
                        found.append(contribution(n, i, g[n]))
            found += [n.data for n in nodes]
            found = [np.asarray(v, dtype=float) for v in found if _alike(np.shape(v), shape)]
            arrays = (v.reshape(shape) for v in found)
            self._shaped[shape] = list({v.tobytes(): v for v in arrays}.values())
        return self._shaped[shape]

    def role(self, value: Any) -> Role:
        """What an array is, its entries in whatever order; the most telling of several."""
        if not is_numeric(value):
            return Role.NOTHING
        v = np.sort(np.ravel(np.asarray(value, dtype=float)))
        if v.size not in self._sorted:
            return Role.NOTHING
        rows, roles = self._sorted[v.size]
        near = np.abs(rows - v).max(axis=1) <= EXACT * max(np.abs(v).max(initial=0), 1e-300)
        return max((roles[k] for k in np.flatnonzero(near)), default=Role.NOTHING)


def _alike(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes are one but for axes of length 1."""
    return [n for n in a if n > 1] == [n for n in b if n > 1]


def agrees(
    found: Any, truth: Vector, *, broadcast: bool = False, tolerance: float = TOLERANCE
) -> bool:
    """Whether an array is the true one, up to rounding; with `broadcast`, once it is repeated."""
    if not is_numeric(found):
        return False
    v = np.asarray(found, dtype=float)
    if v.shape != truth.shape and not (broadcast and broadcasts(v.shape, truth.shape)):
        return False
    if not np.isfinite(v).all():
        return False
    largest = np.abs(truth).max(initial=0)
    return bool(np.abs(v - truth).max(initial=0) <= tolerance * max(largest, 1e-12))


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of one shape is repeated to make another."""
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False
