"""Claims of the wrong shape: what was done, and how to get the node's shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ..backprop.flow import flow
from ..graph.backend import broadcast_axes
from .explain import explain
from .faults import pulled
from .rules import computed
from .search import ONE, TWO, Explanation, Search
from .slips import FIRST, LIKELY, Instead
from .tape import Vector, op_of


def explain_shape(search: Search) -> list[Explanation]:
    """The explanations of a claim that does not have its node's shape."""
    found = [*_rearranged(search)] or [*_jacobians(search)]
    found = found or [*_steps(search), *_rearranged(search, besides=True)]
    name = search.tape.label(search.target)
    said = f"yours has shape {search.value.shape}; {name} is {search.target.shape}"
    return [replace(e, text=f"{said}: {e.text}") for e in found]


def _jacobians(search: Search) -> Iterator[Explanation]:
    """The Jacobian of a node that follows, entries of it first or of the claimed one: told by one
    random product with it, which the sweep gives."""
    tape, target, value = search.tape, search.target, search.value
    for n in reversed(search.region[:-1]):
        sizes = np.ndim(n.data), np.ndim(target.data)
        turned = value.shape == target.shape + n.shape != n.shape + target.shape
        if not n.shape or not (turned or value.shape == n.shape + target.shape):
            continue
        seed = np.random.default_rng(11).standard_normal(n.shape)
        swept = flow(search.region, {n: seed}, within=search.inside).get(target)
        first = sizes[1] if turned else 0
        axes: Any = ([*range(sizes[0])], [*range(first, first + sizes[0])])
        product = np.tensordot(seed, value, axes=axes)
        if swept is not None and np.allclose(product, swept, 1e-9, 1e-9 * np.abs(swept).max()):
            root, y, x = (tape.names.get(id(m)) or tape.label(m) for m in (tape.root, n, target))
            d = f"d{y}/d{x}, the Jacobian{' transposed' * turned}, not d{root}/d{x}"
            text = f"this is {d}; multiply it by d{root}/d{y}"
            yield search.explained("missing-factor", 0.0, text, n)
            return


def _steps(search: Search) -> Iterator[Explanation]:
    """What the only step into the node hands on, with a fault or summed over other axes."""
    steps = search.tape.consumers[search.target]
    if len(steps) != 1:
        return
    ((n, i),) = steps
    for fault in search.catalogue(n, i):
        c = computed(fault.apply, search.g[n])
        if c is not None and c.shape != search.target.shape and search.matches(c):
            words = fault.words(search.tape, n, i)
            yield search.explained(fault.kind, LIKELY + fault.cost, words, n)
    full = pulled(n, i, search.g[n])
    if not op_of(n).elementwise or full.shape == search.target.shape:
        return
    axes = broadcast_axes(full.shape, search.target.shape)
    right = f"sum over axis {' and '.join(map(str, axes))}"
    for axis, keep in product(range(full.ndim), (False, True)):
        other = full.shape[axis] > 1 and (axis,) != axes
        if other and search.matches(full.sum(axis=axis, keepdims=keep)):
            text = f"you summed over axis {axis}; {right}"
            yield search.explained("wrong-axis", FIRST, text, n)
            return


def _rearranged(search: Search, *, besides: bool = False) -> Iterator[Explanation]:
    """The claim transposed, flattened, squeezed or summed, if that is right or, with what is wrong
    `besides`, explicable."""
    for kind, cost, value, text in readings(search.value, search.target.shape):
        again = Search(search.tape, search.catalogue, search.claim, search.above, value)
        if again.matches(again.expected):
            yield Explanation(kind, ONE + cost, text)
            return
        for e in explain(again) if besides and value.size > 1 else ():
            kinds, whole = (e.kind, *e.other_kinds), f"{text}; besides, {e.text}"
            yield Explanation(kind, TWO + cost + e.cost, whole, e.where, kinds)


def readings(value: Vector, shape: tuple[int, ...]) -> Iterator[Instead]:
    """What a claim of another shape may have been meant as."""
    size = int(np.prod(shape))
    unsummed = "missing-broadcast-sum"
    if value.ndim == 2 and value.T.shape == shape:
        text = "it is the transpose (numerator layout?); a gradient has its variable's own layout"
        yield Instead("transpose", 0.0, value.T, text)
    if value.size == size:
        text = f"the same entries, to be reshaped to {shape}"
        yield Instead("shape", 0.3, value.reshape(shape), text)
    if value.ndim >= len(shape) and value.size > size:
        axes = broadcast_axes(value.shape, shape)
        summed = value.sum(axis=axes)
        if summed.size == size:
            text = f"sum over axis {' and '.join(map(str, axes))}"
            yield Instead(unsummed, 0.1, summed.reshape(shape), text)
