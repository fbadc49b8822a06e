"""An operation, defined once: what it computes, its derivative rules, and how it is written.

    @elementwise("tanh({0})", r"\\tanh({0})")
    def tanh(xp, x):
        \"\"\"Hyperbolic tangent. dy/dx = 1 - y**2.\"\"\"
        return xp.tanh(x)

    tanh.local(lambda xp, y, x: 1 - y * y)

An elementwise op states one local derivative dy/dx per input, and the sweep multiplies it by the
incoming gradient; a constant one is stated as a number. Any other op states one pullback per input:
it takes the incoming gradient G and returns the input's gradient.

    matmul.pull(lambda xp, G, y, A, B: G @ B.mT, lambda xp, G, y, A, B: A.mT @ G)

Rules are pure. They meet three kinds of value: Python floats (`xp` is `floats`), raw arrays (`xp`
is their namespace), and nodes (`xp` is `tinygrad_lite.ops`), on which they record, so that
derivatives can be differentiated again. They never un-broadcast: the sweep does that for all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from . import errors
from .backend import on_floats
from .node import NO_PARAMS, Array, Node, Scalar
from .record import (
    binary_method,
    compute,
    constant,
    is_number,
    record_array,
    record_scalar,
    unary_method,
)

Rule = Any  # a callable, or a number for a constant local derivative

# How tightly an op's notation binds; an argument that binds less tightly is put in brackets.
SUM, PRODUCT, UNARY, POWER, ATOM = 1, 2, 3, 4, 5

ONE = 1.0  # the rule of an input that receives the gradient unchanged; compared by identity


class Primitive:
    """A differentiable operation, called like a function: on nodes it records, else it computes.

    `name`, `forward(xp, *inputs, **params)`, `rules` (one per input), `elementwise`, `arity` (the
    number of inputs, None when variable), `defaults` (of the settings); `text`, `latex` and `numpy`
    are format strings of the inputs {0}, {1} and the settings, `precedence` their binding strength.
    `expansion` is a fused op's definition in other ops, with the same signature as the op.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        *,
        elementwise: bool,
        text: str,
        latex: str | None = None,
        numpy: str | None = None,
        precedence: int = ATOM,
        expansion: Callable[..., Any] | None = None,
    ) -> None:
        self.forward = forward
        self.name = forward.__name__
        self.elementwise = elementwise
        self.text = text
        self.latex = latex or text
        self.numpy = numpy or (text if precedence != ATOM else f"np.{text}")
        self.precedence = precedence
        self.expansion = expansion
        self._on_scalar: Callable[..., Any] | None = None
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        variable = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        inputs = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        settings = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        if not inputs:
            raise TypeError(
                f"{self.name}: define it as {self.name}(xp, x, ...); xp, the library of the "
                "arrays it is given, comes first"
            )
        self.arity = None if variable else len(inputs)
        self.rules: tuple[Rule, ...] = (None,) * len(inputs)  # until they are stated
        self.input_names = tuple(p.name for p in inputs)
        self.defaults: Mapping[str, Any] = {p.name: p.default for p in settings} or NO_PARAMS
        for template in (self.text, self.latex, self.numpy):
            errors.refuse_template(self, template)
        ours = forward.__module__.startswith("tinygrad_lite.")  # users' results are checked
        if elementwise and ours and not settings and self.arity in (1, 2):
            self._on_scalar = (unary_method if self.arity == 1 else binary_method)(self)
        self.__module__ = forward.__module__
        self.__name__ = self.__qualname__ = forward.__name__
        self.__signature__ = inspect.Signature(
            [
                p.replace(
                    kind=p.POSITIONAL_OR_KEYWORD if p in settings and not variable else p.kind,
                    annotation=p.empty,
                )
                for p in parameters
            ]
        )
        self.__doc__ = f"{self.name}{self.__signature__}\n\n{forward.__doc__ or ''}"  # for help()

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def local(self, *rules: Rule) -> Primitive:
        """State dy/dx for each input of an elementwise op: `rule(xp, y, *inputs)` or a number."""
        return self._state(rules, elementwise=True)

    def pull(self, *rules: Rule) -> Primitive:
        """State the pullback for each input: `rule(xp, G, y, *inputs, **params)`.

        With a variable number of inputs (called with a list, as in `concat([a, b])`) there is one
        rule, and it takes the input's index too: `rule(xp, G, y, index, *inputs, **params)`.
        """
        return self._state(rules, elementwise=False)

    def _state(self, rules: tuple[Rule, ...], *, elementwise: bool) -> Primitive:
        if elementwise is not self.elementwise:
            other = "local" if self.elementwise else "pull"
            raise TypeError(f"{self.name}: state its rules with .{other}(...)")
        expected = 1 if self.arity is None else self.arity
        if len(rules) != expected:
            raise TypeError(f"{self.name}: {len(rules)} rules for {expected} inputs")
        for index, rule in enumerate(rules):
            if callable(rule):
                errors.refuse_signature(self, index, rule)
        self.rules = tuple(
            rule if callable(rule) else ONE if rule == 1 else float(rule) for rule in rules
        )
        return self

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        if not params and not self.defaults and len(inputs) == self.arity:  # most calls
            for x in inputs:
                if isinstance(x, Array):
                    return record_array(self, inputs, NO_PARAMS)
            method, kind = self._on_scalar, type(inputs[0])
            if method is not None and issubclass(kind, Scalar) and type(inputs[-1]) is kind:
                return method(*inputs)
        if self.arity is None:
            if inputs and isinstance(inputs[0], (list, tuple)):
                self._settings_by_position(inputs[1:], params)
                inputs = tuple(inputs[0])
            if not inputs:
                raise TypeError(f"{self.name}: needs at least one input")
        elif len(inputs) != self.arity:
            inputs = self._positional_settings(inputs, params)
        if params or self.defaults:
            params = self._complete(params)
        scalar: Scalar | None = None
        for x in inputs:
            if isinstance(x, Array):
                return record_array(self, inputs, params)
            if isinstance(x, Scalar):
                scalar = x
        if scalar is None:
            return self._compute(inputs, params)
        if self.elementwise and all(is_number(x) for x in inputs):
            return record_scalar(self, type(scalar), inputs, params)
        return record_array(self, inputs, params)

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

    def _complete(self, params: dict[str, Any]) -> dict[str, Any]:
        for key in params:
            if key not in self.defaults:
                known = ", ".join(self.defaults) or "none"
                raise TypeError(f"{self.name}: no setting called {key!r} (settings: {known})")
        complete = {**self.defaults, **params}
        for key, value in complete.items():
            if value is inspect.Parameter.empty:
                raise TypeError(f"{self.name}: the setting {key} is missing")
            if isinstance(value, Node):
                raise TypeError(
                    f"{self.name}: {key} is a setting, not an input, and has no gradient; "
                    f"pass {key}=x.data"
                )
        return complete

    def _compute(self, inputs: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        if self.elementwise and all(is_number(x) for x in inputs):
            return on_floats(self.forward, *(float(x) for x in inputs), **params)
        return compute(self, inputs, [constant(self, x) for x in inputs], params)


def elementwise(
    text: str,
    latex: str | None = None,
    *,
    numpy: str | None = None,
    precedence: int = ATOM,
    expansion: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Primitive]:
    """Define an op that acts on each entry by itself, with broadcasting; then state `.local`."""
    errors.refuse_bare(text, "elementwise")
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
) -> Callable[[Callable[..., Any]], Primitive]:
    """Define an op of arrays as wholes; then state `.pull`."""
    errors.refuse_bare(text, "primitive")
    return lambda forward: Primitive(
        forward,
        elementwise=False,
        text=text,
        latex=latex,
        numpy=numpy,
        precedence=precedence,
        expansion=expansion,
    )
