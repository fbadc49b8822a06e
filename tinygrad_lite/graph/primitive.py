"""An operation as it is called: on nodes it records, on anything else it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, Unpack, overload

import numpy as np

from .arguments import Called, Notation
from .context import in_rule
from .dtypes import is_number
from .node import Array, Scalar
from .quick import array_method, binary_method, unary_method
from .record import record_array, record_scalar

A = TypeVar("A", bound=Array)


class Primitive(Called):
    """A differentiable operation, called like a function: on nodes it records, else it computes."""

    def __init__(self, forward: Callable[..., Any], *definition: Any, **notation: Any) -> None:
        super().__init__(forward, *definition, **notation)
        self._on_array = array_method(self)
        self._on_scalar: Callable[..., Any] | None = None
        ours = str(forward.__module__).startswith("tinygrad_lite.")  # users' results are checked
        if self.elementwise and ours and not self.defaults and self.arity in (1, 2):
            self._on_scalar = (unary_method if self.arity == 1 else binary_method)(self)

    @overload
    def __call__(self, x: A, /, *rest: Any, **params: Any) -> A: ...
    @overload
    def __call__(self, *inputs: Any, **params: Any) -> Any: ...
    def __call__(self, *inputs: Any, **params: Any) -> Any:
        if not params and not self.defaults and len(inputs) == self.arity:  # most calls
            for x in inputs:
                if isinstance(x, Array):
                    return self._on_array(*inputs)
            method, kind = self._on_scalar, type(inputs[0])
            if method is not None and issubclass(kind, Scalar) and type(inputs[-1]) is kind:
                return method(*inputs)
        if self.of_arrays is not None and self.holds_arrays(inputs, params):
            return self.of_arrays(*inputs, **params)
        inputs, complete = self.arguments(inputs, params)
        scalar = False
        for x in inputs:
            if isinstance(x, Array):
                return record_array(self, inputs, complete)
            if isinstance(x, Scalar):
                scalar = True
        if not scalar:
            return self.compute(inputs, complete)
        if self.elementwise and all(is_number(x) for x in inputs):
            return record_scalar(self, inputs, complete)
        return record_array(self, inputs, complete)


class Plain(Called):
    """An op whose result does not change in small steps: its answers are plain, without a graph.

    While a derivative rule is recorded, of nodes that hold arrays, they are constant nodes that
    keep their origin, so that the rule can be read. (Floats have no use for that.)
    """

    plain = True

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        inputs, complete = self.arguments(inputs, params)
        if in_rule() and any(isinstance(x, Array) for x in inputs):
            return record_array(self, inputs, complete)
        y = self.compute(inputs, complete)
        return np.bool_(y) if isinstance(y, bool) else y  # ~True is -2


def elementwise(
    text: str, latex: str | None = None, **notation: Unpack[Notation]
) -> Callable[[Callable[..., Any]], Primitive]:
    """Define an op that acts on each entry by itself, with broadcasting; then state `.local`."""
    _refuse_bare(text, "elementwise")
    return lambda forward: Primitive(forward, True, text, latex, **notation)


def primitive(
    text: str, latex: str | None = None, **notation: Unpack[Notation]
) -> Callable[[Callable[..., Any]], Primitive]:
    """Define an op of arrays as wholes; then state `.pull`."""
    _refuse_bare(text, "primitive")
    return lambda forward: Primitive(forward, False, text, latex, **notation)


def plain(
    text: str,
    latex: str | None = None,
    *,
    elementwise: bool = True,
    **notation: Unpack[Notation],
) -> Callable[[Callable[..., Any]], Plain]:
    """Define an op whose results are plain: a question about values, or a filling by shape."""
    return lambda forward: Plain(forward, elementwise, text, latex, **notation)


def _refuse_bare(text: Any, decorator: str) -> None:
    """Raise `TypeError` for a decorator without the text that says how the op is written."""
    if not isinstance(text, str):
        raise TypeError(
            f"{decorator}: say how the op is written, with {{0}} for its first input, as in "
            f'@tg.{decorator}("softsign({{0}})")'
        )
