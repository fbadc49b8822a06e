"""Spread of data around its mean, order statistics, and NumPy's statistics without NaN.

Those outside `__all__` are NumPy's, which np.NAME(t) runs.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan, sqrt
from typing import Any

import numpy as np

from .. import ops
from ..graph.backend import in_numpy
from ..graph.node import Node, raw
from ..ops.constants import Axis, entries_of, reduced_axes, shape_of
from .arrange import asarray, constant_like, moveaxis, sort

__all__ = ["std", "var"]


def _deviation(x: Any, axis: Axis) -> Any:
    return x - ops.mean(x, axis=axis, keepdims=True)


def _freedom(x: Any, axis: Axis, correction: float, name: str) -> float:
    n = entries_of(shape_of(x), axis)
    if n <= correction:
        raise ValueError(f"{name}: {n} entries are too few for correction={correction}")
    return n - correction


def var(
    x: Any,
    axis: Axis = None,
    correction: float = 0,
    keepdims: bool = False,
    *,
    ddof: float | None = None,
    where: Any = True,
) -> Any:
    """Variance over `axis`: sum((x - mean(x))**2) / (N - correction), N entries each.

    `correction=1` is the unbiased estimate; `ddof` is NumPy's name of it. Raises `ValueError` where
    N <= correction. `where`, booleans that broadcast to x, leaves entries out; too few give NaN.
    """
    x, correction = asarray(x), correction if ddof is None else ddof
    if where is not True:
        return _var_of(x, _mask(x, where), axis, correction, keepdims)
    freedom = _freedom(x, axis, correction, "var")
    biased = ops.mean(ops.square(_deviation(x, axis)), axis=axis, keepdims=keepdims)
    return biased * (entries_of(shape_of(x), axis) / freedom) if correction else biased


def std(
    x: Any,
    axis: Axis = None,
    correction: float = 0,
    keepdims: bool = False,
    *,
    ddof: float | None = None,
    where: Any = True,
) -> Any:
    """Standard deviation, the square root of `var`; its gradient is 0 where all entries are equal.

    Raises `ValueError` where N <= correction; `where` as in `var`.
    """
    x, correction = asarray(x), correction if ddof is None else ddof
    if where is not True:
        return _std_of(x, _mask(x, where), axis, correction, keepdims)
    freedom = _freedom(x, axis, correction, "std")
    length = ops.vector_norm(_deviation(x, axis), axis=axis, keepdims=keepdims)
    return length / sqrt(freedom)


def mean(a: Any, axis: Axis = None, keepdims: bool = False, where: Any = True) -> Any:
    """The mean of the entries where `where` holds; NaN if there are none."""
    if where is True:
        return ops.mean(a, axis=axis, keepdims=keepdims)
    return _mean_of(asarray(a), _mask(a, where), axis, keepdims)


def _mask(x: Any, where: Any) -> Any:
    """Booleans of the shape of x."""
    held, shape = np.asarray(raw(where), dtype=bool), shape_of(x)
    try:
        return np.broadcast_to(held, shape)
    except ValueError:
        raise ValueError(
            f"where: booleans {held.shape} do not broadcast to the data {shape}; they say of each "
            "entry whether it counts"
        ) from None


def _count(x: Any, where: Any, axis: Axis, keepdims: bool, correction: float = 0) -> Any:
    """How many entries hold, less the correction; NaN if these are too few."""
    n = where.sum(axis=axis, keepdims=keepdims)
    return constant_like(np.where(n > correction, n - correction, nan), x)


def _mean_of(x: Any, where: Any, axis: Axis, keepdims: bool) -> Any:
    held = ops.where(where, x, 0.0)
    return ops.sum(held, axis=axis, keepdims=keepdims) / _count(x, where, axis, keepdims)


def _deviation_of(x: Any, where: Any, axis: Axis) -> Any:
    return ops.where(where, x - _mean_of(x, where, axis, keepdims=True), 0.0)


def _var_of(x: Any, where: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    squares = ops.square(_deviation_of(x, where, axis))
    freedom = _count(x, where, axis, keepdims, correction)
    return ops.sum(squares, axis=axis, keepdims=keepdims) / freedom


def _std_of(x: Any, where: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    length = ops.vector_norm(_deviation_of(x, where, axis), axis=axis, keepdims=keepdims)
    return length / ops.sqrt(_count(x, where, axis, keepdims, correction))


def average(
    a: Any,
    axis: Axis = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """sum(a * weights) / sum(weights) over `axis`, and with `returned` the sum of the weights."""
    a = asarray(a)
    if weights is None:
        y = ops.mean(a, axis=axis, keepdims=keepdims)
        count = np.full(shape_of(y), entries_of(shape_of(a), axis))
        return (y, constant_like(count, y)) if returned else y
    w = asarray(weights)
    if shape_of(w) != shape_of(a):  # one for each place along the axis
        if axis is None:
            raise TypeError(
                f"average: weights {shape_of(w)} for {shape_of(a)} say no axis; pass axis="
            )
        taken = reduced_axes(shape_of(a), axis)
        w = ops.reshape(w, tuple(n if i in taken else 1 for i, n in enumerate(shape_of(a))))
        w = ops.broadcast_to(w, shape=shape_of(a))
    total = ops.sum(w, axis=axis, keepdims=keepdims)
    y = ops.sum(a * w, axis=axis, keepdims=keepdims) / total
    return (y, total) if returned else y


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: float | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    """Covariances of variables, one to a row (column unless `rowvar`), of weighted observations:
    each `fweights` times, of importance `aweights`."""
    X = _variables(m, rowvar)
    X = X if y is None else ops.concat([X, _variables(y, rowvar)])
    w = constant_like(np.ones(shape_of(X)[1]), X)
    for weights in (fweights, aweights):
        w = w if weights is None else w * asarray(weights)
    total = ops.sum(w, keepdims=True)
    lost = float(not bias) if ddof is None else float(ddof)
    if aweights is not None:
        lost = lost * ops.sum(w * asarray(aweights)) / total
    D = X - ops.sum(X * w, axis=1, keepdims=True) / total
    C = (D * w) @ D.T / ops.maximum(total - lost, 0.0)  # none left: NaN, as NumPy has it
    return C[0, 0] if shape_of(C) == (1, 1) else C


def _variables(m: Any, rowvar: bool) -> Any:
    m = asarray(m)
    if len(shape_of(m)) < 2:
        return ops.reshape(m, (1, -1))
    return m if rowvar else m.T


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """Correlations: covariances divided by both standard deviations."""
    C = cov(x, y, rowvar)
    if not shape_of(C):
        return C / C
    d = ops.sqrt(ops.diagonal(C))
    return C / d[:, None] / d[None, :]


# --- order statistics


def _in_rows(x: Any, axis: Axis) -> tuple[Any, tuple[int, ...]]:
    """x with the entries over `axis` as its last axis, and its shape with 1 for their axes."""
    shape = shape_of(x)
    taken = reduced_axes(shape, axis)
    kept = [i for i in range(len(shape)) if i not in taken]
    lengths = (*(shape[i] for i in kept), entries_of(shape, taken))
    rows = ops.reshape(ops.permute_dims(x, (*kept, *taken)), lengths)
    return rows, tuple(1 if i in taken else n for i, n in enumerate(shape))


def quantile(
    a: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """The value below which a part q of the entries lies, by NumPy's methods; q's axes come first.
    It is linear in the sorted entries, for the method "linear" in q too, and NaN where one is."""
    rows, kept = _in_rows(asarray(a), axis)
    rows = sort(rows)
    *lengths, n = shape_of(rows)
    if isinstance(q, Node) and method != "linear":
        raise TypeError(
            f"np.quantile: q has no gradient with method={method!r}; pass q.data, where it stops"
        )
    at = np.asarray(np.quantile(np.arange(float(n)), raw(q), method=method))  # type: ignore[call-overload]
    low, share = np.floor(at).astype(int), at - np.floor(at)
    y, above = rows[..., low], rows[..., np.minimum(low + 1, n - 1)]
    if isinstance(q, Node):
        y = y + (ops.multiply(q, n - 1.0) - constant_like(low, q)) * (above - y)
    elif share.any():
        w = constant_like(share, rows)
        y = ops.where(w == 0, y, y + (above - y) * w)
    lost = ops.isnan(raw(rows)[..., -1:])
    if lost.any():
        y = ops.where(lost.reshape((*lengths, *[1] * at.ndim)), nan, y)
    if at.ndim:
        y = moveaxis(y, tuple(range(-at.ndim, 0)), tuple(range(at.ndim)))
    return ops.reshape(y, at.shape + kept) if keepdims else y


def percentile(
    a: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """`quantile` of q / 100."""
    return quantile(a, ops.divide(q, 100.0), axis, method, keepdims)


def median(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The middle entry, or the mean of the two in the middle."""
    return quantile(a, 0.5, axis, keepdims=keepdims)


