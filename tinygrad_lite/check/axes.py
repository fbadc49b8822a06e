"""Sums over other axes than those along which a value was broadcast: the means in the gradient of a
normaliser, the sum in that of a quotient.

What comes back through a reduced value r, such as a mean or a norm, is sum(w) q on its way to x. On
paper that is sum(w f) q / f, where f is the same along the axes that are summed over, and so comes
out of the sum: over other axes it matters what came out.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, combinations
from math import prod

import numpy as np

from ..graph.backend import broadcast_axes
from ..graph.node import Node
from .arrays import BIG
from .faults import pulled
from .search import Explanation, Guess, Search
from .slips import FAR, FIRST, listed
from .tape import Vector, carried, op_of

POWERS = 1, 2  # of what comes out of a sum

Axes = tuple[int, ...]
Summed = tuple[Node, Axes, Axes, bool]  # at which node, over which axes, which are right, as means


def other_axes(search: Search) -> Iterator[Explanation]:
    """Sums over other axes in what comes back through one value, or two over the same."""
    found: dict[Summed, list[Guess]] = {}
    for n, i, r in search.edges if search.small else ():
        if op_of(n).elementwise and n.data.ndim > 1 and r.shape != n.shape and n.data.size <= BIG:
            for key, guess in _summed(search, n, i, r):
                found.setdefault(key, []).append(guess)
    for (x, axes, right, _), guesses in found.items():
        adds = np.array([guess.projected for guess in guesses])
        tried: list[tuple[Guess, ...]] = [
            (guesses[j],) for j in np.flatnonzero(search.agrees(adds))
        ]
        both = search.agrees(adds[:, None] + adds - search.base)
        tried += [(guesses[j], guesses[k]) for j, k in np.argwhere(both) if j < k]
        for made in tried:
            through = {(guess.step, guess.words()) for guess in made}
            delta = sum(guess.delta for guess in made)
            if len(through) == len(made) and search.explains(search.carry([(x, delta)])):
                names = " and ".join(dict.fromkeys(guess.words() for guess in made))
                text = f"what comes back through {names} is summed over axis {listed(axes)}, not "
                cost = FIRST + FAR * (len(made) - 1)
                yield search.explained("wrong-axis", cost, text + listed(right), made[0].step)
                break


def _summed(search: Search, n: Node, i: int, r: Node) -> Iterator[tuple[Summed, Guess]]:
    """The sums over other axes of what n hands to r, and that part of it which comes through one of
    n's uses: at every node on which r has an effect as large as n. With a mean's divisor or not."""
    over, uses = broadcast_axes(n.shape, r.shape), search.tape.consumers[n]
    several = uses if len(uses) > 1 and n not in search.blocked else ()
    kept = tuple(1 if axis in over else size for axis, size in enumerate(n.shape))
    divisors = (np.asarray(m.operands[1]) for m in search.tape.made_by("divide"))
    same = {v.tobytes(): v.reshape(kept) for v in (r.data, *divisors) if v.shape == r.shape}
    factors = [np.ones(kept), *(v**p for v in same.values() for p in POWERS if v.all())]
    wide = [axis for axis, size in enumerate(n.shape) if size > 1]
    sets = chain.from_iterable(combinations(wide, k + 1) for k in range(len(wide)))
    others = [axes for axes in sets if axes != tuple(a for a in over if a in wide)]
    slopes, through = _below(search, r, np.ones(r.shape)), partial(search.tape.label_of, r)
    for g in (search.g[n], *(search.parts[use] for use in several)):
        w = pulled(n, i, g)
        c = np.sum(w, axis=over, keepdims=True)
        right = _below(search, r, c.reshape(r.shape))
        for x, q in slopes.items():
            if x.shape != n.shape or not np.allclose(c * q, right[x], 1e-9, 1e-9 * np.abs(c).max()):
                continue
            for axes in others:
                terms = [prod(n.shape[a] for a in at) for at in (over, axes)]
                for f in factors:
                    summed = np.sum(w * f, axis=axes, keepdims=True) * q / f
                    for mean in {True, terms[0] == terms[1]}:
                        delta = summed * (terms[0] / terms[1] if mean else 1.0) - right[x]
                        adds = search.base + search.project(x, delta)
                        guess = Guess("wrong-axis", FIRST, through, n, x, delta, adds)
                        yield (x, axes, over, mean), guess


def _below(search: Search, r: Node, g: Vector) -> dict[Node, Vector]:
    return carried([(r, g)], search.region, search.inside, search.blocked)
