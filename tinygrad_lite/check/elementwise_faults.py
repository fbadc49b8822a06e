"""Mistakes at a step that acts entry by entry: activations, products, quotients, powers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backprop.activation import is_activation
from ..backprop.chain import is_constant, local, slope
from ..graph.backend import broadcast_axes
from ..graph.node import Node
from ..graph.op import Op
from ..ops import registry
from .faults import (
    Fault,
    Handed,
    bends,
    is_mask,
    left_out,
    misread,
    prime,
    pulled,
    swapped,
    times,
)
from .tape import Tape, Vector

# Functions whose derivatives are mistaken for one another's.
CONFUSED = (
    *("sigmoid", "tanh", "relu", "softplus", "leaky_relu", "elu", "silu", "gelu"),
    *("sin", "cos", "exp", "log"),
)
_POINT = "activation-derivative-at-wrong-point"
_OTHER = "wrong-activation-derivative"


def elementwise_faults(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """The faults of one edge of an elementwise op."""
    op, operands = node.op, node.operands
    assert op is not None
    yield from _broadcast(tape, node, index)
    if is_constant(op, index):
        yield Fault("ones", "missing-factor", 0.35, np.ones_like, left_out(tape, node))
        return
    if op.name in ("multiply", "divide") and _is_constant(node.inputs[1 - index]):
        return  # a constant that is lost or doubled is a scalar factor
    d = slope(node, index)
    mask = bends(op) and is_mask(node, index)
    unit = mask or is_activation(op, node.params) or _is_gate(node, index)
    activation = unit or (len(operands) == 1 and bends(op))
    kind = "missing-activation-derivative" if activation else "missing-factor"
    what = "activation" if unit else "function"
    lost = f"the {what}'s derivative is missing" if activation else "this factor is missing"
    far = {"square": 0.15, "pow": 0.15, "multiply": 0.02}.get(op.name, 0.0)
    yield Fault("drop", kind, far, times(1.0), f"yours is the gradient without {{local}}: {lost}")
    yield Fault("twice", "extra-factor", 0.1, times(d * d), "the factor {local} is there twice")
    yield Fault("ones", "missing-factor", 0.2, lambda g: np.ones_like(g) * d, left_out(tape, node))
    bent = mask and len(operands) == 2 and _is_constant(node.inputs[1 - index])
    if len(operands) == 1 or bent:
        f, x = Function(node, index), node.inputs[index]
        text = f"the derivative of {tape.label(node)}" if bent else prime(op, tape.label(x))
        yield from function_faults(tape, f, x, text, activation, mask)
        yield from _as_matrices(d, f"the elementwise product with {text}")
    if op.name == "square" or (op.name == "pow" and index == 0):
        yield from _power(tape, node)
    elif op.name == "multiply":
        yield from _product(tape, node, index)
    elif op.name == "divide":
        yield from _quotient(tape, node, index)
    elif mask:
        text = "the gradient goes to the entries that were not chosen"
        yield Fault("flipped", _OTHER, 0.2, times(1 - d), text)


def _broadcast(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """An input that was repeated: its gradient averaged, of one row only, summed the other way."""
    x = node.operands[index]
    axes = broadcast_axes(node.shape, np.shape(x))
    if not axes:
        return
    name = tape.label_of(node.inputs[index])
    words = " and ".join(map(str, axes))
    n = int(np.prod([node.shape[a] for a in axes]))

    def reduced(how: Callable[..., Any], over: tuple[int, ...]) -> Handed:
        return lambda g: np.reshape(how(pulled(node, index, g), axis=over), np.shape(x))

    text = f"the mean over axis {words} stands where the sum belongs, off by exactly {n}"
    yield Fault("mean", "mean-vs-sum", 0.0, reduced(np.mean, axes), text)
    if np.size(x) > 1:
        text = f"yours is summed over every axis; sum over axis {words} only"
        whole = lambda g: np.sum(pulled(node, index, g)) + 0 * x  # noqa: E731
        yield Fault("everything", "wrong-axis", 0.05, whole, text)
    sum_ = f"the gradient of {name} is summed over axis {words}, along which it was broadcast"
    if len(axes) == 1:
        for at, which in ((0, "first"), (-1, "last")):
            text = f"yours is that of the {which} entry along axis {words} only: {sum_}"
            one = reduced(lambda v, axis, at=at: np.take(v, at, *axis), axes)
            yield Fault(which, "missing-broadcast-sum", 0.0, one, text)
        for other in range(len(node.shape)):
            if other != axes[0] and node.shape[other] == node.shape[axes[0]]:
                text = f"yours is summed over axis {other}: {sum_}"
                yield Fault(f"over-{other}", "wrong-axis", 0.0, reduced(np.sum, (other,)), text)


def _is_constant(x: Any) -> bool:
    return not isinstance(x, Node) and np.ndim(x) == 0


def _is_gate(node: Node, index: int) -> bool:
    """Whether a step is the relu written out as x * (x > 0)."""
    op = node.op
    assert op is not None
    if op.name != "multiply":
        return False
    mask, x = node.operands[1 - index], node.operands[index]
    return np.ndim(x) > 0 and np.array_equal(mask, x > 0)


@dataclass(frozen=True)
class Function:
    """A function of each entry: the op of a node in one input, the others as recorded."""

    node: Node
    index: int

    @property
    def op(self) -> Op:
        """The op."""
        assert self.node.op is not None
        return self.node.op

    def _at(self, x: Vector) -> list[Vector]:
        return [x if i == self.index else a for i, a in enumerate(self.node.operands)]

    def derivative(self, y: Vector, x: Vector) -> Vector:
        """f'(x), by a formula that may use the output y."""
        return local(self.op, self.index, np, y, self._at(x), self.node.params)

    def slope(self, x: Vector) -> Vector:
        """f'(x)."""
        return self.derivative(self.op.forward(np, *self._at(x), **self.node.params), x)


