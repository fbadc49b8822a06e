"""An operation as it is called: on nodes it records, on anything else it computes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar, overload

import numpy as np

from .backend import on_floats
from .context import in_rule
from .node import Array, Node, Scalar, raw
from .op import ATOM, NO_PARAMS, Op
from .record import (
    binary_method,
    compute,
    constant,
    is_number,
    record_array,
    record_scalar,
    unary_method,
)
from .reflexes import keyword_advice

A = TypeVar("A", bound=Array)


class _Called(Op):
    """What every op does with its arguments."""

    def _arguments(
        self, inputs: tuple[Any, ...], params: dict[str, Any]
    ) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Inputs and complete settings, told apart."""
        if self.arity is None:
            if inputs and isinstance(inputs[0], (list, tuple)):
                self._settings_by_position(inputs[1:], params)
                inputs = tuple(inputs[0])
            if not inputs:
                raise TypeError(f"{self.name}: needs at least one input")
        elif len(inputs) != self.arity:
            inputs = self._positional_settings(inputs, params)
        return inputs, self._complete(params) if params or self.defaults else params

    def _positional_settings(
        self, inputs: tuple[Any, ...], params: dict[str, Any]
    ) -> tuple[Any, ...]:
        """Settings may follow the data by position (`sum(x, 0)`); move them into `params`."""
        assert self.arity is not None
        data, rest = inputs[: self.arity], inputs[self.arity :]
        if len(data) < self.arity:
            missing = ", ".join(self.input_names[len(data) :])
            raise TypeError(f"{self.name}: missing input {missing}")
        if len(rest) > len(self.defaults):
            known = ", ".join((*self.input_names, *(f"{key}=" for key in self.defaults)))
            raise TypeError(f"{self.name}: takes {known}; got {len(inputs)} arguments")
        self._settings_by_position(rest, params)
        return data

    def _settings_by_position(self, rest: tuple[Any, ...], params: dict[str, Any]) -> None:
        if len(rest) > len(self.defaults):
            raise TypeError(
                f"{self.name}: {len(rest)} settings given, it takes {len(self.defaults)}"
            )
        for key, value in zip(self.defaults, rest, strict=False):
            if key in params:
                raise TypeError(f"{self.name}: {key} is given twice")
            params[key] = value

    @cached_property
    def _settled(self) -> dict[str, Any]:
        """The settings of a call that states none."""
        for key, value in self.defaults.items():
            if value is inspect.Parameter.empty:
                raise TypeError(f"{self.name}: the setting {key} is missing")
        return dict(self.defaults)

    def _complete(self, params: dict[str, Any]) -> dict[str, Any]:
        if not params:
            return self._settled
        for key in params:
            if key not in self.defaults:
                known = ", ".join(self.defaults) or "none"
                raise TypeError(
                    f"{self.name}: no setting called {key!r} (settings: {known})"
                    + keyword_advice(key)
                )
        complete = {**self.defaults, **params}
        for key, value in complete.items():
            if value is inspect.Parameter.empty:
                raise TypeError(f"{self.name}: the setting {key} is missing")
            if isinstance(value, Node):
                raise TypeError(
                    f"{self.name}: {key} is a setting, not an input, and has no gradient; for its "
                    f"plain value, at which the gradient stops, pass {key}=x.data"
                )
            complete[key] = _owned(value)
        return complete

    def _compute(self, inputs: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        if self.elementwise and all(is_number(x) for x in inputs):
            return on_floats(self.forward, *(float(x) for x in inputs), **params)
        return compute(self, inputs, [constant(self, x) for x in inputs], params)


def _owned(setting: Any) -> Any:
    """A setting that its giver cannot change afterwards: index arrays and lists are copied."""
    kind = type(setting)
    if kind is np.ndarray or kind is list:
        return setting.copy()
    if kind is tuple:
        for part in setting:
            if type(part) is np.ndarray or type(part) is list or type(part) is tuple:
                return tuple(map(_owned, setting))
    return setting


class Primitive(_Called):
    """A differentiable operation, called like a function: on nodes it records, else it computes."""

    def __init__(self, forward: Callable[..., Any], **definition: Any) -> None:
        super().__init__(forward, **definition)
        self._on_scalar: Callable[..., Any] | None = None
        ours = forward.__module__.startswith("tinygrad_lite.")  # users' results are checked
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
                    return record_array(self, inputs, NO_PARAMS)
            method, kind = self._on_scalar, type(inputs[0])
            if method is not None and issubclass(kind, Scalar) and type(inputs[-1]) is kind:
                return method(*inputs)
        inputs, complete = self._arguments(inputs, params)
        scalar: Scalar | None = None
        for x in inputs:
            if isinstance(x, Array):
                return record_array(self, inputs, complete)
            if isinstance(x, Scalar):
                scalar = x
        if scalar is None:
            return self._compute(inputs, complete)
        if self.elementwise and all(is_number(x) for x in inputs):
            return record_scalar(self, type(scalar), inputs, complete)
        return record_array(self, inputs, complete)


class Plain(_Called):
    """An op whose result does not change in small steps: its answers are plain, without a graph.

    While a derivative rule is recorded, of nodes that hold arrays, they are constant nodes that
    keep their origin, so that the rule can be read. (Floats have no use for that.)
    """

    plain = True

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        inputs, complete = self._arguments(inputs, params)
        if in_rule() and any(isinstance(x, Array) for x in inputs):
            return record_array(self, inputs, complete)
        y = self._compute(tuple(map(raw, inputs)), complete)
        return np.bool_(y) if isinstance(y, bool) else y  # ~True is -2


def elementwise(
    text: str,
    latex: str | None = None,
    *,
    numpy: str | None = None,
    precedence: int = ATOM,
    expansion: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Primitive]:
    """Define an op that acts on each entry by itself, with broadcasting; then state `.local`."""
    _refuse_bare(text, "elementwise")
    return lambda forward: Primitive(
        forward,
        elementwise=True,
        text=text,
        latex=latex,
        numpy=numpy,
        precedence=precedence,
        expansion=expansion,
    )


def primitive(
    text: str,
    latex: str | None = None,
    *,
    numpy: str | None = None,
    precedence: int = ATOM,
    expansion: Callable[..., Any] | None = None,
    as_given: Sequence[str] = (),
) -> Callable[[Callable[..., Any]], Primitive]:
    """Define an op of arrays as wholes; then state `.pull`."""
    _refuse_bare(text, "primitive")
    return lambda forward: Primitive(
        forward,
        elementwise=False,
        text=text,
        latex=latex,
        numpy=numpy,
        precedence=precedence,
        expansion=expansion,
        as_given=as_given,
    )


def plain(
    text: str,
    latex: str | None = None,
    *,
    numpy: str | None = None,
    precedence: int = ATOM,
    elementwise: bool = True,
) -> Callable[[Callable[..., Any]], Plain]:
    """Define an op whose results are plain: a question about values, or a filling by shape."""
    return lambda forward: Plain(
        forward,
        elementwise=elementwise,
        text=text,
        latex=latex,
        numpy=numpy,
        precedence=precedence,
    )


def _refuse_bare(text: Any, decorator: str) -> None:
    """Raise `TypeError` for a decorator without the text that says how the op is written."""
    if not isinstance(text, str):
        raise TypeError(
            f"{decorator}: say how the op is written, with {{0}} for its first input, as in "
            f'@tg.{decorator}("softsign({{0}})")'
        )
