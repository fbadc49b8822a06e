"""Functions of each entry, and of pairs of entries, put together from primitives.

Those outside `__all__` are NumPy's, which np.NAME(t) runs. The derivative at a jump is 0.
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import anywhere
from ..graph.node import raw
from .arrange import asarray, constant_like

__all__ = ["reciprocal"]


def reciprocal(x: Any) -> Any:
    """1 / x. The derivative is -1 / x**2; dividing by 0 follows IEEE 754."""
    return ops.divide(1.0, x)


def exp2(x: Any) -> Any:
    """2**x."""
    return ops.pow(2.0, x)


def deg2rad(x: Any) -> Any:
    """x degrees in radians."""
    return ops.multiply(x, pi / 180)


def rad2deg(x: Any) -> Any:
    """x radians in degrees."""
    return ops.multiply(x, 180 / pi)


def logaddexp2(x1: Any, x2: Any) -> Any:
    """log2(2**x1 + 2**x2), without overflow."""
    return ops.logaddexp(ops.multiply(x1, log(2)), ops.multiply(x2, log(2))) / log(2)


def fmod(x1: Any, x2: Any) -> Any:
    """What x1 leaves when divided by x2, with the sign of x1."""
    size, rest = ops.abs(x2), raw(x1) < 0
    return ops.where(rest, -ops.remainder(ops.negative(x1), size), ops.remainder(x1, size))


def fmax(x1: Any, x2: Any) -> Any:
    """The larger of x1 and x2, or the one that is not NaN."""
    return _but_nan(x1, x2, ops.maximum(x1, x2))


def fmin(x1: Any, x2: Any) -> Any:
    """The smaller of x1 and x2, or the one that is not NaN."""
    return _but_nan(x1, x2, ops.minimum(x1, x2))


def _but_nan(x1: Any, x2: Any, y: Any) -> Any:
    return ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, y))


def divmod(x1: Any, x2: Any) -> tuple[Any, Any]:
    """(x1 // x2, x1 % x2)."""
    return ops.floor_divide(x1, x2), ops.remainder(x1, x2)


def modf(x: Any) -> tuple[Any, Any]:
    """(x - trunc(x), trunc(x))."""
    return ops.subtract(x, ops.trunc(x)), ops.trunc(x)


def frexp(x: Any) -> tuple[Any, Any]:
    """(m, e) with x = m * 2**e and |m| in [1/2, 1); e is plain."""
    exponent = np.frexp(raw(x))[1]
    return ldexp(x, -exponent), exponent


def ldexp(x1: Any, x2: Any) -> Any:
    """x1 * 2**x2, for integers x2."""
    return ops.multiply(x1, constant_like(np.exp2(raw(x2)), x1))


def heaviside(x1: Any, x2: Any) -> Any:
    """0 below 0, x2 at 0, 1 above."""
    return ops.where(raw(x1) == 0, x2, constant_like(np.heaviside(raw(x1), 0), x1))


def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """x with numbers for NaN and the infinities, from which no gradient comes."""
    filled = np.nan_to_num(raw(asarray(x)), nan=nan, posinf=posinf, neginf=neginf)
    return ops.where(ops.isfinite(x), x, filled)


def round(a: Any, decimals: int = 0) -> Any:
    """a rounded to `decimals` digits after the point."""
    scale = 10.0**decimals
    return ops.round(a) if decimals == 0 else ops.round(ops.multiply(a, scale)) / scale


def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """x limited to [min, max], numbers, arrays or nodes. At a bound the derivative is x's."""
    if all(bound is None or isinstance(bound, (int, float)) for bound in (min, max)):
        return ops.clip(x, min=min, max=max)
    if min is not None:
        x = ops.where(raw(x) < raw(min), min, x)
    return x if max is None else ops.where(raw(x) > raw(max), max, x)


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
    largest = float(np.max(np.abs(np.asarray(raw(x))), initial=0.0))
    count = 40 + int(12 * largest**0.5)
    circle = constant_like(np.cos(2 * pi * (np.arange(count) + 0.5) / count), x)
    return ops.mean(ops.exp(ops.multiply(x[..., None], circle)), axis=-1)


fix, degrees, radians = ops.trunc, rad2deg, deg2rad
