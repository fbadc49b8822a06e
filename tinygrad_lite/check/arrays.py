"""Another array in a gradient: a factor or a term too many or too few, entries moved."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..backprop.chain import is_constant, slope
from ..graph.node import Node
from .faults import prime
from .scales import Scales, tolerance_of
from .search import Catalogue, Guess, Search
from .slips import FAR, LIKELY, ODD
from .tape import Tape, Vector, op_name

MANY = 300  # nodes above which no foreign factors are looked for
BIG = 20_000  # entries above which the same holds


class Form(NamedTuple):
    """A factor, its kind and rank when it stands in a gradient, and the words for that."""

    kind: str
    rank: float
    value: Vector
    text: str


class Forms:
    """The factors that a graph has for its nodes' gradients, by shape."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.tape, self.shadows = catalogue.tape, catalogue.shadows
        self._known: dict[tuple[int, ...], tuple[list[Form], Vector]] = {}

    def of(self, shape: tuple[int, ...]) -> tuple[list[Form], Vector]:
        """The forms of a shape, and their values as the rows of a matrix."""
        if shape not in self._known:
            forms = [f for f in self._made(shape) if np.isfinite(f.value).all()]
            forms = [f for f in forms if np.ptp(f.value) or f.value.flat[0] != 1]
            rows = [np.broadcast_to(f.value, shape).ravel() for f in forms]
            self._known[shape] = forms, np.array(rows).reshape(len(forms), int(np.prod(shape)))
        return self._known[shape]

    def _made(self, shape: tuple[int, ...]) -> Iterator[Form]:
        tape, divisors = self.tape, self._divisors()
        wider = ((1, *shape[1:]), shape[1:], (*shape[:-1], 1)) if shape else ()
        for s in dict.fromkeys((shape, *wider)):
            for name, v in tape.named_arrays(s):
                if id(v) in divisors:
                    yield Form("missing-factor", ODD, v, f"the division by {name} is missing")
                    yield Form(
                        "extra-factor", FAR, 1 / v, f"there is a division by {name} too many"
                    )
                else:
                    yield Form("extra-factor", FAR, v, f"there is a factor {name} too many")
                    yield Form("missing-factor", FAR, 1 / v, f"a factor {name} is missing")
        for n in (*(shadow.node for shadow in self.shadows), *tape.order):
            op = n.op
            if op is None or n.shape != shape or len(n.operands) != 1:
                continue
            name, label = tape.label_of(n.inputs[0]), tape.label(n)
            if op.elementwise and not is_constant(op, 0):
                d = np.asarray(slope(n, 0))
                if any(d.shape == v.shape and np.array_equal(d, v) for v in divisors.values()):
                    continue  # rather that division is missing
                text = f"there is a factor {prime(op, name)} too many"
                yield Form("extra-factor", LIKELY, d, text)
                yield from self._gates(d, prime(op, name), FAR)
            if op.elementwise and id(n) not in tape.names:
                yield Form("extra-factor", FAR, n.data, f"there is a factor {label} too many")
            yield from self._gates(n.data, label, FAR)
            if np.all((n.data < 0) & (n.data > -700)):  # a logarithm of a probability
                p, text = np.exp(n.data), f"exp({label})"
                yield Form("extra-factor", FAR, p, f"there is a factor {text} too many")
                yield from self._gates(p, text, FAR)

    def _gates(self, p: Vector, name: str, rank: float) -> Iterator[Form]:
        """p (1 - p), the derivative of a probability or a gate."""
        if np.all((p > 0) & (p < 1)):
            text = f"there is a factor {name} (1 - {name}) too many"
            yield Form("extra-factor", rank, p * (1 - p), text)

    def _divisors(self) -> dict[int, Vector]:
        """The arrays (by id) that something is divided by, and their factors."""
        found: dict[int, Vector] = {}
        for n in self.tape.made_by("divide"):
            found[id(n.operands[1])] = n.operands[1]
            if op_name(n.inputs[1]) == "multiply":
                found.update((id(v), v) for v in n.inputs[1].operands)
        return {k: np.asarray(v) for k, v in found.items()}


@lru_cache(maxsize=4)
def forms(catalogue: Catalogue) -> Forms:
    """The forms of a tape."""
    return Forms(catalogue)


def worth(search: Search) -> bool:
    """Whether a graph is so small that foreign arrays are looked for at every node."""
    return len(search.region) <= MANY


def extra_factors(search: Search, scales: Scales, sign: float = 1.0) -> Iterator[Guess]:
    """A factor too many or too few in the gradient with respect to some node."""
    for x in search.open if worth(search) else ():
        if x.data.size <= BIG and x.data.size:
            yield from times(search, x, search.g[x], _at(search, x), sign)


def _at(search: Search, x: Node) -> str:
    return f" in the gradient with respect to {search.tape.label(x)}"


