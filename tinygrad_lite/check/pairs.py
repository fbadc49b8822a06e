"""Two mistakes at once: what is left to suppose when no single one explains a claim."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backprop.chain import contribution
from ..graph.node import Node
from .arrays import extra_factors
from .faults import scaled
from .scales import Scales, multiple, tolerance_of
from .search import ONE, TWO, VANISHING, Explanation, Guess, Search
from .slips import ODD
from .tape import Vector

PAIRED = 60  # faults that are supposed to come in twos, the simplest first
PERHAPS = "perhaps two mistakes: "
FLIPPED = "; and the sign is flipped"
SIX_DIGITS = 5e-6  # how near to 1 a factor is printed as 1 in so many


def with_factor(search: Search, scales: Scales) -> Iterator[Explanation]:
    """One fault at one step, and a sign or a constant of the whole besides."""
    for guess in (*search.singles, *search.misread, *extra_factors(search, scales, -1.0)):
        if abs(guess.projected) <= VANISHING * abs(search.goal):
            continue
        k = search.goal / guess.projected
        tol = tolerance_of(search.slack, guess.projected, abs(k))
        for kind, what in _extra(scales, k, tol):
            predicted = search.carry([(guess.x, guess.delta)])
            if search.explains(multiple(search.value, predicted, tol) * predicted):
                text = f"{PERHAPS}{guess.words()}; and {what}"
                where = search.tape.step(guess.step) if guess.step is not None else ""
                yield Explanation(guess.kind, TWO + guess.cost, text, where, (), (kind,))
                break


def _extra(scales: Scales, k: float, tol: float) -> Iterator[tuple[str, str]]:
    if abs(k + 1) <= tol:
        yield "sign", "the sign is flipped"
        return
    for m in scales.whole(k, tol):
        yield m.kind, m.text.replace("yours is", "it is").replace(" the gradient", "", 1)


def pairs(search: Search, scales: Scales) -> Iterator[Explanation]:
    """Two faults of the catalogue at two steps, as long as the budget lasts."""
    tape = search.tape
    near = sorted((*search.singles, *_scaled(search)), key=lambda guess: guess.cost)[:PAIRED]
    near = [guess for guess in near if guess.cost < ODD]
    for one in near:
        if not search.catalogue.spend(len(search.region) + 3 * len(near)):
            return
        moved = search.moved([(one.x, one.delta)])
        for two in near:
            same = one.made and two.made and one.made[:2] == two.made[:2]
            change = None if same else _after(search, one, two, moved)
            if change is None:
                continue
            more = two.projected - search.base
            total = one.projected + (more if change is two.delta else search.project(two.x, change))
            sites = [(one.x, one.delta), (two.x, change)]
            for k, end, flipped in ((1.0, "", ()), (-1.0, FLIPPED, ("sign",))):
                if search.agrees(k * total) and search.explains(k * search.carry(sites)):
                    at = f" at {tape.step(one.step)}" if one.step is not None else ""
                    text = f"{PERHAPS}{one.words()}{at}; and {two.words()}{end}"
                    cost = TWO + one.cost + two.cost + ONE * len(flipped)
                    where = tape.step(two.step) if two.step is not None else ""
                    yield Explanation(one.kind, cost, text, where, (), (two.kind, *flipped))
                    return


def _scaled(search: Search) -> Iterator[Guess]:
    for n, i, _ in search.edges:
        made = [f for f in scaled(search.tape, n, i) if f.kind in ("missing-term", "sign")]
        yield from search.guesses(n, i, made, search.g[n], search.parts[n, i])


def _after(search: Search, one: Guess, two: Guess, moved: dict[Node, Vector]) -> Vector | None:
    """What the second of two faults adds, the cotangents having `moved` by the first; None where
    it comes before the first, or cannot be computed."""
    if two.made is None or one.step is None:
        return None
    n, i, fault = two.made
    if n not in moved:
        later = search.tape.position.get(n, 0) >= search.tape.position.get(one.step, 0)
        return two.delta if later else None
    g = search.g[n] + moved[n]
    again = search.guesses(n, i, [fault], g, contribution(n, i, g))
    return next((guess.delta for guess in again), None)


def proportional(search: Search, scales: Scales) -> Iterator[Explanation]:
    """A factor that is no number of this graph, on an array that it fits exactly."""
    if search.value.size < 2 or not abs(search.base) or not np.any(search.value):
        return
    k = search.goal / search.base
    if search.explains(k * search.expected):
        factor = f"{k:.6g}" if abs(k - 1) >= SIX_DIGITS else f"(1 + {k - 1:.1g})"
        yield Explanation("constant-scale", TWO, f"yours is {factor} x the gradient")
