"""A factor or a term too many or too few in the gradient with respect to some node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backprop.chain import is_constant, slope
from ..graph.node import Node
from .faults import prime, put
from .scales import Scales, tolerance_of
from .search import Changed, Search
from .tape import Tape, Vector, op_name

COMPACT = 0.3  # what it costs to suppose that the compact formula was used
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
            lost = any(np.array_equal(v, d) for d in divisors.values())  # that division is missing
            if lost or (large and source is not x):
                continue
            cost = 0.35 if other.startswith("log") else 0.2  # 1 / x is rather a factor x lost
            text = f"there is a factor {other} too many{at}"
            yield Changed(x, "extra-factor", cost, text, g * v)
        if g.ndim == 2 and g.shape[0] == g.shape[1]:
            text = f"the gradient with respect to {name} is transposed"
            yield Changed(x, "transpose", 0.1, text, g.T)
    x, g = search.target, search.expected
    for axis in range(g.ndim):
        text = f"the entries are shifted by one along axis {axis}"
        for by in (1, -1):
            yield Changed(x, "off-by-index", 0.2, text, np.roll(g, by, axis))
        if g.shape[axis] > 1:
            text = f"the entries are in reverse along axis {axis}"
            yield Changed(x, "wrong-order", 0.3, text, np.flip(g, axis))
    if g.ndim > 1:
        text = "the entries are turned round, in reverse along every axis"
        yield Changed(x, "wrong-order", 0.3, text, np.flip(g))


def _divisors(tape: Tape) -> dict[int, Vector]:
    """The arrays (by id) that something is divided by, and their factors."""
    found: dict[int, Vector] = {}
    for n in tape.made_by("divide"):
        found[id(n.operands[1])] = n.operands[1]
        if op_name(n.inputs[1]) == "multiply":
            found.update((id(v), v) for v in n.inputs[1].operands)
    return found


def _local_derivatives(search: Search) -> dict[tuple[int, ...], list[tuple[str, Vector, Node]]]:
    """The local derivatives of the graph's functions, by shape."""
    tape = search.tape
    found: dict[tuple[int, ...], list[tuple[str, Vector, Node]]] = {}
    for n in (*(shadow.node for shadow in search.catalogue.shadows), *tape.order):
        op, rows = n.op, []
        if op_name(n) in ("softmax", "log_softmax"):
            y, name = n.data, tape.label(n)
            rows = [(f"exp({name})", np.exp(y))]
            if op_name(n) == "softmax":
                rows = [(f"{name} (1 - {name})", y * (1 - y))]
        elif op and op.elementwise and len(n.operands) == 1 and not is_constant(op, 0):
            name, d = tape.label_of(n.inputs[0]), np.asarray(slope(n, 0))
            if op.name == "softplus":  # of logits: the probability is not in the graph
                rows = [(f"σ'({name})", d * (1 - d))]
            rows.append((prime(op, name), d))
        for text, d in rows:
            found.setdefault(np.shape(d), []).append((text, d, n.inputs[0]))
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
            axes = [axis for axis in range(v.ndim) if v.shape[axis] > 1]
            moved = [(a, v - np.roll(v, by, a)) for a in axes for by in (1, -1)]
            for axis, term in [(None, v), *moved]:
                weight = search.project(x, term)
                if weight == 0 or _parallel(term, search.g[x]):
                    continue
                k = missing / weight
                tol = tolerance_of(search.slack, weight, abs(k))
                size, twice = _known_size(scales, k, tol)
                if not size:
                    continue
                at = f"in the gradient with respect to {search.tape.label(x)}"
                value = search.g[x] + size * term
                if axis is not None:
                    text = f"{name} is shifted by one along axis {axis} {at}"
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


