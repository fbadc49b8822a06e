"""The mistakes that can be made at one step of the chain rule.

A step is an edge of the graph: the op of `node` hands a contribution to its input `index`, given
its own cotangent g. A `Fault` is a function from g to what someone who errs there hands on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..backprop.chain import applied, is_constant, slope
from ..graph.node import Node
from ..graph.op import Op
from ..notation.write import local_text
from .kinds import known
from .tape import Tape, Vector, op_name, op_of

Handed = Callable[[Vector], Vector]
Row = tuple[str, float, Handed, str]  # the fields of a `Fault`, the last left out

ARITHMETIC = ("multiply", "divide", "pow", "square", "sqrt")  # what is no function with a name
NUDGE = 1e-6  # how far operands are moved to see whether a slope moves with them
LEFT_OUT = "the upstream gradient, with respect to $y, is left out"


@dataclass(frozen=True)
class Fault:
    """One mistake: its kind, how far-fetched it is (0 = the first to think of), what it hands on
    given the step's cotangent, and the words for it.

    In `text` $x, $y and $other stand for the step's input, its result and the other operand, $x0
    for the first input of x, $up for the cotangent of y, $local for the local derivative, and
    $named for `named`, which is something else in the graph.
    """

    kind: str
    cost: float
    apply: Handed
    text: str
    named: str = ""

    def __post_init__(self) -> None:
        known(self.kind)

    def words(self, tape: Tape, node: Node, index: int) -> str:
        """What is to be said, with the step's own names."""
        values = {"x": node.inputs[index], "y": node, "other": node.inputs[index - 1]}

        def said(match: re.Match[str]) -> str:
            what, at = match.groups()
            if what == "named":
                return self.named
            if what == "up":
                return tape.cotangent_name(node)
            if what != "local":
                return tape.label_of(values[what].inputs[int(at)] if at else values[what])
            if len(node.inputs) == 1:
                return prime(op_of(node), tape.label_of(node.inputs[0]))
            return local_text(node, index, tape.names)

        return re.sub(r"\$([a-z]+)(\d?)", said, self.text)


def times(factor: Any) -> Handed:
    """g -> g * factor."""
    return lambda g: g * factor


def beside(v: Vector, left: bool) -> Handed:
    """g -> v g or g v, matrix products."""
    return (lambda g: v @ g) if left else (lambda g: g @ v)


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
    d, fixed = slope(node, index), op_of(node).untouched
    if not (np.all(d >= 0) and np.all(d <= 1)):
        return False
    moved = [a if i in fixed else a + NUDGE * (1 + np.abs(a)) for i, a in enumerate(node.operands)]
    return bool(np.all(pulled(node, index, np.ones(node.shape), moved) == d))


def pulled(node: Node, index: int, g: Vector, operands: Sequence[Any] = ()) -> Vector:
    """What the op hands on before the sum over broadcast axes, at other operands if given."""
    op = op_of(node)
    y = np.asarray(op.forward(np, *operands, **node.params)) if operands else node.data
    c = applied(op, index, np, g, y, operands or node.operands, node.params)
    return np.broadcast_to(c, node.shape) if op.elementwise else c


def with_other(node: Node, index: int, g: Vector, factor: Vector) -> Vector:
    """What a product hands to an input, before that sum, when its other factor is `factor`."""
    pair = (factor, node.operands[1]) if index == 1 else (node.operands[0], factor)
    return applied(op_of(node), index, np, g, node.data, pair, node.params)


def put(node: Node, g: Vector) -> Vector:
    """Zeros with g at the index that a node picks; of several at one entry the last."""
    out = np.zeros(np.shape(node.operands[0]))
    out[node.params["index"]] = g
    return out


class Misread(NamedTuple):
    """A wrong value for a quantity, and what that is called."""

    kind: str
    value: Vector
    text: str
    named: str = ""


def misread(tape: Tape, x: Any, q: str) -> Iterator[Misread]:
    """Wrong values for a quantity, q in the texts, of its own shape: a term or factor forgotten."""
    for found in _misread(tape, x, q):
        if np.shape(found.value) == x.shape:
            yield found


def _misread(tape: Tape, x: Any, q: str) -> Iterator[Misread]:
    operands = x.operands if isinstance(x, Node) else ()
    name, values = op_name(x), [np.asarray(a, dtype=np.float64) for a in operands]
    lost = [f"{q}1 is left out of {q}", f"{q}0 is left out of {q}"]
    if name in ("add", "subtract"):
        a, b = values[0], values[1] if name == "add" else -values[1]
        yield Misread("missing-term", a, lost[0])
        yield Misread("missing-term", b, lost[1])
        yield Misread("sign", a - b, f"the sign in {q} is flipped")
    elif name in ("multiply", "matmul"):
        for value, text in zip(values, lost, strict=True):
            yield Misread("missing-factor", value, text)
        if name == "matmul":
            A, B = values
            for i, (C, D) in enumerate(((A.T, B), (A, B.T))):
                if C.shape == A.shape and D.shape == B.shape and values[i].ndim == 2:
                    yield Misread("transpose", C @ D, f"{q}{i} is transposed in {q}")
    elif len(values) == 1 and op_of(x).elementwise:
        text = f"{q}0 stands where {q} belongs"
        yield Misread("activation-derivative-at-wrong-point", values[0], text)
        if not is_constant(op_of(x), 0):
            derived = prime(op_of(x), tape.label_of(x.inputs[0]))
            text = f"$named stands where {q} itself belongs"
            yield Misread("extra-factor", slope(x, 0), text, derived)


def swapped(
    tape: Tape, x: Any, belongs: Any, product: Callable[[Vector, Vector], Vector]
) -> Iterator[Fault]:
    """A factor misread, another named array in its place, or the factor shifted by one."""

    def put(kind: str, cost: float, v: Vector, text: str, named: str = "") -> Fault:
        return Fault(kind, cost, lambda g: product(g, v), text, named)

    for kind, v, text, named in misread(tape, x, "$other"):
        yield put(kind, 0.2, v, text, named)
    for named, v in tape.named_arrays(np.shape(belongs)):
        if v is not belongs:
            kind = tape.kind_of_swap(v, belongs)
            yield put(kind, 0.4, v, "$named stands where $other belongs", named)
    for axis, n in enumerate(np.shape(belongs)):
        text = f"$other is shifted by one along axis {axis}"
        for by in (1, -1) if n > 1 else ():
            yield put("off-by-index", 0.2, np.roll(belongs, by, axis), text)
        if n > 2:  # of two entries the reverse is a shift
            text = f"$other is in reverse along axis {axis}"
            yield put("wrong-order", 0.25, np.flip(belongs, axis), text)
