"""Every explanation of a wrong claim, verified entry by entry, the simplest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..backprop.chain import contribution
from ..graph.node import Node
from .faults import LEFT_OUT
from .scales import Scales, tolerance_of
from .search import ONE, TWO, VANISHING, Changed, Explanation, Guess, Search
from .systematic import everywhere, in_a_loop, in_sequence, overwritten, shared, updated_weights
from .tape import Vector
from .terms import changed_gradients, changed_terms, normalised

TRIALS = 500_000  # steps spent on trying factors, one after the other: a second in a large graph
MOST = 60  # explanations of one sort that are verified in full, the simplest first
FAR_FETCHED = 0.25  # dearer faults are not supposed to come in twos
SHARED = 0.05  # what it costs to suppose a slip at all that flows through a node
SIX_DIGITS = 5e-6  # how near to 1 a factor is printed as 1 in so many
LOST_NUMBER = 1.2  # a constant such as -1/N that is lost is rather called by its parts
FLIPPED = "; and the sign is flipped"

# What a factor on all that flows through a node is called.
WHOLE = {
    0: ("missing-term", "left out"),
    -1: ("sign", "taken with the wrong sign"),
    2: ("double-count", "counted twice"),
}


def explain(search: Search, scales: Scales) -> list[Explanation]:
    """The explanations of a claim that has its node's shape."""
    found = [
        *_factors(search, scales),
        *_junctions(search),
        *_whole(search, scales),
        *_steps(search, scales),
        *_verified(search, (*changed_gradients(search), *changed_terms(search, scales))),
        *_transposed(search),
    ]
    if not found:
        for sort in (everywhere, shared, in_a_loop, in_sequence, overwritten):
            found += sort(search)
        found += _verified(search, normalised(search))
    if not found:
        found += updated_weights(search)
    if not found:  # two mistakes in a row are no likelier than one unknown factor
        found += _with_factor(search, scales)
        found += _changed_with_sign(search)
        found += _proportional(search)
    if not found:
        found += _pairs(search)
    return found


def _factors(search: Search, scales: Scales) -> Iterator[Explanation]:
    """A scalar factor on one step."""
    tape = search.tape
    trials = TRIALS // len(search.region)
    for n, i, x in search.edges:
        part = search.parts[n, i]
        k, tol, alone = _read_off(search, search.project(x, part))
        if not tol:
            continue
        meanings = list(scales.step(n, i, k, tol, len(tape.consumers[x]) > 1, alone))
        trials -= bool(meanings)
        if trials < 0:
            break
        if not meanings:
            continue
        moved = search.carry([(x, part)]) - search.expected
        k = 1 + _multiple(search.value - search.expected, moved, tol)
        if search.matches(search.expected + (k - 1) * moved):
            sites = [(x, (k - 1) * part)]
            for m in meanings:
                yield search.explained(m.kind, m.cost, m.text, n, sites)


def _junctions(search: Search) -> Iterator[Explanation]:
    """All that flows through a node left out, counted twice or with the wrong sign."""
    tape = search.tape
    for x in search.region:
        if len(tape.consumers[x]) < 2 or x is search.target or x in search.blocked:
            continue
        k, tol, alone = _read_off(search, search.project(x, search.g[x]))
        for n, (kind, what) in WHOLE.items():
            sites = [(x, (n - 1) * search.g[x])]
            if abs(k - n) <= tol and not alone and search.matches(search.carry(sites)):
                text = f"all that flows through {tape.label(x)} is {what}"
                yield search.explained(kind, SHARED, text, x, sites)


def _read_off(search: Search, weight: float) -> tuple[float, float, bool]:
    """The factor on a part of the gradient that would give the claim, by projections; how
    precisely it is known, 0 where the part tells nothing; and whether the part is the whole."""
    if abs(weight) <= VANISHING * (abs(search.base) + abs(search.goal)):
        return np.nan, 0.0, False
    k = 1 + (search.goal - search.base) / weight
    tol = tolerance_of(search.slack, weight, abs(k))
    return k, tol, abs(weight - search.base) <= tol * abs(search.base)


def _whole(search: Search, scales: Scales) -> Iterator[Explanation]:
    """A scalar factor on the whole gradient."""
    if not search.base:
        return
    k = search.goal / search.base
    tol = tolerance_of(search.slack, search.base, abs(k))
    k = _multiple(search.value, search.expected, tol)
    if not search.matches(k * search.expected):
        return
    sites = [(search.target, (k - 1) * search.expected)]
    for m in scales.whole(k, tol):
        yield Explanation(m.kind, ONE + m.cost, m.text, "", sites)
    for m in scales.whole(-k, tol):
        if m.kind != "sign":
            text = m.text.replace("yours is ", "yours is -", 1) + FLIPPED
            yield Explanation(m.kind, TWO + m.cost, text, "", sites, ("sign",))


def _multiple(a: Vector, b: Vector, tol: float) -> float:
    """The k for which k b is nearest to a: a whole number or its inverse where it may be."""
    k = float(np.sum(a * b)) / (float(np.sum(b * b)) or 1.0)
    for n in (k, 1 / k if abs(k) > 1e-9 else k):
        if abs(n - round(n)) <= max(1e-6, tol) * max(1.0, abs(n)) and round(n):
            return float(round(n)) if n == k else 1 / round(n)
    return k


def _steps(search: Search, scales: Scales) -> Iterator[Explanation]:
    """One fault of the catalogue at one step."""
    guesses = (*search.singles, *search.written_out)
    agreeing = [guess for guess in guesses if search.agrees(guess.projected)]
    agreeing.sort(key=lambda guess: guess.fault.cost)
    for guess in agreeing[:MOST]:
        n, _, x, fault, delta, _ = guess
        if search.matches(search.carry([(x, delta)])):
            number = fault.text == LEFT_OUT and n in search.g and _is_number(search.g[n], scales)
            cost = fault.cost + (LOST_NUMBER if number else 0.0)
            words = guess.words(search.tape)
            yield search.explained(fault.kind, cost, words, n, [(x, delta)])


