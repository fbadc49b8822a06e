"""The mistakes that can be made at one step of the chain rule.

A step is an edge of the graph: the op of `node` hands a contribution to its input `index`, given
its own cotangent g. A `Fault` is a function from g to what someone who errs there hands on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backprop.chain import applied, is_constant, slope
from ..graph.node import Node
from ..graph.op import Op
from ..notation.write import local_text
from .kinds import known
from .tape import Tape, Vector

Handed = Callable[[Vector], Vector]

ARITHMETIC = ("multiply", "divide", "pow", "square", "sqrt")  # what is no function with a name
NUDGE = 1e-6  # how far operands are moved to see whether a slope moves with them


@dataclass(frozen=True)
class Fault:
    """One mistake: its kind, how far-fetched it is (0 = the first to think of), what it hands on
    given the step's cotangent, and the words for it ({local} stands for the local derivative)."""

    key: str
    kind: str
    cost: float
    apply: Handed
    text: str

    def __post_init__(self) -> None:
        known(self.kind)

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


def bends(op: Op) -> bool:
    """Whether an op is a curve or has a corner: elementwise, and no arithmetic."""
    varies = op.elementwise and not all(is_constant(op, i) for i in range(op.arity or 0))
    return varies and op.name not in ARITHMETIC


def is_mask(node: Node, index: int) -> bool:
    """Whether a step lets entries through or not: its slope, between 0 and 1, does not move with
    the operands, as that of relu, a clip and a maximum does not."""
    op = node.op
    assert op is not None
    d = slope(node, index)
    if not (np.all(d >= 0) and np.all(d <= 1)):
        return False
    moved = [
        a if i in op.untouched else a + NUDGE * (1 + np.abs(a)) for i, a in enumerate(node.operands)
    ]
    return bool(np.all(pulled(node, index, np.ones(node.shape), moved) == d))


def pulled(node: Node, index: int, g: Vector, operands: Sequence[Any] = ()) -> Vector:
    """What the op hands on before the sum over broadcast axes, at other operands if given."""
    op = node.op
    assert op is not None
    y = np.asarray(op.forward(np, *operands, **node.params)) if operands else node.data
    c = applied(op, index, np, g, y, operands or node.operands, node.params)
    return np.broadcast_to(c, node.shape) if op.elementwise else c


def with_other(node: Node, index: int, g: Vector, factor: Vector) -> Vector:
    """What a product hands to an input, before that sum, when its other factor is `factor`."""
    assert node.op is not None
    pair = (factor, node.operands[1]) if index == 1 else (node.operands[0], factor)
    return applied(node.op, index, np, g, node.data, pair, node.params)


def left_out(tape: Tape, node: Node) -> str:
    """The words for an upstream gradient that is missing."""
    return f"the upstream gradient, with respect to {tape.label(node)}, is left out"


def misread(tape: Tape, x: Any) -> Iterator[tuple[str, str, Vector, str]]:
    """Wrong values for a quantity: (key, kind, value, words), a term or factor of it forgotten."""
    if not isinstance(x, Node) or x.op is None:
        return
    name, values = tape.label(x), [np.asarray(a, dtype=np.float64) for a in x.operands]
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
        if not is_constant(x.op, 0):
            text = f"{prime(x.op, labels[0])} stands where {name} itself belongs"
            yield "derived", "extra-factor", slope(x, 0), text


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
