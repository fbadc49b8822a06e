"""NumPy's sums of weights over bins, which np.NAME(t) runs: linear in the weights.

Which bin an entry falls into is a question: it has no gradient, and what is counted is plain.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from .. import ops
from ..graph.node import Node
from ..ops.constants import shape_of
from .arrange import asarray, constant_like


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """The sum of the `weights` of the entries of x that are i, for i = 0, 1, ...; x is a vector of
    integers, which a node does not hold. The gradient of a weight is that of its sum."""
    _refuse_node("bincount", "x", x)
    x = x if hasattr(x, "dtype") else np.asarray(x)
    weights = _one_each("bincount", weights, x.shape)
    counts = np.bincount(x, minlength=minlength)
    places = x.astype(np.intp) if x.dtype == bool else x
    return ops.put_at(weights, index=places, shape=counts.shape)


def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Any, Any]:
    """The sum of the `weights` of the entries of a in each bin, and the edges of the bins; with
    `density` divided by the sum of all and the width of the bin."""
    _refuse_node("histogram", "a", a)
    flat = ops.reshape(_one_each("histogram", weights, np.shape(a)), (-1,))
    edges = np.histogram_bin_edges(a, bins, range)
    sums, _ = histogramdd(np.ravel(a)[:, None], [edges], None, density, flat)
    return sums, edges


def histogram2d(
    x: Any,
    y: Any,
    bins: Any = 10,
    range: Any = None,
    density: bool | None = None,
    weights: Any = None,
) -> tuple[Any, Any, Any]:
    """`histogramdd` of the points (x, y)."""
    _refuse_node("histogram2d", "x and y", (x, y))
    sums, (first, second) = histogramdd(np.stack([x, y], axis=1), bins, range, density, weights)
    return sums, first, second


def histogramdd(
    sample: Any,
    bins: Any = 10,
    range: Any = None,
    density: bool | None = None,
    weights: Any = None,
) -> tuple[Any, Any]:
    """The sum of the `weights` of the points, the rows of `sample`, in each cell of a grid, and the
    edges of the cells along each axis; `density` as in `histogram`."""
    _refuse_node("histogramdd", "sample", sample)
    points = np.asarray(sample)
    counts, edges = np.histogramdd(points, bins, range)
    places = [_bins(column, edge) for column, edge in zip(points.T, edges, strict=True)]
    inside = np.all([(k >= 0) & (k < n) for k, n in zip(places, counts.shape, strict=True)], axis=0)
    index = tuple(k[inside] for k in places)
    held = _one_each("histogramdd", weights, inside.shape)[np.flatnonzero(inside)]
    sums = ops.put_at(held, index=index, shape=counts.shape)
    if density:
        widths = reduce(np.multiply.outer, map(np.diff, edges))
        sums = sums / ops.sum(sums) / constant_like(widths, sums)
    return sums, edges


def _bins(values: Any, edges: Any) -> Any:
    """The bin of each value, of which the last has both its edges; -1 or too large outside."""
    return np.searchsorted(edges, values, side="right") - (1 + (values == edges[-1]))


def _one_each(name: str, weights: Any, shape: tuple[int, ...]) -> Any:
    weights = asarray(weights)
    if shape_of(weights) != shape:
        raise ValueError(
            f"np.{name}: weights {shape_of(weights)} for data {shape}: each entry takes one weight"
        )
    return weights


def _refuse_node(name: str, what: str, x: Any) -> None:
    if any(isinstance(part, Node) for part in (x if isinstance(x, Sequence) else [x])):
        raise TypeError(
            f"np.{name}: there is no derivative by what is counted ({what}); take t.data, where "
            "the gradient stops. There is one by the weights"
        )
