"""Ops that move entries and compute nothing. Their pullbacks move them back."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ..graph.backend import device_of, is_numpy, namespace
from ..graph.indexing import picked, set_at
from ..graph.node import raw
from ..graph.op import FORWARD
from ..graph.primitive import primitive
from .constants import Axis, eye, reduced_axes, shape_of

__all__ = [
    "astype",
    "broadcast_to",
    "concat",
    "diag",
    "diagonal",
    "flip",
    "getitem",
    "pad",
    "permute_dims",
    "put_at",
    "reshape",
    "roll",
    "stack",
    "take",
    "tril",
    "triu",
]


@primitive("{0}", numpy="{0}.astype({dtype})", meaning=lambda xp, x, *, dtype, copy=True: x)
def astype(xp: Any, x: Any, *, dtype: Any, copy: bool = True) -> Any:
    """x in another floating dtype; `copy` says nothing, since no node is written into. The gradient
    comes back in x's. Raises `TypeError` for others: x.data.astype(...) gives a plain array."""
    if not xp.isdtype(np.dtype(dtype) if is_numpy(xp) else dtype, "real floating"):
        raise TypeError(
            "only floating dtypes have gradients; "
            "x.data.astype(...) is plain: the gradient stops there"
        )
    return xp.astype(x, dtype)


astype.pull(lambda xp, G, y, x, *, dtype, copy: G)


@primitive("reshape({0}, {shape})", r"\operatorname{{reshape}}({0})", meaning=FORWARD)
def reshape(xp: Any, x: Any, *, shape: int | tuple[int, ...]) -> Any:
    """x with its entries, in row-major order, in another shape; one length may be -1."""
    return xp.reshape(x, shape if isinstance(shape, (tuple, list)) else (shape,))


reshape.pull(lambda xp, G, y, x, *, shape: xp.reshape(G, shape_of(x)))


