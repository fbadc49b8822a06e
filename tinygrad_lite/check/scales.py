"""What a scalar factor on a step means: a sign, a path cut or counted twice, a constant, a mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from ..graph.node import Node
from .kinds import known
from .tape import Tape, op_name, terms_of


@dataclass(frozen=True)
class Meaning:
    """What a factor k is called, how far-fetched that is, and the words for it."""

    kind: str
    cost: float
    text: str
    placed: bool = True  # whether a step is to be named

    def __post_init__(self) -> None:
        known(self.kind)


class Scales:
    """The numbers that may turn up as a factor in this graph."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    @cached_property
    def sizes(self) -> dict[int, str]:
        """Lengths of axes and numbers of entries: N -> "the number of rows of X"."""
        found: dict[int, str] = {}
        tape = self.tape
        values = (x for node in reversed(tape.order) for x in (*node.inputs, node))
        named = [(tape.names[id(x)], x.shape) for x in values if id(x) in tape.names]
        for name, shape in named:
            words = ("rows", "columns") if len(shape) == 2 else ("entries",) * len(shape)
            for axis, n in enumerate(shape):
                word = words[axis] if len(shape) < 3 else f"entries along axis {axis}"
                found.setdefault(n, f"the number of {word} of {name}")
        for name, shape in named:
            found.setdefault(prod(shape), f"the number of entries of {name}")
        for node in tape.made_by("sum", "mean"):
            found.setdefault(terms_of(node), f"the number of terms of {tape.label(node)}")
        return {n: words for n, words in found.items() if n > 1}

    @cached_property
    def reductions(self) -> set[int]:
        """How many terms the sums and means of the graph have, and the lengths of their axes."""
        found = {terms_of(node) for node in self.tape.made_by("sum", "mean")}
        for node in self.tape.made_by("sum", "mean", "matmul"):
            found.update(node.operands[0].shape)
        return found

    @cached_property
    def constants(self) -> list[float]:
        """The scalar constants that the graph multiplies, divides or takes powers by."""
        found = {2.0, 4.0, 3.0}
        for node in self.tape.made_by("multiply", "divide", "pow"):
            for x in node.inputs:
                if not isinstance(x, Node) and np.ndim(x) == 0 and float(x) not in (0, 1, -1):
                    found.add(abs(float(x)))
        return sorted(found)

    def _summed_near(self, node: Node) -> set[int]:
        """How many terms the sums within three steps of a node have, and their axes' lengths."""
        consumers = self.tape.consumers
        below = above = near = [node]
        for _ in range(3):
            below = [x for n in below for x in n.parents()]
            above = [n for x in above for n, _ in consumers.get(x, ())]
            near = [*near, *below, *above]
        found: set[int] = set()
        for n in near:  # a matrix product sums too, but nobody takes a mean of it
            if op_name(n) == "sum" or (op_name(n) == "matmul" and n.data.size <= 1):
                found.update(np.shape(n.operands[0]), [terms_of(n)])
        return found

    def whole(self, k: float, tol: float) -> Iterator[Meaning]:
        """What a factor k on a whole gradient means, at no step in particular."""
        if _close(k, -1, tol):
            yield Meaning("sign", 0.3, "yours is -1 x the gradient")
            return
        times = f"yours is {k:.6g} x the gradient"
        for n, words in self.sizes.items():
            many = _close(k, n, tol)
            if many or _close(k, 1 / n, tol):
                slip = "a mean stands where a sum belongs"
                if many:
                    slip = (
                        "a sum stands where a mean belongs (right if that factor is meant to go "
                        "into the learning rate)"
                    )
                text = f"{times}, off by exactly {n}, {words}: {slip}"
                yield Meaning("mean-vs-sum", 0.2 if n in self.reductions else 0.3, text)
        for n in self.reductions:
            if n > 2 and (_close(k, n / (n - 1), tol) or _close(k, (n - 1) / n, tol)):
                text = f"{times}, {n} and {n - 1} exchanged (N for N - 1?)"
                yield Meaning("constant-scale", 0.25, text)
        for c in self.constants:
            if _close(k, c, tol) or _close(k, 1 / c, tol):
                yield Meaning("constant-scale", 0.25, f"{times}: a constant factor is off")

    def step(
        self, node: Node, index: int, k: float, tol: float, junction: bool, alone: bool
    ) -> Iterator[Meaning]:
        """What a factor k on one step means. `junction`: its input has other consumers too;
        `alone`: it is the whole of the claimed gradient."""
        name, tape = op_name(node), self.tape
        if len(node.inputs) == 2 and node.inputs[0] is node.inputs[1]:
            yield from self._square(node, k, tol)
            return
        result = tape.label(node)
        due = "the gradient" if alone else "what it should be"
        mine = "yours is" if alone else f"the part through {result} is"
        if _close(k, -1, tol):
            text = f"the sign of the part through {result} is flipped"
            if alone:
                text = "yours is -1 x the gradient: the sign is flipped"
            yield Meaning("sign", _SIGNED.get((name, index), 0.12), text)
            return
        if _close(k, 0, tol) and not alone:
            source, term = tape.label(node.inputs[index]), name in ("add", "subtract")
            text = f"the path from {source} through {result} is left out"
            if term and not junction:
                text = f"the term {source} of {result} is left out"
            yield Meaning("missing-term", 0.0 if term or junction else 0.1, text)
            return
        double = _close(k, 2, tol)
        if junction and (double or _close(k, 0.5, tol)) and self._squared(node, node.inputs[index]):
            text = f"{mine} {k:g} x what it should be: a constant factor is off"
            yield Meaning("constant-scale", 0.03, text)
        if junction and double:
            yield Meaning("double-count", 0.05, f"the path through {result} is counted twice")
        for signed, kind, what in self._own(node, index):
            c = abs(signed)
            if _close(k, 1 / c, tol):
                text = f"{mine} {k:.6g} x {due}: {what} is left out"
                if kind == "mean-vs-sum":
                    n = round(1 / c)
                    text = (
                        f"{mine} {n} x {due}, off by exactly {n}, "
                        f"{self.sizes.get(n, f'the {n} terms of the mean')}: the 1/{n} of the mean "
                        "is missing (right if it is meant to go into the learning rate)"
                    )
                yield Meaning(kind, 0.0, text)
            elif _close(k, c, tol):
                cost = 0.15 if name in ("multiply", "divide", "mean") else 0.23
                yield Meaning(kind, cost, f"{mine} {k:.6g} x {due}: {what} is there twice")
        for m in self.whole(k, tol) if not alone else ():
            text = m.text.replace("yours is", mine, 1).replace("the gradient", due, 1)
            yield Meaning(m.kind, m.cost + (0.0 if junction else 0.05), text)
        n = terms_of(node) if name == "sum" else 0
        if n > 1 and _close(k, 1 / n, tol):
            off = f"off by exactly {n}, {self.sizes.get(n, 'the number of terms')}"
            text = f"{mine} 1/{n} of {due}, {off}: a mean stands where the sum is"
            yield Meaning("mean-vs-sum", 0.05, text)

    def _square(self, node: Node, k: float, tol: float) -> Iterator[Meaning]:
        """The same for x * x, of whose two equal steps this is one."""
        name, x = self.tape.label(node), self.tape.label_of(node.inputs[0])
        if _close(k, 0, tol):
            square = np.ndim(node.operands[0]) and op_name(node) in ("multiply", "matmul")
            text = f"the 2 in the derivative of {name} is left out"
            yield Meaning("constant-scale", 0.0 if square else 0.05, text)
            text = f"one of the two paths from {x} to {name} is left out"
            yield Meaning("missing-term", 0.05 if square else 0.0, text)
        elif _close(k, -1, tol):
            yield Meaning("missing-term", 0.0, f"the path from {x} through {name} is left out")
        elif _close(k, -3, tol):
            yield Meaning("sign", 0.1, f"the sign of the part through {name} is flipped")
        elif _close(k, 3, tol):
            text = f"the part through {name} is 2 x what it should be: a constant factor is off"
            yield Meaning("constant-scale", 0.05, text)
            yield Meaning("double-count", 0.1, f"the path through {name} is counted twice")

    def _squared(self, node: Node, x: Node) -> bool:
        """Whether the path from x through a node is squared before it meets the others from x: a
        loss's square, or a penalty's."""
        consumers = self.tape.consumers
        others: set[Node] = set()
        stack = [n for n, _ in consumers[x] if n is not node]
        while stack:
            n = stack.pop()
            if n not in others:
                others.add(n)
                stack += [above for above, _ in consumers[n]]
        while node not in others:
            if _is_square(node):
                return True
            above = {n for n, _ in consumers[node]}
            if len(above) != 1:
                return False
            (node,) = above
        return False

    def _own(self, node: Node, index: int) -> Iterator[tuple[float, str, str]]:
        """The constant factors of a step's derivative: (value, kind if it is lost, words)."""
        name, x = op_name(node), node.inputs[index]
        if name == "mean":
            yield node.data.size / node.operands[0].size, "mean-vs-sum", "the mean's 1/N"
        elif name == "square":
            yield 2.0, "constant-scale", "the 2 of the square"
        elif name == "pow" and index == 0 and np.ndim(node.operands[1]) == 0:
            p = float(node.operands[1])
            if p not in (0, 1):
                yield p, "constant-scale", f"the exponent {p:g}"
        elif name == "sqrt":
            yield 0.5, "constant-scale", "the 1/2 of the root"
        elif name == "multiply" or (name == "divide" and index == 0):
            other = node.inputs[1 - index]
            if isinstance(other, Node) or np.ndim(other) or abs(float(other)) in (0, 1, np.inf):
                return
            c = float(other) if name == "multiply" else 1 / float(other)
            n = round(abs(1 / c))
            kind = "constant-scale"
            if not node.shape and not op_name(x):
                kind = "missing-factor"  # a number that a scalar parameter is multiplied by is data
            literal = abs(c) == 0.5 and name == "multiply"
            is_mean = n > 1 and abs(abs(1 / c) - n) < 1e-9 * n and n in self._summed_near(node)
            if is_mean and not literal:
                kind = "mean-vs-sum"
            written = self.tape.names.get(id(other)) or f"{float(other):g}"
            yield c, kind, f"the {'factor' if name == 'multiply' else 'divisor'} {written}"
            if kind == "constant-scale" and _of_squares(x):
                yield 2 * c, kind, f"the factor {2 * c:g}, with the square's 2,"


