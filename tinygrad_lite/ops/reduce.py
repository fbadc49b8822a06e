"""Reductions over `axis`: None (all), an integer or a tuple; `keepdims` keeps size-1 axes."""

from __future__ import annotations

from typing import Any

from ..primitive import primitive

__all__ = ["sum"]

Axis = int | tuple[int, ...] | None


def spread(xp: Any, G: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Bring back the axes that a reduction took, so that G broadcasts against x."""
    if keepdims or not x.ndim:
        return G
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    taken = {a % x.ndim for a in axes}
    return xp.reshape(G, tuple(1 if i in taken else n for i, n in enumerate(x.shape)))


@primitive("sum({0})", r"\sum {0}", numpy="np.sum({0}, axis={axis}, keepdims={keepdims})")
def sum(xp: Any, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum over `axis`. The gradient is repeated along it."""
    return xp.sum(x, axis=axis, keepdims=keepdims)


sum.pull(
    lambda xp, G, y, x, *, axis, keepdims: xp.broadcast_to(
        spread(xp, G, x, axis, keepdims), x.shape
    )
)
