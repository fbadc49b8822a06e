"""NumPy's own functions on nodes: `np.exp(W)`, `np.concatenate([W, x])`, `array @ W` record.

A NumPy function runs the composite or op of the same name, or of the name in `ALIASES`; one that
only moves entries may run on their places instead (`functions.moves`). Questions whose answer has
no gradient (`np.isnan`, `np.argmax`, `np.shape`) get NumPy's plain answer. All others raise
`TypeError`: a result without a graph would lose the gradient in silence.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache, partial
from math import inf
from typing import Any

import numpy as np

from . import ops
from .functions import (
    applied,
    arrange,
    counting,
    entrywise,
    fourier,
    linalg,
    moves,
    products,
    sequences,
    special,
    statistics,
)
from .functions.forms import FORMS
from .functions.sequences import running
from .graph.backend import in_numpy, is_array
from .graph.node import Node, raw
from .graph.op import Op
from .graph.trees import map_tree
from .ops.constants import Axis

Function = Callable[..., Any]

ALIASES = {
    "absolute": "abs",
    "amax": "max",
    "amin": "min",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "around": "round",
    "concatenate": "concat",
    "conjugate": "identity",
    "copy": "identity",
    "fabs": "abs",
    "float_power": "pow",
    "positive": "identity",
    "power": "pow",
    "real": "identity",
    "real_if_close": "identity",
    "rint": "round",
    "row_stack": "vstack",
}

# A ufunc's reduction, and what its result is without entries.
REDUCTIONS = {
    "add": ("sum", 0.0),
    "multiply": ("prod", 1.0),
    "maximum": ("max", None),
    "minimum": ("min", None),
    "logaddexp": ("logsumexp", -inf),
}

_PLAIN = """
all allclose angle any argmax argmin argpartition argsort argwhere array2string array_equal
array_equiv array_repr array_str can_cast count_nonzero diag_indices_from digitize empty_like equal
flatnonzero full_like greater greater_equal imag isclose iscomplex iscomplexobj isfinite isin isinf
isnan isneginf isposinf isreal isrealobj isscalar less less_equal lexsort logical_and logical_not
logical_or logical_xor matrix_rank may_share_memory nanargmax nanargmin ndim nonzero not_equal
ones_like result_type searchsorted shape shares_memory signbit size tril_indices_from
triu_indices_from zeros_like
"""
PLAIN = frozenset(_PLAIN.split())
WRITING = frozenset(["at", "copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"])
STORING = frozenset(["save", "savetxt", "savez", "savez_compressed"])

SETTINGS = {"a_min": "min", "a_max": "max"}  # NumPy's name -> ours

# Arguments of NumPy's functions that change where or how a result is stored or which entries count.
_STORAGE = "casting copy device dtype initial like mean order out subok where"
STORAGE = frozenset(_STORAGE.split())
WAYS = frozenset(["kind", "optimize", "overwrite_input"])  # to one result

_ROOMS = (
    *(arrange, linalg, products, sequences, statistics),
    *(entrywise, moves, applied, special, counting),
)
COMPOSITES: dict[str, Function] = {**FORMS} | {
    name: function
    for module in _ROOMS
    for name, function in vars(module).items()
    if isinstance(function, Op) or getattr(function, "__module__", "") == module.__name__
}

# NumPy's ufuncs that are ops here: array + t comes this way, so it is looked up at once.
_OPS = {**ops.registry, **ops.plain_ops}
UFUNCS = {
    ufunc: _OPS[name]
    for ufunc in vars(np).values()
    if isinstance(ufunc, np.ufunc) and (name := ALIASES.get(ufunc.__name__, ufunc.__name__)) in _OPS
}


def apply_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `__array_ufunc__` of Value and Tensor returns."""
    if method == "__call__" and not kwargs and (op := UFUNCS.get(ufunc)) is not None:
        return op(*inputs)
    name = ufunc.__name__
    full = f"np.{name}" if method == "__call__" else f"np.{name}.{method}"
    if any(out is not None for out in kwargs.pop("out", ())):
        raise TypeError(
            f"{full}: a plain array cannot be updated in place by a node (out= or +=), its entries "
            "have no gradient; make a new one, as in a = a + t"
        )
    if method == "__call__" and name in PLAIN:
        return ufunc(*map_tree(raw, inputs), **kwargs)
    dtype = kwargs.pop("dtype", None)
    if kwargs.get("where") is True:
        del kwargs["where"]
    settings = {k: v for k, v in kwargs.items() if v is not None}
    given = [x if dtype is None else _cast(x, dtype) for x in inputs]
    if method == "reduce" and name in REDUCTIONS:
        return _reduce(*given, op=name, **{"axis": 0, **kwargs})
    if method == "accumulate" and name in REDUCTIONS:
        return _accumulate(name, *given, **settings)
    if method not in ("__call__", "outer"):
        raise _unsupported(full)
    ours = _ours(f"np.{name}", name)
    accepted = _accepted(ours)
    _refuse(full, {k: v for k, v in settings.items() if k not in accepted})
    if method == "outer":
        first, second = map(arrange.asarray, given)
        given = [ops.reshape(first, (*first.shape, *[1] * len(second.shape))), second]
    return ours(*given, **settings)


