"""Functions of each entry with kinks and steps. The value of the derivative there is stated."""

from __future__ import annotations

from typing import Any

from ..graph.backend import anywhere
from ..graph.op import PRODUCT
from ..graph.primitive import elementwise
from .comparison import greater, indicator, isnan, less, logical_or
from .guards import zero

__all__ = [
    "cbrt",
    "ceil",
    "clip",
    "copysign",
    "floor",
    "floor_divide",
    "hypot",
    "maximum",
    "minimum",
    "remainder",
    "sign",
    "trunc",
    "where",
]


@elementwise("|{0}|", r"\left|{0}\right|", numpy="np.abs({0})")
def abs(xp: Any, x: Any) -> Any:
    """Absolute value. dy/dx = sign(x), 0 at x = 0."""
    return xp.abs(x)


abs.local(lambda xp, y, x: xp.sign(x))


@elementwise("cbrt({0})", r"\sqrt[3]{{{0}}}")
def cbrt(xp: Any, x: Any) -> Any:
    """Cube root, of negative numbers too. dy/dx = 1 / (3 y**2), infinite at 0."""
    return xp.cbrt(x) if hasattr(xp, "cbrt") else xp.sign(x) * xp.abs(x) ** (1 / 3)


cbrt.local(lambda xp, y, x: 1 / (3 * y * y))


@elementwise("hypot({0}, {1})", r"\sqrt{{{0}^2 + {1}^2}}")
def hypot(xp: Any, x1: Any, x2: Any) -> Any:
    """Length sqrt(x1**2 + x2**2), without overflow. dy/dx1 = x1 / y, dy/dx2 = x2 / y; 0 at the
    origin, and a further derivative is NaN there."""
    return xp.hypot(x1, x2)


def _hypot_local(xp: Any, y: Any, x: Any, other: Any) -> Any:
    if not anywhere(y == 0):
        return x / y
    origin = y == 0
    slope = x / xp.where(origin, xp.ones_like(y), y)
    return xp.where(origin, zero(x + other, origin, y), slope)


hypot.local(
    lambda xp, y, x1, x2: _hypot_local(xp, y, x1, x2),
    lambda xp, y, x1, x2: _hypot_local(xp, y, x2, x1),
)


@elementwise("sign({0})", r"\operatorname{{sign}}({0})")
def sign(xp: Any, x: Any) -> Any:
    """-1, 0 or 1; NaN stays NaN. dy/dx = 0 everywhere."""
    return xp.sign(x)


sign.local(0)


@elementwise("copysign({0}, {1})", r"\left|{0}\right| \operatorname{{sign}}({1})")
def copysign(xp: Any, x1: Any, x2: Any) -> Any:
    """|x1| with the sign of x2. dy/dx1 = 1 or -1, 0 at x1 = 0; dy/dx2 = 0 everywhere."""
    return xp.copysign(x1, x2)


copysign.local(lambda xp, y, x1, x2: xp.sign(x1) * xp.sign(y), 0)


@elementwise("floor({0})", r"\lfloor {0} \rfloor")
def floor(xp: Any, x: Any) -> Any:
    """The largest integer not above x. dy/dx = 0 everywhere."""
    return xp.floor(x)


floor.local(0)


@elementwise("ceil({0})", r"\lceil {0} \rceil")
def ceil(xp: Any, x: Any) -> Any:
    """The smallest integer not below x. dy/dx = 0 everywhere."""
    return xp.ceil(x)


ceil.local(0)


@elementwise("round({0})", r"\operatorname{{round}}({0})")
def round(xp: Any, x: Any) -> Any:
    """The nearest integer, halves to even. dy/dx = 0 everywhere."""
    return xp.round(x)


round.local(0)


@elementwise("trunc({0})", r"\operatorname{{trunc}}({0})")
def trunc(xp: Any, x: Any) -> Any:
    """The integer part of x: the nearest integer towards 0. dy/dx = 0 everywhere."""
    return xp.trunc(x)


