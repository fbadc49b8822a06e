"""What an op does with the arguments of a call, before it computes anything."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypedDict

import numpy as np

from . import errors
from .backend import on_floats
from .dtypes import constant, in_dtype, is_number, library
from .node import Node, raw
from .op import Op
from .questions import asked
from .reflexes import keyword_advice


class Called(Op):
    """An op that tells its inputs from its settings."""

    of_arrays: Callable[..., Any] | None = None  # what a call is whose settings are no numbers

    def holds_arrays(self, inputs: tuple[Any, ...], params: dict[str, Any]) -> bool:
        """Whether a setting of a call is a node or an array."""
        settings = (*inputs[self.arity :], *params.values())
        return any(isinstance(s, Node) or not (s is None or is_number(s)) for s in settings)

    def arguments(
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
        if "dtype" in params and "dtype" not in self.defaults:
            inputs = in_dtype(self, inputs, params.pop("dtype"))
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
            complete[key] = _owned(tuple(value) if key == "axis" and type(value) is list else value)
        return complete

    def compute(self, inputs: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        """The plain result, of the values of nodes; of complex numbers what they make of it."""
        for x in inputs:
            if hasattr(x, "of_op"):
                return x.of_op(self.name, *([inputs] if self.arity is None else inputs), **params)
        values = [raw(x) for x in inputs]
        if self.elementwise and all(map(is_number, values)):
            if any(isinstance(x, (np.float32, np.float16)) for x in values):
                with np.errstate(all="ignore"):  # as of arrays without axes, in their dtype
                    return self.forward(np, *values, **params)
            return on_floats(self.forward, *map(float, values), **params)
        xp, operands = library(self, inputs, [constant(self, value) for value in values])
        try:
            y = self.forward(xp, *operands, **params)
        except errors.FAULTS as error:
            raise errors.explain(self, inputs, tuple(operands), params, error) from None
        y = y if xp is not np or type(y) is np.ndarray else np.asarray(y)
        if self.plain and any(isinstance(x, Node) for x in inputs):
            return asked(y, self, inputs, params)
        return y


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


class Notation(TypedDict, total=False):
    """What `elementwise`, `primitive` and `plain` take by keyword; see `Op`."""

    numpy: str
    precedence: int
    expansion: Callable[..., Any]
    keeping: Callable[..., tuple[Any, Any]]
    meaning: Callable[..., Any] | str
    as_given: Sequence[str]
    as_arrays: Sequence[str]
    symmetric: bool
