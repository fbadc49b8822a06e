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
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import errors, floats
from .backend import is_array, namespace, on_floats, to_array, to_float
from .node import NO_META, NO_PARAMS, Array, Context, Meta, Node, Scalar, current_context

Rule = Any  # a callable, or a number for a constant local derivative

# How tightly an op's notation binds; an argument that binds less tightly is put in brackets.
SUM, PRODUCT, UNARY, POWER, ATOM = 1, 2, 3, 4, 5

ONE = 1.0  # the rule of an input that receives the gradient unchanged; compared by identity

_new = object.__new__
_FLOAT64 = np.dtype(np.float64)


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
        self.rules: tuple[Rule, ...] = ()
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        variable = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        inputs = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        settings = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        self.arity = None if variable else len(inputs)
        self.input_names = tuple(p.name for p in inputs)
        self.defaults: Mapping[str, Any] = {p.name: p.default for p in settings} or NO_PARAMS
        self.__doc__ = forward.__doc__
        self.__module__ = forward.__module__
        self.__name__ = self.__qualname__ = forward.__name__
        self.__signature__ = inspect.Signature(
            [
                p.replace(kind=p.POSITIONAL_OR_KEYWORD) if p in settings and not variable else p
                for p in parameters
            ]
        )

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
        if self.elementwise and all(_is_number(x) for x in inputs):
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
            raise TypeError(f"{self.name}: takes {self.arity} inputs, got {len(inputs)}")
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
        if self.elementwise and all(_is_number(x) for x in inputs):
            return on_floats(self.forward, *(float(x) for x in inputs), **params)
        return _forward(self, inputs, [constant(self, x) for x in inputs], params)


def _is_number(x: Any) -> bool:
    return isinstance(x, (Scalar, int, float)) or (
        isinstance(x, np.generic) and x.dtype.kind in "fiub"
    )


def constant(op: Primitive, x: Any) -> Any:
    """A plain number or array that an op was given, checked, lists made arrays."""
    kind = type(x)
    if kind is float or kind is int or kind is bool:
        return x
    if kind is np.ndarray and x.dtype.kind in "fiub":
        return x
    if isinstance(x, np.generic) and x.dtype.kind in "fiub":
        return x
    if (kind is list or kind is tuple) and errors.holds_nodes(x):
        raise TypeError(
            f"{op.name}: a list that holds nodes is not an array and would lose their "
            "gradients; join them with tg.stack or tg.asarray"
        )
    to_array(x, op.name)  # refuses what is not real and numeric
    if is_array(x) and not isinstance(x, np.ndarray):
        return x
    return np.asarray(x)  # integers stay integers: labels, say; np.matrix loses its own *


def record_array(op: Primitive, inputs: tuple[Any, ...], params: Mapping[str, Any]) -> Array:
    """Compute `op` on arrays and record the node."""
    recorded = False
    arrays = True
    operands = []
    for x in inputs:
        if isinstance(x, Node):
            a = x._data
            meta = x._meta
            if meta is None or not meta.constant:
                recorded = True
        else:
            a = constant(op, x)
            if a is not x:  # a list, now an array
                inputs = tuple([a if source is x else source for source in inputs])
        if type(a) is not np.ndarray:
            arrays = False
        operands.append(a)
    y = _forward(op, inputs, operands, params, None if not arrays else np)
    if type(y) is np.ndarray and y.dtype is not _FLOAT64:
        y = to_array(y, f"the result of {op.name}")
    node = _new(Array.result)
    node._data = y
    node._grad = None
    context = current_context()
    if context is None:
        meta = Meta(params=params) if params else None
    else:
        recorded = recorded and context.recording
        meta = _meta(op, context, inputs, tuple(operands), params, y)
    if recorded:
        node.op = op
        node._inputs = inputs
        node._operands = tuple(operands)
        node._meta = meta
    else:
        node.op = None
        node._inputs = node._operands = ()
        node._meta = Meta(scope=meta.scope if meta else (), constant=True)
    return node


def _forward(
    op: Primitive,
    inputs: tuple[Any, ...],
    operands: list[Any],
    params: Mapping[str, Any],
    xp: Any = None,
) -> Any:
    """The raw result, an array of the operands' namespace (`xp` where it is known)."""
    if xp is None:
        xp = namespace(*operands)
        if xp is floats:
            xp = np
        if xp is np and not op.elementwise:
            operands = [np.asarray(a) for a in operands]
    try:
        y = op.forward(xp, *operands, **params)
    except (ValueError, TypeError, IndexError, RuntimeError, np.linalg.LinAlgError) as error:
        raise errors.explain(op, inputs, tuple(operands), params, error) from None
    return y if xp is not np or type(y) is np.ndarray else np.asarray(y)


