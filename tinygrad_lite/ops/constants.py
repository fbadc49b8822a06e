"""Arrays that a rule fills with numbers. On nodes they give plain arrays: constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import floats
from ..graph.backend import namespace
from ..graph.node import raw

__all__ = ["full_like", "ones_like", "zeros_like"]


def _raw(x: Any) -> tuple[Any, Any]:
    data = raw(x)
    return namespace(data), data


def full_like(x: Any, value: float) -> Any:
    """An array of x's shape and dtype filled with `value`; a float for a scalar x."""
    xp, data = _raw(x)
    return xp.full_like(data, value)


def ones_like(x: Any) -> Any:
    """An array of ones of x's shape and dtype; 1.0 for a scalar x."""
    xp, data = _raw(x)
    return xp.ones_like(data)


def zeros_like(x: Any) -> Any:
    """An array of zeros of x's shape and dtype; 0.0 for a scalar x."""
    xp, data = _raw(x)
    return xp.zeros_like(data)


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a node, an array or a number."""
    return tuple(getattr(x, "shape", ()))


def eye(x: Any, rows: int, columns: int, offset: int = 0) -> Any:
    """The identity in the dtype of x, as a plain array: ones on the diagonal `offset`."""
    xp, data = _raw(x)
    if xp is floats:
        xp, data = np, np.asarray(data)
    return xp.eye(rows, columns, k=offset, dtype=data.dtype)
