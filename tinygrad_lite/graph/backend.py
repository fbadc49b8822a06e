"""The array namespace of a value, and what the standard leaves open (erf, scatter, conversion)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from . import floats
from .node import Node, raw

Namespace = Any  # a module or object with the Array API's functions
Array = Any  # an array of any Array-API library, a NumPy scalar, or a Python float


def namespace(*values: Any) -> Namespace:
    """The array namespace of the first value that has one: NumPy's, unless another library's array
    is among `values`; `floats` when all are Python numbers."""
    found: Namespace = floats
    for value in values:
        kind = type(value)
        if kind is np.ndarray or isinstance(value, np.generic):
            found = np
        elif kind is not float and kind is not int and kind is not bool:
            return _foreign(value)
    return found


def _foreign(value: Any) -> Namespace:
    if isinstance(value, np.ndarray):
        return np
    if _is_wrapped(value):
        return _compat().array_namespace(value)
    if hasattr(value, "__array_namespace__") and not isinstance(value, Node):
        return value.__array_namespace__()
    raise TypeError(f"{type(value).__name__} is neither a number nor an array")


def _compat() -> Any:
    try:
        import array_api_compat
    except ImportError:
        raise TypeError(
            "arrays of PyTorch and CuPy need the array-api-compat package: "
            "pip install 'tinygrad_lite[backends]'"
        ) from None
    return array_api_compat


def is_numpy(xp: Namespace) -> bool:
    """Whether a namespace is NumPy's, or records what NumPy is asked to do."""
    return xp is np or hasattr(type(xp), "records_numpy")


def records(x: Any) -> bool:
    """Whether an array records what NumPy is asked to do with it."""
    return hasattr(x, "recorder")


def is_array(value: Any) -> bool:
    """Whether `value` is an array or an array library's scalar (a Python number is not)."""
    return (
        isinstance(value, (np.ndarray, np.generic))
        or (hasattr(value, "__array_namespace__") and not isinstance(value, (Node, type)))
        or _is_wrapped(value)
    )


def _is_wrapped(value: Any) -> bool:
    """Whether it is an array of a library whose standard form is a package of its own."""
    library = type(value).__module__.partition(".")[0]
    return library in ("torch", "cupy") and hasattr(value, "dtype")


def device_of(x: Array) -> Any:
    """Where an array must lie to be computed with beside x; None where there is no choice (NumPy)
    and where the library moves what nobody placed (JAX)."""
    return None if isinstance(x, np.ndarray) or hasattr(x, "at") else getattr(x, "device", None)


def beside(x: Array, values: Any, *, copy: bool | None = None) -> Array:
    """Plain values as an array of x's library and dtype, on its device."""
    if isinstance(values, np.ndarray) and not values.ndim:
        values = values.item()  # PyTorch moves no NumPy array without axes
    return namespace(x).asarray(values, dtype=x.dtype, device=device_of(x), copy=copy)


def in_numpy(x: Any) -> Any:
    """The entries of a node, a number or an array of any library, on whatever device, as NumPy's
    array, which may share its memory."""
    x = raw(x)
    try:
        return np.asarray(x)
    except (TypeError, RuntimeError, ValueError):
        if not is_array(x) or isinstance(x, (np.ndarray, np.generic)):
            raise
    if hasattr(x, "cpu"):  # PyTorch; NumPy has no bfloat16
        x = x.cpu()
        return np.asarray(x.float() if "bfloat16" in str(x.dtype) else x)
    if hasattr(x, "get"):  # CuPy
        return x.get()
    return np.asarray(x.to_device(namespace(x).__array_namespace_info__().default_device()))


def memory_of(x: Array) -> int:
    """What tells the memory of arrays apart: where it starts (PyTorch), or whose it is."""
    if hasattr(x, "data_ptr"):
        return int(x.data_ptr()) or id(x)
    base = getattr(x, "base", None)
    return id(x if base is None else base)


def on_floats(rule: Callable[..., Any], *operands: Any, **params: Any) -> Any:
    """`rule(floats, ...)`; where `math` raises, the same rule on NumPy scalars under IEEE 754."""
    try:
        return rule(floats, *operands, **params)
    except (ArithmeticError, ValueError):
        with np.errstate(all="ignore"):
            return float(rule(np, *(np.float64(x) for x in operands), **params))


