"""Every explanation of a wrong claim, verified entry by entry, the simplest first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backprop.chain import contribution
from ..graph.node import Node
from .scales import Scales, tolerance_of
from .search import Explanation, Search
from .standardised import normalised
from .systematic import cuts, everywhere, in_a_loop, in_sequence, mixed, overwritten, shared
from .tape import Vector
from .terms import changed_gradients, changed_terms
from .updated import updated_weights

TRIALS = 500_000  # steps spent on trying factors, one after the other: a second in a large graph
MOST = 60  # explanations of one sort that are verified in full, the simplest first
ONE, TWO = 1.0, 2.0  # what one mistake costs, and two

# Equal numbers from different mistakes: the commoner one first (see the list of common errors).
COMMONEST = (
    "transpose",
    "missing-factor",
    "sign",
    "wrong-activation-derivative",
    "missing-term",
    "constant-scale",
    "missing-activation-derivative",
    "mean-vs-sum",
    "extra-factor",
    "missing-broadcast-sum",
    "activation-derivative-at-wrong-point",
    "double-count",
    "wrong-axis",
    "elementwise-vs-matmul",
    "wrong-order",
    "off-by-index",
    "shape",
    "other",
)
RARITY = {kind: 0.002 * i for i, kind in enumerate(COMMONEST)}


def explain(search: Search, scales: Scales) -> list[Explanation]:
    """The explanations of a claim that has its node's shape."""
    found = [*_factors(search, scales), *_steps(search, scales), *_nodes(search, scales)]
    found += _transposed(search)
    if not found:
        found = [*_together(search), *_normalised(search)]
    if not found:
        found = [*updated_weights(search)]
    if not found:  # two mistakes in a row are no likelier than one unknown factor
        found = [
            *_with_factor(search, scales),
            *_changed_with_sign(search),
            *_proportional(search),
        ]
    if not found:
        found = [*_pairs(search)]
    return found


def _factors(search: Search, scales: Scales) -> Iterator[Explanation]:
    """A scalar factor on one step, or on the whole."""
    tape = search.tape
    missing = search.goal - search.base
    trials = TRIALS // len(search.region)
    for n, i, x in search.edges:
        part = search.parts[n, i]
        weight = search.project(x, part)
        if abs(weight) <= 1e-12 * (abs(search.base) + abs(search.goal)):
            continue
        k = 1 + missing / weight
        tol = tolerance_of(search.slack, weight, abs(k))
        junction = len(tape.consumers[x]) > 1
        alone = abs(weight - search.base) <= tol * abs(search.base)
        meanings = list(scales.step(n, i, k, tol, junction, alone))
        if not meanings:
            continue
        trials -= 1
        if trials < 0:
            break
        moved = search.carry([(x, part)]) - search.expected
        k = 1 + _multiple(search.value - search.expected, moved, tol)
        if search.matches(search.expected + (k - 1) * moved):
            sites = [(x, (k - 1) * part)]
            for m in meanings:
                yield _explanation(m.kind, ONE + m.cost, m.text, tape.step(n), sites)
    for x in search.region:
        if len(tape.consumers[x]) < 2 or x is search.target or x in search.blocked:
            continue
        weight = search.project(x, search.g[x])
        if abs(weight) > 1e-12 * (abs(search.base) + abs(search.goal)):
            k = 1 + missing / weight
            tol = tolerance_of(search.slack, weight, abs(k))
            alone = abs(weight - search.base) <= tol * abs(search.base)
            if alone or min(abs(k), abs(k + 1), abs(k - 2)) > tol:
                continue
            sites = [(x, (round(k) - 1) * search.g[x])]
            if search.matches(search.carry(sites)):
                kind, what = {
                    0: ("missing-term", "left out"),
                    -1: ("sign", "taken with the wrong sign"),
                    2: ("double-count", "counted twice"),
                }[round(k)]
                text = f"all that flows through {tape.label(x)} is {what}"
                yield _explanation(kind, ONE + 0.05, text, tape.step(x), sites)
    if abs(search.base) > 0:
        k = search.goal / search.base
        tol = tolerance_of(search.slack, search.base, abs(k))
        k = _multiple(search.value, search.expected, tol)
        if search.matches(k * search.expected):
            sites = [(search.target, (k - 1) * search.expected)]
            for m in scales.whole(k, tol):
                yield _explanation(m.kind, ONE + m.cost, m.text, "", sites)
            for m in scales.whole(-k, tol):
                if m.kind != "sign":
                    text = (
                        m.text.replace("yours is ", "yours is -", 1) + "; and the sign is flipped"
                    )
                    cost = TWO + m.cost
                    yield _explanation(m.kind, cost, text, "", sites, ("sign",))


