"""Arrays that a rule fills with a number. On nodes they give plain arrays: constants."""

from __future__ import annotations

from typing import Any

from ..backend import namespace
from ..node import Node

__all__ = ["full_like", "ones_like", "zeros_like"]


def _raw(x: Any) -> tuple[Any, Any]:
    data = x.data if isinstance(x, Node) else x
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
