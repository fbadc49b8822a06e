"""NumPy's functions of functions, and ranges between nodes, which np.NAME(t) runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import is_array
from ..graph.node import raw
from ..ops.constants import reduced_axes, shape_of
from .arrange import asarray, constant_like, expand_dims, moveaxis

__all__: list[str] = []


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    *,
    axis: int = 0,
) -> Any:
    """`num` equal steps from `start` to `stop`, along a new axis."""
    run = ops.subtract(stop, start)
    places = np.linspace(0.0, 1.0, num, endpoint).reshape((-1,) + (1,) * len(shape_of(run)))
    y = moveaxis(ops.add(start, run * constant_like(places, run)), 0, axis)
    return (y, run / (num - bool(endpoint))) if retstep else y


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, *, axis: int = 0
) -> Any:
    """Powers of `base` with exponents in equal steps."""
    return ops.pow(base, linspace(start, stop, num, endpoint, axis=axis))


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, *, axis: int = 0) -> Any:
    """`num` entries of equal ratios from `start` to `stop`, of one sign."""
    steps = linspace(0.0, ops.log(ops.divide(stop, start)), num, endpoint, axis=0)
    return moveaxis(ops.multiply(start, ops.exp(steps)), 0, axis)


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """f(x) where its condition, the last that holds, does; 0, or the one more function, elsewhere.
    Functions are called on all of x."""
    x = asarray(x)
    conditions = [(raw(c) if is_array(raw(c)) else np.asarray(c)) != 0 for c in condlist]
    if np.ndim(condlist[0]) == 0 and shape_of(x):
        conditions = [np.asarray(condlist, dtype=bool)]
    parts = [f(x, *args, **kw) if callable(f) else f for f in funclist]
    y = parts.pop() if len(parts) > len(conditions) else 0.0
    for condition, value in zip(conditions, parts, strict=True):
        y = ops.where(condition, value, y)
    return y


def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    """func1d of each vector along `axis`, in whose place its results stand."""
    x = moveaxis(arr, axis, -1)
    lengths = shape_of(x)[:-1]
    rows = ops.reshape(x, shape=(-1, shape_of(x)[-1]))
    parts = [asarray(func1d(row, *args, **kwargs)) for row in rows]
    y = ops.reshape(ops.stack(parts), shape=(*lengths, *shape_of(parts[0])))
    first, new = axis % len(shape_of(asarray(arr))), range(len(shape_of(parts[0])))
    return moveaxis(y, tuple(len(lengths) + i for i in new), tuple(first + i for i in new))


def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """func(a, axis) over one axis after the other, which stay with length 1."""
    a = asarray(a)
    for axis in reduced_axes(shape_of(a), axes):
        y = func(a, axis)
        a = y if len(shape_of(y)) == len(shape_of(a)) else expand_dims(y, axis)
    return a
