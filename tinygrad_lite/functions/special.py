"""The functions of scipy.special that have a derivative, with SciPy's names and settings.

SciPy's own, such as `scipy.special.gammaln(t)`, run these where they are ufuncs.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

from .. import ops
from ..graph.node import raw
from ..ops.constants import Axis
from .arrange import asarray

__all__ = [
    "entr",
    "expit",
    "log_expit",
    "log_softmax",
    "logit",
    "logsumexp",
    "ndtr",
    "polygamma",
    "psi",
    "softmax",
]

expit, psi = ops.sigmoid, ops.digamma


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of digamma."""
    return ops.digamma(x, order=n)


def ndtr(x: Any) -> Any:
    """The standard normal distribution function, erfc(-x / sqrt(2)) / 2."""
    return 0.5 * ops.erfc(x * -sqrt(0.5))


def logit(x: Any) -> Any:
    """log(x / (1 - x)), the inverse of expit; infinite at 0 and 1, NaN beyond."""
    return ops.log(x) - ops.log1p(-x)


def log_expit(x: Any) -> Any:
    """log(expit(x)), without overflow."""
    return -ops.softplus(-x)


def entr(x: Any) -> Any:
    """-x log(x), 0 at 0, -inf below."""
    below = raw(x) < 0
    inside = ops.where(below, 1.0, x)
    return ops.where(below, -inf, -ops.xlogy(inside, inside))


def logsumexp(a: Any, axis: Axis = None, b: Any = None, keepdims: bool = False) -> Any:
    """log(sum(b * exp(a))) over `axis`, without overflow; b, the weights, are 1 by default."""
    if b is None:
        return ops.logsumexp(a, axis=axis, keepdims=keepdims)
    a = asarray(a)
    top = raw(ops.max(raw(a), axis=axis, keepdims=True))
    top = ops.where(ops.isfinite(top), top, 0.0)
    total = ops.sum(b * ops.exp(a - top), axis=axis, keepdims=keepdims)
    return ops.log(total) + (top if keepdims else ops.sum(top, axis=axis))


def softmax(x: Any, axis: Axis = None) -> Any:
    """exp(x) / sum(exp(x)) over `axis`, by default over all."""
    return ops.softmax(x, axis=axis)


def log_softmax(x: Any, axis: Axis = None) -> Any:
    """log(softmax(x)), without overflow."""
    return ops.log_softmax(x, axis=axis)
