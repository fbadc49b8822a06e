"""Smooth functions of each entry. Every op: what it computes, and dy/dx for each input.

Local derivatives prefer the output y to recomputing it (sigmoid's is y * (1 - y)). Where a function
has no derivative, its docstring states the value used. Inputs broadcast as in NumPy.
"""

from __future__ import annotations

from math import log as _ln
from math import pi
from math import sqrt as _root
from typing import Any

from ..graph import backend, floats
from ..graph.op import FORWARD, POWER, PRODUCT, SUM, UNARY
from ..graph.primitive import elementwise
from .activations import sigmoid
from .comparison import logical_and, logical_or

__all__ = [
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "divide",
    "erf",
    "exp",
    "expm1",
    "identity",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "multiply",
    "negative",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
]

# --- arithmetic


@elementwise("{0}", numpy="{0}", meaning=FORWARD)
def identity(xp: Any, x: Any) -> Any:
    """x itself, as a node of its own. dy/dx = 1."""
    return x


identity.local(1)


@elementwise("{0} + {1}", precedence=SUM, meaning=FORWARD)
def add(xp: Any, x1: Any, x2: Any) -> Any:
    """Sum x1 + x2. dy/dx1 = dy/dx2 = 1."""
    return x1 + x2


add.local(1, 1)


@elementwise("{0} - {1}", precedence=SUM, meaning=FORWARD)
def subtract(xp: Any, x1: Any, x2: Any) -> Any:
    """Difference x1 - x2. dy/dx1 = 1, dy/dx2 = -1."""
    return x1 - x2


subtract.local(1, -1)


@elementwise("{0} * {1}", r"{0} \odot {1}", precedence=PRODUCT, meaning=FORWARD)
def multiply(xp: Any, x1: Any, x2: Any) -> Any:
    """Product x1 * x2, entry by entry. dy/dx1 = x2, dy/dx2 = x1."""
    return x1 * x2


multiply.local(lambda xp, y, x1, x2: x2, lambda xp, y, x1, x2: x1)


@elementwise(
    "{0} / {1}",
    r"\frac{{{0}}}{{{1}}}",
    numpy="{0} / {1}",
    precedence=PRODUCT,
    meaning=FORWARD,
)
def divide(xp: Any, x1: Any, x2: Any) -> Any:
    """Quotient x1 / x2. dy/dx1 = 1 / x2, dy/dx2 = -y / x2. Dividing by 0 follows IEEE 754."""
    return x1 / x2


divide.local(lambda xp, y, x1, x2: 1 / x2, lambda xp, y, x1, x2: -y / x2)


@elementwise("-{0}", precedence=UNARY, meaning=FORWARD)
def negative(xp: Any, x: Any) -> Any:
    """Negation -x. dy/dx = -1."""
    return -x


negative.local(-1)


@elementwise(
    "{0}**{1}",
    "{0}^{{{1}}}",
    precedence=POWER,
    meaning=lambda xp, x1, x2: x1**x2,
    as_arrays=("x1",),
)
def pow(xp: Any, x1: Any, x2: Any) -> Any:
    """Power x1 ** x2, real: NaN for a negative base with a fractional exponent.

    dy/dx1 = x2 * x1**(x2 - 1), 0 where x2 = 0; dy/dx2 = y * log(x1), 0 where x1 = 0 <= x2.
    """
    return xp.pow(x1, x2) if xp is floats else x1**x2


def _power_base(xp: Any, y: Any, x1: Any, x2: Any) -> Any:
    if isinstance(x2, (int, float)):
        if x2 == 2:
            return 2 * x1
        return x2 * xp.pow(x1, x2 - 1) if x2 else xp.zeros_like(x1)
    # At x2 = 0 the product would be 0 * 0**-1 for x1 = 0 and 0 * NaN for NaN. For any other x1 the
    # power is left as it is, since d2y/dx1 dx2 is 1 / x1 there.
    undefined = logical_and(x2 == 0, logical_or(x1 == 0, x1 != x1))
    if backend.anywhere(undefined):
        x1 = xp.where(undefined, xp.ones_like(x1), x1)
    return x2 * xp.pow(x1, x2 - 1)


def _power_exponent(xp: Any, y: Any, x1: Any, x2: Any) -> Any:
    if backend.anywhere(x1 == 0):
        x1 = xp.where(x1 == 0, xp.ones_like(x1), x1)
    return y * xp.log(x1)


