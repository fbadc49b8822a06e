"""Other shapes and orders of the same entries, and arrays made of nodes."""

from __future__ import annotations

from math import prod
from operator import index
from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import beside, device_of, is_array, is_numpy, namespace, to_array
from ..graph.errors import holds_nodes
from ..graph.node import Node, raw
from ..ops.constants import shape_of

__all__ = [
    "broadcast_arrays",
    "expand_dims",
    "flatten",
    "matrix_transpose",
    "meshgrid",
    "moveaxis",
    "repeat",
    "sort",
    "squeeze",
    "swapaxes",
    "take_along_axis",
    "tile",
    "unstack",
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


def constant_like(values: Any, x: Any) -> Any:
    """Plain values in the dtype and the library of x."""
    x = raw(asarray(x))
    return values if isinstance(x, float) else beside(x, values)


def like(value: Any, x: Any) -> Any:
    """A node as it is, plain values as `constant_like`."""
    return value if isinstance(value, Node) else constant_like(value, x)


def at_least(ndim: int, x: Any) -> Any:
    """x with axes of length 1 before its own."""
    x = asarray(x)
    shape = shape_of(x)
    return ops.reshape(x, (1,) * (ndim - len(shape)) + shape)


def part(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """x from `start` up to and without `stop` along `axis`."""
    before = len(shape_of(x)) + axis if axis < 0 else axis
    return x[(slice(None),) * before + (slice(start, stop),)]


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
    if axis is None or (not shape and axis in (0, -1)):
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
        xp.reshape(
            xp.arange(n, device=device_of(indices)),
            tuple(n if j == i else 1 for j in range(len(shape))),
        )
        for i, n in enumerate(shape)
    ]
    places[axis] = indices
    return ops.getitem(x, index=tuple(places))


def sort(x: Any, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Any:
    """x in increasing order along `axis` (None: all entries), NaN last. The gradient goes back to
    where each entry was; of equal ones each keeps its own."""
    x = flatten(x) if axis is None else asarray(x)
    axis = -1 if axis is None else axis
    data, xp = raw(x), namespace(raw(x))
    if not shape_of(x):
        raise np.exceptions.AxisError("sort: a number has no axis; axis=None takes it as a vector")
    if is_numpy(xp):
        order = np.argsort(-data if descending else data, axis, "stable" if stable else None)
    else:
        order = xp.argsort(data, axis=axis, descending=descending, stable=stable)
    return take_along_axis(x, order, axis)


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each entry along `axis` (None: of all, in row-major order) `repeats` times over."""
    x = flatten(x) if axis is None else asarray(x)
    axis = axis or 0
    return ops.take(x, np.repeat(np.arange(shape_of(x)[axis]), repeats), axis=axis)


def tile(x: Any, repetitions: int | tuple[int, ...]) -> Any:
    """x set side by side, `repetitions` times along each axis; new axes come first."""
    counts = repetitions if isinstance(repetitions, (tuple, list)) else (repetitions,)
    x = at_least(len(counts), x)
    ndim = len(shape_of(x))
    for axis, count in enumerate(counts, ndim - len(counts)):
        x = ops.concat([x] * count, axis=axis) if count else part(x, axis, 0, 0)
    return x


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The slices of x along `axis`, without it."""
    x = moveaxis(x, axis, 0)
    return tuple(x[i] for i in range(shape_of(x)[0]))


def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """Arrays repeated to the shape that they broadcast to."""
    made = [asarray(x) for x in arrays]
    shape = np.broadcast_shapes(*map(shape_of, made))
    return tuple(ops.broadcast_to(x, shape=shape) for x in made)


def meshgrid(
    *arrays: Any, indexing: str = "xy", copy: bool = True, sparse: bool = False
) -> tuple[Any, ...]:
    """Vectors as the coordinates of a grid: each repeated along the axes of the others. "xy" has
    the second one's axis first, "ij" the first one's."""
    n = len(arrays)
    others = [tuple(j for j in range(n) if j != i) for i in range(n)]
    grids = [expand_dims(flatten(x), axes) for x, axes in zip(arrays, others, strict=True)]
    if indexing == "xy" and n > 1:
        grids = [swapaxes(grid, 0, 1) for grid in grids]
    return tuple(grids) if sparse else broadcast_arrays(*grids)
