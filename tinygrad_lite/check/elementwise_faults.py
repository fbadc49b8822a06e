"""Mistakes at a step that acts entry by entry: activations, products, quotients, powers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..backprop.activation import is_activation
from ..backprop.chain import is_constant, local, slope
from ..graph.backend import broadcast_axes
from ..graph.node import Node
from ..ops import registry
from .faults import LEFT_OUT, Fault, Handed, bends, beside, is_mask, misread, pulled, swapped, times
from .tape import Tape, Vector, op_name, op_of

# Functions whose derivatives are mistaken for one another's.
CONFUSED = (
    *("sigmoid", "tanh", "relu", "softplus", "leaky_relu", "elu", "silu", "gelu"),
    *("sin", "cos", "exp", "log"),
)
_POINT = "activation-derivative-at-wrong-point"
_OTHER = "wrong-activation-derivative"


def elementwise_faults(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """The faults of one edge of an elementwise op."""
    op, name = op_of(node), op_name(node)
    yield from _broadcast(node, index)
    if is_constant(op, index):
        yield Fault("missing-factor", 0.35, np.ones_like, LEFT_OUT)
        return
    one, other = len(node.operands) == 1, node.inputs[index - 1]
    beside_constant = not one and not isinstance(other, Node) and np.ndim(other) == 0
    if name in ("multiply", "divide") and beside_constant:
        return  # a constant that is lost or doubled is a scalar factor
    d = slope(node, index)
    mask = bends(op) and is_mask(node, index)
    unit = mask or is_activation(op, node.params) or _is_gate(node, index)
    activation = unit or (one and bends(op))
    kind, lost = "missing-factor", "this factor is missing"
    if activation:
        kind = "missing-activation-derivative"
        lost = f"the {'activation' if unit else 'function'}'s derivative is missing"
    far = {"square": 0.15, "pow": 0.15, "multiply": 0.02}.get(name, 0.0)
    yield Fault(kind, far, times(1.0), f"yours is the gradient without $local: {lost}")
    yield Fault("extra-factor", 0.1, times(d * d), "the factor $local is there twice")
    yield Fault("missing-factor", 0.2, lambda g: np.ones_like(g) * d, LEFT_OUT)
    if one or (mask and beside_constant):
        written = "$local" if one else "the derivative of $y"
        yield from function_faults(tape, node, index, written, activation, mask)
        yield from _as_matrices(d, written)
    if name == "square" or (name == "pow" and index == 0):
        yield from _power(tape, node)
    elif name == "multiply":
        yield from _product(tape, node, index)
    elif name == "divide":
        yield from _quotient(node, index)
    elif mask:
        text = "the gradient goes to the entries that were not chosen"
        yield Fault(_OTHER, 0.2, times(1 - d), text)


def _broadcast(node: Node, index: int) -> Iterator[Fault]:
    """An input that was repeated: its gradient averaged, of one row only, summed the other way."""
    x = node.operands[index]
    axes = broadcast_axes(node.shape, np.shape(x))
    if not axes:
        return
    words = " and ".join(map(str, axes))
    n = int(np.prod([node.shape[a] for a in axes]))

    def reduced(how: Callable[..., Any], over: tuple[int, ...]) -> Handed:
        return lambda g: np.reshape(how(pulled(node, index, g), axis=over), np.shape(x))

    text = f"the mean over axis {words} stands where the sum belongs, off by exactly {n}"
    yield Fault("mean-vs-sum", 0.0, reduced(np.mean, axes), text)
    if np.size(x) > 1:
        text = f"yours is summed over every axis; sum over axis {words} only"
        yield Fault("wrong-axis", 0.05, lambda g: np.sum(pulled(node, index, g)) + 0 * x, text)
    if len(axes) > 1:
        return
    sum_ = f"the gradient of $x is summed over axis {words}, along which it was broadcast"
    for at, which in ((0, "first"), (-1, "last")):
        text = f"yours is that of the {which} entry along axis {words} only: {sum_}"
        entry = reduced(lambda v, axis, at=at: np.take(v, at, *axis), axes)
        yield Fault("missing-broadcast-sum", 0.0, entry, text)
    for other in range(len(node.shape)):
        if other != axes[0] and node.shape[other] == node.shape[axes[0]]:
            text = f"yours is summed over axis {other}: {sum_}"
            yield Fault("wrong-axis", 0.0, reduced(np.sum, (other,)), text)


def _is_gate(node: Node, index: int) -> bool:
    """Whether a step is the relu written out as x * (x > 0)."""
    x, mask = node.operands[index], node.operands[index - 1]
    return op_name(node) == "multiply" and np.ndim(x) > 0 and np.array_equal(mask, x > 0)


def function_faults(
    tape: Tape, node: Node, index: int, slope: str, activation: bool, mask: bool
) -> Iterator[Fault]:
    """Wrong derivatives of a function of one input, y = f(x): another's, or at another point.

    `slope` is how the right one is written. Operands beside x are as recorded.
    """
    op, a, y = op_of(node), node.inputs[index].data, node.data
    name, instead = op.name, f"stands where {slope} belongs"

    def operands(x: Vector) -> list[Vector]:
        return [x if i == index else v for i, v in enumerate(node.operands)]

    def derivative(y: Vector, x: Vector) -> Vector:
        return local(op, index, np, y, operands(x), node.params)

    def at(x: Vector) -> Vector:
        return derivative(op.forward(np, *operands(x), **node.params), x)

    rows = [
        (_POINT, 0.0, at(y), f"{slope} is taken at the output $y instead of the input $x"),
        (
            *(_POINT, 0.0, derivative(a, a)),
            f"the formula for {slope} in terms of the output $y is given the input $x",
        ),
        (_OTHER, 0.1, y, f"$y itself {instead}"),
        (_OTHER, 0.2, a, f"$x {instead}"),
    ]
    if name in ("sigmoid", "tanh"):
        rows += [
            (_OTHER, 0.15, 1 - y, f"1 - $y {instead}"),
            (_OTHER, 0.15, 1 + y * y, f"1 + $y² {instead}"),
            (_OTHER, 0.15, y * y, f"$y² {instead}"),
            (_OTHER, 0.15, 1 - a, f"1 - $x {instead}"),
            (_OTHER, 0.15, y * (1 + y), f"$y (1 + $y) {instead}"),
        ]
    if name == "exp":
        rows.append((_OTHER, 0.1, a * np.exp(a - 1), f"the power rule {instead}"))
    if name == "softplus":
        rows.append(("sign", 0.1, at(-a), f"{slope} is taken at -($x)"))
    if name in ("silu", "gelu"):  # y = x c(x): y' = c + x c'
        share = np.where(a == 0, 0.5, y / np.where(a == 0, 1.0, a))
        rest = at(a) - share
        rows += [
            ("missing-term", 0.0, share, f"the second term of {slope} is left out"),
            ("missing-term", 0.0, rest, f"the first term of {slope} is left out"),
            ("sign", 0.05, share - rest, f"the sign within {slope} is flipped"),
        ]
    for other in (registry[name] for name in CONFUSED if name != op.name):
        points = [(0.06, y, a), (0.08, other.forward(np, a, **other.defaults), a)]
        if activation:
            points += [(0.3, a, a), (0.3, other.forward(np, y, **other.defaults), y)]
        for far, of, x in points:
            factor = local(other, 0, np, of, (x,), other.defaults)
            if np.any(factor != 1):  # else it is as good as left out, which is simpler
                rows.append((_OTHER, far, factor, f"the derivative of {other.name} {instead}"))
    for kind, cost, factor, text in rows:
        yield Fault(kind, cost, times(factor), text)
    for kind, v, text, named in misread(tape, node.inputs[index], "$x"):
        yield Fault(_POINT if mask else kind, 0.2, times(at(v)), f"in {slope}, {text}", named)
    for named, v in tape.named_arrays(a.shape):
        if v is not a and v is not y:
            kind, text = _POINT if activation else "other", f"{slope} is taken at $named"
            for factor in (at(v), derivative(v, v)):
                yield Fault(kind, 0.3, times(factor), f"{text} instead of $x", named)


def _power(tape: Tape, node: Node) -> Iterator[Fault]:
    """x**p: the base dropped, the exponent not lowered or lowered twice, another base."""
    x = node.operands[0]
    p = 2.0 if len(node.operands) == 1 else node.operands[1]
    text = "the factor $x of the derivative of $y is missing"
    yield Fault("missing-factor", 0.05, times(p + 0 * x), text)
    if np.ndim(p):
        return
    text = "the exponent of $y is not lowered by 1: a factor $x too many"
    yield Fault("extra-factor", 0.1, times(p * x**p), text)
    text = "the exponent of $y is lowered too far: a factor $x too few"
    yield Fault("missing-factor", 0.15, times(p * x ** (p - 2)), text)
    for kind, v, text, named in misread(tape, node.inputs[0], "$x"):
        yield Fault(kind, 0.1, times(p * v ** (p - 1)), text, named)
    for named, v in tape.named_arrays(np.shape(x)):
        if v is not x:
            kind = "missing-term" if tape.is_term(v, node.inputs[0]) else "other"
            factor = p * v ** (p - 1)
            yield Fault(kind, 0.25, times(factor), "$named stands where $x belongs", named)


def _product(tape: Tape, node: Node, index: int) -> Iterator[Fault]:
    """a * b: divided, the operand itself, another array in the other's place."""
    own, other = node.operands[index], node.operands[1 - index]
    text = "yours is divided by $other where it is to be multiplied"
    yield Fault("other", 0.4, times(1 / other), text)
    yield Fault("other", 0.35, times(own + 0 * other), "$x stands where $other belongs")
    yield from swapped(tape, node.inputs[1 - index], other, lambda g, v: g * v)
    yield from _as_matrices(other, "$other")


def _as_matrices(d: Vector, what: str) -> Iterator[Fault]:
    """A matrix product where the elementwise one belongs."""
    text = f"a matrix product stands where the elementwise product with {what} belongs"
    for v in (d.T, d) if np.ndim(d) == 2 else ():
        for left in (False, True):
            yield Fault("elementwise-vs-matmul", 0.1, beside(v, left), text)


def _quotient(node: Node, index: int) -> Iterator[Fault]:
    """a / b: multiplied for divided; the rule for the denominator half remembered."""
    a, b = node.operands
    if index == 0:
        text = "yours is multiplied by $other where it is to be divided"
        yield Fault("other", 0.3, times(b + 0 * a), text)
        return
    why = "the derivative of $y is not as in -$other / $x²"
    yield Fault("missing-factor", 0.1, times(-a / b), f"{why}: no square")
    yield Fault("extra-factor", 0.3, times(-a / b**3), f"{why}: a power too many")
    yield Fault("missing-factor", 0.1, times(-1 / b**2 + 0 * a), f"{why}: no $other")
    yield Fault("other", 0.2, times(1 / b + 0 * a), f"{why}: $x is a denominator")
    yield Fault("other", 0.3, times(-b / a**2), f"{why}: exchanged")
