"""`Tensor`: an array that records what it is computed from."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Concatenate, Never, ParamSpec, Protocol

import numpy as np

from . import functions, ops
from .differentiable import Differentiable, dress, refuse_arguments
from .functions.entrywise import round as rounded
from .graph.backend import in_numpy, namespace, to_array
from .graph.meta import Meta
from .graph.node import Array, Node, raw
from .graph.primitive import Primitive
from .graph.quick import array_method
from .graph.reflexes import refuse_keywords
from .ops.constants import Axis

__all__ = ["Tensor"]

P = ParamSpec("P")


class _Reduction(Protocol):
    """The type of a method that reduces over `axis`: None (all), an integer or several."""

    def __call__(self, axis: Axis = None, keepdims: bool = False) -> Tensor: ...


def _unary(op: Primitive) -> Callable[[Tensor], Tensor]:
    return dress(array_method(op), op)


def _binary(op: Primitive) -> Callable[[Tensor, Any], Tensor]:
    return dress(array_method(op), op)


def _reflected(op: Primitive) -> Callable[[Tensor, Any], Tensor]:
    record = array_method(op)

    def method(self: Tensor, other: Any) -> Any:
        return record(other, self)

    return dress(method, op)


def _method(f: Callable[Concatenate[Any, P], Any]) -> Callable[Concatenate[Tensor, P], Tensor]:
    """A function of an array and settings as a method."""

    def method(self: Tensor, /, *args: P.args, **settings: P.kwargs) -> Any:
        if settings and not settings.keys() <= known:
            return _as_numpy_calls(self, f, args, settings, known)
        return f(self, *args, **settings)

    known = inspect.signature(f).parameters.keys()
    return dress(method, f)


def _as_numpy_calls(x: Tensor, f: Any, args: Any, settings: Any, known: Any) -> Any:
    """f of x in the `dtype` that NumPy's methods take; other unknown keywords must be None."""
    unknown = {k: v for k, v in settings.items() if k not in known and v is not None}
    dtype = unknown.pop("dtype", None)
    refuse_keywords(f.__name__, unknown)
    x = x if dtype is None else x.astype(dtype)
    return f(x, *args, **{k: v for k, v in settings.items() if k in known})


def _reduction(op: Primitive) -> _Reduction:
    method: Any = _method(op)
    return method  # type: ignore[no-any-return]


