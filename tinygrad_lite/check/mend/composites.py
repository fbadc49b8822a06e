"""Jacobians that are no product entry by entry, whole where only a part of them is written.

A row has the fact by which a value is known to be what the function gave along an axis, and the
formula that takes a gradient back through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
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


class Over(NamedTuple):
    """Sums, means and products of two arrays that are summed, over an axis."""

    total: Along
    mean: Along
    dot: Callable[[Any, Any], Any]


class Composite(NamedTuple):
    """Whether `a` is what the function gave `over` an axis, and what a gradient `b` of that
    becomes."""

    rank: float
    fact: Callable[[Vector, Over], bool]
    how: Callable[[Any, Any, Over], Any]


def _is(x: Vector, value: float, slack: float = 1e-8) -> bool:
    return bool(np.abs(x - value).max(initial=0) <= slack)


def _adds_up(a: Vector, over: Over) -> bool:
    return bool((a >= 0).all()) and _is(over.total(a), 1)


def _is_long(a: Vector, over: Over) -> bool:
    return _is(over.total(a * a), 1)


def _standard(a: Vector, over: Over) -> bool:
    return _is(over.mean(a), 0) and _is(over.mean(a * a), 1, NEARLY)


ROWS: tuple[Composite, ...] = (
    # a softmax and its logarithm, what is divided by its length, by its deviation
    Composite(0, _adds_up, lambda a, b, over: a * (b - over.dot(a, b))),
    Composite(ODD, _adds_up, lambda a, b, over: b - a * over.total(b)),
    Composite(0, _is_long, lambda a, b, over: b - a * over.dot(a, b)),
    Composite(0, _standard, lambda a, b, over: b - a * over.mean(b * a)),
    Composite(0, _standard, lambda a, b, over: b - over.mean(b) - a * over.mean(b * a)),
)


def whole(at: Place, wanted: Vector) -> Iterator[Edit]:
    """The whole Jacobian, of what stands there or of another gradient."""
    w = np.asarray(wanted, dtype=float)
    normal = at.pool.facts.get(w.shape)
    if normal is None:
        normal = at.pool.facts[w.shape] = list(_normal(at.pool, w.shape))
    for item, row, over in normal:
        a, alike = at.item(item), (i for i in at.pool.items if i.tier <= PART)
        gradients = [(at.item(i), NEAR + i.rank) for i in alike if i.value.shape == w.shape]
        for b, cost in [(at.written, 0.0), *gradients]:
            v = np.asarray(b.value, dtype=float)
            if v.shape == w.shape and agrees(row.how(a.value, v, over), w):
                made = row.how(a, b, over)
                yield at.edit(made, "missing-term", FARTHEST + row.rank + item.rank + cost)


def _normal(pool: Pool, shape: tuple[int, ...]) -> Iterator[tuple[Item, Composite, Over]]:
    """What functions of a row may have given, over which axis."""
    given = (i for i in pool.items if i.tier <= PART and i.value.shape == shape)
    alike = [i for i in given if not np.isin(i.value, (0, 1)).all()]  # no labels
    for axis, n in enumerate(shape):
        over = _over(axis, len(shape))
        for item, row in product(alike, ROWS if n > 1 else ()):
            if row.fact(item.value, over):
                yield item, row, over


def _over(axis: int, axes: int) -> Over:
    """Sums over an axis, which is kept; of a vector they are numbers."""
    if axes == 1:
        return Over(np.sum, np.mean, lambda a, b: a @ b)
    setting: Any = {"axis": axis, "keepdims": True}
    total, mean = partial(np.sum, **setting), partial(np.mean, **setting)
    return Over(total, mean, lambda a, b: total(a * b))
