"""What a scalar factor on a step means: a sign, a path cut or counted twice, a constant, a mean."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import exp, inf, log, pi, prod
from typing import Any

import numpy as np

from ..graph.backend import broadcast_axes
from ..graph.node import Node, raw
from ..notation.words import listed
from ..ops.constants import reduced_axes
from .rules import is_number
from .slips import FAR, FARTHEST, FIRST, LIKELY, NEAR, ODD, Instead
from .tape import Tape, Vector, is_sum, op_name, op_of, terms_of

MINE, DUE = "yours is", "the gradient"  # of a part it reads otherwise
YOURS = f"{MINE} {{k:.6g}} x {DUE}"
TURNED = f"{YOURS.format(k=-1)}: the sign is flipped"
NUMBERS = {  # that no graph need have: what they are of
    log(2): "ln 2, as between logarithms to base 2 and natural ones",
    log(10): "ln 10, as between logarithms to base 10 and natural ones",
    pi / 180: "π/180, as between degrees and radians",
    pi: "π",
    2 * pi: "2π",
}
PATHS = (-1.0, 0.0, 0.5, 2.0)  # what becomes of one: turned, left out, one of two, counted twice
NESTED = 12  # steps between a sum and a value of that shape that has a name
FEW, MANY = 3, 20  # places of one number that are named, where there are no more numbers
LEARNING = "(right if that factor is meant to go into the learning rate)"


class Scales:
    """The numbers that may turn up as a factor of a gradient in this graph. What is summed or
    repeated at the `edges` between a claim and those above it tells which of them are lengths."""

    def __init__(self, tape: Tape, edges: Sequence[tuple[Node, int, Node]] = ()) -> None:
        self.tape, self.edges = tape, edges

    @cached_property
    def sizes(self) -> dict[int, str]:
        """Lengths of axes and numbers of entries: N -> "the number of rows of X"."""
        found: dict[int, str] = {}
        tape = self.tape
        values = (x for node in reversed(tape.order) for x in (*node.inputs, node))
        arrays = (x for x in values if not isinstance(x, (int, float)))
        named = [(tape.names[id(x)], x.shape) for x in arrays if id(x) in tape.names]
        for name, shape in named:
            for axis, n in enumerate(shape):
                found.setdefault(n, counting(name, shape, axis))
        for name, shape in named:
            found.setdefault(prod(shape), f"the number of entries of {name}")
        return {n: words for n, words in found.items() if n > 1}

    def _lengths(self, x: Any, axes: Collection[int]) -> dict[int, str]:
        """Those of some axes of a value, and of all if these are, with what they count: that value,
        or what it is computed of entry by entry, if it has a name."""
        names, shape, like = self.tape.names, np.shape(raw(x)), [x]
        for _ in range(NESTED if axes else 0):
            x = min(like, key=lambda a: id(a) not in names, default=x)
            inputs = x.inputs if isinstance(x, Node) and id(x) not in names else ()
            like = [a for a in inputs if np.shape(raw(a)) == shape]
        name = names.get(id(x))
        found = {shape[a]: counting(name, shape, a) for a in axes}
        if axes and len(axes) == len(shape):
            found.setdefault(prod(shape), counting(name, (prod(shape),), 0))
        return {n: words for n, words in found.items() if n > 1}

    def _added(self, node: Node) -> dict[int, str]:
        """The lengths over which a step adds up."""
        x = node.inputs[0]
        if op_name(node) == "matmul":
            return self._lengths(x, [np.ndim(raw(x)) - 1])
        taken = op_name(node) in ("sum", "mean")
        return self._lengths(x, reduced_axes(x.shape, node.params["axis"]) if taken else ())

    def _crossed(self, node: Node, index: int) -> dict[int, str]:
        """The lengths over which a step adds up on its way there, or of a product back. Any 2 may
        be another's, but that of a mean."""
        x = node.inputs[index]
        if op_name(node) == "matmul":
            other = node.inputs[1 - index]
            axes = np.ndim(raw(other))
            found = self._lengths(other, [axes - 1 - index] if axes > 1 else ())
        elif op_of(node).elementwise:
            found = self._lengths(node, broadcast_axes(node.shape, np.shape(raw(x))))
        else:
            found = self._added(node)
        return {n: words for n, words in found.items() if n > 2 or op_name(node) == "mean"}

    @cached_property
    def whole(self) -> list[Instead]:
        """The factors that a gradient may have at no step in particular."""
        known = (
            Instead("constant-scale", FAR, k, f"{YOURS.format(k=k)}: {words}{' below' * (k != c)}")
            for c, words in NUMBERS.items()
            for k in (c, 1 / c)
        )
        crossed: dict[int, str] = {}
        for n, i, _ in self.edges:
            crossed = self._crossed(n, i) | crossed
        return [*self._factors(crossed), *known]

    def _factors(self, lengths: Mapping[int, str]) -> Iterator[Instead]:
        """These factors; a mean for a sum and a sum for a mean are certain only of such `lengths`
        that are no number of the graph, which may be lost, or stand on the wrong side."""
        yield Instead("sign", NEAR, -1.0, TURNED)
        transformed = {prod(n.shape[a] for a in n.params["axes"]) for n in self.tape.made_by("dft")}
        for n, words in {**self.sizes, **lengths}.items():
            lost = any(c**p in (n, 1 / n) for c in self._numbers for p in (1, 2))
            for k, slip in (
                (n, f"a sum stands where a mean belongs {LEARNING}"),
                (1 / n, "a mean stands where a sum belongs"),
            ):
                means = f", off by exactly {n}, {words}: {slip}"
                if lost or n not in lengths:
                    means = f", which may be a coincidence or {words}: perhaps {slip}"
                if n in transformed:
                    means += ", or a transform with its 1/n for one without, or the reverse"
                rank = ODD if n in lengths else FARTHEST + ODD
                yield Instead("mean-vs-sum", rank, k, YOURS.format(k=k) + means)
        for c in sorted({2.0, *self._numbers} - {0.0, 1.0}):
            places = self._numbers.get(c, ()) if len(self._numbers) <= MANY else ()
            labels = [self.tape.label(n) for n in places] if len(places) <= FEW else []
            such = f", perhaps that of {listed(labels)}" if labels else ""
            for k in (c, 1 / c):
                text = f"{YOURS.format(k=k)}: a constant factor is off{such}"
                yield Instead("constant-scale", ODD + NEAR, k, text)

    @cached_property
    def _numbers(self) -> dict[float, list[Node]]:
        """The sizes of the numbers that the graph computes with, and where."""
        found: dict[float, list[Node]] = {}
        for n in self.tape.made_by("multiply", "divide", "pow"):
            for x in n.inputs:
                if np.ndim(raw(x)) == 0 and is_number(x):
                    found.setdefault(abs(float(raw(x))), []).append(n)
        return found

    @cached_property
    def computed(self) -> list[Instead]:
        """The numbers that the graph computes, as factors of a gradient that were lost or added."""
        found: list[Instead] = []
        below = {id(n.inputs[1]) for n in self.tape.made_by("divide")}
        for n in self.tape.order[1:]:
            if n.data.size == 1 and abs(v := n.data.item()) not in (0, 1):
                name, divides = self.tape.label(n), id(n) in below
                for called, k in ((name, v), (f"{name}²", v * v)):
                    found += factor(called, k, divides=divides)
        found += (Instead("constant-scale", FAR, k, text) for k, text in self._supposed())
        return [m._replace(text=f"{YOURS.format(k=m.value)}: {m.text}") for m in found]

    def _supposed(self) -> Iterator[tuple[float, str]]:
        """Numbers that a gradient is off by where a number, a size or the loss is taken for
        another, and what for which."""
        for n, words in self.sizes.items():
            for k in (n**0.5, n**-0.5):
                text = f"√{n}, the root of {words}, is {'missing below' if k > 1 else 'too many'}"
                yield k, text
            for k, root in ((n / (n - 1), ""), ((n / (n - 1)) ** 0.5, " below a root")):
                yield k, f"perhaps it is divided by {n - 1}, not {n}{root}"
            for c in self._numbers:
                of = max(c, 1 / c) if c else 0.0
                if of == np.round(of) and of not in (0, 1, n):
                    yield of / n, f"perhaps it is divided by {n}, {words}, not by {of:g}"
        for c in self._numbers:
            if 0 < c < 1:
                for k in ((1 - c) / c, c / (1 - c)):
                    yield k, f"perhaps {1 - c:g} stands for {c:g}, what is left of 1"
        E = float(self.tape.root.data.sum())
        functions = (exp(min(E, 700.0)), "exp({})"), (2 * E, "{}²"), (1 / (E or inf), "log({})")
        for k, words in functions:
            what = words.format(self.tape.names.get(id(self.tape.root)) or "E")
            yield float(k), f"it is the gradient of {what}"

    def step(
        self, node: Node, index: int, k: float, tol: float, leading: Container[Node], alone: bool
    ) -> Iterator[tuple[Instead, str]]:
        """What a factor k on one step means, and the words for it where other steps may be meant as
        well. `leading` nodes lead to the claimed one; `alone`: it is the whole of the claimed
        gradient."""
        own, x = [*self._own(node, index)], node.inputs[index]
        if not any(_is(k, v, tol) for v in (*PATHS, *(m.value for m in (*own, *self.whole)))):
            return
        junction = len(self.tape.consumers[x]) > sum(a is x for a in node.inputs)
        beside = any(a is not x and a in leading for a in node.parents())
        source, result = self.tape.label(self._term(x, leading)), self.tape.label(node)
        if len(node.inputs) == 2 and node.inputs[0] is node.inputs[1] and abs(k - 0.5) <= tol:
            array = np.ndim(node.operands[0]) and op_name(node) in ("multiply", "matmul")
            text = f"the 2 in the derivative of {result} is left out"
            yield Instead("constant-scale", FIRST if array else NEAR, 0.5, text), text
            text = f"one of the two paths from {source} to {result} is left out"
            yield Instead("missing-term", NEAR if array else FIRST, 0.5, text), text
            return
        term = is_sum(node)
        handed = f"what {result} hands to {source}" if beside else f"the part through {result}"
        named = f"the term {source} of {result}" if term else handed
        rows = []
        if not alone:
            text = f"the sign of {named} is flipped"
            rows.append(Instead("sign", NEAR if self.turns(node, index) else LIKELY, -1.0, text))
            text = f"the path from {source} through {result} is left out"
            if (term and not junction) or (beside and not term):
                text = f"{named} is left out"
            cost = FIRST if junction or (term and beside) else LIKELY
            rows.append(Instead("missing-term", cost, 0.0, text))
        if junction:
            text = f"the path through {result} is counted twice"
            rows.append(Instead("double-count", ODD, 2.0, text))
        rows += own
        factors = () if alone else self._factors(self._crossed(node, index))
        for m in near(factors, k, tol):
            rows += [m._replace(cost=m.cost + NEAR * (not term))] * (m.value != -1)
        for m in near(rows, k, tol):
            part = m.text if alone else m.text.replace(DUE, "what it should be", 1)
            here, anywhere = (MINE, MINE) if alone else (f"{named} is", "a part is")
            text = part.replace(MINE, here, 1)
            yield m._replace(text=text), part.replace(MINE, anywhere, 1)

    def turns(self, node: Node, index: int, alone: bool = False) -> bool:
        """Whether a minus is lost easily at a step: it has one, or is a difference, which `alone`
        may be taken the other way round."""
        if op_name(node) == "subtract":
            return index == 1 or alone
        rule = self.tape.rule(node, index)
        beside = op_name(node) == "multiply" and op_name(node.inputs[1 - index]) == "negative"
        return beside or (rule is not None and rule.turns)

    def _term(self, x: Node, leading: Container[Node]) -> Node:
        """The one term of a sum, or of sums in it, that leads to the claimed node."""
        while x.op is not None and is_sum(x) and not self.tape.is_named(x):
            terms = [a for a in x.parents() if a in leading]
            if len(terms) != 1:
                break
            x = terms[0]
        return x

    def _own(self, node: Node, index: int) -> Iterator[Instead]:
        """The constant factors of a step's derivative, lost or there twice."""
        rule = self.tape.rule(node, index)
        for c, words, counts in rule.constants if rule else ():
            n = round(abs(1 / c))
            if c == -1:
                continue  # that is the sign
            whole = n > 1 and abs(abs(1 / c) - n) < 1e-9 * n
            kind, lost = "constant-scale", f"{YOURS.format(k=1 / c)}: {words} is left out"
            if op_name(node) == "multiply" and not node.shape and not op_name(node.inputs[index]):
                kind = "missing-factor"  # a number that a scalar parameter is multiplied by is data
            terms, sums = added(node.inputs[index], n + 1) if whole else (0, [])
            summed = [node] if counts else sums
            size = next((size for m in summed if (size := self._added(m).get(n))), None)
            if counts or (whole and n > 2 and (size or 0 <= terms - n <= 1)):
                what = f"the 1/{n} of the mean is missing" if counts else f"{words} is left out"
                size = size or f"the {n} terms of the mean"
                if n == terms - 1 and not counts:
                    size = f"one less than the {terms} terms"
                kind, lost = "mean-vs-sum", f"{YOURS.format(k=n)}, off by exactly {n}, {size}"
                lost += f": {what} {LEARNING}"
            yield Instead(kind, FIRST, 1 / c, lost)
            if kind == "constant-scale":
                k = (1 / c) * (1 / c)  # infinite, and no error, where c is tiny
                text = f"{YOURS.format(k=k)}: {words} is on the wrong side of the fraction"
                rank = ODD + NEAR if k in (0.25, 4.0) else LIKELY  # a mean over 4 is commoner
                yield Instead(kind, rank, k, text)
            for by in (n - 1, n + 1) if whole and n > 2 else ():
                text = f"{YOURS.format(k=n / by)}: perhaps it is divided by {by}, not {n}"
                yield Instead("constant-scale", FAR, n / by, text)
            if whole and not counts and n > 2 and n % 2 == 0:
                text = f"{YOURS.format(k=2)}: 1/{n} is too large by 2"
                yield Instead("constant-scale", LIKELY, 2.0, text)


