"""What a scalar factor on a step means: a sign, a path cut or counted twice, a constant, a mean."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..graph.node import Node
from .slips import FAR, FARTHEST, FIRST, LIKELY, NEAR, ODD
from .tape import Tape, is_sum, op_name, terms_of

TURNED = "yours is -1 x the gradient: the sign is flipped"
LEARNING = "(right if that factor is meant to go into the learning rate)"


class Meaning(NamedTuple):
    """What a factor is called, how far-fetched that is, the words for it, and its exact value."""

    kind: str
    cost: float
    text: str
    k: float


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
        arrays = (x for x in values if not isinstance(x, (int, float)))
        named = [(tape.names[id(x)], x.shape) for x in arrays if id(x) in tape.names]
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
        return self._lengths("sum", "mean", "matmul")

    @cached_property
    def averaged(self) -> set[int]:
        """The same of the means alone."""
        return self._lengths("mean")

    def _lengths(self, *names: str) -> set[int]:
        nodes = [*self.tape.made_by(*names)]
        terms = {terms_of(node) for node in nodes if op_name(node) != "matmul"}
        return terms.union(*(node.operands[0].shape for node in nodes))

    @cached_property
    def constants(self) -> list[float]:
        """The scalar constants that the graph multiplies, divides or takes powers by."""
        found = {2.0}
        for node in self.tape.made_by("multiply", "divide", "pow"):
            for x in node.inputs:
                if not isinstance(x, Node) and np.ndim(x) == 0 and float(x) not in (0, 1, -1):
                    found.add(abs(float(x)))
        return sorted(found)

    @cached_property
    def computed(self) -> list[Meaning]:
        """The numbers that the graph computes, as factors of a gradient that were lost or added."""
        found = []
        below = {n.inputs[1] for n in self.tape.made_by("divide") if isinstance(n.inputs[1], Node)}
        for n in self.tape.order[1:]:
            if n.data.size == 1 and n.op is not None and abs(n.data.item()) not in (0, 1):
                name, v = self.tape.label(n), n.data.item()
                lost, more = (
                    (f"a factor {name} is missing", 1 / v),
                    (f"a factor {name} too many", v),
                )
                if n in below:
                    lost = f"the division by {name} is missing", v
                    more = f"a division by {name} too many", 1 / v
                found.append(Meaning("missing-factor", FARTHEST, *lost))
                found.append(Meaning("extra-factor", FARTHEST, *more))
        return found

    def whole(self, k: float, tol: float) -> Iterator[Meaning]:
        """What a factor k on a whole gradient means, at no step in particular."""
        if close(k, -1, tol):
            yield Meaning("sign", NEAR, TURNED, -1)
            return
        times = f"yours is {k:.6g} x the gradient"
        for n, words in self.sizes.items():
            for exact in (n, 1 / n):
                if close(k, exact, tol):
                    slip = "a mean stands where a sum belongs"
                    if exact == n:
                        slip = f"a sum stands where a mean belongs {LEARNING}"
                    sure = n in (self.reductions if n > 2 else self.averaged)  # 2 may be any 2
                    text = f"{times}, off by exactly {n}, {words}: {slip}"
                    if not sure:
                        text = f"{times}, which may be a coincidence or {words}: perhaps {slip}"
                    yield Meaning("mean-vs-sum", ODD if sure else FAR, text, exact)
        text = f"{times}: a constant factor is off"
        for exact in (e for c in self.constants for e in (c, 1 / c)):
            if close(k, exact, tol):
                yield Meaning("constant-scale", ODD + NEAR, text, exact)

    def step(
        self, node: Node, index: int, k: float, tol: float, junction: bool, alone: bool
    ) -> Iterator[Meaning]:
        """What a factor k on one step means. `junction`: its input has other consumers too;
        `alone`: it is the whole of the claimed gradient."""
        tape, term = self.tape, is_sum(node)
        source, result = tape.label(node.inputs[index]), tape.label(node)
        named = f"the term {source} of {result}" if term else f"the part through {result}"
        if len(node.inputs) == 2 and node.inputs[0] is node.inputs[1] and close(k, 0.5, tol):
            text = f"the 2 in the derivative of {result} is left out"
            square = np.ndim(node.operands[0]) and op_name(node) in ("multiply", "matmul")
            yield Meaning("constant-scale", FIRST if square else NEAR, text, 0.5)
            text = f"one of the two paths from {source} to {result} is left out"
            yield Meaning("missing-term", NEAR if square else FIRST, text, 0.5)
            return
        due = "the gradient" if alone else "what it should be"
        mine = "yours is" if alone else f"{named} is"
        if close(k, -1, tol):
            rule = tape.rule(node, index)
            minus = rule is not None and rule.has("negative")
            if not alone:
                text = f"the sign of {named} is flipped"
                yield Meaning("sign", NEAR if minus else LIKELY, text, -1)
            elif minus or op_name(node) == "subtract":
                yield Meaning("sign", FIRST, TURNED, -1)
            return
        if close(k, 0, tol):
            if not alone:
                text = f"the path from {source} through {result} is left out"
                if term and not junction:
                    text = f"{named} is left out"
                cost = FIRST if term or junction else LIKELY
                yield Meaning("missing-term", cost, text, 0)
            return
        if junction and close(k, 2, tol):
            yield Meaning("double-count", ODD, f"the path through {result} is counted twice", 2)
        yield from self._own(node, index, k, tol, mine, due)
        for m in self.whole(k, tol) if not alone else ():
            text = m.text.replace("yours is", mine, 1).replace("the gradient", due, 1)
            yield m._replace(cost=m.cost + (0.0 if junction else NEAR), text=text)
        n = terms_of(node) if op_name(node) == "sum" else 0
        if n > 1 and close(k, 1 / n, tol):
            off = f"off by exactly {n}, {self.sizes.get(n, 'the number of terms')}"
            text = f"{mine} 1/{n} of {due}, {off}: a mean stands where the sum is"
            yield Meaning("mean-vs-sum", NEAR, text, 1 / n)

    def _own(
        self, node: Node, index: int, k: float, tol: float, mine: str, due: str
    ) -> Iterator[Meaning]:
        """The constant factors of a step's derivative, lost or there twice."""
        rule = self.tape.rule(node, index)
        for c, words, counts in rule.constants if rule else ():
            n = round(abs(1 / c))
            kind = "constant-scale"
            whole = n > 1 and abs(abs(1 / c) - n) < 1e-9 * n
            if op_name(node) == "multiply" and not node.shape and not op_name(node.inputs[index]):
                kind = "missing-factor"  # a number that a scalar parameter is multiplied by is data
            terms = terms_in(node.inputs[index])
            if counts or (whole and n > 2 and (n in self.sizes or 0 <= terms - n <= 1)):
                kind = "mean-vs-sum"
            if close(k, 1 / c, tol):
                text = f"{mine} {k:.6g} x {due}: {words} is left out"
                if kind == "mean-vs-sum":
                    size = self.sizes.get(n, f"the {n} terms of the mean")
                    if n == terms - 1:
                        size = f"one less than the {terms} terms"
                    text = f"{mine} {n} x {due}, off by exactly {n}, {size}: the 1/{n} of the mean"
                    text += f" is missing {LEARNING}"
                yield Meaning(kind, FIRST, text, 1 / c)
            elif close(k, 2, tol) and whole and not counts and n > 2 and n % 2 == 0:
                text = f"{mine} 2 x {due}: 1/{n} is too large by 2"
                yield Meaning("constant-scale", LIKELY, text, 2)
            elif close(k, 0.5 / c, tol):
                text = f"{mine} {k:.6g} x {due}: the factor {2 * c:g}, with the 2 of a square, is"
                yield Meaning(kind, FARTHEST, f"{text} left out", 0.5 / c)


def terms_in(x: Any) -> int:
    """How many terms a value adds up, with sum or one by one; 1 where it is none such."""
    if op_name(x) == "sum":
        return terms_of(x)
    return sum(map(terms_in, x.inputs)) if op_name(x) == "add" else 1


def close(k: float, value: float, tol: float) -> bool:
    """Whether a factor is a certain number, as precisely as it is known."""
    return abs(k - value) <= tol * max(1.0, abs(value)) and (
        value == 0 or abs(k / value - 1) < 1e-2
    )


def tolerance_of(slack: float, weight: float, size: Any) -> float:
    """How precisely a factor is known that was read off a projection of size `weight`."""
    return slack / max(abs(weight), 1e-300) + 1e-7 * (1 + float(size))
