"""Arrays and numbers that rules fill in: they depend on the shape of a node, not on its values.

Of nodes they are plain; where a rule is recorded they are constant nodes that say what they are.
"""

from __future__ import annotations

from math import prod
from operator import index
from typing import Any

import numpy as np

from ..graph.backend import beside, device_of
from ..graph.context import in_rule
from ..graph.primitive import plain

__all__ = ["full_like", "ones_like", "zeros_like"]

Axis = int | tuple[int, ...] | None


@plain("{fill_value}", meaning=lambda xp, x, *, fill_value, dtype=None: fill_value + 0 * x)
def full_like(xp: Any, x: Any, *, fill_value: float, dtype: Any = None) -> Any:
    """An array of x's shape and dtype filled with `fill_value`; a float for a scalar x."""
    if dtype is None:
        return xp.full_like(x, fill_value)
    return xp.full_like(x, fill_value, dtype=dtype)


@plain("1", meaning=lambda xp, x, *, dtype=None: 1 + 0 * x)
def ones_like(xp: Any, x: Any, *, dtype: Any = None) -> Any:
    """An array of ones of x's shape and dtype; 1.0 for a scalar x."""
    return xp.ones_like(x) if dtype is None else xp.ones_like(x, dtype=dtype)


@plain("0", meaning=lambda xp, x, *, dtype=None: 0 * x)
def zeros_like(xp: Any, x: Any, *, dtype: Any = None) -> Any:
    """An array of zeros of x's shape and dtype; 0.0 for a scalar x."""
    return xp.zeros_like(x) if dtype is None else xp.zeros_like(x, dtype=dtype)


@plain(
    "I",
    numpy="np.eye({rows}, {columns}, k={offset})",
    elementwise=False,
    meaning=lambda xp, x, *, rows, columns, offset: xp.eye(x, rows, columns, offset),
)
def eye(xp: Any, x: Any, *, rows: int, columns: int, offset: int = 0) -> Any:
    """The identity in the dtype of x: ones on the diagonal `offset`."""
    return xp.eye(rows, columns, k=offset, dtype=x.dtype, device=device_of(x))


@plain(
    "onehot({0})",
    r"\operatorname{{onehot}}({0})",
    numpy="np.eye(np.shape({1})[-1])[{0}]",
    elementwise=False,
    meaning="i,ij->ij",
)
def one_hot(xp: Any, labels: Any, logits: Any) -> Any:
    """Rows with a single 1, in the dtype of the logits and of their last axis' length, where the
    integer `labels` say."""
    device = device_of(logits)
    labels, classes = xp.asarray(labels, device=device), xp.arange(logits.shape[-1], device=device)
    return xp.astype(labels[..., None] == classes, logits.dtype)


@plain(
    "N",
    elementwise=False,
    numpy="np.size({0})",
    meaning=lambda xp, x, *, axis: xp.entries(x, axis),
)
def _entries(xp: Any, x: Any, *, axis: Axis) -> Any:
    """How many entries each result of a reduction of x is made of."""
    return beside(x, entries_of(x.shape, axis))


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a node, an array or a number."""
    return tuple(getattr(x, "shape", ()))


def reduced_axes(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """The axes that `axis` names, each from 0 up."""
    n = len(shape)
    if axis is None:
        return tuple(range(n))
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (index(axis),)
    if any(not -n <= a < n for a in axes):
        raise np.exceptions.AxisError(f"axis {axis} is out of bounds for {n} axes")
    return tuple(a % n for a in axes)


def entries_of(shape: tuple[int, ...], axis: Axis) -> int:
    """How many entries each result of a reduction is made of."""
    if axis is None:
        return prod(shape)
    axes = axis if type(axis) is tuple else reduced_axes(shape, axis)
    return prod([shape[a] for a in axes])


def entries(x: Any, axis: Axis = None) -> Any:
    """The same of x: a plain number, but in a recorded rule a constant that says what it is."""
    return _entries(x, axis=axis) if in_rule() else entries_of(shape_of(x), axis)