def factor(name: str, v: Vector, *, divides: bool) -> tuple[Instead, Instead]:
    """A factor lost in a gradient, or one that is there besides; or such a division. Of a number of
    few digits it is uncertain."""
    what, rank, more, lost = (
        ("division by", ODD, 1 / v, v) if divides else ("factor", FAR, v, 1 / v)
    )
    sure = "perhaps " if np.size(v) == 1 and np.all(np.round(v, 2) == v) else ""
    return (
        Instead("missing-factor", rank, lost, f"{sure}the {what} {name} is missing"),
        Instead("extra-factor", FAR, more, f"{sure}there is a {what} {name} too many"),
    )


def added(x: Any, most: int) -> tuple[int, list[Node]]:
    """How many terms a value adds up, one by one or with sum, and the sums among them; whatever
    their signs and the numbers that they are multiplied by. Of a longer one than `most` the last.
    """
    terms, parts, sums, seen, stack = 0, 0, list[Node](), set[int](), [x]
    while stack and parts <= most:
        x = stack.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        name = op_name(x)
        scaled = name in ("multiply", "divide") and any(map(is_number, x.inputs))
        if scaled or name in ("add", "subtract", "negative"):
            stack += [a for a in x.inputs if not is_number(a)]
            continue
        terms, parts = terms + (terms_of(x) if name == "sum" else 1), parts + 1
        if name in ("sum", "mean", "matmul"):
            sums.append(x)
    return terms, sums


def counting(name: str | None, shape: tuple[int, ...], axis: int) -> str:
    """What the length of an axis of a value is, in which a sum is taken if it has no name."""
    if name is None:
        return "the number of terms that are added up"
    if len(shape) > 2:
        return f"the number of entries along axis {axis} of {name}"
    return f"the number of {('rows', 'columns')[axis] if len(shape) == 2 else 'entries'} of {name}"


def near(rows: Iterable[Instead], k: float, tol: float) -> list[Instead]:
    """The factors that k is, as precisely as it is known."""
    return [m for m in rows if _is(k, m.value, tol)]


def _is(k: float, value: float, tol: float) -> bool:
    near_by = abs(k - value) <= tol * max(1.0, abs(value))
    return near_by and (value == 0 or abs(k / value - 1) < 1e-2)


def tolerance_of(slack: float, weight: float, size: Any) -> float:
    """How precisely a factor is known that was read off a projection of size `weight`."""
    return slack / max(abs(weight), 1e-300) + 1e-7 * (1 + float(size))
