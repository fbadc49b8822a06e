"""The order of what stands in a rank, so that few arrows cross."""

from __future__ import annotations

import bisect
import itertools
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import inf

from .scopes import Path

SWEEPS = 8
_STARTS, _FEW = 6, 100  # orders that are tried, if the items are so few
_PIXEL = 1e-5  # places in a rank: from one port of a scope to the next
_PAIRS = 400  # pairs of edges that are looked at to exchange two neighbours

# A box's id, a scope, a bend (edge number, rank), or the port (edge number, ENTRY or EXIT) through
# which an edge crosses the frame of a scope.
Item = str | Path | tuple[int, int]
# Neighbours, how far from their middle an edge ends there, and how far from that of the item.
Near = defaultdict[Item, list[tuple[Item, float, float]]]


def order(columns: list[list[Item]], near: Near) -> None:
    """Put each rank in the order with the fewest crossings: from the one that it has and, of few
    items, from its mirror image and shuffled ones."""
    best, fewest = columns, inf
    draws = random.Random(0)
    for start in range(_STARTS if sum(map(len, columns)) <= _FEW else 1):
        tried = [
            draws.sample(c, len(c)) if start > 1 else c[:: -1 if start else 1] for c in columns
        ]
        crossings, found = _swept(tried, near)
        if crossings < fewest:
            best, fewest = found, crossings
        if not fewest:
            break
    columns[:] = best


def _swept(columns: list[list[Item]], near: Near) -> tuple[int, list[list[Item]]]:
    """The fewest crossings and their order, with each rank sorted by the mean place of its items'
    neighbours, to and fro; neighbours that then cross less the other way round change places."""
    place = {item: float(k) for column in columns for k, item in enumerate(column)}
    rank = {item: r for r, column in enumerate(columns) for item in column}
    best = [list(column) for column in columns]
    fewest = _crossings(columns, near, rank)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        forward = sweep % 2 == 0
        earlier: set[Item] = set()
        for column in columns if forward else reversed(columns):
            for item in column:
                known = [place[i] + _PIXEL * s for i, s, _ in near[item] if i in earlier]
                if known:
                    place[item] = sum(known) / len(known)
            column.sort(key=lambda item: round(place[item], 9))
            for k, item in enumerate(column):
                place[item] = k / max(1, len(column) - 1)
            earlier.update(column)
        few = len(rank) <= _FEW
        _exchange(columns, near, rank, ties=few and sweep % 4 > 1, again=few)
        place.update((i, k / max(1, len(c) - 1)) for c in columns for k, i in enumerate(c))
        crossings = _crossings(columns, near, rank)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    return fewest, best


def _crossings(
    columns: Sequence[Sequence[Item]],
    near: Near,
    rank: Mapping[Item, int],
) -> int:
    """How many pairs of edges between neighbouring ranks cross."""
    total = 0
    for r, column in enumerate(columns[:-1]):
        at = {item: k for k, item in enumerate(columns[r + 1])}
        ends: list[float] = []
        for item in column:
            mine = sorted(at[i] + _PIXEL * s for i, s, _ in near[item] if rank[i] == r + 1)
            total += sum(len(ends) - bisect.bisect_right(ends, k) for k in mine)
            for k in mine:
                bisect.insort(ends, k)
    return total


def _exchange(
    columns: Sequence[list[Item]], near: Near, rank: Mapping[Item, int], *, ties: bool, again: bool
) -> None:
    """Exchange neighbours within a rank where their edges then cross less, `again` as long as there
    are any; with `ties`, at first also where they cross as often."""
    at = {item: k for column in columns for k, item in enumerate(column)}

    def crossed(upper: Item, lower: Item) -> int:
        ends = ([(rank[i], at[i] + _PIXEL * s) for i, s, _ in near[x]] for x in (upper, lower))
        return sum(r == q and a > b for (r, a), (q, b) in itertools.product(*ends))

    better = True
    while better:
        better = False
        for column in columns:
            for k in range(len(column) - 1):
                upper, lower = column[k], column[k + 1]
                if len(near[upper]) * len(near[lower]) > _PAIRS:
                    continue
                gain = crossed(upper, lower) - crossed(lower, upper)
                if gain > 0 or (ties and not gain):
                    column[k], column[k + 1] = lower, upper
                    at[upper], at[lower] = k + 1, k
                    better |= again and gain > 0
        ties = False