@primitive("broadcast_to({0}, {shape})", r"\operatorname{{broadcast}}({0})", meaning=FORWARD)
def broadcast_to(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """x repeated along new and size-1 axes up to `shape`."""
    return xp.broadcast_to(x, shape)


broadcast_to.pull(lambda xp, G, y, x, *, shape: G)  # the sweep sums G down to x's shape


@primitive(
    "permute_dims({0}, {axes})",
    r"\operatorname{{permute}}({0})",
    numpy="np.transpose({0}, {axes})",
    meaning=FORWARD,
)
def permute_dims(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    """x with its axes in another order: axis i of the result is axis axes[i] of x."""
    return xp.permute_dims(x, tuple(axes) if is_numpy(xp) else reduced_axes(x.shape, axes))


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    n = len(axes)
    return tuple(sorted(range(n), key=lambda i: axes[i] % n))


permute_dims.pull(lambda xp, G, y, x, *, axes: xp.permute_dims(G, axes=_inverse(axes)))


@primitive("flip({0})", r"\operatorname{{flip}}({0})", numpy="np.flip({0}, axis={axis})")
def flip(xp: Any, x: Any, *, axis: Axis = None) -> Any:
    """x with the order of its entries reversed along `axis` (None: all axes)."""
    return xp.flip(x, axis=axis)


flip.pull(lambda xp, G, y, x, *, axis: xp.flip(G, axis=axis))


@primitive(
    "roll({0}, {shift})",
    r"\operatorname{{roll}}({0}, {shift})",
    numpy="np.roll({0}, {shift}, axis={axis})",
)
def roll(xp: Any, x: Any, *, shift: int | tuple[int, ...], axis: Axis = None) -> Any:
    """x moved by `shift` places along `axis` (None: in row-major order); what leaves one end comes
    in at the other."""
    for places in shift if isinstance(shift, (tuple, list)) else (shift,):
        index(places)  # refuses 1.5, which NumPy would round
    return xp.roll(x, shift, axis=axis)


roll.pull(
    lambda xp, G, y, x, *, shift, axis: xp.roll(
        G,
        shift=tuple(-s for s in shift) if isinstance(shift, (tuple, list)) else -shift,
        axis=axis,
    )
)


# --- parts of an array


@primitive("{0}[{index}]", numpy="{0}[{index}]", meaning=FORWARD)
def getitem(xp: Any, x: Any, *, index: Any) -> Any:
    """x[index], for every kind of NumPy index: basic, integer array, boolean mask.

    An entry that an integer array picks twice receives both gradients.
    """
    return picked(x, index)


@primitive(
    "put_at({0}, {index})",
    r"\operatorname{{put\_at}}({0}, {index})",
    numpy="tg.put_at({0}, np.s_[{index}], {shape})",
    meaning=lambda xp, x, *, index, shape: xp.put_at(x, index, shape),
)
def put_at(xp: Any, x: Any, *, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with x added at `index`: the transpose of `getitem`."""
    return set_at(xp, xp.zeros(shape, dtype=x.dtype, device=device_of(x)), index, x, add=True)


put_at.pull(lambda xp, G, y, x, *, index, shape: getitem(G, index=index))

getitem.pull(lambda xp, G, y, x, *, index: put_at(G, index=index, shape=shape_of(x)))


@primitive(
    "take({0}, {indices})",
    r"\operatorname{{take}}({0})",
    numpy="np.take({0}, {indices}, axis={axis})",
)
def take(xp: Any, x: Any, *, indices: Any, axis: int | None = None) -> Any:
    """The slices of x at integer `indices` along `axis` (which a vector need not name).

    A slice that is picked twice receives both gradients. Raises `IndexError` outside of x.
    """
    if axis is None and x.ndim != 1:
        raise ValueError(f"axis is needed for {x.ndim} axes")
    return xp.take(x, _places(x, indices), axis=0 if axis is None else axis)


def _places(x: Any, indices: Any) -> Any:
    """Integer indices as an array beside x; booleans count as 0 and 1, as in NumPy's take."""
    xp = namespace(x)
    places = xp.asarray(indices, device=device_of(x))
    return xp.astype(places, xp.arange(0).dtype) if xp.isdtype(places.dtype, "bool") else places


def _take_pull(xp: Any, G: Any, y: Any, x: Any, *, indices: Any, axis: int | None) -> Any:
    before = (axis or 0) % len(shape_of(x))
    places = _places(raw(G), indices)
    return put_at(G, index=(slice(None),) * before + (places,), shape=shape_of(x))


take.pull(_take_pull)


def _refuse_vector(x: Any) -> None:
    if x.ndim < 2:
        raise ValueError(f"takes matrices, not {x.ndim} axes")


@primitive(
    "tril({0})", r"\operatorname{{tril}}({0})", numpy="np.tril({0}, k={k})", meaning="ij->ij"
)
def tril(xp: Any, x: Any, *, k: int = 0) -> Any:
    """The lower triangle of each matrix, zeros above the diagonal `k`."""
    _refuse_vector(x)
    return xp.tril(x, k=k)


tril.pull(lambda xp, G, y, x, *, k: xp.tril(G, k=k))


@primitive(
    "triu({0})", r"\operatorname{{triu}}({0})", numpy="np.triu({0}, k={k})", meaning="ij->ij"
)
def triu(xp: Any, x: Any, *, k: int = 0) -> Any:
    """The upper triangle of each matrix, zeros below the diagonal `k`."""
    _refuse_vector(x)
    return xp.triu(x, k=k)


triu.pull(lambda xp, G, y, x, *, k: xp.triu(G, k=k))


def embed(xp: Any, d: Any, shape: tuple[int, ...], offset: int) -> Any:
    """Matrices of `shape` with d on the diagonal `offset`, zeros elsewhere."""
    rows, columns = shape[-2:]
    before = max(-offset, 0)
    after = rows - before - d.shape[-1]
    column = pad(d, pad_width=(*[(0, 0)] * (d.ndim - 1), (before, after)))[..., None]
    return xp.where(eye(d, rows, columns, offset) == 1, column, xp.zeros_like(column))


@primitive(
    "diagonal({0})",
    r"\operatorname{{diag}}({0})",
    numpy="np.linalg.diagonal({0}, offset={offset})",
    meaning=lambda xp, x, *, offset: xp.diagonal(x, offset),
)
def diagonal(xp: Any, x: Any, *, offset: int = 0) -> Any:
    """The diagonal of each matrix: x[..., i, i + offset]."""
    return xp.linalg.diagonal(x, offset=offset)


def _diagonal_pull(xp: Any, G: Any, y: Any, x: Any, *, offset: int) -> Any:
    if len(shape_of(x)) == 2:
        return _diag_pull(xp, G, y, x, k=offset)
    return embed(xp, G, shape_of(x), offset)


diagonal.pull(_diagonal_pull)


@primitive(
    "diag({0})",
    r"\operatorname{{diag}}({0})",
    numpy="np.diag({0}, k={k})",
    meaning=lambda xp, x, *, k: xp.diagonal(x, k) if x.ndim == 2 else xp.with_diagonal(x, k),
)
def diag(xp: Any, x: Any, *, k: int = 0) -> Any:
    """The square matrix with the vector x on its diagonal `k`; the diagonal of a matrix x."""
    if x.ndim == 2:
        return xp.linalg.diagonal(x, offset=k)
    if x.ndim != 1:
        raise ValueError(f"takes a vector or a matrix, not {x.ndim} axes; see diagonal")
    n = x.shape[0] + abs(k)
    return embed(xp, x, (n, n), k)


def _diag_pull(xp: Any, G: Any, y: Any, x: Any, *, k: int) -> Any:
    shape = shape_of(x)
    if len(shape) == 1 or shape[0] == shape[1]:
        return diag(G, k=k)
    return embed(xp, G, shape, k)


diag.pull(_diag_pull)


# --- joining


@primitive(
    "concat({inputs})",
    r"\operatorname{{concat}}({inputs})",
    numpy="np.concatenate([{inputs}], axis={axis})",
)
def concat(xp: Any, *arrays: Any, axis: int = 0) -> Any:
    """Arrays one after the other along `axis`: `concat([a, b], axis=0)`."""
    if axis is None:
        raise ValueError("axis must be an integer; flatten() the arrays to join all entries")
    return xp.concat(list(arrays), axis=axis)


def _concat_pull(xp: Any, G: Any, y: Any, index: int, *arrays: Any, axis: int) -> Any:
    axis %= len(shape_of(y))
    lengths = [shape_of(x)[axis] for x in arrays]
    start = sum(lengths[:index])
    return G[(slice(None),) * axis + (slice(start, start + lengths[index]), ...)]


concat.pull(_concat_pull)


@primitive(
    "stack({inputs})",
    r"\operatorname{{stack}}({inputs})",
    numpy="np.stack([{inputs}], axis={axis})",
)
def stack(xp: Any, *arrays: Any, axis: int = 0) -> Any:
    """Arrays (or scalars) of one shape joined along a new `axis`: `stack([a, b], axis=0)`."""
    return xp.stack(list(arrays), axis=axis)


def _stack_pull(xp: Any, G: Any, y: Any, index: int, *arrays: Any, axis: int) -> Any:
    return G[(slice(None),) * (axis % len(shape_of(y))) + (index, ...)]


stack.pull(_stack_pull)


def widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    """(before, after) for every axis, from a number, one pair for all axes, or all pairs."""
    given = np.asarray(pad_width)
    forms = ((), (1,), (2,), (1, 1), (1, 2), (ndim, 1), (ndim, 2))
    if given.dtype.kind not in "iu" or given.shape not in forms:
        raise ValueError(f"pad_width must be an integer, a pair, or {ndim} pairs (before, after)")
    if (given < 0).any():
        raise ValueError("widths cannot be negative")
    return tuple((int(w[0]), int(w[1])) for w in np.broadcast_to(given, (ndim, 2)))


def _inner(shape: tuple[int, ...], pad_width: Any) -> tuple[slice, ...]:
    """Where the original entries lie in the padded array."""
    pairs = widths(pad_width, len(shape))
    return tuple(slice(before, before + n) for n, (before, _) in zip(shape, pairs, strict=True))


@primitive(
    "pad({0}, {pad_width})",
    r"\operatorname{{pad}}({0})",
    numpy="np.pad({0}, {pad_width}, constant_values={constant_values})",
)
def pad(xp: Any, x: Any, *, pad_width: Any, constant_values: float = 0.0) -> Any:
    """x with `constant_values` around it: `pad_width` entries on every side, or (before, after) for
    every axis, or one such pair per axis."""
    if isinstance(constant_values, str):
        raise TypeError("constant_values is a number; np.pad(t, 1, mode) knows the other modes")
    pairs = widths(pad_width, x.ndim)
    shape = tuple(n + before + after for n, (before, after) in zip(x.shape, pairs, strict=True))
    return set_at(
        xp,
        xp.full(shape, constant_values, dtype=x.dtype, device=device_of(x)),
        _inner(x.shape, pad_width),
        x,
        add=False,
    )


pad.pull(lambda xp, G, y, x, *, pad_width, constant_values: G[_inner(shape_of(x), pad_width)])
