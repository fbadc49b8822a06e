"""A factor or a term too many or too few in the gradient with respect to some node."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backprop.chain import is_constant, slope
from ..graph.node import Node
from .faults import prime
from .scales import Scales, tolerance_of
from .search import Changed, Search
from .tape import Tape, Vector

LARGE = 300  # nodes: beyond, a factor too many is looked for only where it could come from


def changed_gradients(search: Search) -> Iterator[Changed]:
    """A node's gradient with a factor too many or too few, transposed, or shifted."""
    tape = search.tape
    large = len(search.region) > LARGE
    factors = _local_derivatives(search)
    divisors = _divisors(tape)
    for x in search.region:
        if x in search.blocked:
            continue
        g, name = search.g[x], tape.label(x)
        at = "" if x is tape.root else f" in the gradient with respect to {name}"
        for shape in dict.fromkeys((x.shape, (1, *x.shape[1:]), x.shape[1:], (*x.shape[:-1], 1))):
            for other, v in tape.named_arrays(shape):
                if id(v) in divisors:
                    text = f"the division by {other} is missing{at}"
                    yield Changed(x, "missing-factor", 0.25, text, g * v)
                    text = f"there is a division by {other} too many{at}"
                    yield Changed(x, "extra-factor", 0.3, text, g / v)
                else:
                    text = f"there is a factor {other} too many{at}"
                    yield Changed(x, "extra-factor", 0.3, text, g * v)
                    text = f"a factor {other} is missing{at}"
                    yield Changed(x, "missing-factor", 0.3, text, g / v)
        for other, v, source in factors.get(x.shape, ()):
            if large and source is not x:
                continue
            cost = 0.35 if other.startswith("log") else 0.2  # 1 / x is rather a factor x lost
            if any(np.array_equal(v, d) for d in divisors.values()):
                continue  # it is that division which is missing
            text = f"there is a factor {other} too many{at}"
            yield Changed(x, "extra-factor", cost, text, g * v)
        if g.ndim == 2 and g.shape[0] == g.shape[1]:
            text = f"the gradient with respect to {name} is transposed"
            yield Changed(x, "transpose", 0.1, text, g.T)
        if x is search.target:
            for axis in range(g.ndim):
                for by in (1, -1):
                    text = f"the entries are shifted by one along axis {axis}"
                    yield Changed(x, "off-by-index", 0.2, text, np.roll(g, by, axis))
                if g.ndim > 1 and axis == 0:
                    text = "the entries are turned round, in reverse along every axis"
                    yield Changed(x, "wrong-order", 0.3, text, np.flip(g))
                if g.shape[axis] > 1:
                    text = f"the entries are in reverse along axis {axis}"
                    yield Changed(x, "wrong-order", 0.3, text, np.flip(g, axis))


def _divisors(tape: Tape) -> dict[int, Vector]:
    """The arrays (by id) that something is divided by, and their factors."""
    found: dict[int, Vector] = {}
    for n in tape.made_by("divide"):
        found[id(n.operands[1])] = n.operands[1]
        below = n.inputs[1]
        if isinstance(below, Node) and below.op is not None and below.op.name == "multiply":
            found.update((id(v), v) for v in below.operands)
    return found


def _local_derivatives(search: Search) -> dict[tuple[int, ...], list[tuple[str, Vector, Node]]]:
    """The local derivatives of the graph's functions, by shape."""
    tape = search.tape
    found: dict[tuple[int, ...], list[tuple[str, Vector, Node]]] = {}
    for n in (*(shadow.node for shadow in search.catalogue.shadows), *tape.order):
        if n.op is None:
            continue
        if n.op.elementwise and len(n.operands) == 1 and not is_constant(n.op, 0):
            text, d = prime(n.op, tape.label_of(n.inputs[0])), np.asarray(slope(n, 0))
            if n.op.name == "softplus":  # of logits: the probability is not in the graph
                p = slope(n, 0)
                found.setdefault(d.shape, []).append(
                    (f"σ'({tape.label_of(n.inputs[0])})", p * (1 - p), n.inputs[0])
                )
        elif n.op.name == "log_softmax":
            text, d = f"exp({tape.label(n)})", np.exp(n.data)
        elif n.op.name == "softmax":
            name = tape.label(n)
            text, d = f"{name} (1 - {name})", n.data * (1 - n.data)
        else:
            continue
        found.setdefault(d.shape, []).append((text, d, n.inputs[0]))
    return found