trunc.local(0)


@elementwise("{0} // {1}", r"\lfloor {0} / {1} \rfloor", precedence=PRODUCT)
def floor_divide(xp: Any, x1: Any, x2: Any) -> Any:
    """The largest integer not above x1 / x2. dy/dx1 = dy/dx2 = 0 everywhere."""
    return x1 // x2


floor_divide.local(0, 0)


@elementwise("{0} % {1}", r"{0} \bmod {1}", precedence=PRODUCT)
def remainder(xp: Any, x1: Any, x2: Any) -> Any:
    """What x1 leaves when divided by x2, x1 - (x1 // x2) * x2: it has the sign of x2.
    dy/dx1 = 1, dy/dx2 = -(x1 // x2), at the jumps too."""
    return x1 % x2


remainder.local(1, lambda xp, y, x1, x2: -(x1 // x2))


def _share(y: Any, wins: Any, ties: Any) -> Any:
    """1 where `wins`, 1/2 where `ties`, NaN where y is, else 0."""
    share = indicator(wins, y)
    return share + 0.5 * indicator(ties, y) if anywhere(ties) else share


@elementwise("max({0}, {1})", r"\max({0}, {1})", numpy="np.maximum({0}, {1})")
def maximum(xp: Any, x1: Any, x2: Any) -> Any:
    """The larger of x1 and x2; NaN if either is. The derivative goes to the larger one; ties share
    equally; NaN stays NaN."""
    return xp.maximum(x1, x2)


maximum.local(
    lambda xp, y, x1, x2: _share(y, x1 > x2, x1 == x2),
    lambda xp, y, x1, x2: _share(y, x2 > x1, x1 == x2),
)


@elementwise("min({0}, {1})", r"\min({0}, {1})", numpy="np.minimum({0}, {1})")
def minimum(xp: Any, x1: Any, x2: Any) -> Any:
    """The smaller of x1 and x2; NaN if either is. The derivative goes to the smaller one; ties
    share equally; NaN stays NaN."""
    return xp.minimum(x1, x2)


minimum.local(
    lambda xp, y, x1, x2: _share(y, x1 < x2, x1 == x2),
    lambda xp, y, x1, x2: _share(y, x2 < x1, x1 == x2),
)


@elementwise(
    "where({0}, {1}, {2})",
    r"\begin{{cases}}{1} & {0}\\{2} & \text{{else}}\end{{cases}}",
)
def where(xp: Any, condition: Any, x1: Any, x2: Any) -> Any:
    """x1 where `condition` holds, else x2. dy/dx1 = 1 or 0, dy/dx2 = 0 or 1; none for the
    condition."""
    return xp.where(condition, x1, x2)


where.local(
    0,
    lambda xp, y, condition, x1, x2: xp.where(condition, xp.ones_like(y), xp.zeros_like(y)),
    lambda xp, y, condition, x1, x2: xp.where(condition, xp.zeros_like(y), xp.ones_like(y)),
)


@elementwise("clip({0}, {min}, {max})", r"\operatorname{{clip}}({0}, {min}, {max})")
def clip(xp: Any, x: Any, *, min: Any = None, max: Any = None) -> Any:
    """x limited to [min, max]; a bound may be None, an array or a node. dy/dx = 1 inside and at the
    bounds, else 0, and the bound's is 1; NaN stays NaN."""
    if min is not None:
        x = xp.maximum(x, min)
    return x if max is None else xp.minimum(x, max)


clip.local(lambda xp, y, x, *, min, max: indicator(y == x, x))


def _clip_of_arrays(x: Any, min: Any = None, max: Any = None) -> Any:
    for bound, beyond in ((min, less), (max, greater)):
        if bound is not None:
            x = where(logical_or(beyond(x, bound), isnan(bound)), bound, x)
    return x


clip.of_arrays = _clip_of_arrays
