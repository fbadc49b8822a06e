"""Activation functions of each entry: the bends between the layers of a network."""

from __future__ import annotations

from math import pi
from math import sqrt as _root
from typing import Any

from ..graph import backend
from ..graph.primitive import elementwise
from .comparison import indicator

__all__ = [
    "elu",
    "gelu",
    "leaky_relu",
    "relu",
    "sigmoid",
    "silu",
    "softplus",
]


@elementwise("σ({0})", r"\sigma({0})", numpy="1 / (1 + np.exp(-({0})))")
def sigmoid(xp: Any, x: Any) -> Any:
    """Logistic function 1 / (1 + exp(-x)), without overflow. dy/dx = y * (1 - y)."""
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + e), e / (1 + e))


sigmoid.local(lambda xp, y, x: y * (1 - y))


@elementwise(
    "softplus({0})",
    r"\operatorname{{softplus}}({0})",
    numpy="np.logaddexp(0, {0})",
    meaning=lambda xp, x: xp.log(1 + xp.exp(x)),
)
def softplus(xp: Any, x: Any) -> Any:
    """log(1 + exp(x)), without overflow. dy/dx = sigmoid(x) = 1 - exp(-y)."""
    return xp.maximum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x)))


softplus.local(lambda xp, y, x: -xp.expm1(-y))


@elementwise("relu({0})", r"\operatorname{{relu}}({0})", numpy="np.maximum({0}, 0)")
def relu(xp: Any, x: Any) -> Any:
    """max(x, 0). dy/dx = 1 above 0, 0 below and at x = 0. NaN stays NaN, as does its gradient."""
    return xp.maximum(x, 0.0)


relu.local(lambda xp, y, x: indicator(x > 0, x))


@elementwise(
    "leaky_relu({0})",
    r"\operatorname{{leakyrelu}}({0})",
    numpy="np.where(({0}) > 0, {0}, {slope} * ({0}))",
)
def leaky_relu(xp: Any, x: Any, *, slope: float = 0.01) -> Any:
    """x above 0, slope * x below. dy/dx = 1 above 0, slope below and at x = 0; NaN stays NaN."""
    return xp.where(x > 0, x, slope * x)


leaky_relu.local(lambda xp, y, x, *, slope: indicator(x > 0, x) + slope * indicator(x <= 0, x))


@elementwise(
    "elu({0})",
    r"\operatorname{{elu}}({0})",
    numpy="np.where(({0}) > 0, {0}, {alpha} * np.expm1({0}))",
)
def elu(xp: Any, x: Any, *, alpha: float = 1.0) -> Any:
    """x above 0, alpha * (exp(x) - 1) below. dy/dx = 1 above 0, y + alpha below and at x = 0."""
    return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0.0)))


elu.local(lambda xp, y, x, *, alpha: xp.where(x > 0, xp.ones_like(x), y + alpha))


@elementwise(
    "silu({0})",
    r"\operatorname{{silu}}({0})",
    numpy="({0}) / (1 + np.exp(-({0})))",
    meaning=lambda xp, x: x * xp.sigmoid(x),
)
def silu(xp: Any, x: Any) -> Any:
    """x * sigmoid(x), also called swish. dy/dx = s + y * (1 - s), s = sigmoid(x)."""
    return x * sigmoid.forward(xp, x)


def _silu_local(xp: Any, y: Any, x: Any) -> Any:
    s = sigmoid(x)
    return s + y * (1 - s)


silu.local(_silu_local)


@elementwise(
    "gelu({0})",
    r"\operatorname{{gelu}}({0})",
    numpy="0.5 * ({0}) * (1 + np.vectorize(math.erf, otypes=[float])(({0}) / np.sqrt(2)))",
)
def gelu(xp: Any, x: Any) -> Any:
    """x * Phi(x), Phi the standard normal distribution function (the exact form, with erf;
    Hendrycks and Gimpel, 2016). dy/dx = Phi(x) + x * exp(-x**2 / 2) / sqrt(2 pi)."""
    return 0.5 * x * (1 + backend.erf(xp, x / _root(2)))


gelu.local(
    lambda xp, y, x: (
        0.5 * (1 + backend.erf(xp, x / _root(2))) + x * xp.exp(-0.5 * x * x) / _root(2 * pi)
    )
)