def changed_terms(search: Search, scales: Scales) -> Iterator[Changed]:
    """A node's gradient without a constant term: p for p - y, with y the targets.

    The term is a constant of the graph, an index's ones, or 1; its size is read off the claim, and
    has to be one of the graph's own numbers.
    """
    missing = search.goal - search.base
    terms = _targets(search.tape)
    for x in search.region:
        if x in search.blocked or (search.value.size < 2 and x is not search.target):
            continue  # one number cannot tell a term from another
        for name, v in terms.get(x.shape, ()):
            moved = [("", v)]
            for axis in range(v.ndim):
                if v.shape[axis] > 1:
                    moved += [(f"{by} {axis}", v - np.roll(v, by, axis)) for by in (1, -1)]
            for shift, term in moved:
                weight = search.project(x, term)
                if weight == 0 or _parallel(term, search.g[x]):
                    continue
                k = missing / weight
                tol = tolerance_of(search.slack, weight, abs(k))
                known = _known_size(scales, k, tol)
                if known is None:
                    continue
                size, twice = known
                at = f"in the gradient with respect to {search.tape.label(x)}"
                value = search.g[x] + size * term
                if shift:
                    text = f"{name} is shifted by one along axis {shift.split()[1]} {at}"
                    yield Changed(x, "off-by-index", 0.25, text, value)
                    continue
                text = f"the sign of the term with {name} is flipped {at}"
                yield Changed(x, "sign", 0.25 if twice else 0.3, text, value)
                text = f"the term with {name} is missing {at}"
                yield Changed(x, "missing-term", 0.3 if twice else 0.25, text, value)


def _parallel(a: Vector, b: Vector) -> bool:
    """Whether one is a multiple of the other: then it is a factor, not a term."""
    inner, lengths = float(np.sum(a * b)) ** 2, float(np.sum(a * a)) * float(np.sum(b * b))
    return a.size > 1 and abs(inner - lengths) <= 1e-12 * lengths


def _known_size(scales: Scales, k: float, tol: float) -> tuple[float, bool] | None:
    """A term's size, as a number of the graph, and whether it is twice the usual (1 or 1/N): then
    the term is not missing but has the wrong sign."""
    usual = [1.0, *(1 / n for n in scales.sizes)]
    rare = [*scales.sizes, *scales.constants, *(1 / c for c in scales.constants)]
    for values, twice in ((usual, False), ([2 * v for v in usual], True), (rare, False)):
        for value in values:
            if abs(abs(k) - value) <= tol * max(1.0, value) and abs(abs(k) / value - 1) < 1e-3:
                return float(np.copysign(value, k)), twice
    return None


def _targets(tape: Tape) -> dict[tuple[int, ...], list[tuple[str, Vector]]]:
    """What a loss compares with: constant arrays, and the entries that an index picks, as ones."""
    found: dict[tuple[int, ...], list[tuple[str, Vector]]] = {}
    seen: set[int] = set()
    for n in tape.order:
        if n.op is None:
            continue
        for x in n.inputs:
            if not isinstance(x, Node) and np.ndim(x) and id(x) not in seen:
                seen.add(id(x))
                found.setdefault(np.shape(x), []).append((tape.label_of(x), np.asarray(x, float)))
        if n.op.name == "getitem" and np.ndim(n.operands[0]):
            ones = np.zeros(n.operands[0].shape)
            ones[n.params["index"]] = 1.0
            if not ones.all():
                text = f"the 1 at the index of {tape.label(n)}"
                found.setdefault(ones.shape, []).append((text, ones))
        if n.op.name == "log" and n.shape not in found:
            found.setdefault(n.shape, []).append(("1", np.ones(n.shape)))
    return found
