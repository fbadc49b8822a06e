"""Settings of ops as code."""

from __future__ import annotations

from collections.abc import Iterable
from math import isinf
from typing import Any

import numpy as np

from .tree import Size

LONG = 8  # entries: an index of more of them is not to be read


def told(value: Any) -> str:
    """A setting for people: arrays that are too long to be read are left out."""
    if isinstance(value, tuple) and any(_long(v) for v in value):
        return ", ".join(told(v) for v in value)
    if isinstance(value, tuple) and any(isinstance(v, Size) for v in value):
        return _tuple(v.text if isinstance(v, Size) else repr(v) for v in value)
    return "[…]" if _long(value) else setting(value)


def _long(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.size > LONG


def _tuple(entries: Iterable[str]) -> str:
    first, *others = entries
    return f"({', '.join([first, *others])})" if others else f"({first},)"


def setting(value: Any) -> str:
    """A setting as code: an index such as `1:3, None` is written as it would be between []."""
    if isinstance(value, slice):
        parts = ("" if p is None else repr(p) for p in (value.start, value.stop, value.step))
        return ":".join(parts).removesuffix(":")
    if isinstance(value, tuple) and any(
        isinstance(v, slice) or v is Ellipsis or hasattr(v, "dtype") for v in value
    ):
        return ", ".join(setting(v) for v in value)
    if isinstance(value, tuple) and any(isinstance(v, Size) for v in value):
        return _tuple(v.code if isinstance(v, Size) else repr(v) for v in value)
    if value is Ellipsis:
        return "..."
    if isinstance(value, (type, np.dtype)):
        return f"np.{np.dtype(value).name}"
    if hasattr(value, "tolist"):
        return repr(value.tolist())
    if isinstance(value, float) and isinf(value):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)
