"""Every explanation of a wrong claim, verified entry by entry, the simplest first.

A pass looks for mistakes of one sort. Those of a later row of the table are asked only where no
earlier one explains the claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import accumulate, combinations, islice, takewhile
from typing import Any

import numpy as np

from ..backprop.chain import contribution
from ..graph.node import Node
from . import arrays, axes, systematic
from .altered import altered
from .otherwise import other_losses
from .scales import near, tolerance_of
from .search import HUGE, LARGE, ONE, TWO, VANISHING, Explanation, Guess, Search
from .shadows import is_square
from .slips import FAR, FARTHEST, FIRST, LIKELY, NEAR, Instead
from .tape import Vector, op_name, op_of

PERHAPS = "perhaps two mistakes: "
FLIPPED = "the sign is flipped"
FEW = 6  # uses of a node, any two of which may be exchanged
SIX_DIGITS = 5e-6  # how near to 1 a factor is printed as 1 in so many


def explain(search: Search) -> list[Explanation]:
    """The explanations of a claim that has its node's shape."""
    for _, passes in takewhile(lambda row: len(search.region) <= row[0], PASSES):
        found: list[Explanation] = []
        for find in passes:
            made = list(find(search))
            found += [e for e in made if isinstance(e, Explanation)]
            found += search.verified(e for e in made if isinstance(e, Guess))
        if found:
            return found
    return []


def factors(search: Search) -> Iterator[Guess]:
    """A scalar factor on one step, read off the projections."""
    for n, i, x in search.edges:
        same = [j for j, a in enumerate(n.inputs) if a is x]
        if i != same[0]:
            continue  # x * x is one step
        part = sum(search.parts[n, j] for j in same)
        weight = search.project(x, part)
        if abs(weight) <= VANISHING * (abs(search.base) + abs(search.goal)):
            continue  # it tells nothing
        k = 1 + (search.goal - search.base) / weight
        tol = tolerance_of(search.slack, weight, abs(k))
        alone = abs(weight - search.base) <= tol * abs(search.base)
        for m, anywhere in search.scales.step(n, i, k, tol, search.tangents, alone):
            value = search.g[x] + (m.value - 1) * part
            yield search.guess(x, value, m.kind, m.cost, m.text, n, anywhere)


def junctions(search: Search) -> Iterator[Guess]:
    """One of the paths from a node alone, as with = for +=."""
    tape = search.tape
    for x in search.open:
        uses = tape.consumers[x]
        parts = [search.parts[edge] for edge in uses]
        for part, times in Counter(p.tobytes() for p in parts).most_common(1):
            if not 1 < times < len(parts):
                continue  # 1 stands for the n terms that add 1 each
            value = search.g[x] - (times - 1) * np.frombuffer(part).reshape(x.shape)
            text = f"only one of the {times} equal terms from {tape.label(x)} is counted"
            yield search.guess(x, value, "mean-vs-sum", LIKELY, text)
        for (a, i), (b, j) in combinations(uses, 2) if len(uses) <= FEW else ():
            if a.shape == b.shape and op_of(a) is op_of(b):
                part = contribution(a, i, search.g[b]) + contribution(b, j, search.g[a])
                value = search.g[x] + part - search.parts[a, i] - search.parts[b, j]
                text = f"the gradients of {tape.label(a)} and {tape.label(b)} are exchanged"
                yield search.guess(x, value, "wrong-order", FAR, text)
        if len(uses) < 2:
            continue
        text = f"only one of the {len(uses)} paths from {tape.label(x)} is counted; its "
        text += "gradient adds up over all of them (+=)"
        later = [*accumulate(parts[::-1], _over)][::-1]  # the uses from one on, and those before
        before = [0.0, *accumulate(parts, lambda above, part: _over(part, above))]
        written = (_over(*under) for under in zip(before, later, strict=False))
        for (n, _), *values in zip(uses, written, parts, strict=True):
            for value in values:
                yield search.guess(x, value, "missing-term", NEAR, text, n)


def _over(below: Vector, part: Vector) -> Vector:
    """What is left of two terms where one overwrites the other."""
    return np.where(part != 0, part, below)


def _times(
    search: Search, rows: Iterable[Instead], projected: float, gradient: Callable[[], Vector]
) -> Iterator[Instead]:
    """The factors by which a gradient, told by its projection, is the claim."""
    if abs(projected) > VANISHING * abs(search.goal):
        k = search.goal / projected
        for m in near(rows, k, tolerance_of(search.slack, projected, abs(k))):
            if search.explains(m.value * gradient()):
                yield m


def whole(search: Search) -> Iterator[Explanation]:
    """A scalar factor on the whole gradient."""
    rows, g = search.scales.whole, search.expected
    for m in _times(search, rows, search.base, lambda: g):
        yield Explanation(m.kind, ONE + m.cost, m.text, sites=[(search.target, (m.value - 1) * g)])
        if m.kind == "sign" and not search.large:
            yield from _turned(search, m.text)
    for m in _times(search, rows, -search.base, lambda: -g):
        if m.kind != "sign":
            text = m.text.replace("yours is ", "yours is -", 1) + f"; and {FLIPPED}"
            yield Explanation(m.kind, TWO + m.cost, text, other_kinds=("sign",))