def _multiple(a: Vector, b: Vector, tol: float) -> float:
    """The k for which k b is nearest to a: a whole number or its inverse where it may be."""
    k = float(np.sum(a * b)) / (float(np.sum(b * b)) or 1.0)
    for n in (k, 1 / k if abs(k) > 1e-9 else k):
        if abs(n - round(n)) <= max(1e-6, tol) * max(1.0, abs(n)) and round(n):
            return float(round(n)) if n == k else 1 / round(n)
    return k


def _steps(search: Search, scales: Scales) -> Iterator[Explanation]:
    """One fault of the catalogue at one step."""
    agreeing = [s for s in (*search.singles, *search.written_out) if search.agrees(s[-1])]
    agreeing.sort(key=lambda s: s[3].cost)
    for n, i, x, fault, delta, _ in agreeing[:MOST]:
        if search.matches(search.carry([(x, delta)])):
            words, where = fault.words(search.tape, n, i), search.tape.step(n)
            cost = ONE + fault.cost
            if fault.key == "ones" and n in search.g and _is_number(search.g[n], scales):
                cost += 1.2  # a constant such as -1/N that is lost is rather called by its parts
            yield _explanation(fault.kind, cost, words, where, [(x, delta)])


def _is_number(g: Vector, scales: Scales) -> bool:
    """Whether a cotangent is the same number everywhere, one that the graph is known to hold."""
    c = float(g.flat[0]) if g.size else 0.0
    return c != 0 and bool(np.all(g == c)) and any(scales.whole(-1 / c, 1e-9))


def _nodes(search: Search, scales: Scales) -> Iterator[Explanation]:
    """The gradient of a node changed as a whole."""
    agreeing = []
    for changed in (*changed_gradients(search), *changed_terms(search, scales)):
        delta = changed.value - search.g[changed.node]
        projected = search.base + search.project(changed.node, delta)
        if np.isfinite(delta).all() and search.agrees(projected):
            agreeing.append((changed, delta))
    agreeing.sort(key=lambda found: found[0].cost)
    for changed, delta in agreeing[:MOST]:
        x, kind, cost, text, _ = changed
        sites = [(x, delta)]
        if search.matches(search.carry(sites)):
            yield _explanation(kind, ONE + cost, text, search.tape.step(x), sites)


def _transposed(search: Search) -> Iterator[Explanation]:
    """The whole gradient transposed."""
    g = search.expected
    if g.ndim == 2 and g.shape[0] == g.shape[1] and search.matches(g.T):
        text = (
            f"yours is the transpose of the gradient (numerator layout?): "
            f"{search.tape.cotangent_name(search.target)} has the layout of "
            f"{search.tape.label(search.target)} itself"
        )
        yield _explanation("transpose", ONE, text, "", [(search.target, g.T - g)])


def _together(search: Search) -> Iterator[Explanation]:
    """The same mistake at several steps."""
    found = [
        *everywhere(search),
        *shared(search),
        *in_a_loop(search),
        *in_sequence(search),
        *mixed(search),
        *overwritten(search),
        *cuts(search),
    ]
    for kind, cost, text, node in found:
        yield _explanation(kind, ONE + cost, text, search.tape.step(node), [])


def _normalised(search: Search) -> Iterator[Explanation]:
    """A slip in the formula for a normalisation."""
    for x, kind, text, value in normalised(search):
        sites = [(x, value - search.g[x])]
        if search.matches(search.carry(sites)):
            yield _explanation(kind, ONE + 0.3, text, search.tape.step(x), sites)


