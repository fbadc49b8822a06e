"""NumPy's own functions on nodes: `np.exp(W)`, `np.concatenate([W, x])`, `array @ W` record.

A NumPy function runs the op or composite of the same name, or of the name in `ALIASES`, or one of
the few `ADAPTERS`. Questions
whose answer has no gradient (`np.isnan`, `np.argmax`, `np.shape`) get NumPy's plain answer. All
others raise `TypeError`: a result without a graph would lose the gradient in silence.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from . import functions, ops
from .graph.node import Node

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
    "ravel": "flatten",
    "rint": "round",
}

REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}

_PLAIN = """
all allclose any argmax argmin argsort argwhere array2string array_equal array_repr array_str
can_cast count_nonzero empty_like equal flatnonzero floor_divide full_like greater greater_equal
isclose iscomplex iscomplexobj isfinite isinf isnan isreal isrealobj isscalar less less_equal
logical_and logical_not logical_or logical_xor matrix_rank may_share_memory ndim nonzero not_equal
ones_like result_type searchsorted shape shares_memory signbit size zeros_like
"""
PLAIN = frozenset(_PLAIN.split())

SETTINGS = {"a_min": "min", "a_max": "max", "ddof": "correction"}  # NumPy's name -> ours

# Arguments of NumPy's functions that change where or how a result is stored or which entries count.
_STORAGE = "casting copy device dtype initial like mean order out subok where"
STORAGE = frozenset(_STORAGE.split())


# NumPy's ufuncs that are ops here: array + t comes this way, so it is looked up at once.
_OPS = {**ops.registry, **ops.plain_ops}
UFUNCS = {
    ufunc: _OPS[name]
    for ufunc in vars(np).values()
    if isinstance(ufunc, np.ufunc) and (name := ALIASES.get(ufunc.__name__, ufunc.__name__)) in _OPS
}


def apply_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `__array_ufunc__` of Value and Tensor returns."""
    if method == "__call__" and not kwargs and ufunc in UFUNCS:
        return UFUNCS[ufunc](*inputs)
    name = f"np.{ufunc.__name__}"
    if kwargs.get("out") is not None:
        raise TypeError(
            f"{name}: a plain array cannot be updated in place by a node (out= or +=), its entries "
            "have no gradient; make a new one, as in a = a + t"
        )
    if method == "__call__":
        if ufunc.__name__ in PLAIN:
            return ufunc(*_raw(inputs), **kwargs)
        _refuse(name, {k: v for k, v in kwargs.items() if v is not True})
        return _ours(name, ufunc.__name__)(*inputs)
    if method == "reduce" and ufunc.__name__ in REDUCTIONS:
        reduction = _ours(f"{name}.reduce", REDUCTIONS[ufunc.__name__])
        settings = {"axis": 0, "keepdims": False}
        settings.update((k, kwargs.pop(k)) for k in ("axis", "keepdims") if k in kwargs)
        _refuse(
            f"{name}.reduce", {k: v for k, v in kwargs.items() if v is not None and v is not True}
        )
        return reduction(*inputs, **settings)
    raise _unsupported(f"{name}.{method}")


def apply_function(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `__array_function__` of Value and Tensor returns."""
    name = function.__name__
    module = getattr(function, "__module__", None) or "numpy"
    full = f"{module.replace('numpy', 'np', 1)}.{name}"
    if name in PLAIN:
        fill = kwargs.get("fill_value", args[1] if len(args) > 1 else None)
        if name == "full_like" and isinstance(fill, Node):
            raise TypeError(f"{full}: a node would lose its gradient; use tg.broadcast_to")
        return function(*_raw(args), **_raw(kwargs))
    ours = ADAPTERS.get(full) or _ours(full, name)
    inputs, settings = _translate(full, function, ours, args, kwargs)
    return ours(*inputs, **settings)


def _ours(full: str, name: str) -> Function:
    name = ALIASES.get(name, name)
    found: Function | None = ops.registry.get(name) or vars(functions).get(name)
    if found is None or full.startswith("np.fft"):
        raise _unsupported(full)
    return found


def _unsupported(full: str) -> TypeError:
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
) -> tuple[list[Any], dict[str, Any]]:
    """NumPy's arguments as the inputs and settings of our function.

    Arguments are matched by NumPy's own signature, so that a third positional `dtype` is not taken
    for our third setting. C functions of older NumPy versions have none; theirs are passed on.
    """
    accepted = _accepted(ours)
    signature = _signature(function)
    if signature is None:
        _refuse(full, {k: v for k, v in kwargs.items() if k in STORAGE and v is not None})
        return list(args), kwargs
    inputs: list[Any] = []
    settings: dict[str, Any] = {}
    for key, value in signature.bind(*args, **kwargs).arguments.items():
        parameter = signature.parameters[key]
        renamed = SETTINGS.get(key, key)
        if parameter.kind is parameter.VAR_POSITIONAL:
            inputs += value
        elif parameter.kind is parameter.VAR_KEYWORD:
            settings.update(value)
        elif renamed in accepted and (parameter.default is not parameter.empty or key in STORAGE):
            settings[renamed] = value
        elif key not in STORAGE and parameter.default in (parameter.empty, None):
            inputs.append(value)
        elif not _is_default(value, parameter.default):
            _refuse(full, {key: value})
    return inputs, settings


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
    return value is default or (isinstance(value, (int, str)) and value == default)


def _transpose(a: Any, axes: Any = None) -> Any:
    n = a.ndim
    return ops.permute_dims(a, axes=tuple(range(n))[::-1] if axes is None else tuple(axes))


def _cumsum(a: Any, axis: int | None = None) -> Any:
    return ops.cumulative_sum(functions.flatten(a) if axis is None else a, axis=axis)


def _of_leading_axes(op: Function) -> Function:
    """`op` of the last two axes as NumPy has it: of the first two."""

    def ours(a: Any) -> Any:
        return op(ops.permute_dims(a, axes=(*range(2, a.ndim), 0, 1)))

    return ours


def _pinv(a: Any, rcond: Any = None, *, rtol: Any = 1e-15) -> Any:
    return ops.pinv(a, rtol=rtol if rcond is None else rcond)


# NumPy functions that mean something else than ours of the same name.
ADAPTERS: dict[str, Function] = {
    "np.cumsum": _cumsum,
    "np.linalg.pinv": _pinv,
    "np.diagonal": _of_leading_axes(ops.diagonal),
    "np.trace": _of_leading_axes(ops.trace),
    "np.transpose": _transpose,
}


def _raw(x: Any) -> Any:
    """x with every node in it replaced by its data."""
    if isinstance(x, Node):
        return x.data
    if isinstance(x, tuple):
        return tuple(_raw(v) for v in x)
    if isinstance(x, list):
        return [_raw(v) for v in x]
    if isinstance(x, dict):
        return {k: _raw(v) for k, v in x.items()}
    return x
