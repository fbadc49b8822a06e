"""Jacobians that are no product entry by entry, whole where only a part of them is written.

A row has the fact by which a value is known to be what the function gave along an axis, and the
formula that takes a gradient back through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..slips import FARTHEST, NEAR, ODD
from .known import agrees
from .looked import Place, Vector
from .pool import PART, Item, Pool
from .rows import Edit

NEARLY = 0.05  # of a variance, to which something small may have been added
Along = Callable[[Any], Any]


class Composite(NamedTuple):
    """Whether `a` is what the function gave, and what a gradient `b` of that becomes; a `total` or
    a `mean` is one along the axis."""

    rank: float
    fact: Callable[[Vector, Along, Along], bool]
    how: Callable[[Any, Any, Along, Along], Any]


def _is(x: Vector, value: float, slack: float = 1e-8) -> bool:
    return bool(np.abs(x - value).max(initial=0) <= slack)


def _adds_up(a: Vector, total: Along, mean: Along) -> bool:
    return bool((a >= 0).all()) and _is(total(a), 1)


def _standard(a: Vector, total: Along, mean: Along) -> bool:
    return _is(mean(a), 0) and _is(mean(a * a), 1, NEARLY)


def _is_long(a: Vector, total: Along, mean: Along) -> bool:
    return _is(total(a * a), 1)


ROWS: tuple[Composite, ...] = (
    # a softmax and its logarithm, what is divided by its length, by its deviation
    Composite(0, _adds_up, lambda a, b, total, mean: a * (b - total(b * a))),
    Composite(ODD, _adds_up, lambda a, b, total, mean: b - a * total(b)),
    Composite(0, _is_long, lambda a, b, total, mean: b - a * total(b * a)),
    Composite(0, _standard, lambda a, b, total, mean: b - a * mean(b * a)),
    Composite(0, _standard, lambda a, b, total, mean: b - mean(b) - a * mean(b * a)),
)


def whole(at: Place, wanted: Vector) -> Iterator[Edit]:
    """The whole Jacobian, of what stands there or of another gradient."""
    w = np.asarray(wanted, dtype=float)
    normal = at.pool.facts.get(w.shape)
    if normal is None:
        normal = at.pool.facts[w.shape] = list(_normal(at.pool, w.shape))
    for item, row, total, mean in normal:
        a, alike = at.item(item), (i for i in at.pool.items if i.tier <= PART)
        gradients = [(at.item(i), NEAR + i.rank) for i in alike if i.value.shape == w.shape]
        for b, cost in [(at.written, 0.0), *gradients]:
            v = np.asarray(b.value, dtype=float)
            if v.shape == w.shape and agrees(row.how(a.value, v, total, mean), w):
                made = row.how(a, b, total, mean)
                yield at.edit(made, "missing-term", FARTHEST + row.rank + item.rank + cost)


def _normal(pool: Pool, shape: tuple[int, ...]) -> Iterator[tuple[Item, Composite, Along, Along]]:
    """What functions of a row may have given, with a sum and a mean along its axis."""
    given = (i for i in pool.items if i.tier <= PART and i.value.shape == shape)
    alike = [i for i in given if not np.isin(i.value, (0, 1)).all()]  # no labels
    for axis, n in enumerate(shape):
        total, mean = _along(np.sum, axis, len(shape)), _along(np.mean, axis, len(shape))
        for item, row in product(alike, ROWS if n > 1 else ()):
            if row.fact(item.value, total, mean):
                yield item, row, total, mean


def _along(how: Any, axis: int, axes: int) -> Along:
    """A sum or a mean along an axis, which is kept; of a vector it is a number."""
    if axes == 1:
        return lambda x: how(x)
    return lambda x: how(x, axis=axis, keepdims=True)
