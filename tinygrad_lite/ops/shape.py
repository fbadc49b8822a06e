"""Ops that move entries and compute nothing. Their pullbacks move them back."""

from __future__ import annotations

from typing import Any

from ..backend import set_at
from ..primitive import primitive

__all__ = ["astype", "broadcast_to", "getitem", "permute_dims", "put_at", "reshape"]


@primitive("{0}", numpy="{0}.astype({dtype})")
def astype(xp: Any, x: Any, *, dtype: Any) -> Any:
    """x in another floating dtype. The gradient comes back in x's."""
    return xp.astype(x, dtype)


astype.pull(lambda xp, G, y, x, *, dtype: G)


@primitive("reshape({0}, {shape})", r"\operatorname{{reshape}}({0})")
def reshape(xp: Any, x: Any, *, shape: int | tuple[int, ...]) -> Any:
    """x with its entries, in row-major order, in another shape; one length may be -1."""
    return xp.reshape(x, shape if isinstance(shape, (tuple, list)) else (shape,))


reshape.pull(lambda xp, G, y, x, *, shape: xp.reshape(G, x.shape))


@primitive("broadcast_to({0}, {shape})", r"\operatorname{{broadcast}}({0})")
def broadcast_to(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """x repeated along new and size-1 axes up to `shape`."""
    return xp.broadcast_to(x, shape)


broadcast_to.pull(lambda xp, G, y, x, *, shape: G)  # the sweep sums G down to x's shape


@primitive(
    "permute_dims({0}, {axes})", r"\operatorname{{permute}}({0})", numpy="np.transpose({0}, {axes})"
)
def permute_dims(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    """x with its axes in another order: axis i of the result is axis axes[i] of x."""
    return xp.permute_dims(x, tuple(axes))


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    n = len(axes)
    return tuple(sorted(range(n), key=lambda i: axes[i] % n))


permute_dims.pull(lambda xp, G, y, x, *, axes: xp.permute_dims(G, axes=_inverse(axes)))


@primitive("{0}[{index}]", numpy="{0}[{index}]")
def getitem(xp: Any, x: Any, *, index: Any) -> Any:
    """x[index], for every kind of NumPy index: basic, integer array, boolean mask.

    An entry that an integer array picks twice receives both gradients.
    """
    return x[index]


@primitive("put_at({0}, {index})", r"\operatorname{{scatter}}({0})")
def put_at(xp: Any, x: Any, *, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with x added at `index`: the transpose of `getitem`."""
    return set_at(xp, xp.zeros(shape, dtype=x.dtype), index, x, add=True)


put_at.pull(lambda xp, G, y, x, *, index, shape: G[index])

getitem.pull(lambda xp, G, y, x, *, index: put_at(G, index=index, shape=x.shape))