def function_faults(
    tape: Tape, f: Function, x: Node, slope: str, activation: bool, mask: bool
) -> Iterator[Fault]:
    """Wrong derivatives of a function of one input, y = f(x): another's, or at another point.

    `slope` is how the right one is written.
    """
    name, a, y = f.op.name, x.data, f.node.data
    below, above = tape.label(x), tape.label(f.node)

    def put(key: str, kind: str, cost: float, factor: Vector, text: str) -> Fault:
        return Fault(key, kind, cost, times(factor), text)

    text = f"{slope} is taken at the output {above} instead of the input {below}"
    yield put("at-output", _POINT, 0.0, f.slope(y), text)
    text = f"the formula for {slope} in terms of the output {above} is given the input {below}"
    yield put("of-input", _POINT, 0.0, f.derivative(a, a), text)
    instead = f"stands where {slope} belongs"
    yield put("itself", _OTHER, 0.1, y, f"{above} itself {instead}")
    yield put("input", _OTHER, 0.2, a, f"{below} {instead}")
    if name in ("sigmoid", "tanh"):
        yield put("1-y", _OTHER, 0.15, 1 - y, f"1 - {above} {instead}")
        yield put("1+yy", _OTHER, 0.15, 1 + y * y, f"1 + {above}² {instead}")
        yield put("yy", _OTHER, 0.15, y * y, f"{above}² {instead}")
        yield put("1-x", _OTHER, 0.15, 1 - a, f"1 - {below} {instead}")
        yield put("y(1+y)", _OTHER, 0.15, y * (1 + y), f"{above} (1 + {above}) {instead}")
    if name == "exp":
        yield put("power", _OTHER, 0.1, a * np.exp(a - 1), f"the power rule {instead}")
    if name == "softplus":
        yield put("reflected", "sign", 0.1, f.slope(-a), f"{slope} is taken at -({below})")
    if name in ("silu", "gelu"):  # y = x c(x): y' = c + x c'
        share = np.where(a == 0, 0.5, y / np.where(a == 0, 1.0, a))
        rest = f.slope(a) - share
        yield put("constant", "missing-term", 0.0, share, f"the second term of {slope} is left out")
        yield put("linear", "missing-term", 0.0, rest, f"the first term of {slope} is left out")
        yield put("minus", "sign", 0.05, share - rest, f"the sign within {slope} is flipped")
    for other in CONFUSED:
        op = registry[other]
        if other == name:
            continue
        points = [("-of-output", 0.06, y, a), ("", 0.08, _value(op, a), a)]
        if activation:
            points += [("-of-input", 0.3, a, a), ("-at-output", 0.3, _value(op, y), y)]
        for where, cost, of, at in points:
            factor = local(op, 0, np, of, (at,), op.defaults)
            if np.any(factor != 1):  # else it is as good as left out, which is simpler
                text = f"the derivative of {other} {instead}"
                yield put(f"{other}{where}", _OTHER, cost, factor, text)
    for key, kind, v, text in misread(tape, x):
        if np.shape(v) == a.shape:
            kind = _POINT if mask else kind
            yield put(f"misread-{key}", kind, 0.2, f.slope(v), f"in {slope}, {text}")
    for other, v in tape.named_arrays(a.shape):
        if v is not a and v is not y:
            text = f"{slope} is taken at {other} instead of {below}"
            kind = _POINT if activation else "other"
            yield put(f"at-{other}", kind, 0.3, f.slope(v), text)
            yield put(f"of-{other}", kind, 0.3, f.derivative(v, v), text)


