"""What rules do where a derivative is not defined: its limit, or NaN, never a plausible number."""

from __future__ import annotations

from functools import reduce
from math import nan
from operator import or_
from typing import Any

from ..graph.backend import holds_nan, is_traced
from ..graph.moved import stays_zero
from ..graph.node import Node, raw
from ..graph.primitive import elementwise, primitive
from .comparison import logical_and, logical_not

__all__: list[str] = []


@elementwise("0", numpy="0 * ({0})", meaning=lambda xp, x: 0 * x)
def undefined(xp: Any, x: Any) -> Any:
    """0, with the derivative NaN: what a derivative is at a point where it has none itself."""
    return xp.zeros_like(x)


undefined.local(lambda xp, y, x: xp.full_like(x, nan))


@primitive("0", numpy="0 * ({0})", meaning=lambda xp, x, idle: 0 * x, as_given=("idle",))
def limit(xp: Any, x: Any, idle: Any) -> Any:
    """0, with the derivative 0 where `idle`, else NaN whatever the cotangent: a product of which
    one factor is 0 at this point only, and another infinite, has a limit, which is not known."""
    return xp.zeros_like(x)


limit.pull(
    lambda xp, G, y, x, idle: xp.where(idle, xp.zeros_like(x), xp.full_like(x, nan)),
    lambda xp, G, y, x, idle: xp.zeros_like(x),
)


def zero(x: Any, at: Any, *factors: Any) -> Any:
    """0 in the shape of the node x, to be taken `at` the entries where one of `factors` is 0: with
    the derivative 0 where one stays 0 as the leaves move, else NaN. (A function that jax.jit
    traces has no values: NaN where a cotangent arrives.)"""
    if is_traced(raw(x)):
        return undefined(x)
    return limit(x, reduce(or_, map(stays_zero, factors), logical_not(raw(at))))


def times(xp: Any, g: Any, local: Any) -> Any:
    """g * local, and 0 where the cotangent g is 0, whatever the local derivative."""
    return zero_where_unused(xp, g, g * local)


def zero_where_unused(xp: Any, g: Any, c: Any) -> Any:
    """c, a multiple of g, with 0 for NaN where the cotangent g is 0: the slope of a branch that was
    not taken may be infinite. A derivative of that 0 is 0 if it was not taken, else NaN."""
    if type(c) is float:
        return 0.0 if c != c and g == 0 else c
    if not holds_nan(c):
        return c
    unused = logical_and(g == 0, c != c)
    return xp.where(unused, zero(c, unused, g) if isinstance(c, Node) else xp.zeros_like(c), c)
