"""Functions of each entry, and of pairs of entries, put together from primitives.

Those outside `__all__` are NumPy's, which np.NAME(t) runs. The derivative at a jump is 0.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import anywhere, in_numpy
from ..graph.node import raw
from .arrange import asarray, constant_like, expand_dims

__all__ = ["reciprocal"]


def reciprocal(x: Any) -> Any:
    """1 / x. The derivative is -1 / x**2; dividing by 0 follows IEEE 754."""
    return ops.divide(1.0, x)


def fmod(x1: Any, x2: Any) -> Any:
    """What x1 leaves when divided by x2, with the sign of x1."""
    size, rest = ops.abs(x2), raw(x1) < 0
    return ops.where(rest, -ops.remainder(ops.negative(x1), size), ops.remainder(x1, size))


def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """x with numbers for NaN and the infinities, from which no gradient comes."""
    filled = np.nan_to_num(raw(asarray(x)), nan=nan, posinf=posinf, neginf=neginf)
    return ops.where(ops.isfinite(x), x, filled)


def round(a: Any, decimals: int = 0) -> Any:
    """a rounded to `decimals` digits after the point."""
    scale = 10.0**decimals
    return ops.round(a) if decimals == 0 else ops.round(ops.multiply(a, scale)) / scale


def unwrap(p: Any, discont: float | None = None, axis: int = -1, *, period: float = 2 * pi) -> Any:
    """p plus multiples of the period, so that no step along `axis` is larger than half of it."""
    turns = np.unwrap(raw(asarray(p)), discont, axis, period=period) - raw(p)
    return ops.add(p, turns)


def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), 1 at 0. Near 0 its Taylor series, exact in all derivatives."""
    w = ops.multiply(x, pi)
    near = abs(raw(w)) < 0.5
    y = ops.sin(w) / ops.where(near, 1.0, w)
    if not anywhere(near):
        return y
    square, series = ops.square(ops.where(near, w, 0.0)), 1.0
    for k in range(18, 0, -2):
        series = 1 - square / (k * (k + 1)) * series
    return ops.where(near, series, y)


def i0(x: Any) -> Any:
    """The modified Bessel function of order 0, the mean of exp(x cos(t)) over the circle: equal
    steps converge as exp(-n**2 / 2 |x|) (Trefethen and Weideman, 2014)."""
    x = asarray(x)
    largest = float(np.max(np.abs(in_numpy(x)), initial=0.0))
    count = 40 + int(12 * largest**0.5)
    circle = constant_like(np.cos(2 * pi * (np.arange(count) + 0.5) / count), x)
    return ops.mean(ops.exp(ops.multiply(expand_dims(x, -1), circle)), axis=-1)
