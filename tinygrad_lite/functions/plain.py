"""Questions about values. The answers are plain arrays: nothing is differentiated."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.backend import is_array, namespace
from ..graph.node import raw

__all__ = ["argmax", "argmin", "isfinite", "isinf", "isnan"]


def _raw(x: Any) -> Any:
    data = raw(x)
    return data if is_array(data) else np.asarray(data)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the (first) largest entry along `axis`; None: in row-major order."""
    return namespace(_raw(x)).argmax(_raw(x), axis=axis, keepdims=keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the (first) smallest entry along `axis`; None: in row-major order."""
    return namespace(_raw(x)).argmin(_raw(x), axis=axis, keepdims=keepdims)


def isfinite(x: Any) -> Any:
    """Whether each entry is neither infinite nor NaN."""
    return namespace(_raw(x)).isfinite(_raw(x))


def isinf(x: Any) -> Any:
    """Whether each entry is infinite."""
    return namespace(_raw(x)).isinf(_raw(x))


def isnan(x: Any) -> Any:
    """Whether each entry is NaN."""
    return namespace(_raw(x)).isnan(_raw(x))
