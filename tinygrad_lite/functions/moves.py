"""NumPy's functions that bring entries to other places, which np.NAME(t) runs.

Most are NumPy's own, run on the places of the entries: what comes back says which entry goes where
(`moved`). Those with a short definition in ops have that, for pictures and for speed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import BoundArguments
from math import prod
from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import is_array, namespace
from ..graph.node import Node, raw
from ..ops.constants import shape_of
from ..ops.shape import widths
from .arrange import asarray, at_least, constant_like, flatten, like, moveaxis, part, sort
from .statistics import median

__all__: list[str] = []

# Functions that are run on places, and which of their arguments hold entries.
_MOVED = """
atleast_1d(arys) atleast_2d(arys) atleast_3d(arys) block(arrays) choose(choices) column_stack(tup)
compress(a) delete(arr) diagflat(v) dsplit(ary) dstack(tup) extract(arr) fftshift(x) fliplr(m)
flipud(m) hsplit(ary) ifftshift(x) insert(arr,values) resize(a) rollaxis(a) rot90(m)
select(choicelist,default) sliding_window_view(x) vsplit(ary)
"""
MOVED: Mapping[str, list[str]] = {
    name: data.rstrip(")").split(",")
    for name, _, data in (text.partition("(") for text in _MOVED.split())
}


def moved(function: Callable[..., Any], call: BoundArguments) -> Any:
    """NumPy's `function` of `call`'s arguments, as a gather."""
    sources: list[Any] = []
    start = 1  # place 0 holds the number 0, for what is filled in

    def places(x: Any) -> Any:
        nonlocal start
        if isinstance(x, (list, tuple)):
            return type(x)(places(v) for v in x)
        sources.append(x if isinstance(x, (int, float)) else asarray(x))
        shape, first = shape_of(sources[-1]), start
        start += prod(shape)
        return np.arange(first, start).reshape(shape)

    call.apply_defaults()
    for name in MOVED[function.__name__]:
        call.arguments[name] = places(call.arguments[name])
    result = next(x for x in sources if isinstance(x, Node))
    return _gathered(
        [constant_like(x, result) if isinstance(x, (int, float)) else x for x in sources],
        function(*call.args, **call.kwargs),
    )


def _gathered(sources: list[Any], places: Any) -> Any:
    """The entries of `sources` at `places`, which count them all from 1 on; 0 is the number 0."""
    if isinstance(places, (list, tuple)):
        return type(places)(_gathered(sources, p) for p in places)
    start = 1
    for x in sources:
        end = start + prod(shape_of(x))
        if isinstance(x, Node) and np.array_equal(places.ravel(), np.arange(start, end)):
            return ops.reshape(x, shape=places.shape)
        start = end
    zero = [constant_like([0.0], sources[0])] if (places == 0).any() else []
    entries = [*zero, *(flatten(x) for x in sources)]
    joined = ops.concat(entries) if len(entries) > 1 else entries[0]
    return ops.take(joined, places if zero else places - 1, axis=0)


# --- shapes


def reshape(a: Any, shape: Any, order: str = "C") -> Any:
    """The same entries in another shape, read in row-major order, or column-major "F"."""
    if order != "F":
        return ops.reshape(a, shape=shape)
    shape = shape if isinstance(shape, (tuple, list)) else (shape,)
    return transpose(ops.reshape(transpose(a), shape=tuple(shape[::-1])))


def transpose(a: Any, axes: Any = None) -> Any:
    """The axes in another order, reversed unless `axes` says which."""
    n = len(shape_of(asarray(a)))
    axes = range(n)[::-1] if axes is None else np.atleast_1d(axes).tolist()
    return ops.permute_dims(a, axes=tuple(axes))


# --- joining


def hstack(tup: Any) -> Any:
    """Arrays side by side: joined along the second axis, vectors along their only one."""
    arrays = [at_least(1, x) for x in tup]
    return ops.concat(arrays, axis=0 if len(shape_of(arrays[0])) == 1 else 1)


def vstack(tup: Any) -> Any:
    """Arrays below each other: joined along the first axis, vectors as rows."""
    return ops.concat([at_least(2, x) for x in tup], axis=0)


def concat(arrays: Any, axis: int | None = 0) -> Any:
    """Arrays one after the other along `axis`; None: all entries as one vector."""
    return ops.concat([flatten(x) for x in arrays] if axis is None else arrays, axis=axis or 0)


def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """The entries of `values` behind those of `arr`, along `axis`; None: as one vector."""
    arr, values = (x if isinstance(x, (int, float)) else asarray(x) for x in (arr, values))
    pair = [
        constant_like(x, y) if isinstance(x, (int, float)) else x
        for x, y in ((arr, values), (values, arr))
    ]
    return concat(pair, axis)


# --- parting


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Parts of `ary` along `axis`: how many, or where each begins after the first."""
    return _cut(np.array_split, ary, indices_or_sections, axis)


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """The same; parts that are counted are equal, else `ValueError`."""
    return _cut(np.split, ary, indices_or_sections, axis)


