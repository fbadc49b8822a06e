"""Another array in a gradient: a factor or a term too many or too few, entries moved."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backprop.chain import is_constant, slope
from .faults import SMALL, prime
from .scales import factor
from .search import Catalogue, Guess, Search
from .slips import FAR, LIKELY, ODD, Instead
from .tape import Vector, carried

BIG = 20_000  # entries of a gradient above which no factor of it is looked for


def forms(catalogue: Catalogue, shape: tuple[int, ...]) -> tuple[list[Instead], Vector]:
    """The factors that a graph has for gradients of a shape, and their values, a row each."""
    if shape not in catalogue.kept:
        found = [f for f in _forms(catalogue, shape) if np.isfinite(f.value).all()]
        found = [f for f in found if np.any(f.value != 1)]
        rows = [np.broadcast_to(f.value, shape).ravel() for f in found]
        catalogue.kept[shape] = found, np.array(rows).reshape(len(found), int(np.prod(shape)))
    known: tuple[list[Instead], Vector] = catalogue.kept[shape]
    return known


def _forms(catalogue: Catalogue, shape: tuple[int, ...]) -> Iterator[Instead]:
    tape = catalogue.tape
    divisors = {id(v): np.asarray(v) for v in (n.operands[1] for n in tape.made_by("divide"))}
    known = [np.ones(shape)]
    for name, v in tape.named_along(shape):
        rows = factor(name, v, divides=id(v) in divisors)
        known += [np.broadcast_to(row.value, shape) for row in rows]
        yield from rows
    for n in (*(shadow.node for shadow in catalogue.shadows), *tape.order):
        op = n.op
        if op is None or n.shape != shape or len(n.operands) != 1:
            continue
        found: list[tuple[float, Vector, str]] = []
        if op.elementwise and not is_constant(op, 0):
            name = prime(op, tape.label_of(n.inputs[0]))
            found.append((LIKELY, np.asarray(slope(n, 0)), name))
        if np.all((n.data < 0) & (n.data > -700)):  # a logarithm of a probability
            found.append((FAR, np.exp(n.data), f"exp({tape.label(n)})"))
        chances = [(p, name) for _, p, name in found if np.all((p > 0) & (p < 1))]
        found += [(FAR, p * (1 - p), f"p (1 − p), p = {name},") for p, name in chances]
        for rank, v, name in found:
            if not any(np.array_equal(v, other) for other in known):  # else it is told more simply
                yield Instead("extra-factor", rank, v, f"there is a factor {name} too many")


def extra_factors(search: Search, sign: float = 1.0) -> Iterator[Guess]:
    """A factor too many or too few in the gradient with respect to some node; `sign` is of the
    whole claim."""
    for x in reversed(search.open) if search.small else ():  # the nearest to the claim first
        if x.data.size <= BIG and x.data.size:
            found, rows = forms(search.catalogue, x.shape)
            g = search.g[x]
            offset = search.base - search.project(x, g)
            projected = offset + rows @ np.ravel(search.tangents[x] * g)
            alone = abs(offset) <= search.slack and search.value.size > 1
            for k in np.flatnonzero(search.agrees(projected, sign)):
                f = found[k]
                if alone and np.size(f.value) == 1:
                    continue  # a number that the whole is multiplied by, at no place
                at = f" in the gradient with respect to {search.tape.label(x)}"
                yield search.guess(x, g * f.value, f.kind, f.cost, f.text + at)


def diagonals(search: Search) -> Iterator[Guess]:
    """Of the Jacobian of one node with respect to another, several steps below, the diagonal."""
    tape, small = search.tape, 1 < search.value.size <= SMALL and search.small
    for y in search.region if small else ():
        size, order = y.data.size, [n for n in search.region if n in search.tangents]
        if not 1 < size <= SMALL or not search.catalogue.spend(size * len(order)):
            continue
        units = np.eye(size).reshape(size, *y.shape)
        swept = [carried([(y, e)], order, search.inside, search.blocked) for e in units]
        for x in order:
            if x is y or x.shape != y.shape or any(x not in found for found in swept):
                continue
            rows = np.array([found[x] for found in swept]).reshape(size, size)
            diagonal = np.diag(rows)
            if np.array_equal(rows, np.diag(diagonal)):
                continue
            g = np.ravel(search.g[y])
            value = search.g[x] + (g * diagonal - g @ rows).reshape(x.shape)
            named = tape.is_named(y) and tape.is_named(x)
            text = f"only the diagonal of the Jacobian of {tape.label(y)} with respect to "
            text += f"{tape.label(x)} is used"
            yield search.guess(x, value, "missing-term", LIKELY if named else ODD, text, y)


def other_gradients(search: Search) -> Iterator[Guess]:
    """Another node's gradient in the place of a node's; in that of the claimed one it may have the
    other sign."""
    tape, few = search.tape, search.value.size < 2  # one number says nothing
    for y, right in tape.g.items() if search.small and not few else ():
        told = tape.cotangent_of(y)
        g: Vector = search.g.get(y, right)
        for x in search.open if tape.is_named(y) else ():
            if x is y or x.shape != g.shape:
                continue
            kind = "other"
            if y in search.inside:  # too short a way down, or too long
                above = tape.position[y] < tape.position[x]
                kind = "missing-factor" if above else "extra-factor"
            if x is search.target:
                text = f"{told}, the gradient with respect to {tape.label(y)}"
                yield search.guess(x, g, kind, LIKELY, f"yours is {text}")
                yield search.guess(x, -g, "other", ODD, f"yours is -1 x {text}")
            elif tape.is_named(x) and x.data.size > 2:
                text = f"{told} stands where {tape.cotangent_of(x)} belongs"
                yield search.guess(x, g, kind, ODD, text)
