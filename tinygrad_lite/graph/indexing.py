"""Reading and writing entries of an array of any library by an index of NumPy's kinds."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .backend import Array, Namespace, beside, device_of, in_numpy, is_array, namespace, records


def picked(x: Array, index: Any) -> Array:
    """x[index]. Of an entry outside of x, for which JAX returns another, it raises, or is NaN where
    the index is an array of JAX's."""
    if isinstance(x, np.ndarray) or records(x):
        return x[index]
    parts = _parts(index)
    if hasattr(x, "at"):
        if not any(hasattr(part, "at") for part in parts):
            np.broadcast_to(False, x.shape)[parts]
        return x.at[parts].get(mode="fill")
    if any(map(is_array, parts)):
        xp, device = namespace(x), device_of(x)
        parts = tuple(xp.asarray(p, device=device) if is_array(p) else p for p in parts)
    try:
        return x[parts]
    except ValueError as error:  # PyTorch
        back = any(isinstance(part, slice) and (part.step or 1) < 0 for part in parts)
        raise ValueError("tg.flip(x), not a negative step" if back else str(error)) from None


def _parts(index: Any) -> tuple[Any, ...]:
    """The parts of an index, lists as arrays: JAX takes no lists."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(np.asarray(p, None if p else int) if isinstance(p, list) else p for p in parts)


def set_at(xp: Namespace, x: Array, index: Any, value: Array, *, add: bool) -> Array:
    """A copy of `x` in which `value` is added at (or, without `add`, put at) `index`.

    An entry that an integer array names twice receives both values when adding.
    """
    if hasattr(x, "at"):
        place = x.at[_parts(index)]
        return place.add(value) if add else place.set(value)
    if xp is np:
        out = np.array(x)
        if not add:
            out[index] = value
        elif is_basic(index):
            out[index] += value
        else:
            np.add.at(out, index, value)
        return out
    parts = index if isinstance(index, tuple) else (index,)
    if add and (not is_basic(index) or any(part is None for part in parts)):  # not in the standard
        return x + _scattered(xp, x, index, value)
    out = xp.asarray(x, copy=True)
    out[index] = out[index] + value if add else value
    return out


def _scattered(xp: Namespace, x: Array, index: Any, value: Array) -> Array:
    """Zeros like x with `value` added at `index`, where the library has a way to do it there."""
    if hasattr(x, "index_add_"):  # PyTorch, by the place of each entry in row-major order
        entries = xp.reshape(xp.arange(prod(x.shape), device=device_of(x)), x.shape)
        places, flat = picked(entries, index), xp.reshape(xp.zeros_like(x), (-1,))
        value = xp.reshape(xp.broadcast_to(value, places.shape), (-1,))
        return xp.reshape(flat.index_add_(0, xp.reshape(places, (-1,)), value), x.shape)
    if hasattr(xp.add, "at"):  # CuPy
        out = xp.zeros_like(x)
        xp.add.at(out, index, value)
        return out
    plain = np.zeros(x.shape)
    parts = tuple(in_numpy(part) if is_array(part) else part for part in _parts(index))
    np.add.at(plain, parts, in_numpy(value))
    return beside(x, plain)


def is_basic(index: Any) -> bool:
    """Whether `index` is NumPy's basic indexing, which names every entry at most once."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(part, (int, slice, type(None), type(...))) for part in parts) and not any(
        isinstance(part, bool) for part in parts
    )
