"""How a NumPy array lies in another one, as code: `X.T`, `X[2]`, `x[1:-1, None]`."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .settings import setting

_NEAR = 2  # entries before the end: counted from there


def part_of(a: Any, base: Any, name: str) -> str:
    """The code of an array that is a view of another, of this name, or of what that views; "" of
    other arrays."""
    both = isinstance(a, np.ndarray) and isinstance(base, np.ndarray)
    if not both or not a.size or not base.flags.c_contiguous or a.dtype != base.dtype:
        return ""
    if _owner(a) is not _owner(base):
        return ""
    turns = (
        sorted(range(a.ndim), key=lambda k: -a.strides[k]) if 0 not in a.strides else range(a.ndim)
    )
    whole = a.transpose(turns)
    keys = _keys(whole, base)
    if sum(k is not None for k in keys) != base.ndim or _place(base[keys]) != _place(whole):
        return ""
    while keys and keys[-1] == slice(None):
        keys = keys[:-1]
    part = f"{name}[{', '.join(map(setting, keys))}]" if keys else name
    if list(turns) == sorted(turns):
        return part
    back = ", ".join(str(turns.index(k)) for k in range(a.ndim))
    return f"{part}.T" if a.ndim == 2 else f"{part}.transpose({back})"


def _owner(a: Any) -> Any:
    return a if a.base is None else a.base


def _place(a: Any) -> tuple[Any, ...]:
    strides = (0 if n == 1 else step for n, step in zip(a.shape, a.strides, strict=True))
    return a.__array_interface__["data"][0], a.shape, tuple(strides)


def _keys(a: Any, base: Any) -> tuple[Any, ...]:
    """An index of each axis of the base, if that is all that was done to it."""
    offset = _place(a)[0] - _place(base)[0]
    axes = list(zip(a.shape, a.strides, strict=True))
    keys: list[Any] = []
    for axis, n in enumerate(base.shape):  # NumPy's own stride of an axis of length 1 may be 0
        stride = base.itemsize * prod(base.shape[axis + 1 :])
        while axes and (
            axes[0] == (1, 0) or (axes[0][0] == 1 and len(axes) + len(keys) > base.ndim)
        ):
            keys.append(None)
            axes.pop(0)
        start, offset = divmod(offset, stride)
        if axes and axes[0][1] >= stride and axes[0][1] % stride == 0:
            k, step = axes[0][0], axes.pop(0)[1] // stride
            last = start + (k - 1) * step + 1
            near = n - last <= min(_NEAR, last - 1)
            stop = None if last + step > n else last - n if near else last
            keys.append(slice(start or None, stop, step if step > 1 else None))
        else:
            keys.append(min(max(start, 0), n - 1))
    return (*keys, *[None] * len(axes))