def _known_size(scales: Scales, k: float, tol: float) -> tuple[float, bool]:
    """A term's size, as a number of the graph (else 0), and whether it is twice the usual (1 or
    1/N): then the term is not missing but has the wrong sign."""
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
    constants = {id(x): x for n in tape.order for x in n.inputs if not isinstance(x, Node)}
    for x in constants.values():
        if np.ndim(x):
            found.setdefault(np.shape(x), []).append((tape.label_of(x), np.asarray(x, float)))
    for n in tape.made_by("getitem"):
        ones = put(n, 1.0)
        if ones.ndim and not ones.all():
            text = f"the 1 at the index of {tape.label(n)}"
            found.setdefault(ones.shape, []).append((text, ones))
    for n in tape.made_by("log"):
        found.setdefault(n.shape, [("1", np.ones(n.shape))])
    return found


def normalised(search: Search) -> Iterator[Changed]:
    """Slips in the derivative of y = (x - mean) / std as a whole, those of no single step.

    dE/dx = 1/std (G - mean(G) - y mean(G y)), G = dE/dy, all means along the axis of the
    normalisation (Ioffe and Szegedy 2015, simplified).
    """
    tape = search.tape
    for x in search.region:
        if x in search.blocked or not _centred(search, x):
            continue
        for y in search.region:
            if y is x or y.shape != x.shape:
                continue
            for axis in range(len(x.shape)):
                scale = _scale(x.data, y.data, axis)
                if scale is None:
                    continue
                name = tape.label(y)
                right = _formula(search.g[y], y.data, scale, y.data, axis)
                for kind, text, value in _slips(search.g[y], x.data, y.data, scale, axis, name):
                    yield Changed(x, kind, COMPACT, text, search.g[x] - right + value)


def _centred(search: Search, x: Node) -> bool:
    """Whether the graph takes the mean of a node."""
    consumers = search.tape.consumers[x]
    return x.data.size > 2 and any(op_name(n) in ("mean", "sum") for n, _ in consumers)


def _mean(v: Vector, axis: int) -> Vector:
    return np.mean(v, axis=axis, keepdims=True)


def _scale(x: Vector, y: Vector, axis: int) -> Vector | None:
    """1 / std, when y is x normalised along the axis, its variance divided by N."""
    centred = x - _mean(x, axis)
    variance = _mean(centred * centred, axis)
    if x.shape[axis] < 2 or not np.all(variance):
        return None
    scale = _mean(y * centred, axis) / variance
    unit = scale * scale * variance  # 1 but for eps
    near = np.all((unit > 0.9) & (unit < 1.0001))
    return scale if near and np.allclose(y, centred * scale, rtol=0, atol=1e-9) else None


def _formula(g: Vector, inner: Any, scale: Vector, outer: Any, axis: int) -> Vector:
    return scale * (g - _mean(g, axis) - outer * _mean(g * inner, axis))


def _slips(
    g: Vector, x: Vector, y: Vector, scale: Vector, axis: int, name: str
) -> Iterator[tuple[str, str, Vector]]:
    means = f"in the derivative of the normalisation {name}"
    lost, centred = "missing-factor", x - _mean(x, axis)
    for other in range(x.ndim):
        if other != axis:
            n = x.shape[other] / x.shape[axis]
            text = f"the sums {means} are over axis {other}, not {axis}"
            yield "wrong-axis", text, _formula(g, y, scale, y, other)
            wrong = scale * (g - n * _mean(g, other) - y * n * _mean(g * y, other))
            yield "wrong-axis", text, wrong
    text = f"the factor {name} before the sum is missing {means}"
    yield lost, text, _formula(g, y, scale, 1.0, axis)
    text = f"the factor {name} in the sum is missing {means}"
    yield lost, text, _formula(g, 1.0, scale, y, axis)
    for wrong, what in ((centred, "the centred values stand"), (x, "the input stands")):
        text = f"{what} where {name}, divided by the deviation, belongs {means}"
        for inner, outer in ((wrong, wrong), (wrong, y), (y, wrong)):
            yield lost, text, _formula(g, inner, scale, outer, axis)
