"""Functions of neighbours: differences, integrals, running products, convolution, polynomials.

Those outside `__all__` are NumPy's, which np.NAME(t) runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import in_numpy
from ..ops.constants import shape_of
from .arrange import asarray, constant_like, flatten, like, part
from .linalg import lstsq

__all__ = ["cumprod", "cumsum", "cumulative_prod", "diff"]


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences x[i + 1] - x[i] along `axis`, taken n times; `prepend` and `append` are joined to
    x first. Raises `ValueError` for n < 0."""
    a = asarray(a)
    if n < 0:
        raise ValueError(f"diff: n = {n} is negative")
    if n == 0:  # as NumPy has it, without what would be joined
        return a
    ends = [None if end is None else _end(end, a, axis) for end in (prepend, append)]
    held = [x for x in (ends[0], a, ends[1]) if x is not None]
    a = ops.concat(held, axis=axis) if len(held) > 1 else a
    for _ in range(n):
        a = part(a, axis, 1, None) - part(a, axis, None, -1)
    return a


def _end(x: Any, a: Any, axis: int) -> Any:
    x = asarray(like(x, a) if isinstance(x, (int, float)) else x)
    if shape_of(x):
        return x
    shape = list(shape_of(a))
    shape[axis] = 1
    return ops.broadcast_to(x, shape=tuple(shape))


def cumsum(a: Any, axis: int | None = None) -> Any:
    """Running sum along `axis`; None: of all entries in row-major order."""
    return ops.cumulative_sum(flatten(a), axis=0) if axis is None else ops.cumulative_sum(a, axis)


def cumprod(a: Any, axis: int | None = None) -> Any:
    """Running product along `axis`; None: of all entries in row-major order."""
    return cumulative_prod(flatten(a), 0) if axis is None else cumulative_prod(a, axis)