def record_scalar(
    op: Primitive, kind: type[Scalar], inputs: tuple[Any, ...], params: Mapping[str, Any]
) -> Any:
    """Compute an elementwise `op` on floats and record the node; the general form."""
    operands = tuple([x._data if isinstance(x, Scalar) else to_float(x, op.name) for x in inputs])
    y = to_float(on_floats(op.forward, *operands, **params), op.name)
    node = _new(kind)
    node._data = y
    node._grad = None
    context = current_context()
    meta: Meta | None = Meta(params=params) if params else None
    if context is not None:
        meta = _meta(op, context, inputs, operands, params, y)
        if not context.recording:
            return as_constant(node, meta)
    if all(x.constant for x in inputs if isinstance(x, Scalar)):
        return as_constant(node, meta)
    sources = [x if isinstance(x, Scalar) else a for x, a in zip(inputs, operands, strict=True)]
    node.op = op
    node._meta = meta
    if params or len(inputs) > 2 or not isinstance(sources[0], Scalar):
        node._x, node._a = tuple(sources), operands
        node._y = node._b = None
    else:
        node._x, node._a = sources[0], operands[0]
        node._y, node._b = (sources[1], operands[1]) if len(inputs) == 2 else (None, None)
    return node


def as_constant(node: Any, meta: Meta | None) -> Any:
    """Make a fresh scalar node a constant leaf."""
    node.op = node._x = node._y = node._a = node._b = None
    node._meta = Meta(scope=meta.scope if meta else (), constant=True)
    return node


def unary_method(op: Primitive) -> Callable[[Any], Any]:
    """`op` as a method of a scalar node: `record_scalar` written out for one input.

    The speed of scalar graphs is made here and in `binary_method`: one object per op, one call.
    """
    forward = op.forward

    def method(self: Scalar) -> Any:
        a = self._data
        try:
            y = forward(floats, a)
        except (ArithmeticError, ValueError):
            y = on_floats(forward, a)
        context = current_context()
        if context is None:
            meta = None
        elif context.recording and not context.debug:
            meta = context.meta
        else:
            return record_scalar(op, type(self), (self,), NO_PARAMS)
        known = self._meta
        if known is not None and known.constant:
            return record_scalar(op, type(self), (self,), NO_PARAMS)
        node = _new(self.__class__)
        node._data = y
        node._grad = None
        node.op = op
        node._x = self
        node._y = None
        node._a = a
        node._b = None
        node._meta = meta
        return node

    return _dressed(method, op)


def binary_method(op: Primitive) -> Callable[[Any, Any], Any]:
    """`op` as an operator of a scalar node with another one or a float, written out likewise.

    Whatever else `other` is (an int, an array, a list) goes the general way.
    """
    forward = op.forward

    def method(self: Scalar, other: Any) -> Any:
        a = self._data
        kind = type(self)
        if type(other) is kind:
            b = other._data
            source: Any = other
        elif type(other) is float:
            source = b = other
        elif type(other) is int:
            return method(self, to_float(other, op.name))
        else:
            return op(self, other)
        try:
            y = forward(floats, a, b)
        except (ArithmeticError, ValueError):
            y = on_floats(forward, a, b)
        context = current_context()
        if context is None:
            meta = None
        elif context.recording and not context.debug:
            meta = context.meta
        else:
            return record_scalar(op, kind, (self, other), NO_PARAMS)
        known = self._meta
        if known is not None and known.constant:
            return record_scalar(op, kind, (self, other), NO_PARAMS)
        node = _new(kind)
        node._data = y
        node._grad = None
        node.op = op
        node._x = self
        node._y = source
        node._a = a
        node._b = b
        node._meta = meta
        return node

    return _dressed(method, op)


def reflected_method(op: Primitive) -> Callable[[Any, Any], Any]:
    """`op` as an operator with the node on the right-hand side."""

    def method(self: Scalar, other: Any) -> Any:
        return op(other, self)

    return _dressed(method, op)


def _dressed(method: Callable[..., Any], op: Primitive) -> Callable[..., Any]:
    method.__name__ = op.name
    method.__doc__ = op.__doc__
    return method


def _meta(
    op: Primitive,
    context: Context,
    inputs: tuple[Any, ...],
    operands: tuple[Any, ...],
    params: Mapping[str, Any],
    y: Any,
) -> Meta | None:
    """What a node made under a context carries; in debug mode, check the result as well."""
    meta = context.meta
    if params:
        meta = Meta(scope=meta.scope if meta else (), params=params)
    if not context.debug:
        return meta
    line = _caller_line()
    errors.refuse_non_finite(op, inputs, operands, y, line)
    meta = meta or NO_META
    copies = tuple(
        a if isinstance(a, (float, int)) else namespace(a).asarray(a, copy=True) for a in operands
    )
    return Meta(scope=meta.scope, params=meta.params, line=line, copies=copies)


def _caller_line() -> str:
    """File, line and text of the innermost frame outside this package."""
    frame = sys._getframe(1)
    package = __name__.partition(".")[0]
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(package):
        frame = frame.f_back
    summary = traceback.extract_stack(frame, limit=1)[0]
    return f"{summary.filename}:{summary.lineno}: {summary.line or ''}".rstrip(": ")


def elementwise(
    text: str,
    latex: str | None = None,
    *,
    numpy: str | None = None,
    precedence: int = ATOM,
    expansion: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Primitive]:
    """Define an op that acts on each entry by itself, with broadcasting; then state `.local`."""
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
    return lambda forward: Primitive(
        forward,
        elementwise=False,
        text=text,
        latex=latex,
        numpy=numpy,
        precedence=precedence,
        expansion=expansion,
    )
