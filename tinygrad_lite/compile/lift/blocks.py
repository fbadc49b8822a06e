"""Numbers of one level and kind as blocks: arrays that are computed at once.

Where every left factor meets every right factor, as each neuron's weights meet each observation,
the sums of products are a matrix product. Everything else is computed entry by entry, in the shape
of the block that an operand runs over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .sums import SUM, Levels
from .walk import CONSTANT, Kind, Scalars

FEW = 4  # terms that are added one by one, entries that are no matrix yet
_SOME = 8  # combinations of blocks in one group that are computed one by one
_DENSE = 0.5  # of a matrix product's entries are wanted, or it is not formed

Index = np.ndarray[Any, Any]  # of registers, or of constants
Shape = tuple[int, ...]


@dataclass(slots=True)
class Block:
    """Registers from `start` on, in row-major order; block 0 has the leaves."""

    start: int
    shape: Shape

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(slots=True)
class Products:
    """Products to be added up. `matmul`: right (..., n, K), left (..., m, K) and its signs give
    (..., n, m); else right and left are (..., K), and the last axis is summed."""

    matmul: bool
    right: Index
    left: Index
    signs: Index


@dataclass(slots=True)
class Sum:
    """Products, and `rest` of terms: (..., T), each with its sign."""

    block: int
    products: Products | None
    rest: Index
    signs: tuple[int, ...]


@dataclass(slots=True)
class Each:
    """One op, entry by entry."""

    block: int
    kind: Kind
    operands: list[Index]


class _Item(NamedTuple):
    """A sum: its left factors, each 2 * register + (1 where the product is subtracted), the right
    ones, plain terms, and its number."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    rest: tuple[int, ...]
    number: int


@dataclass(slots=True)
class Grid:
    """Sums that fill a matrix: `items` by row and column, None where nobody asks for the sum."""

    rights: list[tuple[int, ...]]
    lefts: list[tuple[int, ...]]
    items: Sequence[Sequence[_Item | None]]


