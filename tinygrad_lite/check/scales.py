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
from .tape import Tape, terms_of


@dataclass(frozen=True)
class Meaning:
    """What a factor k is called, how far-fetched that is, and the words for it."""

    kind: str
    cost: float
    text: str

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
        named = [
            (tape.names[id(x)], x.shape)
            for node in reversed(tape.order)
            for x in (*node.inputs, node)
            if id(x) in tape.names
        ]
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
        near, layer = [node], [node]
        for _ in range(3):
            layer = [x for n in layer for x in n.parents()]
            near += layer
        layer = [node]
        for _ in range(3):
            layer = [n for x in layer for n, _ in self.tape.consumers.get(x, ())]
            near += layer
        found: set[int] = set()
        for n in near:
            if n.op is None or (n.op.name == "matmul" and n.data.size > 1):
                continue  # a matrix product sums too, but nobody takes a mean of it
            if n.op.name in ("sum", "matmul"):
                found.update(np.shape(n.operands[0]))
                found.add(terms_of(n))
        return found

    def whole(self, k: float, tol: float) -> Iterator[Meaning]:
        """What a factor k on a whole gradient means, at no step in particular."""
        if _close(k, -1, tol):
            yield Meaning("sign", 0.3, "yours is -1 x the gradient")
            return
        times = f"yours is {k:.6g} x the gradient"
        for n, words in self.sizes.items():
            for value in (n, 1 / n):
                if _close(k, value, tol):
                    slip = (
                        "a sum stands where a mean belongs"
                        if value > 1
                        else "a mean stands where a sum belongs"
                    )
                    cost = 0.2 if n in self.reductions else 0.3
                    absorbed = (
                        " (right if that factor is meant to go into the learning rate)"
                        if value > 1
                        else ""
                    )
                    off = f"{times}, off by exactly {n}, {words}: {slip}{absorbed}"
                    yield Meaning("mean-vs-sum", cost, off)
        for n in self.reductions:
            if n > 2:
                for value in (n / (n - 1), (n - 1) / n):
                    if _close(k, value, tol):
                        off = f"{times}, {n} and {n - 1} exchanged (N for N - 1?)"
                        yield Meaning("constant-scale", 0.25, off)
        for c in self.constants:
            for value in (c, 1 / c):
                if _close(k, value, tol):
                    yield Meaning("constant-scale", 0.25, f"{times}: a constant factor is off")
                    break

    def step(
        self, node: Node, index: int, k: float, tol: float, junction: bool, alone: bool
    ) -> Iterator[Meaning]:
        """What a factor k on one step means. `junction`: its input has other consumers too;
        `alone`: it is the whole of the claimed gradient."""
        op = node.op
        assert op is not None
        tape = self.tape
        if len(node.inputs) == 2 and node.inputs[0] is node.inputs[1]:
            yield from self._square(node, k, tol)
            return
        due = "the gradient" if alone else "what it should be"
        mine = "yours is" if alone else f"the part through {tape.label(node)} is"
        if _close(k, -1, tol):
            text = "yours is -1 x the gradient: the sign is flipped"
            if not alone:
                text = f"the sign of the part through {tape.label(node)} is flipped"
            yield Meaning("sign", _SIGNED.get((op.name, index), 0.12), text)
            return
        if _close(k, 0, tol) and not alone:
            source = tape.label(node.inputs[index])
            text = f"the path from {source} through {tape.label(node)} is left out"
            term = junction or op.name in ("add", "subtract")
            if term and not junction:
                text = f"the term {source} of {tape.label(node)} is left out"
            yield Meaning("missing-term", 0.0 if term else 0.1, text)
            return
        half = _close(k, 2, tol) or _close(k, 0.5, tol)
        if half and junction and self._squared(node, node.inputs[index]):
            text = f"{mine} {k:g} x what it should be: a constant factor is off"
            yield Meaning("constant-scale", 0.03, text)
        if _close(k, 2, tol) and junction:
            text = f"the path through {tape.label(node)} is counted twice"
            yield Meaning("double-count", 0.05, text)
        for signed, kind, what in self._own(node, index):
            c = abs(signed)
            if _close(k, 1 / c, tol):
                if kind == "mean-vs-sum":
                    n = round(1 / c)
                    off = self.sizes.get(n, f"the {n} terms of the mean")
                    text = (
                        f"{mine} {n} x {due}, off by exactly {n}, {off}: the 1/{n} of the "
                        "mean is missing (right if it is meant to go into the learning rate)"
                    )
                else:
                    text = f"{mine} {k:.6g} x {due}: {what} is left out"
                yield Meaning(kind, 0.0, text)
            elif _close(k, c, tol):
                text = f"{mine} {k:.6g} x {due}: {what} is there twice"
                yield Meaning(
                    kind, 0.15 if op.name in ("multiply", "divide", "mean") else 0.23, text
                )
        if not alone:
            for m in self.whole(k, tol):
                text = m.text.replace("yours is", f"the part through {tape.label(node)} is", 1)
                text = text.replace("the gradient", "what it should be", 1)
                yield Meaning(m.kind, m.cost + (0.0 if junction else 0.05), text)
        if op.name == "sum":
            n = terms_of(node)
            if n > 1 and _close(k, 1 / n, tol):
                text = (
                    f"{mine} 1/{n} of {due}, off by exactly {n}, "
                    f"{self.sizes.get(n, 'the number of terms')}: a mean stands where the sum is"
                )
                yield Meaning("mean-vs-sum", 0.05, text)

    def _square(self, node: Node, k: float, tol: float) -> Iterator[Meaning]:
        """The same for x * x, of whose two equal steps this is one."""
        name, x = self.tape.label(node), self.tape.label_of(node.inputs[0])
        if _close(k, 0, tol):
            assert node.op is not None
            arrays = np.ndim(node.operands[0]) > 0
            square = arrays and node.op.name in ("multiply", "matmul")
            text = f"the 2 in the derivative of {name} is left out"
            yield Meaning("constant-scale", 0.0 if square else 0.05, text)
            text = f"one of the two paths from {x} to {name} is left out"
            yield Meaning("missing-term", 0.0 if not square else 0.05, text)
        elif _close(k, -1, tol):
            yield Meaning("missing-term", 0.0, f"the path from {x} through {name} is left out")
        elif _close(k, -3, tol):
            yield Meaning("sign", 0.1, f"the sign of the part through {name} is flipped")
        elif _close(k, 3, tol):
            text = f"the part through {name} is 2 x what it should be: a constant factor is off"
            yield Meaning("constant-scale", 0.05, text)
            yield Meaning("double-count", 0.1, f"the path through {name} is counted twice")

    def _of_squares(self, x: Any) -> bool:
        """Whether a node is a square, or a sum of squares."""
        stack = [(x, 0)]
        while stack:
            n, depth = stack.pop()
            if not isinstance(n, Node) or n.op is None or depth > 4:
                continue
            if _is_square(n):
                return True
            if n.op.name in ("sum", "mean", "add"):
                stack += [(a, depth + 1) for a in n.inputs]
        return False

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
        op = node.op
        assert op is not None
        if op.name == "mean":
            yield node.data.size / node.operands[0].size, "mean-vs-sum", "the mean's 1/N"
        elif op.name == "square":
            yield 2.0, "constant-scale", "the 2 of the square"
        elif op.name == "pow" and index == 0 and np.ndim(node.operands[1]) == 0:
            p = float(node.operands[1])
            if p not in (0, 1):
                yield p, "constant-scale", f"the exponent {p:g}"
        elif op.name == "sqrt":
            yield 0.5, "constant-scale", "the 1/2 of the root"
        elif op.name in ("multiply", "divide"):
            other = node.inputs[1 - index]
            if isinstance(other, Node) or np.ndim(other) or (op.name == "divide" and index == 1):
                return
            c = float(other) if op.name == "multiply" else 1 / float(other)
            if c in (0, 1, -1):
                return
            n = round(abs(1 / c))
            name = self.tape.names.get(id(other))
            is_mean = n > 1 and abs(abs(1 / c) - n) < 1e-9 * n and n in self._summed_near(node)
            literal = abs(c) == 0.5 and op.name == "multiply"
            kind = "mean-vs-sum" if is_mean and not literal else "constant-scale"
            leaf = isinstance(node.inputs[index], Node) and node.inputs[index].op is None
            if kind == "constant-scale" and not node.shape and leaf:
                kind = "missing-factor"  # a number that a scalar parameter is multiplied by is data
            written = name or f"{float(other):g}"
            yield c, kind, f"the {'factor' if op.name == 'multiply' else 'divisor'} {written}"
            if kind == "constant-scale" and self._of_squares(node.inputs[index]):
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


def _is_square(node: Node) -> bool:
    """Whether a node is x**2 or x * x."""
    if node.op is None or node.op.name == "square":
        return node.op is not None
    if node.op.name == "pow":
        return np.ndim(node.operands[1]) == 0 and float(node.operands[1]) == 2
    return node.op.name == "multiply" and node.inputs[0] is node.inputs[1]


def _close(k: float, value: float, tol: float) -> bool:
    return abs(k - value) <= tol * max(1.0, abs(value)) and (
        value == 0 or abs(k / value - 1) < 1e-2
    )


def tolerance_of(slack: float, weight: float, size: Any) -> float:
    """How precisely a factor is known that was read off a projection of size `weight`."""
    return slack / max(abs(weight), 1e-300) + 1e-7 * (1 + float(size))
