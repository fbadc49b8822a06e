"""What programs call beside NumPy. A program's source repeats the text of those that it needs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def erf(x: Any) -> Any:
    """The error function, entry by entry."""
    found = np.frompyfunc(math.erf, 1, 1)(x)
    return np.asarray(found, dtype=np.float64).astype(x.dtype)


def added_at(x: Any, index: Any, entries: Any) -> Any:
    """A copy of x with `entries` added at an index that names each entry at most once."""
    out = np.array(x)
    out[index] += entries
    return out


def summed_at(x: Any, index: Any, entries: Any) -> Any:
    """A copy of x with `entries` added at an index that may name an entry several times."""
    out = np.array(x)
    np.add.at(out, index, entries)
    return out


def put_at(x: Any, index: Any, entries: Any) -> Any:
    """A copy of x with `entries` put at an index."""
    out = np.array(x)
    out[index] = entries
    return out


def has_nan(x: Any) -> Any:
    """Whether any entry is NaN: squares never cancel."""
    total = np.vdot(x, x)
    return total != total


def aligned(shape: Any, dtype: Any) -> Any:
    """An empty array that starts where a cache line does: of the vectors in it none crosses one."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view(dtype).reshape(shape)


class Branch(Exception):
    """The numbers lead another way than those with which the function was recorded."""