def times(search: Search, x: Node, base: Vector, at: str, sign: float = 1.0) -> Iterator[Guess]:
    """A base times every form in the place of a node's cotangent; `sign` is of the whole claim."""
    found, rows = forms(search.catalogue).of(x.shape)
    if not found:
        return
    offset = search.base - search.project(x, search.g[x])
    projected = offset + rows @ (np.ravel(search.tangents[x]) * np.ravel(base))
    size = np.abs(projected) + abs(search.goal) + abs(search.base)
    near = np.abs(projected - sign * search.goal) <= search.slack + 1e-7 * size
    for k in np.flatnonzero(near):
        f = found[k]
        yield search.guess(x, base * f.value, f.kind, f.rank, f.text + at)


def rearranged(search: Search, scales: Scales) -> Iterator[Guess]:
    """A node's gradient transposed; the claimed one shifted or in reverse."""
    for x in search.open if worth(search) else ():
        g = search.g[x]
        if g.ndim == 2 and g.shape[0] == g.shape[1]:
            text = f"the gradient with respect to {search.tape.label(x)} is transposed"
            if x is search.target:
                text = "yours is the transpose of the gradient (numerator layout?)"
            yield search.guess(x, g.T, "transpose", LIKELY, text)
    x, g = search.target, search.expected
    for axis in range(g.ndim):
        text = f"the entries are shifted by one along axis {axis}"
        for by in (1, -1):
            yield search.guess(x, np.roll(g, by, axis), "off-by-index", ODD, text)
        if g.shape[axis] > 1:
            text = f"the entries are in reverse along axis {axis}"
            yield search.guess(x, np.flip(g, axis), "wrong-order", FAR, text)
    if g.ndim > 1:
        text = "the entries are turned round, in reverse along every axis"
        yield search.guess(x, np.flip(g), "wrong-order", FAR, text)


def terms(search: Search, scales: Scales) -> Iterator[Guess]:
    """A node's gradient without a constant term: p for p - y, with y the targets.

    The term is a constant of the graph, an index's ones, or 1; its size is read off the claim, and
    has to be one of the graph's own numbers.
    """
    missing, named = search.goal - search.base, _targets(search.tape)
    for x in search.open if worth(search) else ():
        if search.value.size < 2 and x is not search.target:
            continue  # one number cannot tell a term from another
        for name, v in named.get(x.shape, ()):
            axes = [axis for axis in range(v.ndim) if v.shape[axis] > 1]
            moved = [(a, v - np.roll(v, by, a)) for a in axes for by in (1, -1)]
            for axis, term in [(None, v), *moved]:
                weight = search.project(x, term)
                if weight == 0 or _parallel(term, search.g[x]):
                    continue
                size, twice = _known_size(scales, missing / weight, search.slack, weight)
                if not size:
                    continue
                at, value = _at(search, x), search.g[x] + size * term
                if axis is not None:
                    text = f"{name} is shifted by one along axis {axis}{at}"
                    yield search.guess(x, value, "off-by-index", ODD, text)
                    continue
                text = f"the sign of the term with {name} is flipped{at}"
                yield search.guess(x, value, "sign", ODD if twice else FAR, text)
                text = f"the term with {name} is missing{at}"
                yield search.guess(x, value, "missing-term", FAR if twice else ODD, text)


def _parallel(a: Vector, b: Vector) -> bool:
    """Whether one is a multiple of the other: then it is a factor, not a term."""
    inner, lengths = float(np.sum(a * b)) ** 2, float(np.sum(a * a)) * float(np.sum(b * b))
    return a.size > 1 and abs(inner - lengths) <= 1e-12 * lengths


def _known_size(scales: Scales, k: float, slack: float, weight: float) -> tuple[float, bool]:
    """A term's size, as a number of the graph (else 0), and whether it is twice the usual (1 or
    1/N): then the term is not missing but has the wrong sign."""
    tol = tolerance_of(slack, weight, abs(k))
    usual = [1.0, *(1 / n for n in scales.sizes)]
    rare = [*scales.sizes, *scales.constants, *(1 / c for c in scales.constants)]
    for values, twice in ((usual, False), ([2 * v for v in usual], True), (rare, False)):
        for value in values:
            if abs(abs(k) - value) <= tol * max(1.0, value) and abs(abs(k) / value - 1) < 1e-3:
                return float(np.copysign(value, k)), twice
    return 0.0, False


def _targets(tape: Tape) -> dict[tuple[int, ...], list[tuple[str, Vector]]]:
    """What a loss compares with: constant arrays, and the entries that an index picks, as ones."""
    found: dict[tuple[int, ...], list[tuple[str, Vector]]] = {}
    constants: dict[int, Any] = {
        id(x): x for n in tape.order for x in n.inputs if not isinstance(x, Node)
    }
    for x in constants.values():
        if np.ndim(x):
            found.setdefault(np.shape(x), []).append((tape.label_of(x), np.asarray(x, float)))
    for n in tape.made_by("getitem"):
        ones = np.zeros(np.shape(n.operands[0]))
        ones[n.params["index"]] = 1.0
        if ones.ndim and not ones.all():
            text = f"the 1 at the index of {tape.label(n)}"
            found.setdefault(ones.shape, []).append((text, ones))
    for n in tape.made_by("log"):
        found.setdefault(n.shape, [("1", np.ones(n.shape))])
    return found