class Tensor(Differentiable, Array):
    """A real array in the computation graph, of NumPy or any Array-API library.

    Wrapping means "differentiate with respect to this"; plain arrays and numbers are constants.
    Integers and booleans become float64, float32 stays float32; complex and object data raise
    `TypeError`. `data` is a copy of the array, `grad` an array of its shape once `backward()` of
    something computed from it has run; results of ops have both too.
    """

    __slots__ = ()

    def __init__(self, data: Any, *, name: str | None = None, **unknown: Never) -> None:
        if unknown or isinstance(data, Node):
            refuse_arguments("Tensor", data, unknown)
        array = to_array(data, "Tensor")
        xp = namespace(array)
        self._data = array.copy() if xp is np else xp.asarray(array, copy=True)
        self._grad = None
        self.op = None
        self.inputs = self.operands = ()
        self._meta = None if name is None else Meta(name=name)

    def _convert(self, value: Any, what: str) -> Any:
        held = self._data
        if type(value) is type(held) and value.dtype is held.dtype and value.shape == held.shape:
            return value  # most: NumPy has one object for each of its dtypes
        array = to_array(value, f"Tensor.{what}")
        if namespace(array) is namespace(self._data) and array.dtype != self._data.dtype:
            array = ops.astype(array, dtype=self._data.dtype)
        if array.shape != self.shape:  # recorded graphs and the other of the two keep the old
            hint = "; make a new Tensor" if what == "data" else ""
            raise ValueError(
                f"Tensor.{what}: shape {array.shape} for a Tensor of shape {self.shape}{hint}"
            )
        return array

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return sys.modules[__name__.partition(".")[0]]  # this package, which imports this module

    @property
    def device(self) -> Any:
        """Where the array is: "cpu" of NumPy's."""
        return self._data.device

    def to_device(self, device: Any, /, *, stream: Any = None) -> Tensor:
        """The same on a device, which must be its own: raises `ValueError` for another."""
        if device != self.device:
            raise ValueError(f"a Tensor stays where its array is, on {self.device}, not {device}")
        return self

    @property
    def _plain(self) -> Any:
        """The array, as NumPy's where it lacks what all but the standard have."""
        return self._data if hasattr(self._data, "item") else in_numpy(self._data)

    def item(self) -> float:
        """The single entry as a Python float."""
        found: float = self._plain.item()
        return found

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(
                "len() of a Tensor without axes; t.size counts its entries, and t.data is what "
                "other libraries read, where the gradient stops"
            )
        return len(self._data) if hasattr(self._data, "__len__") else self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("a 0-d Tensor cannot be iterated over")
        return (self[i, ...] for i in range(len(self)))

    def __contains__(self, entry: Any) -> bool:
        return bool((self._data == raw(entry)).any())

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        body = repr(self._data)
        body = "Tensor" + body[5:] if body.startswith("array(") else f"Tensor({body})"
        body = body.replace("\n", "\n ")
        return f"{body[:-1]}{name})" if name else body

    def __getitem__(self, index: Any) -> Tensor:
        """self[index], for every kind of NumPy index."""
        if any(isinstance(i, Node) for i in (index if isinstance(index, tuple) else (index,))):
            raise IndexError("an index must hold integers or booleans; a node holds floats")
        return ops.getitem(self, index=index)

    def __setitem__(self, index: Any, value: Any) -> Never:
        raise TypeError(
            "a Tensor cannot be written into, because its graph would no longer match its values; "
            "use tg.where(mask, new, t), t + tg.put_at(...), or set t.data on a leaf (no gradient "
            "flows through data)"
        )

    if not TYPE_CHECKING:  # else NumPy's types take a Tensor for an array

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> Never:
            raise TypeError(
                "a plain array made of a Tensor would drop the graph and with it the gradient; use "
                "tg.asarray or tg.stack to join tensors (or to put some into an array), a @ t or "
                "np.dot(a, t) for a.dot(t), sparse.toarray() @ t, frame.to_numpy() @ t, and t.data "
                "for a plain array, where the gradient stops"
            )

    __add__ = _binary(ops.add)
    __radd__ = _reflected(ops.add)
    __sub__ = _binary(ops.subtract)
    __rsub__ = _reflected(ops.subtract)
    __mul__ = _binary(ops.multiply)
    __rmul__ = _reflected(ops.multiply)
    __truediv__ = _binary(ops.divide)
    __rtruediv__ = _reflected(ops.divide)
    __floordiv__ = _binary(ops.floor_divide)
    __rfloordiv__ = _reflected(ops.floor_divide)
    __mod__ = _binary(ops.remainder)
    __rmod__ = _reflected(ops.remainder)
    __pow__ = _binary(ops.pow)
    __rpow__ = _reflected(ops.pow)
    __matmul__ = _binary(ops.matmul)
    __rmatmul__ = _reflected(ops.matmul)
    __neg__ = _unary(ops.negative)
    __abs__ = _unary(ops.abs)

    exp = _unary(ops.exp)
    log = _unary(ops.log)
    sqrt = _unary(ops.sqrt)
    square = _unary(ops.square)
    sin = _unary(ops.sin)
    cos = _unary(ops.cos)
    tanh = _unary(ops.tanh)
    sigmoid = _unary(ops.sigmoid)
    softplus = _unary(ops.softplus)
    relu = _unary(ops.relu)
    abs = _unary(ops.abs)

    sum = _reduction(ops.sum)
    mean = _reduction(ops.mean)
    max = _reduction(ops.max)
    min = _reduction(ops.min)
    prod = _reduction(ops.prod)
    logsumexp = _reduction(ops.logsumexp)

    var = _method(functions.var)
    std = _method(functions.std)
    norm = _method(functions.norm)
    cumsum = _method(functions.cumsum)
    cumprod = _method(functions.cumprod)
    repeat = _method(functions.repeat)
    round = _method(rounded)
    copy = conj = _unary(ops.identity)
    softmax = _method(ops.softmax)
    log_softmax = _method(ops.log_softmax)
    astype = _method(ops.astype)
    dot = _method(functions.dot)
    diagonal = _method(ops.diagonal)
    trace = _method(ops.trace)
    take = _method(ops.take)
    flatten = ravel = _method(functions.flatten)
    squeeze = _method(functions.squeeze)
    expand_dims = _method(functions.expand_dims)
    swapaxes = _method(functions.swapaxes)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """The index of the largest entry along `axis`, as a plain array; None: in row-major
        order."""
        return ops.argmax(self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """The index of the smallest entry along `axis`, as a plain array; None: in row-major
        order."""
        return ops.argmin(self, axis=axis, keepdims=keepdims)

    def argsort(self, axis: int = -1) -> Any:
        """The order that sorts along `axis`, as a plain array."""
        return np.argsort(self._data, axis=axis)

    def nonzero(self) -> Any:
        """The indices of the entries that are not 0, along each axis, as plain arrays."""
        return np.nonzero(self._data)

    def tolist(self) -> Any:
        """The entries as nested lists of plain numbers, where the gradient stops."""
        return self._plain.tolist()

    @property
    def real(self) -> Tensor:
        """self, which is real."""
        return self

    def reshape(self, *shape: Any) -> Tensor:
        """The same entries in another shape, given as lengths or as one tuple."""
        return ops.reshape(self, shape=shape[0] if len(shape) == 1 else shape)

    def permute_dims(self, *axes: Any) -> Tensor:
        """The axes in another order, given one by one or as one tuple."""
        one = axes and isinstance(axes[0], (tuple, list))
        return ops.permute_dims(self, axes=axes[0] if one else axes)

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order; without one, reversed."""
        return self.permute_dims(*axes) if axes else self.T

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return ops.permute_dims(self, axes=tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged: the transpose of each matrix."""
        n = self.ndim
        if n < 2:
            raise ValueError(f"mT needs at least 2 axes, got shape {self.shape}")
        return ops.permute_dims(self, axes=(*range(n - 2), n - 1, n - 2))


Array.result = Tensor