def is_integral(x: Array) -> bool:
    """Whether the entries are integers; NumPy's own `isdtype` takes longer than a small sum."""
    if type(x) is np.ndarray or (xp := namespace(x)) is np:
        return x.dtype.kind in "iu"
    return bool(xp.isdtype(x.dtype, "integral"))


_EXACT = 2**53  # every integer up to here is a float


def to_float(value: Any, what: str) -> float:
    """`value` as a Python float, or a `TypeError` that says why it cannot be."""
    if type(value) is float:
        return value
    if type(value) is int and -_EXACT <= value <= _EXACT:
        return float(value)
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{what}: {value!r} is text, not a number")
    if records(value) and value.weak:
        return value  # type: ignore[no-any-return]
    _refuse_recording(value, what)
    if isinstance(value, complex) or np.iscomplexobj(value):
        raise TypeError(f"{what}: complex numbers are not supported; take .real and .imag apart")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        kind = type(value).__name__
        shape = f" of shape {value.shape}" if hasattr(value, "shape") else ""
        raise TypeError(f"{what}: a {kind}{shape} is not a number; use Tensor for arrays") from None


def _refuse_recording(value: Any, what: str) -> None:
    if getattr(value, "requires_grad", False):
        library = type(value).__module__.partition(".")[0]
        raise TypeError(f"{what}: this {library} array has gradients of its own; pass x.detach()")


def to_array(value: Any, what: str) -> Array:
    """`value` (an array, a NumPy scalar, a number or a nested list) as a real floating array.

    Integers and booleans become float64, floating dtypes stay; complex, object and text data raise
    `TypeError`, ragged lists `ValueError`.
    """
    if type(value) is np.ndarray and value.dtype.kind == "f":
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{what}: a masked array is not supported; use .filled() and tg.where")
    if value is None or isinstance(value, (str, bytes)):
        raise TypeError(f"{what}: {value!r} is not a number or an array")
    if not is_array(value):
        try:
            value = np.asarray(value)
        except ValueError:
            raise ValueError(f"{what}: the rows of the list differ in length") from None
    xp = namespace(value)
    if xp is np:
        kind = value.dtype.kind
        if kind == "f":
            return np.asarray(value)
        if kind in "iub":
            return np.asarray(value, dtype=np.float64)
        if kind == "c":
            raise TypeError(
                f"{what}: complex data ({value.dtype}) is not supported; take .real and .imag apart"
            )
        held = type(value.flat[0]).__name__ if kind == "O" and value.size else value.dtype
        hint = "; to join tensors use tg.stack or tg.asarray" if held in ("Tensor", "Value") else ""
        if kind == "O" and value.ndim == 0 and hasattr(value.item(), "toarray"):
            hint = "; use its .toarray()"
        raise TypeError(f"{what}: data of type {held} is not numeric{hint}")
    _refuse_recording(value, what)
    if xp.isdtype(value.dtype, "real floating"):
        return value
    if xp.isdtype(value.dtype, ("integral", "bool")):
        if is_numpy(xp):  # which has that information from 2.1 on
            return xp.astype(value, xp.float64)
        known = xp.__array_namespace_info__().dtypes(kind="real floating")
        return xp.astype(value, known.get("float64", xp.float32))  # JAX hides what it is not set to
    raise TypeError(f"{what}: dtype {value.dtype} is not supported; real numbers only")


_add: Any = np.add.reduce
_max: Any = np.maximum.reduce
_SHORT, _MANY = 32, 16  # entries of a row and rows of a matrix, for which NumPy's own loop is slow