pow.local(_power_base, _power_exponent)


@elementwise("{0}²", "{0}^2", numpy="{0}**2", precedence=POWER, meaning=FORWARD)
def square(xp: Any, x: Any) -> Any:
    """Square x**2. dy/dx = 2 x."""
    return x * x


square.local(lambda xp, y, x: 2 * x)


@elementwise("sqrt({0})", r"\sqrt{{{0}}}", meaning=lambda xp, x: x**0.5)
def sqrt(xp: Any, x: Any) -> Any:
    """Square root. dy/dx = 1 / (2 y), infinite at 0; NaN below 0."""
    return xp.sqrt(x)


sqrt.local(lambda xp, y, x: 0.5 / y)


# --- exponentials and logarithms


@elementwise("exp({0})", r"\exp({0})")
def exp(xp: Any, x: Any) -> Any:
    """Exponential e**x. dy/dx = y."""
    return xp.exp(x)


exp.local(lambda xp, y, x: y)


@elementwise("expm1({0})", r"(\exp({0}) - 1)", meaning=lambda xp, x: xp.exp(x) - 1)
def expm1(xp: Any, x: Any) -> Any:
    """e**x - 1, precise near 0. dy/dx = y + 1."""
    return xp.expm1(x)


expm1.local(lambda xp, y, x: y + 1)


@elementwise("log({0})", r"\log({0})")
def log(xp: Any, x: Any) -> Any:
    """Natural logarithm. dy/dx = 1 / x. -inf at 0, NaN below."""
    return xp.log(x)


log.local(lambda xp, y, x: 1 / x)


@elementwise("log1p({0})", r"\log(1 + {0})", meaning=lambda xp, x: xp.log(1 + x))
def log1p(xp: Any, x: Any) -> Any:
    """log(1 + x), precise near 0. dy/dx = 1 / (1 + x)."""
    return xp.log1p(x)


log1p.local(lambda xp, y, x: 1 / (1 + x))


@elementwise("log2({0})", r"\log_2({0})")
def log2(xp: Any, x: Any) -> Any:
    """Logarithm to base 2. dy/dx = 1 / (x log 2)."""
    return xp.log2(x)


log2.local(lambda xp, y, x: 1 / (x * _ln(2)))


@elementwise("log10({0})", r"\log_{{10}}({0})")
def log10(xp: Any, x: Any) -> Any:
    """Logarithm to base 10. dy/dx = 1 / (x log 10)."""
    return xp.log10(x)


log10.local(lambda xp, y, x: 1 / (x * _ln(10)))


@elementwise(
    "logaddexp({0}, {1})",
    r"\log(e^{{{0}}} + e^{{{1}}})",
    meaning=lambda xp, x1, x2: xp.log(xp.exp(x1) + xp.exp(x2)),
)
def logaddexp(xp: Any, x1: Any, x2: Any) -> Any:
    """log(exp(x1) + exp(x2)), without overflow. dy/dx1 = sigmoid(x1 - x2), of which exp(x1 - y)
    would lose digits to the size of y, dy/dx2 = sigmoid(x2 - x1); NaN for two equal infinities."""
    apart = xp.where(x1 == x2, 0.0, xp.abs(x1 - x2))  # 0 for two equal infinities
    return xp.maximum(x1, x2) + xp.log1p(xp.exp(-apart))


logaddexp.local(lambda xp, y, x1, x2: sigmoid(x1 - x2), lambda xp, y, x1, x2: sigmoid(x2 - x1))


# --- trigonometric and hyperbolic functions (radians)


@elementwise("sin({0})", r"\sin({0})")
def sin(xp: Any, x: Any) -> Any:
    """Sine of x radians. dy/dx = cos(x)."""
    return xp.sin(x)


sin.local(lambda xp, y, x: xp.cos(x))


@elementwise("cos({0})", r"\cos({0})")
def cos(xp: Any, x: Any) -> Any:
    """Cosine of x radians. dy/dx = -sin(x)."""
    return xp.cos(x)


cos.local(lambda xp, y, x: -xp.sin(x))


@elementwise("tan({0})", r"\tan({0})")
def tan(xp: Any, x: Any) -> Any:
    """Tangent of x radians. dy/dx = 1 + y**2."""
    return xp.tan(x)


tan.local(lambda xp, y, x: 1 + y * y)


