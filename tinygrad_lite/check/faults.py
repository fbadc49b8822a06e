"""The mistakes that can be made at one step of the chain rule.

A step is an edge of the graph: the op of `node` hands a contribution to its input `index`, given
its own cotangent g. A `Fault` is a function from g to what someone who errs there hands on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..node import Node
from ..notation import local_text
from ..primitive import Primitive
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


def prime(op: Primitive, argument: str) -> str:
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


def swapped(
    tape: Tape, belongs: Any, name: str, product: Callable[[Vector, Vector], Vector]
) -> Iterator[Fault]:
    """Another named array in the place of a factor, or the factor shifted by one."""
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


def _fixed(product: Callable[[Vector, Vector], Vector], v: Vector) -> Handed:
    return lambda g: product(g, v)
