"""NumPy's functions that are one line of ours, which np.NAME(t) runs. Arguments are NumPy's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log, pi
from typing import Any

import numpy as np

from .. import ops
from ..graph.node import raw
from .arrange import asarray, constant_like, flatten
from .moves import transpose
from .sequences import cumprod, cumsum, polyadd
from .statistics import filled, nanmax


def _but_nan(x1: Any, x2: Any, y: Any) -> Any:
    """y, where x1 or x2 is NaN the other."""
    return ops.where(ops.isnan(x1), x2, ops.where(ops.isnan(x2), x1, y))


def _scaled(x: Any, exponent: Any) -> Any:
    """x * 2**exponent, for plain integers."""
    return ops.multiply(x, constant_like(np.exp2(raw(exponent)), x))


FORMS: Mapping[str, Callable[..., Any]] = {
    # of each entry
    "deg2rad": lambda x: ops.multiply(x, pi / 180),
    "degrees": lambda x: ops.multiply(x, 180 / pi),
    "divmod": lambda x1, x2: (ops.floor_divide(x1, x2), ops.remainder(x1, x2)),
    "exp2": lambda x: ops.pow(2.0, x),
    "fix": ops.trunc,
    "fmax": lambda x1, x2: _but_nan(x1, x2, ops.maximum(x1, x2)),
    "fmin": lambda x1, x2: _but_nan(x1, x2, ops.minimum(x1, x2)),
    "frexp": lambda x: (_scaled(x, -np.frexp(raw(x))[1]), np.frexp(raw(x))[1]),
    "heaviside": lambda x1, x2: ops.where(
        raw(x1) == 0, x2, constant_like(np.heaviside(raw(x1), 0), x1)
    ),
    "ldexp": _scaled,
    "logaddexp2": lambda x1, x2: (
        ops.logaddexp(ops.multiply(x1, log(2)), ops.multiply(x2, log(2))) / log(2)
    ),
    "modf": lambda x: (ops.subtract(x, ops.trunc(x)), ops.trunc(x)),
    "rad2deg": lambda x: ops.multiply(x, 180 / pi),
    "radians": lambda x: ops.multiply(x, pi / 180),
    # over axes
    "nancumprod": lambda a, axis=None: cumprod(filled(a, 1.0), axis),
    "nancumsum": lambda a, axis=None: cumsum(filled(a, 0.0), axis),
    "nanmin": lambda a, axis=None, keepdims=False: ops.negative(
        nanmax(ops.negative(a), axis, keepdims)
    ),
    "nanprod": lambda a, axis=None, keepdims=False: ops.prod(filled(a, 1.0), axis, keepdims),
    "nansum": lambda a, axis=None, keepdims=False: ops.sum(filled(a, 0.0), axis, keepdims),
    "ptp": lambda a, axis=None, keepdims=False: (
        ops.max(a, axis, keepdims) - ops.min(a, axis, keepdims)
    ),
    "ravel": lambda a, order="C": flatten(transpose(a) if order == "F" else a),
    # products
    "matvec": lambda x1, x2: ops.matmul(x1, asarray(x2)[..., None])[..., 0],
    "outer": lambda a, b: ops.outer(flatten(a), flatten(b)),
    "polysub": lambda a1, a2: polyadd(a1, ops.negative(asarray(a2))),
    "vdot": lambda a, b: ops.matmul(flatten(a), flatten(b)),
    "vecmat": lambda x1, x2: ops.matmul(asarray(x1)[..., None, :], x2)[..., 0, :],
}
