"""`Value`: a scalar that records what it is computed from, with micrograd's interface."""

from __future__ import annotations

from typing import Any

from . import ops
from .backprop.backward import backward
from .backprop.jacobians import jacobian
from .graph import errors
from .graph.backend import to_float
from .graph.meta import Meta
from .graph.node import Node, Scalar
from .graph.record import binary_method, reflected_method, unary_method
from .protocols import apply_function, apply_ufunc


class Value(Scalar):
    """A real number in the computation graph.

    `data` is a Python float, `grad` a float once `backward()` of something computed from it has
    run. Operators take Values and plain numbers on either side; a plain number is a constant.
    Together with arrays the result is a `Tensor`.

    >>> a, b = Value(2.0), Value(-3.0)
    >>> e = (a * b + b**3).tanh()
    """

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return apply_function(function, args, kwargs)

    def __init__(self, data: Any, *, name: str | None = None) -> None:
        if isinstance(data, Node):
            raise TypeError(
                f"Value({type(data).__name__}) would cut it from its graph; use the node itself, "
                "or .detach() for a constant"
            )
        self._data = to_float(data, "Value")
        self._grad = None
        self.op = None
        self._x = self._y = self._a = self._b = None
        self._meta = None if name is None else Meta(name=name)

    def _convert(self, value: Any, what: str) -> float:
        return to_float(value, f"Value.{what}")

    def backward(self, cotangent: float | None = None, *, record: bool = False) -> None:
        """Set `.grad` of everything this depends on to d(this)/d(it), times `cotangent`.

        Leaves accumulate over calls. With `record`, gradients are nodes that can be differentiated;
        such a gradient holds on to its graph until `zero_grad()`.
        """
        backward(self, cotangent, record=record)

    def jacobian(self, x: Node) -> Any:
        """d(self)/dx, of x's shape; x is any node this depends on.

        Raises `ValueError` where this does not depend on x, with the reason.
        """
        return jacobian(self, x)

    def why_no_grad(self, x: Node) -> str:
        """Why `x.grad` is None after `self.backward()`: the link that is missing, in words."""
        return errors.why_unreached(self, x)

    def detach(self) -> Value:
        """The same number as a constant: no gradient flows through it."""
        value = Value(self._data)
        value._meta = Meta(name=self.name, constant=True)
        return value

    def item(self) -> float:
        """The number."""
        return self._data  # type: ignore[no-any-return]

    def __float__(self) -> float:
        raise TypeError(
            "float(v), which math's functions call, would drop the gradient; use tg.exp and the "
            "like, or v.data for the plain number"
        )

    def __format__(self, spec: str) -> str:
        return format(self._data if spec else str(self), spec)

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        return f"Value(data={self._data!r}, grad={self._grad!r}{name})"

    __add__ = binary_method(ops.add)
    __radd__ = reflected_method(ops.add)
    __sub__ = binary_method(ops.subtract)
    __rsub__ = reflected_method(ops.subtract)
    __mul__ = binary_method(ops.multiply)
    __rmul__ = reflected_method(ops.multiply)
    __truediv__ = binary_method(ops.divide)
    __rtruediv__ = reflected_method(ops.divide)
    __pow__ = binary_method(ops.pow)
    __rpow__ = reflected_method(ops.pow)
    __neg__ = unary_method(ops.negative)

    __abs__ = unary_method(ops.abs)

    exp = unary_method(ops.exp)
    log = unary_method(ops.log)
    sqrt = unary_method(ops.sqrt)
    square = unary_method(ops.square)
    sin = unary_method(ops.sin)
    cos = unary_method(ops.cos)
    tanh = unary_method(ops.tanh)
    sigmoid = unary_method(ops.sigmoid)
    softplus = unary_method(ops.softplus)
    relu = unary_method(ops.relu)
    abs = unary_method(ops.abs)

    def clip(self, min: float | None = None, max: float | None = None) -> Any:
        return ops.clip(self, min=min, max=max)
