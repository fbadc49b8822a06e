"""Questions about values. The answers are plain arrays: nothing is differentiated."""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np

from ..graph.backend import holds_nan
from ..graph.node import Scalar
from ..graph.op import SUM
from ..graph.primitive import plain

__all__ = [
    "argmax",
    "argmin",
    "equal",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "not_equal",
]


@plain("{0} > {1}", precedence=SUM)
def greater(xp: Any, x1: Any, x2: Any) -> Any:
    """Whether x1 > x2, entry by entry."""
    return x1 > x2


@plain("{0} ≥ {1}", r"{0} \ge {1}", numpy="{0} >= {1}", precedence=SUM)
def greater_equal(xp: Any, x1: Any, x2: Any) -> Any:
    """Whether x1 >= x2, entry by entry."""
    return x1 >= x2


@plain("{0} < {1}", precedence=SUM)
def less(xp: Any, x1: Any, x2: Any) -> Any:
    """Whether x1 < x2, entry by entry."""
    return x1 < x2


@plain("{0} ≤ {1}", r"{0} \le {1}", numpy="{0} <= {1}", precedence=SUM)
def less_equal(xp: Any, x1: Any, x2: Any) -> Any:
    """Whether x1 <= x2, entry by entry."""
    return x1 <= x2


@plain("{0} == {1}", "{0} = {1}", precedence=SUM)
def equal(xp: Any, x1: Any, x2: Any) -> Any:
    """Whether x1 == x2, entry by entry."""
    return x1 == x2


@plain("{0} ≠ {1}", r"{0} \ne {1}", numpy="{0} != {1}", precedence=SUM)
def not_equal(xp: Any, x1: Any, x2: Any) -> Any:
    """Whether x1 != x2, entry by entry."""
    return x1 != x2


@plain("{0} & {1}", r"{0} \land {1}", precedence=SUM)
def logical_and(xp: Any, x1: Any, x2: Any) -> Any:
    """Whether both hold, entry by entry, of booleans."""
    return xp.logical_and(x1, x2)


@plain("{0} | {1}", r"{0} \lor {1}", precedence=SUM)
def logical_or(xp: Any, x1: Any, x2: Any) -> Any:
    """Whether one or both hold, entry by entry, of booleans."""
    return xp.logical_or(x1, x2)


@plain("logical_not({0})", r"\lnot {0}")
def logical_not(xp: Any, x: Any) -> Any:
    """Whether x does not hold, entry by entry, of booleans."""
    return xp.logical_not(x)


@plain("isnan({0})", r"\operatorname{{isnan}}({0})")
def isnan(xp: Any, x: Any) -> Any:
    """Whether each entry is NaN."""
    return xp.isnan(x)


@plain("isfinite({0})", r"\operatorname{{isfinite}}({0})")
def isfinite(xp: Any, x: Any) -> Any:
    """Whether each entry is neither infinite nor NaN."""
    return xp.isfinite(x)


@plain("isinf({0})", r"\operatorname{{isinf}}({0})")
def isinf(xp: Any, x: Any) -> Any:
    """Whether each entry is infinite."""
    return xp.isinf(x)


@plain("argmax({0})", r"\operatorname{{argmax}}({0})", elementwise=False)
def argmax(xp: Any, x: Any, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the (first) largest entry along `axis`; None: in row-major order."""
    return xp.argmax(x, axis=axis, keepdims=keepdims)


@plain("argmin({0})", r"\operatorname{{argmin}}({0})", elementwise=False)
def argmin(xp: Any, x: Any, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the (first) smallest entry along `axis`; None: in row-major order."""
    return xp.argmin(x, axis=axis, keepdims=keepdims)


@plain("1[{0}]", r"\mathbf{{1}}[{0}]", numpy="({0})", meaning=lambda xp, mask, x: mask)
def _indicator(xp: Any, mask: Any, x: Any) -> Any:
    """1 where `mask` holds and 0 elsewhere, in the dtype of x; NaN where x is NaN."""
    found = mask.astype(x.dtype) if xp is np else xp.astype(mask, x.dtype)
    return xp.where(x == x, found, xp.full_like(x, nan)) if holds_nan(x) else found


def indicator(mask: Any, x: Any) -> Any:
    """The same; of floats and NumPy arrays without an op's call, which costs as much again."""
    if type(x) is np.ndarray is type(mask):
        total = np.vdot(x, x)  # as `holds_nan` does
        if total == total:
            return mask.astype(x.dtype)
        return _indicator(mask, x)
    if isinstance(x, Scalar):
        x = x._data
    if type(x) is float or isinstance(x, np.generic):
        return (1.0 if mask else 0.0) if x == x else nan
    return _indicator(mask, x)
