"""`Tensor`: an array that records what it is computed from."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from . import functions, ops
from .backprop.backward import backward
from .backprop.jacobians import jacobian
from .graph import errors
from .graph.backend import to_array
from .graph.context import in_rule
from .graph.meta import Meta
from .graph.node import Array, Node, raw
from .graph.record import record_array
from .protocols import apply_function, apply_ufunc

_NO_SETTINGS: dict[str, Any] = {}


class Tensor(Array):
    """A real array in the computation graph, of NumPy or any Array-API library.

    Wrapping means "differentiate with respect to this"; plain arrays and numbers are constants.
    Integers and booleans become float64, float32 stays float32; complex and object data raise
    `TypeError`. `data` is the array itself, not a copy (a step in place, `p.data -= ...`, changes
    what you wrapped), `grad` an array of its shape once `backward()` of something computed from it
    has run; results of ops have both too.
    """

    __slots__ = ()

    def __init__(self, data: Any, *, name: str | None = None) -> None:
        if isinstance(data, Node):
            raise TypeError(
                f"Tensor({type(data).__name__}) would cut it from its graph; use the node itself, "
                "or .detach() for a constant"
            )
        self._data = to_array(data, "Tensor")
        self._grad = None
        self.op = None
        self.inputs = self.operands = ()
        self._meta = None if name is None else Meta(name=name)

    def _convert(self, value: Any, what: str) -> Any:
        array = to_array(value, f"Tensor.{what}")
        if array.shape != self.shape:  # recorded graphs and the other of the two keep the old
            hint = "; make a new Tensor" if what == "data" else ""
            raise ValueError(
                f"Tensor.{what}: shape {array.shape} for a Tensor of shape {self.shape}{hint}"
            )
        return array

    def backward(self, cotangent: Any = None, *, record: bool = False) -> None:
        """Set `.grad` of everything this depends on.

        A single entry needs no argument; any other shape needs `cotangent`, the gradient of the
        loss with respect to this. Leaves accumulate over calls. With `record`, gradients are nodes
        that can be differentiated; such a gradient holds on to its graph until `zero_grad()`.
        """
        backward(self, cotangent, record=record)

    def jacobian(self, x: Node) -> Any:
        """d(self)/dx, an array of shape self.shape + x.shape; x is any node this depends on.

        One sweep per entry. Raises `ValueError` where this does not depend on x, with the reason.
        """
        return jacobian(self, x)

    def why_no_grad(self, x: Node) -> str:
        """Why `x.grad` is None after `self.backward()`: the link that is missing, in words."""
        return errors.why_unreached(self, x)

    def detach(self) -> Tensor:
        """The same array as a constant: no gradient flows through it."""
        tensor = Tensor(self._data)
        tensor._meta = Meta(name=self.name, constant=True)
        return tensor

    def item(self) -> float:
        """The single entry as a Python float."""
        return float(self._data.item())

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of entries."""
        return prod(self.shape)

    @property
    def dtype(self) -> Any:
        """The dtype of the entries."""
        return self._data.dtype

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        if not self.ndim:
            raise TypeError("a 0-d Tensor cannot be iterated over")
        return (self[i] for i in range(len(self)))

    def __contains__(self, entry: Any) -> bool:
        return bool((self._data == raw(entry)).any())

    def __float__(self) -> float:
        raise TypeError(
            "float(t), which math's functions call, would drop the gradient; use tg.exp and the "
            "like, or t.item() for the plain number"
        )

    def __format__(self, spec: str) -> str:
        if spec and self.size != 1:
            raise TypeError(
                f"a format like {spec!r} takes one number, not shape {self.shape}; use "
                "np.array2string(t, ...)"
            )
        return format(self.item() if spec else str(self), spec)

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        body = repr(self._data)
        body = "Tensor" + body[5:] if body.startswith("array(") else f"Tensor({body})"
        body = body.replace("\n", "\n ")
        return f"{body[:-1]}{name})" if name else body

    # --- arithmetic

    def __add__(self, other: Any) -> Any:
        return record_array(ops.add, (self, other), _NO_SETTINGS)

    def __radd__(self, other: Any) -> Any:
        return record_array(ops.add, (other, self), _NO_SETTINGS)

    def __sub__(self, other: Any) -> Any:
        return record_array(ops.subtract, (self, other), _NO_SETTINGS)

    def __rsub__(self, other: Any) -> Any:
        return record_array(ops.subtract, (other, self), _NO_SETTINGS)

    def __mul__(self, other: Any) -> Any:
        return record_array(ops.multiply, (self, other), _NO_SETTINGS)

    def __rmul__(self, other: Any) -> Any:
        return record_array(ops.multiply, (other, self), _NO_SETTINGS)

    def __truediv__(self, other: Any) -> Any:
        return record_array(ops.divide, (self, other), _NO_SETTINGS)

    def __rtruediv__(self, other: Any) -> Any:
        return record_array(ops.divide, (other, self), _NO_SETTINGS)

    def __pow__(self, other: Any) -> Any:
        return record_array(ops.pow, (self, other), _NO_SETTINGS)

    def __rpow__(self, other: Any) -> Any:
        return record_array(ops.pow, (other, self), _NO_SETTINGS)

    def __matmul__(self, other: Any) -> Any:
        return record_array(ops.matmul, (self, other), _NO_SETTINGS)

    def __rmatmul__(self, other: Any) -> Any:
        return record_array(ops.matmul, (other, self), _NO_SETTINGS)

    def __neg__(self) -> Any:
        return record_array(ops.negative, (self,), _NO_SETTINGS)

    def __abs__(self) -> Any:
        return record_array(ops.abs, (self,), _NO_SETTINGS)

    # --- comparisons: plain, but within a rule constant nodes that keep their origin

    def __eq__(self, other: object) -> Any:
        return ops.equal(self, other) if in_rule() else Array.__eq__(self, other)

    def __ne__(self, other: object) -> Any:
        return ops.not_equal(self, other) if in_rule() else Array.__ne__(self, other)

    def __lt__(self, other: Any) -> Any:
        return ops.less(self, other)

    def __le__(self, other: Any) -> Any:
        return ops.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return ops.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return ops.greater_equal(self, other)

    __hash__ = object.__hash__

    # --- indexing

    def __getitem__(self, index: Any) -> Any:
        """self[index], for every kind of NumPy index."""
        return ops.getitem(self, index=_raw_index(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor cannot be written into, because its graph would no longer match its values; "
            "use tg.where(mask, new, t), t + tg.put_at(...), or set t.data on a leaf"
        )

    # --- NumPy

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return apply_function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(
            "a plain array made of a Tensor would drop the graph and with it the gradient; use "
            "t.data for the plain array, tg.asarray or tg.stack to join tensors"
        )

    # --- the ops as methods

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops.min(self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops.prod(self, axis=axis, keepdims=keepdims)

    def logsumexp(self, axis: Any = None, keepdims: bool = False) -> Any:
        return ops.logsumexp(self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
        return functions.var(self, axis, correction, keepdims)

    def std(self, axis: Any = None, correction: float = 0, keepdims: bool = False) -> Any:
        return functions.std(self, axis, correction, keepdims)

    def norm(self, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
        return functions.norm(self, ord, axis, keepdims)

    def cumsum(self, axis: int | None = None) -> Any:
        return ops.cumulative_sum(self, axis=axis)

    def softmax(self, axis: int = -1) -> Any:
        return ops.softmax(self, axis=axis)

    def log_softmax(self, axis: int = -1) -> Any:
        return ops.log_softmax(self, axis=axis)

    def argmax(self, axis: int | None = None) -> Any:
        """The index of the largest entry, as a plain array."""
        return ops.argmax(self, axis=axis)

    def argmin(self, axis: int | None = None) -> Any:
        """The index of the smallest entry, as a plain array."""
        return ops.argmin(self, axis=axis)

    def exp(self) -> Any:
        return ops.exp(self)

    def log(self) -> Any:
        return ops.log(self)

    def sqrt(self) -> Any:
        return ops.sqrt(self)

    def square(self) -> Any:
        return ops.square(self)

    def sin(self) -> Any:
        return ops.sin(self)

    def cos(self) -> Any:
        return ops.cos(self)

    def tanh(self) -> Any:
        return ops.tanh(self)

    def sigmoid(self) -> Any:
        return ops.sigmoid(self)

    def softplus(self) -> Any:
        return ops.softplus(self)

    def relu(self) -> Any:
        return ops.relu(self)

    def abs(self) -> Any:
        return ops.abs(self)

    def clip(self, min: float | None = None, max: float | None = None) -> Any:
        return ops.clip(self, min=min, max=max)

    def astype(self, dtype: Any) -> Any:
        """The same numbers in another floating dtype."""
        return ops.astype(self, dtype=dtype)

    def dot(self, other: Any) -> Any:
        return functions.dot(self, other)

    def trace(self) -> Any:
        return ops.trace(self)

    def diagonal(self, offset: int = 0) -> Any:
        return ops.diagonal(self, offset=offset)

    def reshape(self, *shape: Any) -> Any:
        """The same entries in another shape, given as lengths or as one tuple."""
        return ops.reshape(self, shape=shape[0] if len(shape) == 1 else shape)

    def flatten(self) -> Any:
        return functions.flatten(self)

    def squeeze(self, axis: Any = None) -> Any:
        return functions.squeeze(self, axis)

    def expand_dims(self, axis: Any = 0) -> Any:
        return functions.expand_dims(self, axis)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return functions.swapaxes(self, axis1, axis2)

    def permute_dims(self, *axes: Any) -> Any:
        """The axes in another order, given one by one or as one tuple."""
        return ops.permute_dims(
            self, axes=axes[0] if axes and isinstance(axes[0], (tuple, list)) else axes
        )

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order; without one, reversed."""
        return self.permute_dims(*axes) if axes else self.T

    def take(self, indices: Any, axis: int | None = None) -> Any:
        return ops.take(self, indices=indices, axis=axis)

    @property
    def T(self) -> Any:
        """The axes in reverse order."""
        return ops.permute_dims(self, axes=tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Any:
        """The last two axes exchanged: the transpose of each matrix."""
        n = self.ndim
        if n < 2:
            raise ValueError(f"mT needs at least 2 axes, got shape {self.shape}")
        return ops.permute_dims(self, axes=(*range(n - 2), n - 1, n - 2))


def _raw_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_raw_index(i) for i in index)
    if isinstance(index, Node):
        raise IndexError("an index must hold integers or booleans; a node holds floats")
    return index


Array.result = Tensor
