"""The array namespace's function names over Python floats: what a rule gets as `xp` on a `Value`.
Those that are not here are NumPy's.

Functions here may raise `ArithmeticError` or `ValueError` where IEEE 754 has an infinity or a NaN
(`math.log(0.0)`); `backend.on_floats` then computes the same rule again on NumPy's scalars, which
follow IEEE 754. So the common case runs at the speed of `math`, and nothing raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, wraps
from math import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    copysign,
    cos,
    cosh,
    erf,
    exp,
    expm1,
    hypot,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    log10,
    pi,
    pow,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)
from typing import Any

import numpy as np

abs = math.fabs


def divide(x1: float, x2: float) -> float:
    return x1 / x2


def maximum(x1: float, x2: float) -> float:
    return x1 if x1 >= x2 or x1 != x1 else x2


def minimum(x1: float, x2: float) -> float:
    return x1 if x1 <= x2 or x1 != x1 else x2


def sign(x: float) -> float:
    return x if x != x or x == 0.0 else math.copysign(1.0, x)


def floor(x: float) -> float:
    return float(math.floor(x))


def ceil(x: float) -> float:
    return float(math.ceil(x))


def trunc(x: float) -> float:
    return float(math.trunc(x))


def round(x: float) -> float:
    return float(x.__round__())


def where(condition: bool, x1: float, x2: float) -> float:
    return x1 if condition else x2


def logical_and(x1: float, x2: float) -> bool:
    return bool(x1 and x2)


def logical_or(x1: float, x2: float) -> bool:
    return bool(x1 or x2)


def logical_not(x: float) -> bool:
    return not x


def full_like(x: float, value: float) -> float:
    return float(value)


def ones_like(x: float) -> float:
    return 1.0


def zeros_like(x: float) -> float:
    return 0.0


def __getattr__(name: str) -> Any:
    if name.startswith("__"):  # what Python asks of a module
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(np, name)
    return found if isinstance(found, type) or not callable(found) else _of_floats(found)


@cache
def _of_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's, of which a number is Python's."""

    @wraps(function)
    def on_floats(*inputs: Any, **settings: Any) -> Any:
        with np.errstate(all="ignore"):
            y = function(*inputs, **settings)
        return y.item() if isinstance(y, (np.generic, np.ndarray)) and y.ndim == 0 else y

    return on_floats