def _is_number(g: Vector, scales: Scales) -> bool:
    """Whether a cotangent is the same number everywhere, one that the graph is known to hold."""
    c = float(g.flat[0]) if g.size else 0.0
    return c != 0 and bool(np.all(g == c)) and any(scales.whole(-1 / c, 1e-9))


def _verified(search: Search, changes: Iterable[Changed]) -> Iterator[Explanation]:
    """The gradient of a node changed as a whole."""
    agreeing = []
    for changed in changes:
        delta = changed.value - search.g[changed.node]
        projected = search.base + search.project(changed.node, delta)
        if np.isfinite(delta).all() and search.agrees(projected):
            agreeing.append((changed, delta))
    agreeing.sort(key=lambda found: found[0].cost)
    for (x, kind, cost, text, _), delta in agreeing[:MOST]:
        sites = [(x, delta)]
        if search.matches(search.carry(sites)):
            yield search.explained(kind, cost, text, x, sites)


def _transposed(search: Search) -> Iterator[Explanation]:
    """The whole gradient transposed."""
    g = search.expected
    if g.ndim == 2 and g.shape[0] == g.shape[1] and search.matches(g.T):
        up, name = search.tape.cotangent_name(search.target), search.tape.label(search.target)
        text = "yours is the transpose of the gradient (numerator layout?)"
        text = f"{text}: {up} has the layout of {name} itself"
        yield Explanation("transpose", ONE, text, "", [(search.target, g.T - g)])


def _with_factor(search: Search, scales: Scales) -> Iterator[Explanation]:
    """One fault at one step, and a sign or a constant besides."""
    for guess in (*search.singles, *search.written_out):
        if abs(guess.projected) <= VANISHING * abs(search.goal):
            continue
        k = search.goal / guess.projected
        tol = tolerance_of(search.slack, guess.projected, abs(k))
        for kind, what in _extra(scales, k, tol):
            predicted = search.carry([(guess.x, guess.delta)])
            if search.matches(_multiple(search.value, predicted, tol) * predicted):
                cost, text = TWO + guess.fault.cost, f"{guess.words(search.tape)}; and {what}"
                where = search.tape.step(guess.node)
                yield Explanation(guess.fault.kind, cost, text, where, (), (kind,))
                break


def _changed_with_sign(search: Search) -> Iterator[Explanation]:
    """A node's gradient changed as a whole, and the sign flipped besides."""
    for x, kind, cost, text, value in changed_gradients(search):
        delta = value - search.g[x]
        if not np.isfinite(delta).all():
            continue
        agrees = search.agrees(-search.base - search.project(x, delta))
        if agrees and search.matches(-search.carry([(x, delta)])):
            where = search.tape.step(x)
            yield Explanation(kind, TWO + cost, text + FLIPPED, where, (), ("sign",))


def _extra(scales: Scales, k: float, tol: float) -> Iterator[tuple[str, str]]:
    if abs(k + 1) <= tol:
        yield "sign", "the sign is flipped"
        return
    for m in scales.whole(k, tol):
        yield m.kind, m.text.replace("yours is", "it is").replace(" the gradient", "", 1)


def _pairs(search: Search) -> Iterator[Explanation]:
    """Two faults of the catalogue at two steps, as long as the budget lasts."""
    tape = search.tape
    near = [guess for guess in search.singles if guess.fault.cost <= FAR_FETCHED]
    near.sort(key=lambda guess: guess.fault.cost)
    for one in near:
        if not search.catalogue.spend(len(search.region) + 3 * len(search.singles)):
            return
        moved = search.moved([(one.x, one.delta)])
        for two in near:
            change = None if two[:2] == one[:2] else _after(search, one, two, moved)
            if change is None:
                continue
            total = one.projected + search.project(two.x, change)
            sites = [(one.x, one.delta), (two.x, change)]
            for k, more, flipped in ((1.0, "", ()), (-1.0, FLIPPED, ("sign",))):
                if search.agrees(k * total) and search.matches(k * search.carry(sites)):
                    first, second = one.words(tape), two.words(tape)
                    text = f"{first} at {tape.step(one.node)}; and {second}{more}"
                    cost = TWO + one.fault.cost + two.fault.cost + ONE * len(flipped)
                    where, kinds = tape.step(two.node), (two.fault.kind, *flipped)
                    yield Explanation(one.fault.kind, cost, text, where, (), kinds)
                    return


def _after(search: Search, one: Guess, two: Guess, moved: dict[Node, Vector]) -> Vector | None:
    """What the second of two faults adds, the cotangents having `moved` by the first; None where
    it comes before the first, or cannot be computed."""
    n = two.node
    if n not in moved:
        later = search.tape.position[n] >= search.tape.position[one.node]
        return two.delta if later else None
    g = search.g[n] + moved[n]
    right = contribution(n, two.which, g)
    return next(
        (again.delta for again in search.guesses(n, two.which, [two.fault], g, right)), None
    )


def _proportional(search: Search) -> Iterator[Explanation]:
    """A factor that is no number of this graph, on an array that it fits exactly."""
    if search.value.size < 2 or not abs(search.base):
        return
    k = search.goal / search.base
    if search.matches(k * search.expected) and np.any(search.value):
        factor = f"{k:.6g}" if abs(k - 1) >= SIX_DIGITS else f"(1 + {k - 1:.1g})"
        yield Explanation("constant-scale", TWO, f"yours is {factor} x the gradient")
