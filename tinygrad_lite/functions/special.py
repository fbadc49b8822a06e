"""The functions of scipy.special that have a derivative, with SciPy's names and settings.

SciPy's own, such as `scipy.special.gammaln(t)`, run these where they are ufuncs.
"""

from __future__ import annotations

from math import inf, log, pi, sqrt
from typing import Any

from .. import ops
from ..graph.node import raw
from ..ops.constants import Axis
from .arrange import asarray

__all__ = [
    "entr",
    "expit",
    "gamma",
    "log_expit",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "polygamma",
    "psi",
    "rel_entr",
    "softmax",
]

expit, psi = ops.sigmoid, ops.digamma


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of digamma."""
    return ops.digamma(x, order=n)


def gamma(x: Any) -> Any:
    """The factorial of x - 1, for real numbers: the sign that gammaln leaves out, times its exp."""
    turns = ops.remainder(ops.floor(raw(x)), 2.0)  # below 0 the sign changes at whole numbers
    return ops.where(raw(x) < 0, 1.0 - 2.0 * turns, 1.0) * ops.exp(ops.gammaln(x))


def multigammaln(a: Any, d: int) -> Any:
    """Logarithm of the gamma function of d dimensions, that of the Wishart distribution, for
    a > (d - 1) / 2."""
    terms = [ops.gammaln(ops.subtract(a, 0.5 * j)) for j in range(d)]
    return sum(terms) + d * (d - 1) / 4 * log(pi)


def rel_entr(x: Any, y: Any) -> Any:
    """x log(x / y), 0 where x = 0, infinite below: summed, the relative entropy (Kullback and
    Leibler) of two distributions."""
    below = raw(ops.minimum(raw(x), raw(y))) < 0
    inside = ops.xlogy(x, x) - ops.xlogy(x, y)
    return ops.where(below, inf, inside)


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
