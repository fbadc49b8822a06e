"""Another array in a gradient: a factor or a term too many or too few, entries moved."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backprop.chain import is_constant, slope
from ..graph.node import Node
from .faults import prime
from .scales import factor
from .search import MANY, Catalogue, Guess, Search
from .slips import FAR, LIKELY, ODD, Instead
from .tape import Vector

BIG = 20_000  # entries above which the same holds


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
            d, name = np.asarray(slope(n, 0)), prime(op, tape.label_of(n.inputs[0]))
            found.append((LIKELY, d, name))
            if np.all((d > 0) & (d < 1)):  # σ, where softplus is written
                found.append((FAR, d * (1 - d), f"p (1 − p), p = {name},"))
        if np.all((n.data < 0) & (n.data > -700)):  # a logarithm of a probability
            p, name = np.exp(n.data), f"exp({tape.label(n)})"
            found += [(FAR, p, name), (FAR, p * (1 - p), f"{name} (1 − {name})")]
        for rank, v, name in found:
            if not any(np.array_equal(v, other) for other in known):  # else it is told more simply
                yield Instead("extra-factor", rank, v, f"there is a factor {name} too many")


def worth(search: Search) -> bool:
    """Whether a graph is so small that foreign arrays are looked for at every node."""
    return len(search.region) <= MANY


def extra_factors(search: Search, sign: float = 1.0) -> Iterator[Guess]:
    """A factor too many or too few in the gradient with respect to some node; `sign` is of the
    whole claim."""
    for x in reversed(search.open) if worth(search) else ():  # the nearest to the claim first
        if x.data.size <= BIG and x.data.size:
            found, rows = forms(search.catalogue, x.shape)
            g = search.g[x]
            offset = search.base - search.project(x, g)
            projected = offset + rows @ np.ravel(search.tangents[x] * g)
            for k in np.flatnonzero(search.agrees(projected, sign)):
                f = found[k]
                at = f" in the gradient with respect to {search.tape.label(x)}"
                yield search.guess(x, g * f.value, f.kind, f.cost, f.text + at)


def other_gradients(search: Search) -> Iterator[Guess]:
    """Another node's gradient in the place of a node's; in that of the claimed one it may be times
    a small number as well."""
    tape, few = search.tape, search.value.size < 2  # one number says nothing
    for y, right in () if few or not worth(search) else tape.g.items():
        told = f"{tape.cotangent_of(y)}, the gradient with respect to {tape.label(y)}"
        for x in search.open if tape.is_named(y) else ():
            g: Vector = search.g.get(y, right)
            if x is y or x.shape != g.shape:
                continue
            if x is search.target:
                for k, scale in ((1, ""), (-1, "-1 x "), (2, "2 x "), (0.5, "1/2 x ")):
                    kind = _place(search, x, y) if k == 1 else "other"
                    cost = LIKELY if k == 1 else ODD
                    yield search.guess(x, k * g, kind, cost, f"yours is {scale}{told}")
            elif tape.is_named(x) and x.data.size > 2:
                text = f"{tape.cotangent_of(y)} stands where {tape.cotangent_of(x)} belongs"
                yield search.guess(x, g, _place(search, x, y), ODD, text)


def _place(search: Search, x: Node, y: Node) -> str:
    """What it is called to go by y's gradient for x's: too short a way down, or too long."""
    if y not in search.inside:
        return "other"
    above = search.tape.position[y] < search.tape.position[x]
    return "missing-factor" if above else "extra-factor"
