"""Other shapes and orders of the same entries, and arrays made of nodes."""

from __future__ import annotations

from math import prod
from operator import index
from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import is_array, namespace, to_array
from ..graph.errors import holds_nodes
from ..graph.node import Node
from ..ops.constants import shape_of

__all__ = [
    "asarray",
    "expand_dims",
    "flatten",
    "matrix_transpose",
    "moveaxis",
    "squeeze",
    "swapaxes",
    "take_along_axis",
]


def asarray(x: Any) -> Any:
    """A node as it is, nested lists that hold nodes joined into one `Tensor`, other data as a plain
    floating array (a constant).

    Raises `ValueError` where the shapes in a list differ.
    """
    if isinstance(x, Node):
        return x
    if isinstance(x, (list, tuple)) and holds_nodes(x):
        entries = [v if isinstance(v, (int, float)) else asarray(v) for v in x]
        shapes = sorted({shape_of(v) for v in entries})
        if len(shapes) > 1:
            found = " and ".join(map(str, shapes))
            raise ValueError(f"asarray: the entries of a list differ in shape: {found}")
        return ops.stack(entries)
    return to_array(x, "asarray")


def _axes(axis: Any, ndim: int, name: str) -> list[int]:
    """The axes that an integer or a sequence of them names, each from 0 up."""
    axes = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    for a in axes:
        if not -ndim <= index(a) < ndim:
            raise np.exceptions.AxisError(f"{name}: axis {a} for {ndim} axes")
    return [a % ndim for a in axes]


def squeeze(x: Any, axis: int | tuple[int, ...] | None = None) -> Any:
    """x without the axes `axis` of length 1 (None: without any such)."""
    x = asarray(x)
    shape = shape_of(x)
    if axis is None:
        return ops.reshape(x, tuple(n for n in shape if n != 1))
    gone = set(_axes(axis, len(shape), "squeeze"))
    if any(shape[a] != 1 for a in gone):
        raise ValueError(f"squeeze: axis {axis} of shape {shape} is not of length 1")
    return ops.reshape(x, tuple(n for i, n in enumerate(shape) if i not in gone))


def expand_dims(x: Any, axis: int | tuple[int, ...] = 0) -> Any:
    """x with a new axis of length 1 at each position in `axis` of the result."""
    x = asarray(x)
    shape = shape_of(x)
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    ndim = len(shape) + count
    new = set(_axes(axis, ndim, "expand_dims"))
    if len(new) != count:
        raise ValueError(f"expand_dims: axis {axis} names a place twice")
    lengths = iter(shape)
    return ops.reshape(x, tuple(1 if i in new else next(lengths) for i in range(ndim)))


def flatten(x: Any) -> Any:
    """The entries of x in row-major order as a vector."""
    x = asarray(x)
    return ops.reshape(x, (prod(shape_of(x)),))


def matrix_transpose(x: Any) -> Any:
    """The transpose of each matrix: the last two axes exchanged."""
    return swapaxes(x, -1, -2)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """x with two axes exchanged."""
    x = asarray(x)
    ndim = len(shape_of(x))
    order = list(range(ndim))
    i, j = _axes((axis1, axis2), ndim, "swapaxes")
    order[i], order[j] = order[j], order[i]
    return ops.permute_dims(x, tuple(order))


def moveaxis(x: Any, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> Any:
    """x with the axes `source` moved to the positions `destination`, the others in their order."""
    x = asarray(x)
    ndim = len(shape_of(x))
    pairs = [_axes(axes, ndim, "moveaxis") for axes in (source, destination)]
    if len(pairs[0]) != len(pairs[1]) or any(len(set(axes)) != len(axes) for axes in pairs):
        raise ValueError(f"moveaxis: {source} and {destination} do not pair")
    order = [i for i in range(ndim) if i not in pairs[0]]
    for place, axis in sorted(zip(pairs[1], pairs[0], strict=True)):
        order.insert(place, axis)
    return ops.permute_dims(x, tuple(order))


def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Any:
    """The entries of x at integer `indices` along `axis`; the other axes of both are matched."""
    x = asarray(x)
    if not is_array(indices):
        indices = np.asarray(indices)
    shape = shape_of(x)
    (axis,) = _axes(axis, len(shape), "take_along_axis")
    if len(indices.shape) != len(shape):
        raise ValueError(
            f"take_along_axis: indices {tuple(indices.shape)} must have the {len(shape)} axes of x"
        )
    xp = namespace(indices)
    places = [
        xp.reshape(xp.arange(n), tuple(n if j == i else 1 for j in range(len(shape))))
        for i, n in enumerate(shape)
    ]
    places[axis] = indices
    return ops.getitem(x, index=tuple(places))
