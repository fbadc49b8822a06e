"""Special functions of each entry, with values by SciPy: it is imported when one is computed."""

from __future__ import annotations

from math import factorial, pi
from math import sqrt as _root
from typing import Any

from ..graph import backend
from ..graph.primitive import elementwise
from .comparison import logical_and
from .elementwise import pow
from .guards import zero

__all__ = ["digamma", "erfc", "erfcx", "erfinv", "gammaln", "log_ndtr", "ndtri", "xlog1py", "xlogy"]


@elementwise("log|Γ({0})|", r"\log\left|\Gamma({0})\right|", numpy="tg.gammaln({0})")
def gammaln(xp: Any, x: Any) -> Any:
    """Logarithm of |Gamma(x)|. dy/dx = digamma(x). Infinite at 0, -1, -2 ..."""
    return backend.special(xp, "gammaln", x)


@elementwise("ψ({0})", r"\psi({0})", numpy="tg.digamma({0}, order={order})")
def digamma(xp: Any, x: Any, *, order: int = 0) -> Any:
    """Derivative of gammaln, psi(x) = Gamma'(x) / Gamma(x), and of that the derivative of `order`.
    dy/dx = digamma(x, order + 1)."""
    if order == 0:
        return backend.special(xp, "digamma", x)
    zeta = backend.special(xp, "zeta", x, before=(order + 1.0,))
    return zeta * float((-1) ** (order + 1) * factorial(order))


digamma.local(lambda xp, y, x, *, order: digamma(x, order=order + 1))


gammaln.local(lambda xp, y, x: digamma(x))


@elementwise("erfc({0})", r"\operatorname{{erfc}}({0})", numpy="tg.erfc({0})")
def erfc(xp: Any, x: Any) -> Any:
    """1 - erf(x), precise for large x. dy/dx = -2/sqrt(pi) * exp(-x**2)."""
    return backend.special(xp, "erfc", x)


erfc.local(lambda xp, y, x: -2 / _root(pi) * xp.exp(-x * x))


@elementwise("erfinv({0})", r"\operatorname{{erf}}^{{-1}}({0})", numpy="tg.erfinv({0})")
def erfinv(xp: Any, x: Any) -> Any:
    """The y with erf(y) = x. dy/dx = sqrt(pi)/2 * exp(y**2). Infinite at -1 and 1, NaN beyond."""
    return backend.special(xp, "erfinv", x)


erfinv.local(lambda xp, y, x: 0.5 * _root(pi) * xp.exp(y * y))


@elementwise("erfcx({0})", r"\operatorname{{erfcx}}({0})", numpy="tg.erfcx({0})")
def erfcx(xp: Any, x: Any) -> Any:
    """exp(x**2) erfc(x), without overflow. dy/dx = 2 x y - 2/sqrt(pi)."""
    return backend.special(xp, "erfcx", x)


erfcx.local(lambda xp, y, x: 2 * x * y - 2 / _root(pi))


@elementwise("log Φ({0})", r"\log\Phi({0})", numpy="tg.log_ndtr({0})")
def log_ndtr(xp: Any, x: Any) -> Any:
    """Logarithm of the standard normal distribution function, far below 0 too.
    dy/dx = exp(-x**2 / 2 - y) / sqrt(2 pi), by way of erfcx."""
    return backend.special(xp, "log_ndtr", x)


log_ndtr.local(lambda xp, y, x: _root(2 / pi) * pow(erfcx(x * -_root(0.5)), -1.0))


@elementwise("Φ⁻¹({0})", r"\Phi^{{-1}}({0})", numpy="tg.ndtri({0})")
def ndtri(xp: Any, x: Any) -> Any:
    """The y of which x is the standard normal distribution function.
    dy/dx = sqrt(2 pi) exp(y**2 / 2). Infinite at 0 and 1, NaN beyond."""
    return backend.special(xp, "ndtri", x)


ndtri.local(lambda xp, y, x: _root(2 * pi) * xp.exp(0.5 * y * y))


@elementwise("{0} log {1}", r"{0} \log {1}", numpy="tg.xlogy({0}, {1})", as_arrays=("x1", "x2"))
def xlogy(xp: Any, x1: Any, x2: Any) -> Any:
    """x1 log(x2), 0 where x1 = 0 and x2 is not NaN. dy/dx1 = log(x2), dy/dx2 = x1 / x2, at x1 = x2
    = 0 the limit 0 along x1 = 0, where a further derivative is NaN."""
    return _times_log(xp, x1, x2, xp.log)


def _times_log(xp: Any, x1: Any, x2: Any, log: Any) -> Any:
    zero = logical_and(x1 == 0, x2 == x2)
    product = x1 * log(xp.where(zero, xp.ones_like(x1), x2))  # not of integers: in float16
    return xp.where(zero, xp.zeros_like(product), product)


def _over(xp: Any, x1: Any, x2: Any) -> Any:
    """x1 / x2, the derivative of x1 log(x2) by x2."""
    both = logical_and(x1 == 0, x2 == 0)
    if not backend.anywhere(both):
        return x1 / x2
    return xp.where(both, zero(x1 + x2, both, x1), x1 / xp.where(both, xp.ones_like(x2), x2))


xlogy.local(lambda xp, y, x1, x2: xp.log(x2), lambda xp, y, x1, x2: _over(xp, x1, x2))


@elementwise(
    "{0} log(1 + {1})", r"{0} \log(1 + {1})", numpy="tg.xlog1py({0}, {1})", as_arrays=("x1", "x2")
)
def xlog1py(xp: Any, x1: Any, x2: Any) -> Any:
    """x1 log(1 + x2), precise near x2 = 0, and 0 where x1 = 0 and x2 is not NaN. dy/dx1 =
    log1p(x2), dy/dx2 = x1 / (1 + x2), at x1 = 0, x2 = -1 as those of `xlogy`."""
    return _times_log(xp, x1, x2, xp.log1p)


xlog1py.local(lambda xp, y, x1, x2: xp.log1p(x2), lambda xp, y, x1, x2: _over(xp, x1, 1 + x2))