def add_up(xp: Namespace, x: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """xp.sum(x); NumPy's own wrapper around its ufunc would take longer than a small sum, and its
    loop over many short rows ten times as long as a product with ones."""
    if not is_numpy(xp):
        return xp.sum(x, axis=axis, keepdims=keepdims)
    if _short_rows(x, axis):
        y = x @ row_of_ones(x.shape[1], x.dtype)
        return y[:, None] if keepdims else y
    return _add(x, axis=axis, keepdims=keepdims)


def largest(xp: Namespace, x: Array, axis: Any = None, *, keepdims: bool = False) -> Array:
    """xp.max(x), as quick as `add_up`: of many short rows it compares the columns."""
    if not is_numpy(xp):
        return xp.max(x, axis=axis, keepdims=keepdims)
    if _short_rows(x, axis):
        y = _max(x.T.copy(), axis=0)
        return y[:, None] if keepdims else y
    return _max(x, axis=axis, keepdims=keepdims)


def _short_rows(x: Any, axis: Any) -> bool:
    last = (axis == -1 or axis == 1) and x.ndim == 2
    return last and x.shape[1] <= _SHORT and len(x) >= _MANY and x.dtype.char in "fd"


@lru_cache(maxsize=16)
def row_of_ones(n: int, dtype: Any) -> Array:
    """Its product with a matrix is the sum of the rows, in a third of the time of NumPy's sum."""
    return frozen(np.ones(n, dtype))


def frozen(x: Any) -> Any:
    """x, which nobody can write into from now on: what is kept is the same for all."""
    x.setflags(write=False)
    return x


def running_sum(xp: Namespace, x: Array, axis: int) -> Array:
    """xp.cumulative_sum(x), which NumPy has from 2.1 on."""
    return np.cumsum(x, axis=axis) if is_numpy(xp) else xp.cumulative_sum(x, axis=axis)


def anywhere(mask: Array, *, traced: bool = True) -> bool:
    """Whether any entry of a boolean array, a node that holds one or a bool is True; `traced` where
    jax.jit has no entries yet. True is for a rule, whose careful branch is right for all entries;
    a check that would raise says False."""
    mask = raw(mask)
    return mask if isinstance(mask, bool) else _truth(namespace(mask).any(mask), traced)


def is_traced(x: Array) -> bool:
    """Whether jax.jit traces what is done with x, which has no entries yet."""
    return anywhere(x == x) and not anywhere(x == x, traced=False)


def _truth(answer: Any, traced: bool) -> bool:
    try:
        return bool(answer)
    except TypeError:  # JAX's TracerBoolConversionError is one
        return traced


def holds_nan(x: Array) -> bool:
    """Whether any entry is NaN. Of NumPy's arrays the sum of squares tells, in a third of the time
    of `isnan(x).any()`: squares never cancel."""
    x = raw(x)
    if isinstance(x, np.ndarray):
        total = np.vdot(x, x)
        return bool(total != total)
    return anywhere(x != x)


def extreme(x: Array) -> bool:
    """Whether any entry is 0, NaN, or so small or large that its square could leave the range of
    its dtype."""
    x = raw(x)
    xp = namespace(x)
    limits = xp.finfo(x.dtype)
    low, high = float(limits.smallest_normal) ** 0.5, float(limits.max) ** 0.5
    return not _truth(xp.all((xp.abs(x) > low) & (xp.abs(x) < high)), False)


# Where an array library keeps its special functions, under SciPy's names.
_SPECIAL = {
    "jax.numpy": "jax.scipy.special",
    "array_api_compat.torch": "torch.special",
    "array_api_compat.cupy": "cupyx.scipy.special",
}


def special(xp: Namespace, name: str, x: Array, before: tuple[Any, ...] = ()) -> Array:
    """A function of scipy.special (its settings `before` x): the library's own, else SciPy's."""
    own = _SPECIAL.get(getattr(xp, "__name__", ""))
    if own is not None:
        return getattr(import_module(own), name)(*before, x)
    try:
        from scipy import special as functions
    except ImportError:
        raise TypeError(
            f"{name} is computed by SciPy: pip install 'tinygrad_lite[special]'"
        ) from None
    function = getattr(functions, name)
    if records(x):
        return xp.asarray(xp.call(function, *before, x), dtype=x.dtype)
    result = function(*before, in_numpy(x))
    return float(result) if xp is floats else beside(x, result)


def broadcast_axes(full: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of `full` along which an array of `shape` was broadcast to it."""
    extra = len(full) - len(shape)
    return tuple(a for a, n in enumerate(full) if a < extra or (shape[a - extra] == 1 and n != 1))


_erf = np.frompyfunc(math.erf, 1, 1)


def erf(xp: Namespace, x: Array) -> Array:
    """The error function, which the Array API lacks: the library's own, else entry by entry."""
    if hasattr(xp, "erf"):
        return xp.erf(x)
    if getattr(xp, "__name__", "") in _SPECIAL:
        return special(xp, "erf", x)
    return beside(x, np.asarray(_erf(in_numpy(x)), dtype=np.float64))


def repeat(xp: Namespace, x: Array, shape: tuple[int, ...]) -> Array:
    """x repeated along its axes of length 1 up to `shape`; in NumPy a copy, which is faster to
    make and to use than a view with strides of 0."""
    if xp is not np:
        view = xp.broadcast_to(x, shape)
        return view.copy() if records(x) else view
    out = np.empty(shape, x.dtype)
    out[...] = x
    return out