def _with_factor(search: Search, scales: Scales) -> Iterator[Explanation]:
    """One fault at one step, and a sign or a constant besides."""
    for n, i, x, fault, delta, projected in (*search.singles, *search.written_out):
        if abs(projected) <= 1e-12 * abs(search.goal):
            continue
        k = search.goal / projected
        tol = tolerance_of(search.slack, projected, abs(k))
        for kind, what in _extra(scales, k, tol):
            predicted = search.carry([(x, delta)])
            if search.matches(_multiple(search.value, predicted, tol) * predicted):
                yield _explanation(
                    fault.kind,
                    TWO + fault.cost,
                    f"{fault.words(search.tape, n, i)}; and {what}",
                    search.tape.step(n),
                    [],
                    (kind,),
                )
                break


def _changed_with_sign(search: Search) -> Iterator[Explanation]:
    """A node's gradient changed as a whole, and the sign flipped besides."""
    for x, kind, cost, text, value in changed_gradients(search):
        delta = value - search.g[x]
        if not np.isfinite(delta).all():
            continue
        agrees = search.agrees(-search.base - search.project(x, delta))
        if agrees and search.matches(-search.carry([(x, delta)])):
            words, where = f"{text}; and the sign is flipped", search.tape.step(x)
            yield _explanation(kind, TWO + cost, words, where, [], ("sign",))


def _extra(scales: Scales, k: float, tol: float) -> Iterator[tuple[str, str]]:
    if abs(k + 1) <= tol:
        yield "sign", "the sign is flipped"
        return
    for m in scales.whole(k, tol):
        yield m.kind, m.text.replace("yours is", "it is").replace(" the gradient", "", 1)


def _pairs(search: Search) -> Iterator[Explanation]:
    """Two faults of the catalogue at two steps, as long as the budget lasts."""
    singles = sorted(search.singles, key=lambda s: s[3].cost)
    for n, i, x, fault, delta, projected in singles:
        if fault.cost > 0.25:
            continue
        if not search.catalogue.spend(len(search.region) + 3 * len(singles)):
            return
        g = _moved(search, x, delta)
        for n2, i2, x2, second, delta2, _ in singles:
            if second.cost > 0.25 or (n2 is n and i2 == i):
                continue
            if n2 in g:
                c = search.apply(n2, i2, second, g[n2])
                if c is None or c.shape != x2.shape or not np.isfinite(c).all():
                    continue
                change = c - contribution(n2, i2, g[n2])
            elif search.tape.position[n2] >= search.tape.position[n]:
                change = delta2
            else:
                continue
            total = projected + search.project(x2, change)
            for k, also in ((1.0, ""), (-1.0, "sign")):
                if search.agrees(k * total):
                    predicted = k * search.carry([(x, delta), (x2, change)])
                    if search.matches(predicted):
                        one, two = fault.words(search.tape, n, i), second.words(search.tape, n2, i2)
                        text = f"{one} at {search.tape.step(n)}; and {two}"
                        kinds = (second.kind, *((also,) if also else ()))
                        if also:
                            text += "; and the sign is flipped"
                        cost = TWO + fault.cost + second.cost + (1 if also else 0)
                        where = search.tape.step(n2)
                        yield _explanation(fault.kind, cost, text, where, [], kinds)
                        return


def _moved(search: Search, x: Node, delta: Vector) -> dict[Node, Vector]:
    """The cotangents that differ once a delta is added at x."""
    moved = {x: delta}
    for node in search.region:
        if node in search.blocked:
            continue
        for n, i in search.edges_into(node):
            if n in moved and n not in search.blocked:
                c = contribution(n, i, moved[n])
                moved[node] = moved[node] + c if node in moved else c
    return {node: search.g[node] + d for node, d in moved.items()}


def _proportional(search: Search) -> Iterator[Explanation]:
    """A factor that is no number of this graph, on an array that it fits exactly."""
    if search.value.size < 2 or not abs(search.base):
        return
    k = search.goal / search.base
    if search.matches(k * search.expected) and np.any(search.value):
        yield _explanation("constant-scale", TWO, f"yours is {k:.6g} x the gradient", "", [])


def _explanation(
    kind: str,
    cost: float,
    text: str,
    where: str,
    sites: list[tuple[Node, Vector]],
    other_kinds: tuple[str, ...] = (),
) -> Explanation:
    return Explanation(kind, cost + RARITY[kind], text, where, sites, other_kinds)