def cumulative_prod(
    x: Any, axis: int | None = None, *, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Running product along `axis` (which a vector need not name): y_i = x_0 * ... * x_i; the 1
    before them with `include_initial`. Zeros are no exception: nothing is divided by."""
    x = asarray(x) if dtype is None else ops.astype(asarray(x), dtype=dtype)
    if axis is None and len(shape_of(x)) != 1:
        raise ValueError(f"cumulative_prod: axis is needed for {len(shape_of(x))} axes")
    axis = axis or 0
    if include_initial:
        x = ops.concat([_end(constant_like(1.0, x), x, axis), x], axis=axis)
    return running(ops.multiply, x, axis)


def running(op: Callable[..., Any], x: Any, axis: int) -> Any:
    """y_i = op(... op(x_0, x_1) ..., x_i) along `axis`, of an op that may be done in any order."""
    x, reach = asarray(x), 1
    while reach < shape_of(x)[axis]:  # after k rounds entry i holds the 2**k entries up to i
        joined = op(part(x, axis, None, -reach), part(x, axis, reach, None))
        x, reach = ops.concat([part(x, axis, None, reach), joined], axis=axis), 2 * reach
    return x


def cumulative_sum(x: Any, axis: int | None = None, include_initial: bool = False) -> Any:
    """Running sum along `axis` (which a vector need not name), after a 0 with `include_initial`."""
    y = ops.cumulative_sum(x, axis)
    zero = [_end(constant_like(0.0, y), y, axis or 0)] if include_initial else []
    return ops.concat([*zero, y], axis=axis or 0) if zero else y


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of all entries in row-major order, with others before and after."""
    steps = diff(flatten(ary))
    ends = [[] if end is None else [flatten(like(end, steps))] for end in (to_begin, to_end)]
    return ops.concat([*ends[0], steps, *ends[1]])


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of y by the trapezoidal rule, at points x or dx apart."""
    y = asarray(y)
    steps = dx if x is None else diff(x, axis=axis if len(shape_of(x)) > 1 else -1)
    if len(shape_of(steps)) == 1:
        steps = _along(steps, axis, len(shape_of(y)))
    return ops.sum(steps * (part(y, axis, 1, None) + part(y, axis, None, -1)) / 2.0, axis=axis)


def _along(v: Any, axis: int, ndim: int) -> Any:
    """The vector v along `axis` of arrays of ndim axes."""
    return ops.reshape(v, tuple(-1 if i == axis % ndim else 1 for i in range(ndim)))


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences along each axis of `axis`, of order 1 or 2 at the edges; `varargs` are
    the steps or the places, one for all axes or one each."""
    f = asarray(f)
    n = len(shape_of(f))
    axes = range(n) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    spacing = varargs or (1.0,)
    if len(spacing) == 1 and not shape_of(spacing[0]):
        spacing = spacing * len(axes)
    if len(spacing) != len(axes):
        raise TypeError(f"gradient: {len(spacing)} spacings for {len(axes)} axes")
    parts = [_slope(f, h, a, edge_order) for a, h in zip(axes, spacing, strict=True)]
    return parts[0] if len(parts) == 1 else tuple(parts)


def _slope(f: Any, h: Any, axis: int, order: int) -> Any:
    length = shape_of(f)[axis]
    if length <= order or order not in (1, 2):
        raise ValueError(f"gradient: {length} entries are too few for edge_order={order}")
    steps = diff(h) if shape_of(h) else ops.multiply(h, constant_like(np.ones(length - 1), f))
    h = _along(steps, axis, len(shape_of(f)))
    rise = diff(f, axis=axis) / h
    a, b = part(h, axis, None, -1), part(h, axis, 1, None)
    left, right = part(rise, axis, None, -1), part(rise, axis, 1, None)
    inner = (left * b + right * a) / (a + b)
    first, last = part(rise, axis, 0, 1), part(rise, axis, -1, None)
    if order == 2:  # the slope of the parabola through the three entries at an edge
        first = 2.0 * first - part(inner, axis, 0, 1)
        last = 2.0 * last - part(inner, axis, -1, None)
    return ops.concat([first, inner, last], axis=axis)


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """The line through the points (xp, fp), which increase in xp, at x; `left` and `right` outside
    of them. At a point the slope is that to its right."""
    x, xp, fp = asarray(x), asarray(xp), asarray(fp)
    known, at = in_numpy(xp), in_numpy(x)
    n = len(known)
    k = np.clip(np.searchsorted(known, at, side="right") - 1, 0, max(n - 2, 0))
    above = np.minimum(k + 1, n - 1)
    run = xp[above] - xp[k] if n > 1 else 1.0
    y = fp[k] + (x - xp[k]) * ((fp[above] - fp[k]) / run)
    y = ops.where(at < known[0], fp[0] if left is None else left, y)
    return ops.where(at > known[-1], fp[-1] if right is None else right, y)


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """y_k = the sum of a_i v_j over i + j = k, of vectors; `mode` as NumPy's."""
    a, v = (ops.reshape(x, (-1,)) if not shape_of(x) else x for x in (asarray(a), asarray(v)))
    if len(shape_of(a)) > 1 or len(shape_of(v)) > 1 or 0 in shape_of(a) + shape_of(v):
        raise ValueError(f"convolve: takes vectors with entries, not {shape_of(a)}, {shape_of(v)}")
    if shape_of(a)[0] < shape_of(v)[0]:
        a, v = v, a
    n, m = shape_of(a)[0], shape_of(v)[0]
    spans = {"full": (0, n + m - 1), "same": ((m - 1) // 2, n), "valid": (m - 1, n - m + 1)}
    if mode not in spans:
        raise ValueError(f"convolve: mode {mode!r} is none of full, same, valid")
    start, count = spans[mode]
    windows = np.arange(start, start + count)[:, None] + np.arange(m)
    return ops.take(ops.pad(a, m - 1), windows, axis=0) @ ops.flip(v)


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """y_k = the sum of a_(i + k) v_i, of vectors; `mode` as NumPy's."""
    if mode == "same" and shape_of(asarray(a)) < shape_of(asarray(v)):
        return ops.flip(convolve(v, ops.flip(asarray(a)), mode))
    return convolve(a, ops.flip(asarray(v)), mode)


# --- polynomials, by their coefficients from the highest power down


def polyval(p: Any, x: Any) -> Any:
    """p[0] x**(n - 1) + ... + p[n - 1], by Horner's rule."""
    p, x = asarray(p), asarray(x)
    y = ops.multiply(x, 0.0)
    for k in range(len(p)):
        y = y * x + p[k]
    return y


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The matrix of the powers 0 to N - 1 of x, the highest first unless `increasing`."""
    x = asarray(x)
    powers = np.arange(len(x) if N is None else N)
    return ops.pow(x[:, None], constant_like(powers if increasing else powers[::-1], x))


def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with these roots and the leading coefficient 1."""
    roots, p = asarray(seq_of_zeros), constant_like([1.0], asarray(seq_of_zeros))
    for k in range(len(roots)):
        p = convolve(p, ops.stack([constant_like(1.0, roots), -roots[k]]))
    return p


def polyadd(a1: Any, a2: Any) -> Any:
    """The sum of two polynomials."""
    a1, a2 = (ops.reshape(asarray(a), (-1,)) for a in (a1, a2))
    n = max(len(a1), len(a2))
    return ops.pad(a1, (n - len(a1), 0)) + ops.pad(a2, (n - len(a2), 0))


def polyder(p: Any, m: int = 1) -> Any:
    """The coefficients of the m-th derivative."""
    p = asarray(p)
    for _ in range(m):
        p = p[:-1] * constant_like(np.arange(len(p) - 1, 0, -1), p)
    return p


def polyint(p: Any, m: int = 1) -> Any:
    """The coefficients of the m-th integral, which is 0 at 0."""
    p = asarray(p)
    for _ in range(m):
        p = ops.pad(p / constant_like(np.arange(len(p), 0, -1), p), (0, 1))
    return p


def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """The quotient and the remainder of two polynomials."""
    rest, v = asarray(u), asarray(v)
    steps = max(len(rest) - len(v) + 1, 0)
    quotient = []
    for k in range(steps):
        quotient.append(rest[k] / v[0])
        rest = rest - ops.pad(quotient[-1] * v, (k, steps - 1 - k))
    return ops.stack(quotient) if quotient else rest[:1] * 0.0, rest[steps:]


def polyfit(x: Any, y: Any, deg: int, w: Any = None) -> Any:
    """The coefficients of the polynomial of degree `deg` with the least squares of w (p(x) - y)."""
    V, y = vander(x, deg + 1), asarray(y)
    if w is not None:
        w = asarray(w)
        V, y = V * w[:, None], y * (w if len(shape_of(y)) == 1 else w[:, None])
    scale = ops.vector_norm(V, axis=0)
    found = lstsq(V / scale, y)[0]
    return found / (scale if len(shape_of(y)) == 1 else scale[:, None])


polymul = convolve
