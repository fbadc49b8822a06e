"""Norms and determinants put together from primitives."""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

from .. import ops
from ..ops.constants import Axis, reduced_axes, shape_of
from .arrange import asarray

__all__ = ["norm", "slogdet"]


def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """Norm of x, or of its vectors along an integer `axis`, or matrices along a pair.

    `ord=None`: square root of the sum of squares, of a matrix the Frobenius norm ("fro"). Vectors:
    1 the sum of |x|, 2 the length, inf the largest |x|, -inf the smallest. Matrices: 1 the largest
    column sum of |x|, inf the largest row sum. The gradient is 0 where the norm is 0, ties share
    equally. Other orders raise `ValueError`.
    """
    x = asarray(x)
    axes = reduced_axes(shape_of(x), axis)
    matrix = len(axes) == 2
    if ord is None or (ord == "fro" and matrix) or (ord == 2 and len(axes) == 1):
        return ops.vector_norm(x, axis=axis, keepdims=keepdims)
    size = ops.abs(x)
    if len(axes) == 1 and ord in (1, inf, -inf):
        reduction = ops.sum if ord == 1 else ops.max if ord == inf else ops.min
        return reduction(size, axis=axes[0], keepdims=keepdims)
    if matrix and ord in (1, inf):
        inner, outer = axes if ord == 1 else axes[::-1]
        largest = ops.max(ops.sum(size, axis=inner, keepdims=True), axis=outer, keepdims=True)
        if keepdims:
            return largest
        return ops.reshape(largest, tuple(n for i, n in enumerate(shape_of(x)) if i not in axes))
    raise ValueError(
        f"norm: ord={ord!r} is not supported for {len(axes)} axes; vectors have 1, 2, inf, -inf, "
        'matrices "fro", 1, inf'
    )


class Slogdet(NamedTuple):
    """What `slogdet` returns, with the names that NumPy's result has."""

    sign: Any
    logabsdet: Any


def slogdet(A: Any) -> Slogdet:
    """(sign, log |det A|) of each matrix; det A = sign * exp(logabsdet). The sign's gradient is 0,
    the other's A^-T."""
    return Slogdet(ops.signdet(A), ops.logabsdet(A))
