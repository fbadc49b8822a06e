"""Sums over other axes than those along which a value was broadcast: the means in the gradient of a
normaliser, the sum in that of a quotient.

What comes back through a reduced value r, such as a mean or a norm, is sum(w) q on its way to x. On
paper that is sum(w f) q / f, where f is the same along the axes that are summed over, and so comes
out of the sum: over other axes it matters what came out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations
from math import prod

import numpy as np

from ..graph.backend import broadcast_axes
from ..graph.node import Node
from .arrays import BIG
from .faults import pulled
from .search import Explanation, Search
from .slips import FAR, FIRST, listed
from .tape import Vector, carried, op_of

POWERS = 1, 2  # of what comes out of a sum

Axes = tuple[int, ...]
Edge = tuple[Node, int]


@dataclass(frozen=True)
class Other:
    """What the cotangent of a node gets besides, if what an edge hands on was summed over other
    axes than `axes`; `projected` is what that adds to the projection of the claimed gradient."""

    edge: Edge
    axes: Axes
    delta: Vector
    projected: float


def other_axes(search: Search) -> Iterator[Explanation]:
    """Sums over other axes in what comes back through one value, or two over the same."""
    found: dict[tuple[Node, Axes, bool], list[Other]] = {}
    for n, i, r in search.edges if search.small else ():
        if op_of(n).elementwise and n.data.ndim > 1 and r.shape != n.shape and n.data.size <= BIG:
            for key, other in _summed(search, n, i, r):
                found.setdefault(key, []).append(other)
    for (x, axes, _), others in found.items():
        adds = search.base + np.array([o.projected for o in others])
        tried: list[tuple[Other, ...]] = [(others[j],) for j in np.flatnonzero(search.agrees(adds))]
        both = search.agrees(adds[:, None] + adds - search.base)
        tried += [(others[j], others[k]) for j, k in np.argwhere(both) if j < k]
        for made in tried:
            through = {o.edge: search.tape.label_of(o.edge[0].inputs[o.edge[1]]) for o in made}
            delta = sum(o.delta for o in made)
            if len(through) == len(made) and search.explains(search.carry([(x, delta)])):
                names = " and ".join(dict.fromkeys(through.values()))
                text = f"what comes back through {names} is summed over axis {listed(axes)}, not "
                text += listed(made[0].axes)
                at = made[0].edge[0]
                yield search.explained("wrong-axis", FIRST + FAR * (len(made) - 1), text, at)
                break


def _summed(
    search: Search, n: Node, i: int, r: Node
) -> Iterator[tuple[tuple[Node, Axes, bool], Other]]:
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
    slopes = _below(search, r, np.ones(r.shape))
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
                        found = Other((n, i), over, delta, search.project(x, delta))
                        yield (x, axes, mean), found


def _below(search: Search, r: Node, g: Vector) -> dict[Node, Vector]:
    return carried([(r, g)], search.region, search.inside, search.blocked)
