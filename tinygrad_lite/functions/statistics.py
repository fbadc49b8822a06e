"""Spread of data around its mean."""

from __future__ import annotations

from math import sqrt
from typing import Any

from .. import ops
from ..ops.constants import Axis, entries_of, shape_of
from .arrange import asarray

__all__ = ["std", "var"]


def _deviation(x: Any, axis: Axis) -> Any:
    return x - ops.mean(x, axis=axis, keepdims=True)


def _freedom(x: Any, axis: Axis, correction: float, name: str) -> float:
    n = entries_of(shape_of(x), axis)
    if n <= correction:
        raise ValueError(f"{name}: {n} entries are too few for correction={correction}")
    return n - correction


def var(x: Any, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Any:
    """Variance over `axis`: sum((x - mean(x))**2) / (N - correction), N entries each.

    `correction=1` is the unbiased estimate. Raises `ValueError` where N <= correction.
    """
    x = asarray(x)
    freedom = _freedom(x, axis, correction, "var")
    biased = ops.mean(ops.square(_deviation(x, axis)), axis=axis, keepdims=keepdims)
    return biased * (entries_of(shape_of(x), axis) / freedom) if correction else biased


def std(x: Any, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Any:
    """Standard deviation, the square root of `var`; its gradient is 0 where all entries are equal.

    Raises `ValueError` where N <= correction.
    """
    x = asarray(x)
    freedom = _freedom(x, axis, correction, "std")
    length = ops.vector_norm(_deviation(x, axis), axis=axis, keepdims=keepdims)
    return length / sqrt(freedom)
