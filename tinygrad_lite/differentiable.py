"""What `Value` and `Tensor` have in common: derivatives, NumPy's protocols, and refusals."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any, Never, Self, TypeVar

import numpy as np

from . import ops
from .backprop.backward import backward
from .backprop.jacobians import jacobian
from .functions.entrywise import round as rounded
from .graph import errors
from .graph.backend import beside, is_array, is_numpy, namespace
from .graph.context import in_rule
from .graph.meta import NO_META, Meta
from .graph.node import Node, fresh, raw
from .graph.primitive import Plain
from .graph.questions import asked
from .graph.reflexes import NODES, Habits, refuse_keywords
from .protocols import apply_function, apply_ufunc

_FLOAT64 = np.dtype(np.float64)
F = TypeVar("F", bound=Callable[..., Any])


class _Kind(type):
    """What lists a class of nodes, as `help` does, without what it has not: `dir` of a class asks
    its metaclass and nothing else. `inspect.getmembers` asks for all that is listed."""

    def __dir__(cls) -> list[str]:
        return [name for name in super().__dir__() if name not in NODES and name != "_mask"]


class Differentiable(Habits, Node, metaclass=_Kind):
    """A node as users hold it."""

    __slots__ = ()
    __pandas_priority__ = 5000  # above pandas' own: on the left, it leaves operators to us

    def backward(self, cotangent: Any = None, *, record: bool = False, **unknown: Never) -> None:
        """Set `.grad` of everything this depends on to d(this)/d(it), times `cotangent`.

        A single entry needs no cotangent; any other shape does: the gradient of the loss with
        respect to this. Leaves accumulate over calls. With `record`, gradients are nodes that can
        be differentiated; a node and its gradient's graph then hold each other until Python's
        collector runs. `tg.grad(E, W, record=True)` hands them out instead and leaves nothing.
        """
        if unknown:
            refuse_keywords("backward", unknown)
        backward(self, cotangent, record=record)

    def jacobian(self, x: Node) -> Any:
        """d(self)/dx, of shape self.shape + x.shape; x is any node this depends on.

        One sweep per entry. Raises `ValueError` where this does not depend on x, with the reason.
        """
        return jacobian(self, x)

    def why_no_grad(self, x: Node) -> str:
        """Why `x.grad` is None after `self.backward()`: the link that is missing, in words."""
        return errors.why_unreached(self, x)

    def detach(self) -> Self:
        """The same number or array as a constant: no gradient flows through it."""
        node = fresh(self, self._data)
        node._meta = Meta(name=self.name, constant=True)
        return node  # type: ignore[no-any-return]

    def clip(self, min: Any = None, max: Any = None) -> Self:
        """Limited to [min, max]; a bound may be None, an array or a node. The derivative is 1
        inside and at the bounds, else the bound's."""
        return ops.clip(self, min=min, max=max)  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes; 0 of a number."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return prod(self.shape)

    @property
    def dtype(self) -> Any:
        """The dtype of the entries; float64 of a number."""
        return getattr(self._data, "dtype", _FLOAT64)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    # Comparisons are plain, but within a rule of arrays constant nodes that keep their origin. `==`
    # too compares values, as in NumPy: x == x.max(axis=1, keepdims=True) is a mask. A node is a key
    # of dicts and sets by its hash; whether a list holds it, `any(u is t for u in nodes)` tells.

    def __eq__(self, other: object) -> Any:
        return self._compared(operator.eq, ops.equal, other)

    def __ne__(self, other: object) -> Any:
        return self._compared(operator.ne, ops.not_equal, other)

    def __lt__(self, other: Any) -> Any:
        return self._compared(operator.lt, ops.less, other)

    def __le__(self, other: Any) -> Any:
        return self._compared(operator.le, ops.less_equal, other)

    def __gt__(self, other: Any) -> Any:
        return self._compared(operator.gt, ops.greater, other)

    def __ge__(self, other: Any) -> Any:
        return self._compared(operator.ge, ops.greater_equal, other)

    def _compared(self, plainly: Callable[[Any, Any], Any], op: Plain, other: Any) -> Any:
        if in_rule():
            return op(self, other)
        x, y = self._number(), self._like(other)
        try:
            return asked(plainly(x, y), op, (self, other))
        except errors.FAULTS as error:
            raise errors.explain(op, (self, other), (x, y), {}, error) from None

    def __bool__(self) -> bool:
        return bool(self._number())

    def _number(self) -> Any:
        """The data, to be compared; `derive` tells of a number that may have decided a branch."""
        meta = self._meta or NO_META
        if not (self.shape or meta.compared):
            self._meta = replace(meta, compared=True)  # type: ignore[misc]
        return self._data

    def _like(self, other: Any) -> Any:
        """What the data are compared with, lists and NumPy's arrays where another library's lie."""
        x, other = self._data, raw(other)
        ours = isinstance(other, (np.ndarray, list, tuple))
        foreign = ours and is_array(x) and not is_numpy(namespace(x))
        return beside(x, other) if foreign else other

    __hash__ = object.__hash__

    def item(self) -> float:
        """The single entry as a Python float."""
        raise NotImplementedError

    @property
    def _mask(self) -> Never:
        """What NumPy's masked arrays ask an operand for, having taken its `_data`."""
        raise TypeError(
            "a masked array beside a node would take its data and lose the gradient; use "
            ".filled() of the masked array, and tg.where"
        )

    def __float__(self) -> float:
        raise TypeError(
            f"float({type(self).__name__}), which math's functions and writing into an array call, "
            "would drop the gradient; use tg.exp and the like, tg.stack or tg.asarray for arrays "
            "of nodes, or .item() for the plain number, where the gradient stops"
        )

    def __int__(self) -> int:
        raise TypeError(
            f"int({type(self).__name__}) would drop the gradient; use int(t.item()) for the plain "
            "number, where the gradient stops, or np.trunc(t), whose derivative is 0"
        )

    def __round__(self, decimals: int | None = None) -> Self:
        return rounded(self, decimals or 0)  # type: ignore[no-any-return]

    def __format__(self, spec: str) -> str:
        if spec and prod(self.shape) != 1:
            raise TypeError(
                f"a format like {spec!r} takes one number, not shape {self.shape}; use "
                "np.array2string(t, ...)"
            )
        return format(self.item() if spec else str(self), spec)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(hasattr(kind, "of_op") for kind in types):  # complex numbers know what to do
            return NotImplemented
        return apply_function(function, args, kwargs)

    def __dir__(self) -> list[str]:
        return dir(type(self))


def refuse_arguments(kind: str, data: Any, unknown: Mapping[str, object]) -> None:
    """Raise `TypeError` for a node to be wrapped once more, and for unknown keywords."""
    if isinstance(data, Node):
        raise TypeError(
            f"{kind}({type(data).__name__}) would cut it from its graph; use the node itself, "
            "or .detach() for a constant"
        )
    refuse_keywords(kind, unknown)


def dress(method: F, function: Callable[..., Any]) -> F:
    """Give a method the name, the docstring and the signature of the function that it calls."""
    signature = inspect.signature(function)
    first, *others = signature.parameters.values()
    dressed: Any = method
    dressed.__signature__ = signature.replace(parameters=[first.replace(name="self"), *others])
    dressed.__name__ = function.__name__
    dressed.__doc__ = getattr(function, "forward", function).__doc__
    return method