def _reduce(
    a: Any,
    axis: Axis = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
    *,
    op: str,
) -> Any:
    """A reduction of the entries where `where` holds, to which `initial` is joined."""
    name, empty = REDUCTIONS[op]
    if where is not True:
        if initial is None and empty is None:
            raise ValueError(f"np.{name}: where= takes initial= too")
        a = ops.where(where, a, initial if empty is None else empty)
    y = ops.registry[name](a, axis=axis, keepdims=keepdims)
    return y if initial is None else ops.registry[op](y, initial)


def _accumulate(op: str, a: Any, axis: int = 0) -> Any:
    return ops.cumulative_sum(a, axis) if op == "add" else running(ops.registry[op], a, axis)


def apply_function(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `__array_function__` of Value and Tensor returns."""
    name = function.__name__
    module = getattr(function, "__module__", None) or "numpy"
    full = f"{module.replace('numpy', 'np', 1)}.{name}"
    if name in PLAIN:
        fill = kwargs.get("fill_value", args[1] if len(args) > 1 else None)
        if name == "full_like" and isinstance(fill, Node):
            raise TypeError(f"{full}: a node would lose its gradient; use tg.broadcast_to")
        return function(*map_tree(_read, args), **map_tree(_read, kwargs))
    if name in moves.MOVED:
        return moves.moved(function, inspect.signature(function).bind(*args, **kwargs))
    ours = ADAPTERS.get(full) or _ours(full, name)
    inputs, settings, dtype = _translate(full, function, ours, args, kwargs)
    if dtype is None:
        return ours(*inputs, **settings)
    if isinstance(inputs[0], Node):
        return ours(_cast(inputs[0], dtype), *inputs[1:], **settings)
    return _cast(ours(*inputs, **settings), dtype)


def _read(x: Any) -> Any:
    """A node's array as NumPy's functions can read it, fetched from where they cannot."""
    x = raw(x)
    return x if hasattr(x, "__array_function__") or not is_array(x) else in_numpy(x)


def _cast(x: Any, dtype: Any) -> Any:
    return ops.astype(arrange.asarray(x), dtype=dtype)


def _ours(full: str, name: str) -> Function:
    if full.startswith("np.fft") and name in fourier.__all__:
        return getattr(fourier, name)  # type: ignore[no-any-return]
    name = ALIASES.get(name, name)
    tables = (COMPOSITES, ops.registry)
    found: Function | None = None
    for table in tables[::-1] if full.startswith("np.linalg") else tables:
        found = found or table.get(name)
    if found is None or full.startswith("np.fft"):
        raise _unsupported(full)
    return found


def _unsupported(full: str) -> TypeError:
    name = full.rpartition(".")[2]
    if name in STORING:
        return TypeError(f"{full} stores plain arrays; write {full}(file, t.data)")
    if name in WRITING:
        return TypeError(
            f"{full} writes into an array, and a graph would no longer match its values; make a "
            "new one: tg.where(mask, new, t) or t + tg.put_at(...)"
        )
    return TypeError(
        f"{full} has no derivative rule here, so its result would lose the gradient; write it with "
        f"tinygrad_lite's functions, or {full}(t.data) for a plain result, where the gradient stops"
    )


def _refuse(full: str, settings: Mapping[str, Any]) -> None:
    for key in settings:
        raise TypeError(
            f"{full}: {key}= is not supported on a Tensor or Value; leave it out, or work on "
            "t.data, at which the gradient stops"
        )


def _translate(
    full: str, function: Function, ours: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any], Any]:
    """NumPy's arguments as the inputs and settings of our function, and the dtype asked for.

    Arguments are matched by NumPy's own signature, so that a third positional `dtype` is not taken
    for our third setting. C functions of older NumPy versions have none; theirs are passed on.
    """
    accepted = _accepted(ours)
    signature = _signature(function)
    if signature is None:
        _refuse(full, {k: v for k, v in kwargs.items() if k in STORAGE and v is not None})
        return list(args), kwargs, None
    inputs: list[Any] = []
    settings: dict[str, Any] = {}
    dtype = None
    for key, value in signature.bind(*args, **kwargs).arguments.items():
        parameter = signature.parameters[key]
        renamed = SETTINGS.get(key, key)
        if parameter.kind is parameter.VAR_POSITIONAL:
            inputs += value
        elif parameter.kind is parameter.VAR_KEYWORD:
            settings.update(value)
        elif renamed in accepted and (parameter.default is not parameter.empty or key in STORAGE):
            settings[renamed] = value
        elif key == "dtype":
            dtype = value
        elif key in WAYS:
            continue
        elif key not in STORAGE and parameter.default in (parameter.empty, None):
            inputs.append(value)
        elif not _is_default(value, parameter.default):
            _refuse(full, {key: value})
    return inputs, settings, dtype


@cache
def _signature(function: Function) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except ValueError:
        return None


@cache
def _accepted(ours: Function) -> frozenset[str]:
    return frozenset(inspect.signature(ours).parameters)


def _is_default(value: Any, default: Any) -> bool:
    return value is default or value is None or (isinstance(value, (int, str)) and value == default)


def _pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = 1e-15) -> Any:
    if hermitian:  # its lower triangle is read
        a = ops.tril(a) + arrange.matrix_transpose(ops.tril(a, k=-1))
    return ops.pinv(a, rtol=rtol if rcond is None else rcond)


# NumPy functions that mean something else than ours of the same name.
ADAPTERS: dict[str, Function] = {
    **{
        f"np.{name}": partial(_reduce, op=ufunc)
        for ufunc, (name, _) in REDUCTIONS.items()
        if hasattr(np, name)
    },
    "np.linalg.pinv": _pinv,
}