@elementwise("asin({0})", r"\arcsin({0})", numpy="np.arcsin({0})")
def asin(xp: Any, x: Any) -> Any:
    """Inverse sine, in radians. dy/dx = 1 / sqrt(1 - x**2). NaN outside [-1, 1]."""
    return xp.asin(x)


asin.local(lambda xp, y, x: 1 / xp.sqrt(1 - x * x))


@elementwise("acos({0})", r"\arccos({0})", numpy="np.arccos({0})")
def acos(xp: Any, x: Any) -> Any:
    """Inverse cosine, in radians. dy/dx = -1 / sqrt(1 - x**2). NaN outside [-1, 1]."""
    return xp.acos(x)


acos.local(lambda xp, y, x: -1 / xp.sqrt(1 - x * x))


@elementwise("atan({0})", r"\arctan({0})", numpy="np.arctan({0})")
def atan(xp: Any, x: Any) -> Any:
    """Inverse tangent, in radians. dy/dx = 1 / (1 + x**2)."""
    return xp.atan(x)


atan.local(lambda xp, y, x: 1 / (1 + x * x))


@elementwise("atan2({0}, {1})", r"\operatorname{{atan2}}({0}, {1})", numpy="np.arctan2({0}, {1})")
def atan2(xp: Any, x1: Any, x2: Any) -> Any:
    """Angle of the point (x2, x1), in radians. dy/dx1 = x2 / r2, dy/dx2 = -x1 / r2,
    r2 = x1**2 + x2**2; NaN at the origin."""
    return xp.atan2(x1, x2)


atan2.local(
    lambda xp, y, x1, x2: x2 / (x1 * x1 + x2 * x2),
    lambda xp, y, x1, x2: -x1 / (x1 * x1 + x2 * x2),
)


@elementwise("sinh({0})", r"\sinh({0})")
def sinh(xp: Any, x: Any) -> Any:
    """Hyperbolic sine. dy/dx = cosh(x)."""
    return xp.sinh(x)


sinh.local(lambda xp, y, x: xp.cosh(x))


@elementwise("cosh({0})", r"\cosh({0})")
def cosh(xp: Any, x: Any) -> Any:
    """Hyperbolic cosine. dy/dx = sinh(x)."""
    return xp.cosh(x)


cosh.local(lambda xp, y, x: xp.sinh(x))


@elementwise("tanh({0})", r"\tanh({0})")
def tanh(xp: Any, x: Any) -> Any:
    """Hyperbolic tangent. dy/dx = 1 - y**2."""
    return xp.tanh(x)


tanh.local(lambda xp, y, x: 1 - y * y)


@elementwise("asinh({0})", r"\operatorname{{arsinh}}({0})", numpy="np.arcsinh({0})")
def asinh(xp: Any, x: Any) -> Any:
    """Inverse hyperbolic sine. dy/dx = 1 / sqrt(x**2 + 1)."""
    return xp.asinh(x)


asinh.local(lambda xp, y, x: 1 / xp.sqrt(x * x + 1))


@elementwise("acosh({0})", r"\operatorname{{arcosh}}({0})", numpy="np.arccosh({0})")
def acosh(xp: Any, x: Any) -> Any:
    """Inverse hyperbolic cosine. dy/dx = 1 / sqrt(x**2 - 1). NaN below 1."""
    return xp.acosh(x)


acosh.local(lambda xp, y, x: 1 / xp.sqrt(x * x - 1))


@elementwise("atanh({0})", r"\operatorname{{artanh}}({0})", numpy="np.arctanh({0})")
def atanh(xp: Any, x: Any) -> Any:
    """Inverse hyperbolic tangent. dy/dx = 1 / (1 - x**2). NaN outside [-1, 1]."""
    return xp.atanh(x)


atanh.local(lambda xp, y, x: 1 / (1 - x * x))


# --- the error function


@elementwise(
    "erf({0})", r"\operatorname{{erf}}({0})", numpy="np.vectorize(math.erf, otypes=[float])({0})"
)
def erf(xp: Any, x: Any) -> Any:
    """Error function 2/sqrt(pi) * integral of exp(-t**2) from 0 to x.
    dy/dx = 2/sqrt(pi) * exp(-x**2)."""
    return backend.erf(xp, x)


erf.local(lambda xp, y, x: 2 / _root(pi) * xp.exp(-x * x))