class Blocks:
    """The blocks of a graph, and `made`: how each is computed, in order."""

    def __init__(self, graph: Scalars, levels: Levels) -> None:
        self.graph, self.levels = graph, levels
        self.blocks: list[Block] = []
        self.made: list[Sum | Each] = []
        self.register = [-1] * len(graph.kinds)
        self._block = [-1] * len(graph.kinds)
        self._size = 0
        self._copies: list[tuple[int, int]] = []
        leaves = [i for i, kind in enumerate(graph.kinds) if kind is None]
        self._new((len(leaves),), leaves)
        for (_, kind), numbers in sorted(levels.groups.items(), key=lambda group: group[0][0]):
            if kind is SUM:
                self._sums(numbers)
            else:
                self._each(kind, numbers)

    def _new(self, shape: Shape, numbers: Sequence[int | None]) -> int:
        """A block that holds these numbers."""
        register, block, k = self.register, self._block, len(self.blocks)
        for at, i in enumerate(numbers, self._size):
            if i is not None:
                register[i], block[i] = at, k
        self.blocks.append(Block(self._size, shape))
        self._size += prod(shape)
        return k

    # --- sums

    def _sums(self, numbers: list[int]) -> None:
        groups: dict[tuple[int, tuple[int, ...]], list[_Item]] = {}
        known: dict[Any, int] = {}
        for i in numbers:
            item, signs = self._item(i)
            if self._again(i, (item[:3], signs), (*item.right, *item.rest), item.left, known):
                continue
            groups.setdefault((len(item.right), signs), []).append(item)
        for (count, signs), items in groups.items():
            pool, grids = self._grids(items) if count else (items, [])
            alike: dict[Shape, list[Grid]] = {}
            for grid in grids:
                alike.setdefault((len(grid.rights), len(grid.lefts)), []).append(grid)
            for shape, same in alike.items():
                self._matrix(shape, same, signs)
            if pool:
                self._entries(pool, signs)
        self._repeat()

    def _again(
        self, i: int, key: Any, inputs: tuple[int, ...], lefts: tuple[int, ...], known: Any
    ) -> bool:
        """Whether the same is computed already. Where constants meet leaves, as observations do
        weights, numbers stay apart though they are equal: rows that repeat are rows."""
        leaves = self.blocks[0].size
        if max(inputs) >= CONSTANT and min((*inputs, *(z >> 1 for z in lefts))) < leaves:
            return False
        first = known.setdefault(key, i)
        if first != i:
            self._copies.append((i, first))
        return bool(first != i)

    def _repeat(self) -> None:
        for i, first in self._copies:
            self.register[i], self._block[i] = self.register[first], self._block[first]
        self._copies.clear()

    def _item(self, i: int) -> tuple[_Item, tuple[int, ...]]:
        """Products with the factor of the lower level on the left, a constant on the right."""
        register, level = self.register, self.levels.level
        products, rest = [], []
        for term in self.levels.terms[i]:
            if len(term) == 2:
                sign, z = term
                rest.append((-sign, z if z >= CONSTANT else register[z]))
                continue
            sign, u, v = term
            if u >= CONSTANT or (v < CONSTANT and level[u] > level[v]):
                u, v = v, u
            left = 2 * (u if u >= CONSTANT else register[u]) + (sign < 0)
            products.append((left, v if v >= CONSTANT else register[v]))
        products.sort()
        rest.sort()
        item = _Item(
            tuple([left for left, _ in products]),
            tuple([v for _, v in products]),
            tuple([z for _, z in rest]),
            i,
        )
        return item, tuple([-sign for sign, _ in rest])

    def _grids(self, items: list[_Item]) -> tuple[list[_Item], list[Grid]]:
        """Sums with the same right factors for several left ones, and those left over."""
        rights: dict[tuple[int, ...], int] = {}
        by_left: dict[Any, list[tuple[int, _Item]]] = {}
        for item in items:
            place = rights.setdefault(item.right, len(rights))
            by_left.setdefault(item.left, []).append((place, item))
        classes: dict[tuple[int, ...], list[Any]] = {}
        for left, met in by_left.items():
            met.sort(key=lambda pair: pair[0])
            classes.setdefault(tuple([place for place, _ in met]), []).append(left)
        count, all_rights = len(items[0].right), list(rights)
        if len(classes) > 1 and count > 1 and len(items) >= FEW:
            table = [dict(met) for met in by_left.values()]
            once = sum(map(len, table)) == len(items)
            if once and len(items) >= _DENSE * len(rights) * len(table):
                rows = [[column.get(r) for column in table] for r in range(len(rights))]
                return [], [Grid(all_rights, list(by_left), rows)]
        pool: list[_Item] = []
        grids = []
        for places, lefts in classes.items():
            columns = [[item for _, item in by_left[left]] for left in lefts]
            n, m = len(places), len(lefts)
            alone = len(classes) == 1 and count > (1 if n * m > 1 else FEW)
            if (n * m < FEW and not alone) or (count == 1 and min(n, m) == 1):
                pool += [item for column in columns for item in column]
                continue
            rows = [[column[r] for column in columns] for r in range(n)]
            grids.append(Grid([all_rights[place] for place in places], lefts, rows))
        return pool, grids

    def _matrix(self, shape: Shape, grids: list[Grid], signs: tuple[int, ...]) -> None:
        """One matrix product, or as many at once as there are grids of one shape."""
        batch = (len(grids),) if len(grids) > 1 else ()
        found = [[item for row in grid.items for item in row] for grid in grids]
        numbers = [None if item is None else item.number for items in found for item in items]
        whole = batch + shape if batch else tuple([length for length in shape if length > 1])
        some = next(item for item in found[0] if item is not None)
        rest = np.array([[(item or some).rest for item in items] for items in found], np.int64)
        right = np.array([grid.rights for grid in grids], np.int64)
        left = np.array([grid.lefts for grid in grids], np.int64)
        if not batch:
            right, left = right[0], left[0]
        products = Products(True, right, left >> 1, 1 - 2 * (left & 1))
        block = self._new(whole, numbers)
        self.made.append(Sum(block, products, rest.reshape(*whole, len(signs)), signs))

    def _entries(self, items: list[_Item], signs: tuple[int, ...]) -> None:
        """Sums that have no matrix, one an entry."""
        count = len(items[0].right)
        left = np.array([item.left for item in items], np.int64).reshape(len(items), count)
        right = np.array([item.right for item in items], np.int64).reshape(len(items), count)
        rest = np.array([item.rest for item in items], np.int64).reshape(len(items), len(signs))
        slots = [*right.T, *(left >> 1).T] if count <= FEW else []
        slots += list(rest.T) if len(signs) <= FEW else []
        order, shape = self._arranged(slots, len(items))
        products = None
        if count:
            right, left = (z[order].reshape(*shape, count) for z in (right, left))
            products = Products(False, right, left >> 1, 1 - 2 * (left & 1))
        block = self._new(shape, [items[k].number for k in order.tolist()])
        self.made.append(Sum(block, products, rest[order].reshape(*shape, len(signs)), signs))

    # --- other ops

    def _each(self, kind: Kind, numbers: list[int]) -> None:
        block, register = self._block, self.register
        groups: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}
        known: dict[Any, int] = {}
        for i in numbers:
            inputs = self.graph.inputs(i)
            given = tuple([z if z >= CONSTANT else register[z] for z in inputs])
            if not self._again(i, given, given, (), known):
                key = tuple([-1 if z >= CONSTANT else block[z] for z in inputs])
                groups.setdefault(key, []).append((i, given))
        apart = list(groups.values())
        if len(apart) > _SOME:
            apart = [[pair for some in apart for pair in some]]
        elif len(apart) > 1:
            pool = [pair for some in apart if len(some) < FEW for pair in some]
            apart = [some for some in apart if len(some) >= FEW] + ([pool] if pool else [])
        for some in apart:
            slots = list(np.array([given for _, given in some], np.int64).T)
            order, shape = self._arranged(slots, len(some))
            number = self._new(shape, [some[k][0] for k in order.tolist()])
            self.made.append(Each(number, kind, [slot[order].reshape(shape) for slot in slots]))
        self._repeat()

    def _arranged(self, slots: Sequence[Index], count: int) -> tuple[Index, Shape]:
        """An order of entries, and their shape: that of the entries of a block which some operand
        runs over, once or, along a first axis, several times."""
        if count == 1:
            return np.zeros(1, np.int64), ()
        starts = np.array([block.start for block in self.blocks])
        best: tuple[Index, Shape] | None = None
        homes = [-1 if slot.max() >= CONSTANT else _home(starts, slot) for slot in slots]
        for k, slot in zip(homes, slots, strict=True):
            if k < 1 and (k < 0 or best is not None or any(home > 0 for home in homes)):
                continue
            found, places, times = np.unique(slot, return_inverse=True, return_counts=True)
            if (times != times[0]).any() or (k == 0 and times[0] == 1):
                continue
            axes = np.unravel_index(found - self.blocks[k].start, self.blocks[k].shape or (1,))
            shape = tuple(len(np.unique(axis)) for axis in axes) if k else found.shape
            if prod(shape) != len(found):
                continue
            if len(found) < self.blocks[k].size:
                shape = tuple([length for length in shape if length > 1])
            order = np.argsort(places, kind="stable")
            if times[0] > 1:
                order = order.reshape(-1, times[0]).T.ravel()
                shape = (int(times[0]), *shape)
            if best is None or len(shape) > len(best[1]):
                best = order, shape
        if best is not None:
            return best
        keys = [np.where(slot < CONSTANT, slot, 0) for slot in slots]
        return np.lexsort(keys[::-1]) if keys else np.arange(count), (count,)


def _home(starts: Index, registers: Index) -> int:
    """The block that all of the registers are in, -1 for several."""
    low, high = np.searchsorted(starts, [registers.min(), registers.max()], side="right") - 1
    return int(low) if low == high else -1