def _value(op: Op, x: Vector) -> Vector:
    return op.forward(np, x, **op.defaults)


def _power(tape: Tape, node: Node) -> Iterator[Fault]:
    """x**p: the base dropped, the exponent not lowered or lowered twice, another base."""
    x = node.operands[0]
    p = 2.0 if len(node.operands) == 1 else node.operands[1]
    name, power = tape.label_of(node.inputs[0]), tape.label(node)
    text = f"the factor {name} of the derivative of {power} is missing"
    yield Fault("base", "missing-factor", 0.05, times(p + 0 * x), text)
    if np.ndim(p):
        return
    text = f"the exponent of {power} is not lowered by 1: a factor {name} too many"
    yield Fault("not-lowered", "extra-factor", 0.1, times(p * x**p), text)
    text = f"the exponent of {power} is lowered too far: a factor {name} too few"
    yield Fault("lowered-twice", "missing-factor", 0.15, times(p * x ** (p - 2)), text)
    for key, kind, v, text in misread(tape, node.inputs[0]):
        if np.shape(v) == np.shape(x):
            yield Fault(f"misread-{key}", kind, 0.1, times(p * v ** (p - 1)), text)
    for other, v in tape.named_arrays(np.shape(x)):
        if v is not x:
            kind = "missing-term" if tape.is_term(v, node.inputs[0]) else "other"
            text = f"{other} stands where {name} belongs"
            yield Fault(f"base-{other}", kind, 0.25, times(p * v ** (p - 1)), text)


def _product(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """a * b: divided, the operand itself, another array in the other's place."""
    own, other = node.operands[index], node.operands[1 - index]
    mine, name = (tape.label_of(node.inputs[i]) for i in (index, 1 - index))
    text = f"yours is divided by {name} where it is to be multiplied"
    yield Fault("inverse", "other", 0.4, times(1 / other), text)
    text = f"{mine} stands where {name} belongs"
    yield Fault("own", "other", 0.35, times(own + 0 * other), text)
    yield from swapped(tape, node.inputs[1 - index], other, lambda g, v: g * v)
    yield from _as_matrices(other, f"the elementwise product with {name}")


def _as_matrices(d: Vector, what: str) -> Iterator[Fault]:
    """A matrix product where the elementwise one belongs."""
    if np.ndim(d) != 2:
        return
    text = f"a matrix product stands where {what} belongs"

    def product(left: bool, v: Vector) -> Handed:
        return (lambda g: v @ g) if left else (lambda g: g @ v)

    for i, (left, v) in enumerate(((False, d.T), (False, d), (True, d.T), (True, d))):
        yield Fault(f"matrix-{i}", "elementwise-vs-matmul", 0.1, product(left, v), text)


def _quotient(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """a / b: multiplied for divided; the rule for the denominator half remembered."""
    a, b = node.operands
    one, two = (tape.label_of(v) for v in node.inputs)
    if index == 0:
        text = f"yours is multiplied by {two} where it is to be divided"
        yield Fault("inverse", "other", 0.3, times(b + 0 * a), text)
        return
    why = f"the derivative of {tape.label(node)} is not as in -{one} / {two}²"
    yield Fault("unsquared", "missing-factor", 0.1, times(-a / b), f"{why}: no square")
    yield Fault("cubed", "extra-factor", 0.3, times(-a / b**3), f"{why}: a power too many")
    yield Fault("bare", "missing-factor", 0.1, times(-1 / b**2 + 0 * a), f"{why}: no {one}")
    yield Fault("straight", "other", 0.2, times(1 / b + 0 * a), f"{why}: {two} is a denominator")
    yield Fault("upside", "other", 0.3, times(-b / a**2), f"{why}: exchanged")