def _cut(cut: Callable[..., Any], x: Any, at: Any, axis: int) -> list[Any]:
    x = asarray(x)
    runs = cut(np.arange(shape_of(x)[axis]), at)
    return [part(x, axis, run[0], run[-1] + 1) if len(run) else part(x, axis, 0, 0) for run in runs]


# --- picking


def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    """The slices of a at `indices` along `axis`; None: entries in row-major order."""
    a = flatten(a) if axis is None else asarray(a)
    at = indices if is_array(indices) else np.asarray(indices)
    if mode != "raise":
        n = shape_of(a)[axis or 0]
        at = at % n if mode == "wrap" else namespace(at).clip(at, 0, n - 1)
    return ops.take(a, at, axis=axis or 0)


def unique(ar: Any, axis: None = None) -> Any:
    """The entries in increasing order, equal ones once; the gradient goes to the first of them."""
    return ops.take(flatten(ar), np.unique(raw(asarray(ar)), return_index=True)[1], axis=0)


unique_values = unique


def trim_zeros(filt: Any, trim: str = "fb") -> Any:
    """The vector without the zeros at its front ("f") and back ("b")."""
    x = asarray(filt)
    held = np.flatnonzero(raw(x))
    if not held.size:
        return x[:0]
    return x[held[0] if "f" in trim else 0 : held[-1] + 1 if "b" in trim else None]


def partition(a: Any, kth: Any, axis: int | None = -1) -> Any:
    """The entries in increasing order, of which every partition is a part."""
    from_all = flatten(a) if axis is None else asarray(a)
    del kth
    return sort(from_all, axis=-1 if axis is None else axis)


# --- diagonals


def _leading(a: Any, axis1: int, axis2: int) -> Any:
    return moveaxis(a, (axis1, axis2), (-2, -1))


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The entries of a whose index along axis2 is that along axis1 plus `offset`, as last axis."""
    return ops.diagonal(_leading(a, axis1, axis2), offset=offset)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of `diagonal`."""
    a = _leading(a, axis1, axis2)
    return ops.sum(ops.diagonal(a, offset=offset), axis=-1) if offset else ops.trace(a)


# --- padding

_STATISTICS: Mapping[str, Callable[..., Any]] = {
    "maximum": ops.max,
    "mean": ops.mean,
    "median": median,
    "minimum": ops.min,
}


def pad(
    array: Any,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = 0.0,
    end_values: Any = 0.0,
    stat_length: Any = None,
    reflect_type: str = "even",
) -> Any:
    """`array` with entries around it, in NumPy's modes, but for functions and odd reflections."""
    x = asarray(array)
    shape = shape_of(x)
    if mode == "constant" and isinstance(constant_values, (int, float)):
        return ops.pad(x, pad_width, constant_values)
    if mode in ("edge", "reflect", "symmetric", "wrap") and reflect_type == "even":
        places = np.arange(1, prod(shape) + 1).reshape(shape)
        return _gathered([x], np.pad(places, pad_width, mode))  # type: ignore[call-overload]
    if mode not in ("constant", "linear_ramp", *_STATISTICS):
        raise TypeError(
            f"np.pad: mode={mode!r} ({reflect_type}) is not supported; concat what goes around it"
        )
    ends = constant_values if mode == "constant" else end_values
    ends = np.broadcast_to(like(ends, x), (len(shape), 2))
    for axis, pair in enumerate(widths(pad_width, len(shape))):
        sides = [x, x]
        for side, width in enumerate(pair):
            edge = _edge(x, axis, side, 1)
            lengths = (*shape_of(x)[:axis], width, *shape_of(x)[axis + 1 :])
            if mode in _STATISTICS:
                count = _count(stat_length, axis, side, shape)
                edge = _STATISTICS[mode](_edge(x, axis, side, count), axis=axis, keepdims=True)
            elif mode == "constant":
                edge = ends[axis, side]
            else:
                ramp = np.arange(width) / max(width, 1)
                along = [-1 if a == axis else 1 for a in range(len(shape))]
                weight = constant_like((ramp[::-1] if side else ramp).reshape(along), x)
                edge = ends[axis, side] + (edge - ends[axis, side]) * weight
            sides[side] = ops.broadcast_to(edge, shape=lengths)
        x = ops.concat([sides[0], x, sides[1]], axis=axis)
    return x


def _edge(x: Any, axis: int, side: int, count: int) -> Any:
    return part(x, axis, -count, None) if side else part(x, axis, 0, count)


def _count(stat_length: Any, axis: int, side: int, shape: tuple[int, ...]) -> int:
    """How many entries at an edge a statistic is taken of."""
    if stat_length is None:
        return shape[axis]
    return min(int(np.broadcast_to(stat_length, (len(shape), 2))[axis, side]), shape[axis])
