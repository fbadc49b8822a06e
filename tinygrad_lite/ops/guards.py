"""What rules do where a derivative is not defined: its limit, or NaN, never a plausible number."""

from __future__ import annotations

from math import nan
from typing import Any

from ..graph.backend import holds_nan
from ..graph.node import Node
from ..graph.primitive import elementwise

__all__: list[str] = []


@elementwise("0", numpy="0 * ({0})", meaning=lambda xp, x: 0 * x)
def undefined(xp: Any, x: Any) -> Any:
    """0, with the derivative NaN: what a derivative is at a point where it has none itself."""
    return xp.zeros_like(x)


undefined.local(lambda xp, y, x: xp.full_like(x, nan))


def times(xp: Any, g: Any, local: Any) -> Any:
    """g * local, and 0 where the cotangent g is 0, whatever the local derivative."""
    return zero_where_unused(xp, g, g * local)


def zero_where_unused(xp: Any, g: Any, c: Any) -> Any:
    """c, a multiple of g, with 0 for NaN where the cotangent g is 0: the slope of a branch that was
    not taken may be infinite. A derivative of that 0 is NaN."""
    if type(c) is float:
        return 0.0 if c != c and g == 0 else c
    if not holds_nan(c):
        return c
    return xp.where(g == 0, undefined(c) if isinstance(c, Node) else xp.zeros_like(c), c)
