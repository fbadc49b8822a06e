"""The mistakes that can be made at one step of the chain rule.

A step is an edge of the graph: the op of `node` hands a contribution to its input `index`, given
its own cotangent g. A `Fault` is a function from g to what someone who errs there hands on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph.node import Node
from ..graph.op import Op
from ..notation.write import local_text
from .tape import Tape, Vector

Handed = Callable[[Vector], Vector]

ACTIVATIONS = ("sigmoid", "tanh", "relu", "softplus", "leaky_relu", "elu", "silu", "gelu")
KINKED = ("maximum", "minimum", "clip", "where")  # activations when written out


@dataclass(frozen=True)
class Fault:
    """One mistake: its kind, how far-fetched it is (0 = the first to think of), what it hands on
    given the step's cotangent, and the words for it ({local} stands for the local derivative)."""

    key: str
    kind: str
    cost: float
    apply: Handed
    text: str

    def words(self, tape: Tape, node: Node, index: int) -> str:
        """What is to be said, with the step's own names."""
        if "{local}" not in self.text:
            return self.text
        op = node.op
        assert op is not None
        local = (
            prime(op, tape.label_of(node.inputs[0]))
            if len(node.inputs) == 1
            else local_text(node, index, tape.names)
        )
        return self.text.replace("{local}", local)


def times(factor: Any) -> Handed:
    """g -> g * factor."""
    return lambda g: g * factor


def prime(op: Op, argument: str) -> str:
    """The derivative of an op as people write it: σ'(z1)."""
    head, bracket, _ = op.text.partition("({0}")
    return f"{head}'({argument})" if bracket else f"the derivative of {op.name}({argument})"


def local_derivative(node: Node, index: int) -> Vector:
    """The local derivative of an elementwise op, as an array or a number."""
    assert node.op is not None
    rule = node.op.rules[index]
    return rule(np, node.data, *node.operands, **node.params) if callable(rule) else rule


def pulled(node: Node, index: int, g: Vector) -> Vector:
    """What the op hands on before the sum over broadcast axes."""
    op = node.op
    assert op is not None
    if op.elementwise:
        return np.broadcast_to(g * local_derivative(node, index), node.shape)
    rule = op.rules[0 if op.arity is None else index]
    which = (index,) if op.arity is None else ()
    return rule(np, g, node.data, *which, *node.operands, **node.params)


def left_out(tape: Tape, node: Node) -> str:
    """The words for an upstream gradient that is missing."""
    return f"the upstream gradient, with respect to {tape.label(node)}, is left out"


def misread(tape: Tape, x: Any) -> Iterator[tuple[str, str, Vector, str]]:
    """Wrong values for a quantity: (key, kind, value, words), a term or factor of it forgotten."""
    if not isinstance(x, Node) or x.op is None:
        return
    name, values = tape.label(x), x.operands
    labels = [tape.label_of(v) for v in x.inputs]
    if x.op.name in ("add", "subtract"):
        a, b = values
        minus = x.op.name == "subtract"
        yield "first", "missing-term", a, f"{labels[1]} is left out of {name}"
        yield "second", "missing-term", -b if minus else b, f"{labels[0]} is left out of {name}"
        yield "flipped", "sign", a + b if minus else a - b, f"the sign in {name} is flipped"
    elif x.op.name == "multiply":
        for i in (0, 1):
            yield f"{i}", "missing-factor", values[i], f"{labels[1 - i]} is left out of {name}"
    elif x.op.name == "matmul":
        A, B = values
        for i in (0, 1):
            yield f"{i}", "missing-factor", values[i], f"{labels[1 - i]} is left out of {name}"
        for i, (C, D) in enumerate(((A.T, B), (A, B.T))):
            if C.shape == (A, B)[0].shape and D.shape == B.shape and (A, B)[i].ndim == 2:
                text = f"{labels[i]} is transposed in {name}"
                yield f"T{i}", "transpose", C @ D, text
    elif x.op.elementwise and len(values) == 1:
        text = f"{labels[0]} stands where {name} belongs"
        yield "before", "activation-derivative-at-wrong-point", values[0], text
        if callable(x.op.rules[0]):
            text = f"{prime(x.op, labels[0])} stands where {name} itself belongs"
            yield "derived", "extra-factor", local_derivative(x, 0), text


def swapped(
    tape: Tape, x: Any, belongs: Any, product: Callable[[Vector, Vector], Vector]
) -> Iterator[Fault]:
    """A factor misread, another named array in its place, or the factor shifted by one."""
    name = tape.label_of(x)
    for key, kind, v, text in misread(tape, x):
        if np.shape(v) == np.shape(belongs):
            yield Fault(f"misread-{key}", kind, 0.2, _fixed(product, v), text)
    for other, v in tape.named_arrays(np.shape(belongs)):
        if v is not belongs:
            text = f"{other} stands where {name} belongs"
            kind = tape.kind_of_swap(v, belongs)
            yield Fault(f"swap-{other}", kind, 0.4, _fixed(product, v), text)
    for axis in range(np.ndim(belongs)):
        if belongs.shape[axis] > 1:
            for by in (1, -1):
                moved = np.roll(belongs, by, axis)
                text = f"{name} is shifted by one along axis {axis}"
                key = f"roll{by}-{axis}"
                yield Fault(key, "off-by-index", 0.2, _fixed(product, moved), text)
        if belongs.shape[axis] > 2:  # of two entries the reverse is a shift
            text = f"{name} is in reverse along axis {axis}"
            turned = _fixed(product, np.flip(belongs, axis))
            yield Fault(f"flip-{axis}", "wrong-order", 0.25, turned, text)


def _fixed(product: Callable[[Vector, Vector], Vector], v: Vector) -> Handed:
    return lambda g: product(g, v)
