"""What is saved of a model or an optimiser: plain arrays by name, copied out and copied back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from .backend import Array, beside, in_numpy, namespace

_SHOWN = 5


def copied(x: Array) -> Array:
    """A copy of an array in its own library; a number as a 0-d array."""
    number = isinstance(x, (bool, int, float))
    return np.asarray(x) if number else namespace(x).asarray(x, copy=True)


def like(value: Any, old: Array, what: str) -> Array:
    """A copy of `value` that can stand where `old` does: its library, dtype and shape.

    Raises `ValueError` for another shape, `TypeError` where the dtype would lose more than digits.
    """
    shape, wanted = (tuple(getattr(x, "shape", ())) for x in (value, old))
    if shape != wanted:
        raise ValueError(f"{what}: shape {shape} in the state, {wanted} here")
    if isinstance(old, float):
        return float(value)
    xp = namespace(old)
    if xp is np and not np.can_cast(in_numpy(value).dtype, old.dtype, "same_kind"):
        raise TypeError(f"{what}: {in_numpy(value).dtype} in the state, {old.dtype} here")
    return beside(old, value, copy=True)


def fit(what: str, expected: Collection[str], state: Mapping[str, Any]) -> None:
    """Raise `ValueError` unless `state` has the expected names and no others."""
    faults = {
        "the state lacks": [name for name in expected if name not in state],
        "nothing here is called": [name for name in state if name not in expected],
    }
    shown = []
    for fault, names in faults.items():
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        if names:
            shown.append(f"{fault} {', '.join(names[:_SHOWN])}{more}")
    if shown:
        raise ValueError(f"{what}: {'; '.join(shown)}")