# --- without NaN


def filled(a: Any, value: float) -> Any:
    """a with `value` for NaN."""
    return ops.where(ops.isnan(a), value, asarray(a))


def _held(a: Any, where: Any = True) -> Any:
    """Which entries are not NaN, and hold."""
    return in_numpy(~ops.isnan(raw(asarray(a)))) & _mask(a, where)


def nanmean(a: Any, axis: Axis = None, keepdims: bool = False, where: Any = True) -> Any:
    """The mean of the entries that are not NaN; NaN if there are none."""
    return _mean_of(asarray(a), _held(a, where), axis, keepdims)


def nanvar(
    a: Any,
    axis: Axis = None,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    *,
    correction: float = 0,
) -> Any:
    """The variance of the entries that are not NaN; NaN if these are too few."""
    return _var_of(asarray(a), _held(a, where), axis, ddof or correction, keepdims)


def nanstd(
    a: Any,
    axis: Axis = None,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    *,
    correction: float = 0,
) -> Any:
    """The standard deviation of the entries that are not NaN; NaN if these are too few."""
    return _std_of(asarray(a), _held(a, where), axis, ddof or correction, keepdims)


def nanmax(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest of the entries that are not NaN; NaN if there are none."""
    y = ops.max(filled(a, -inf), axis=axis, keepdims=keepdims)
    return ops.where(_held(a).sum(axis=axis, keepdims=keepdims) == 0, nan, y)


def _of_rows_but_nan(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of all entries (and settings) over `axis` of those that are not NaN."""

    def ours(a: Any, *q: Any, axis: Axis = None, keepdims: bool = False, **settings: Any) -> Any:
        x, kept = _in_rows(asarray(a), axis)
        *lengths, n = shape_of(x)
        rows = ops.reshape(x, (-1, n))
        held = (rows[i][~ops.isnan(rows[i])] for i in range(len(rows)))
        parts = [function(row if len(row) else rows[0, :1] * nan, *q, **settings) for row in held]
        after = kept if keepdims else lengths
        return ops.reshape(ops.stack(parts, axis=-1), (*shape_of(parts[0]), *after))

    return ours


nanmedian = _of_rows_but_nan(median)
nanquantile = _of_rows_but_nan(quantile)
nanpercentile = _of_rows_but_nan(percentile)
