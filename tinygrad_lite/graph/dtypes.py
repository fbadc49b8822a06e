"""What an op is given that is no node: checked, and brought to one dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import errors
from .backend import Namespace, beside, device_of, is_array, namespace, records, to_array
from .node import Node, Scalar
from .op import Op

_FLOAT64 = np.dtype(np.float64)


def is_number(x: Any) -> bool:
    """Whether x is a scalar node, a Python number or a real NumPy scalar."""
    return isinstance(x, (Scalar, int, float)) or (
        isinstance(x, np.generic) and x.dtype.kind in "fiub"
    )


def constant(op: Op, x: Any) -> Any:
    """A plain number or array that an op was given, checked, lists made arrays."""
    kind = type(x)
    if kind is float or kind is int or (records(x) and x.weak):
        return x
    if kind is bool:  # NumPy's functions would compute with it in float16
        return x if op.plain or op.untouched else float(x)
    if kind is np.ndarray and x.dtype.kind in "fiub":
        return x
    if isinstance(x, np.generic) and x.dtype.kind in "fiub":
        return x
    if (kind is list or kind is tuple) and errors.holds_nodes(x):
        raise TypeError(
            f"{op.name}: a list that holds nodes is not an array and would lose their "
            "gradients; join them with tg.stack or tg.asarray"
        )
    to_array(x, op.name)  # refuses what is not real and numeric
    if is_array(x) and not isinstance(x, np.ndarray):
        return x
    return np.asarray(x)  # integers stay integers: labels, say; np.matrix loses its own *


def in_dtype(op: Op, inputs: tuple[Any, ...], dtype: Any) -> tuple[Any, ...]:
    """The arrays that an op was given in the `dtype` that the call asks for; None: as they are."""
    if dtype is None:
        return inputs
    return tuple(
        x if i in op.untouched or is_number(x) else _cast(op, x, dtype)
        for i, x in enumerate(inputs)
    )


def _cast(op: Op, x: Any, dtype: Any) -> Any:
    if isinstance(x, Node):
        return x.astype(dtype)  # type: ignore[attr-defined]
    x = to_array(x, op.name)
    return namespace(x).astype(x, dtype)


def is_mixed(op: Op, operands: Sequence[Any]) -> bool:
    """Whether NumPy operands differ in dtype from each other or, integers all, from the result;
    other libraries see to that themselves."""
    dtypes = {a.dtype for i, a in enumerate(operands) if _typed(a) and not stays(op, i, a)}
    return len(dtypes) > 1 or any(dtype.kind != "f" for dtype in dtypes)


def _typed(a: Any) -> bool:
    return isinstance(a, (np.ndarray, np.generic)) or (records(a) and not a.weak)


def stays(op: Op, index: int, a: Any) -> bool:
    """Whether an operand is no number to compute with: integer labels, a boolean condition."""
    return index in op.untouched and getattr(getattr(a, "dtype", None), "kind", "f") != "f"


def brought(op: Op, operands: Sequence[Any], dtype: Any) -> list[Any]:
    """NumPy operands in one dtype, that of the result, so that a rule does not compute in a
    constant's narrow one; labels and conditions as they are."""
    return [
        a.astype(dtype) if _typed(a) and not stays(op, i, a) else a for i, a in enumerate(operands)
    ]


def promoted(op: Op, operands: list[Any]) -> list[Any]:
    """Arrays of several dtypes in the floating one that they promote to; ufuncs do that alone."""
    if op.elementwise:
        return operands
    dtype = np.result_type(*(a for i, a in enumerate(operands) if not stays(op, i, a)))
    return brought(op, operands, dtype if dtype.kind == "f" else _FLOAT64)


def adopted(op: Op, operands: Sequence[Any], xp: Namespace) -> list[Any]:
    """Operands of which some are another library's arrays, as that library takes them: what is
    NumPy's beside its own, and what is whole or a truth to be computed with as NumPy does, in the
    dtype of the others."""
    own = [a for a in operands if is_array(a) and not isinstance(a, (np.ndarray, np.generic))]
    like = next((a for a in own if xp.isdtype(a.dtype, "real floating")), None)
    return [_adopted(op, i, a, own[0], like, xp) for i, a in enumerate(operands)]


def _adopted(op: Op, index: int, a: Any, own: Any, like: Any, xp: Namespace) -> Any:
    if isinstance(a, np.ndarray) and a.ndim:
        a = xp.asarray(a, device=device_of(own), copy=True)
    elif isinstance(a, (np.ndarray, np.generic)):
        a = a.item()  # a number of Python's has no dtype of its own
    if like is None or index in op.untouched:
        return a
    if is_array(a):
        return a if xp.isdtype(a.dtype, "real floating") else xp.astype(a, like.dtype)
    if index in op.as_arrays or not op.elementwise:
        return beside(like, a)
    return float(a) if type(a) is bool else a