def _turned(search: Search, text: str) -> Iterator[Explanation]:
    """The step at which the sign of the whole was lost, if only one has a minus that is seen, and
    none one that its rule gives."""
    passed: dict[Any, float] = {}  # what of it passes a step, or those of a sort
    near = partial(np.isclose, search.base, rtol=1e-9, atol=0)
    within = {n for s in search.catalogue.shadows for n in search.tape.above(s.x, {s.y})[:-1]}
    for n, i, x in search.edges:
        weight = search.project(x, search.parts[n, i])
        alone = bool(near(weight))
        if n not in within and search.scales.turns(n, i, alone):
            at = (n, i) if alone else op_of(n)
            passed[at] = passed.get(at, 0.0) + weight
    places = [at for at, weight in passed.items() if near(weight)]
    if len(places) == 1 and isinstance(places[0], tuple):
        n, i = places[0]
        if not op_of(n).elementwise or op_name(n) in ("subtract", "negative", "multiply"):
            sites = [(n.inputs[i], -2 * search.parts[n, i])]
            yield search.explained("sign", FIRST, text, n, sites)


def transposed(search: Search) -> Iterator[Guess]:
    """The gradient transposed."""
    x, g = search.target, search.expected
    if g.ndim == 2:
        how = "numerator layout?" if g.shape == g.T.shape else "its entries in another shape"
        text = f"yours is the transpose of the gradient ({how})"
        yield search.guess(x, g.T.reshape(g.shape), "transpose", LIKELY, text)


def with_factor(search: Search) -> Iterator[Explanation]:
    """One fault at one step, and a sign or a constant of the whole besides."""
    if search.value.size < 2:  # two mistakes that explain one number are nothing
        return
    rows = [m for m in search.scales.whole if m.cost < FAR]  # no number by chance
    for guess in (*search.singles, *arrays.extra_factors(search, -1.0)):
        gradient = partial(search.carry, [(guess.x, guess.delta)])
        for m in islice(_times(search, rows, guess.projected, gradient), 1):
            besides = m.text.replace("yours is", "it is").replace(" the gradient", "", 1)
            text = f"{PERHAPS}{guess.words()}; and {FLIPPED if m.value == -1 else besides}"
            where, others = search.tape.step(guess.step), (m.kind,)
            yield Explanation(guess.kind, TWO + guess.cost, text, where, others)


def in_parts(search: Search) -> Iterator[Guess]:
    """One fault at a step in what comes from one of its uses, or from all others; or in what goes
    on from there to one of several inputs."""
    tape = search.tape
    if not search.small:
        return
    for n, i, _ in search.edges:
        uses = tape.consumers[n] if n in search.inside and n not in search.blocked else ()
        for use in uses if len(uses) > 1 and not is_square(n) else ():
            part, name = search.parts[use], tape.label(use[0])
            for g, which in ((part, "only in"), (search.g[n] - part, "except in"))[: len(uses) - 1]:
                for guess in search.guesses(n, i, g):
                    yield _only(guess, f"{which} what comes through {name}")
    for guess in search.singles:
        x = guess.x
        into = [j for j, a in enumerate(x.inputs) if isinstance(a, Node) and a in search.tangents]
        for j in into if len(into) > 1 and not is_square(x) else ():
            a, delta = x.inputs[j], contribution(x, j, guess.delta)
            projected = search.base + search.project(a, delta)
            words = f"only on the way to {tape.label(a)}"
            yield replace(_only(guess, words), x=a, delta=delta, projected=projected)


def _only(guess: Guess, where: str) -> Guess:
    words = lambda: f"{guess.words()}, {where}"  # noqa: E731
    return replace(guess, cost=guess.cost + LIKELY, words=words)


def proportional(search: Search) -> Iterator[Explanation]:
    """A factor that is a number which the graph computes; else one that is none of its numbers."""
    if search.value.size < 2 or not search.base or not np.any(search.value):
        return
    for m in _times(search, search.scales.computed, search.base, lambda: search.expected):
        yield Explanation(m.kind, ONE + FARTHEST, m.text)
    k = search.goal / search.base
    if search.explains(k * search.expected):
        factor = f"{k:.6g}" if abs(k - 1) >= SIX_DIGITS else f"(1 + {k - 1:.1g})"
        yield Explanation("constant-scale", TWO, f"yours is {factor} x the gradient")


Pass = Callable[[Search], Iterable[Explanation | Guess]]

# Up to how many nodes, and the passes.
PASSES: tuple[tuple[float, tuple[Pass, ...]], ...] = (
    # One mistake in the rule of one step, and then another value in it.
    (np.inf, (factors, junctions, whole, lambda s: s.singles, arrays.extra_factors, transposed)),
    (HUGE, (lambda search: search.misread,)),
    # The same at several steps, or another gradient.
    (LARGE, (systematic.alike, systematic.in_sequence)),
    (LARGE, (arrays.other_gradients, arrays.diagonals)),
    # A mistake in a part, something left out or in another's place, and two mistakes.
    (LARGE, (in_parts, other_losses, axes.other_axes)),
    (LARGE, (with_factor, altered, proportional)),
)
