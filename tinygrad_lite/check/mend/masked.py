"""What a mask tells apart: one of two numbers, where(z > 0, 1, 0.1), or what is and what is not;
and a branch of where, of which the entries are wanted that the mask picks.

The mask is one at hand, or a comparison of names, and of a name with a number of the graph.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from itertools import permutations, product
from typing import Any

import numpy as np

from ..code.trace import Record
from ..slips import FAR, FARTHEST, LIKELY, ODD
from .known import agrees
from .looked import Place, Vector, names_in
from .pool import NAME
from .rows import LOST, SLOPE, Edit, attempted
from .undo import operation
from .written import Written, number

PLAIN = (0.0, 1.0)
LACKS: tuple[tuple[str, float, Callable[[Any, Any], Any]], ...] = (
    ("other", ODD, lambda v, x: x),
    (LOST, FARTHEST, lambda v, x: v * x),
    (LOST, FARTHEST, lambda v, x: v / x),
    ("missing-term", FARTHEST + LIKELY, lambda v, x: v + x),
    ("missing-term", FARTHEST + LIKELY, lambda v, x: v - x),
)
NAMES = 12  # that are compared with each other
ASKED: tuple[tuple[float, Callable[[Any, Any], Any]], ...] = (
    (0.0, lambda x, y: x > y),
    (0.0, lambda x, y: x < y),
    (LIKELY, lambda x, y: np.abs(x) > y),
    (LIKELY, lambda x, y: np.abs(x) < y),
)


def masked(at: Place, wanted: Vector) -> Iterator[Edit]:
    """One of two numbers in the place, or as its factor."""
    v, w = np.asarray(at.value, dtype=float), np.asarray(wanted, dtype=float)
    if v.shape != w.shape or not w.ndim:
        return
    with np.errstate(all="ignore"):
        factor = np.where(v == 0, np.nan, w / v)
    again = any(isinstance(n, ast.Compare) for n in ast.walk(at.e))
    if len(few(w)) == 2:
        for made, rank in _chosen(at, w):
            yield at.edit(made, SLOPE, ODD + LIKELY * again + rank)
    upper = w != 0
    if np.asarray(at.value).dtype.kind == "b" and (*few(w),) == PLAIN and upper[v != 0].all():
        for mask, rank in _masks(at, upper, v == 0):
            either = attempted(np.bitwise_or, at.written, mask)
            if either is not None and np.array_equal(either.value, upper):
                yield at.edit(either, "missing-term", FARTHEST + rank)
    if len(few(factor)) == 2 and not w[v == 0].any():
        cost = FARTHEST if again or (*few(factor),) == PLAIN else ODD
        for made, rank in _chosen(at, factor):
            yield from at.made(np.multiply, at.written, made, kind=LOST, rank=cost + rank)


def branches(
    at: Place, record: Record, wanted: Mapping[Record, Vector], value: Callable[[Record], Any]
) -> Iterator[Edit]:
    """What a branch of `where` may be, or lack, if what is wanted of that is known."""
    for u in record.users:
        name, operands = operation(u)
        if name == "where" and u in wanted and record in operands[1:]:
            mask = np.broadcast_to(value(operands[0]), np.shape(wanted[u])).astype(bool)
            yield from _picked(at, wanted[u], mask if record is operands[1] else ~mask)


def _picked(at: Place, wanted: Vector, picked: Any) -> Iterator[Edit]:
    """What gives the entries that are picked."""
    w = np.asarray(wanted, dtype=float)[picked]
    v = np.broadcast_to(np.asarray(at.value, dtype=float), np.shape(picked))[picked]
    if not w.size or agrees(v, w):
        return
    for item in at.pool.items:
        if item.value.ndim and item.value.shape != np.shape(picked):
            continue
        x = np.broadcast_to(item.value, np.shape(picked))[picked]
        for kind, rank, how in LACKS:
            with np.errstate(all="ignore"):
                reached = agrees(how(v, x), w)
            if reached:
                cost = rank + item.rank
                yield from at.made(how, at.written, at.item(item), kind=kind, rank=cost)


def few(values: Vector) -> list[float]:
    """The numbers that entries are, if these are at most two."""
    known = values[np.isfinite(values)]
    low, high = known.min(initial=np.inf), known.max(initial=-np.inf)
    slack = 1e-9 * max(abs(low), abs(high))
    near = (np.abs(known - low) <= slack) | (np.abs(known - high) <= slack)
    return sorted({float(low), float(high)}) if known.size and near.all() else []


def _chosen(at: Place, values: Vector) -> Iterator[tuple[Written, float]]:
    """What gives entries that are one of two numbers, and how far-fetched it is."""
    low, high = few(values)
    x, y = _number(at, high), _number(at, low)
    if x is None or y is None:
        return
    known, upper = np.isfinite(values), np.abs(values - high) <= np.abs(values - low)
    own = names_in(at.e)
    for mask, rank in _masks(at, upper, known):
        more = rank + LIKELY * (not names_in(mask.code) <= own)
        if (low, high) == PLAIN:
            if np.array_equal(mask.value[known], upper[known]):
                yield mask, more
            continue
        first, second = (x, y) if mask.value[known & upper].all() else (y, x)
        made = attempted(np.where, mask, first, second)
        if made is not None:
            yield made, more


def _masks(at: Place, upper: Any, known: Any) -> Iterator[tuple[Written, float]]:
    """Masks that tell the upper entries from the others, at hand or made of names."""

    def tells(mask: Any) -> bool:
        apart = mask.shape == upper.shape and mask.dtype.kind == "b"
        return apart and len({*(mask == upper)[known].tolist()}) == 1

    held = [i for i in at.pool.items if tells(i.value)]
    yield from ((at.item(i), i.rank) for i in held)
    if held:
        return
    names = [i for i in at.pool.items if i.tier == NAME and i.value.dtype.kind == "f"]
    alike = [at.item(i) for i in names if i.value.shape == upper.shape][:NAMES]
    sizes = {float(i.value): at.item(i) for i in names if not i.value.ndim}
    sizes |= {n: Written(number(n), n, at.pool.numpy) for n in at.constants if n not in sizes}
    pairs = [*permutations(alike, 2), *product(alike, sizes.values())]
    for (x, y), (rank, how) in product(pairs, ASKED):
        if tells(how(x.value, y.value)):
            made = attempted(how, x, y)
            if made is not None:
                yield made, FAR + rank


def _number(at: Place, n: float) -> Written | None:
    """A number by its name, else as the graph has it."""
    for item in at.pool.find(np.float64(n)) if abs(n) not in PLAIN else ():
        if item.tier == NAME and not item.value.ndim and item.value.dtype.kind == "f":
            return at.item(item)
    size = next((k for k in (*PLAIN, *at.constants) if abs(abs(n) - k) <= 1e-9 * k), None)
    if size is None:
        return None
    signed = float(f"{np.sign(n) * size:.10g}") if size else 0.0
    return Written(number(signed), signed, at.pool.numpy)