# Where a sign is first looked for: at a difference, a negation, the second operand of a quotient.
_SIGNED = {
    ("subtract", 1): 0.0,
    ("subtract", 0): 0.02,
    ("negative", 0): 0.01,
    ("divide", 1): 0.01,
    ("cos", 0): 0.01,
    ("inv", 0): 0.01,
    ("solve", 0): 0.01,
}


def _is_square(node: Any) -> bool:
    """Whether a node is x**2 or x * x."""
    name = op_name(node)
    if name == "pow":
        return np.ndim(node.operands[1]) == 0 and float(node.operands[1]) == 2
    return name == "square" or (name == "multiply" and node.inputs[0] is node.inputs[1])


def _of_squares(x: Any, depth: int = 4) -> bool:
    """Whether a node is a square, or a sum of squares so many steps deep."""
    if depth < 0 or _is_square(x):
        return depth >= 0
    return op_name(x) in ("sum", "mean", "add") and any(_of_squares(a, depth - 1) for a in x.inputs)


def _close(k: float, value: float, tol: float) -> bool:
    return abs(k - value) <= tol * max(1.0, abs(value)) and (
        value == 0 or abs(k / value - 1) < 1e-2
    )


def multiple(a: Any, b: Any, tol: float) -> float:
    """The k for which k b is nearest to a: a whole number or its inverse where it may be."""
    k = float(np.sum(a * b)) / (float(np.sum(b * b)) or 1.0)
    for n in (k, 1 / k if abs(k) > 1e-9 else k):
        if abs(n - round(n)) <= max(1e-6, tol) * max(1.0, abs(n)) and round(n):
            return float(round(n)) if n == k else 1 / round(n)
    return k


def tolerance_of(slack: float, weight: float, size: Any) -> float:
    """How precisely a factor is known that was read off a projection of size `weight`."""
    return slack / max(abs(weight), 1e-300) + 1e-7 * (1 + float(size))
