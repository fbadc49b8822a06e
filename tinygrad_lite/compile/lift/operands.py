"""Where the operands of a block stand: a constant, a whole block, or entries of some blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import ops
from ...ops.constants import shape_of
from .blocks import FEW, Block, Index, Shape
from .walk import CONSTANT

Part = tuple[int, int]


@dataclass(slots=True)
class Operand:
    """A `constant`, a number or an array; else entries of `sources`, blocks side by side, after the
    vector of all constants where `mixed`: those at `index`, or in a `region` of a single block, or
    all, in their order or transposed."""

    shape: Shape
    constant: Any = None
    sources: tuple[int, ...] = ()
    mixed: bool = False
    index: Index | None = None
    region: tuple[slice, ...] | None = None
    turned: bool = False

    @property
    def stands(self) -> Shape:
        """The shape in which the entries stand in order."""
        return (*self.shape[:-2], *self.shape[:-3:-1]) if self.turned else self.shape

    @property
    def part(self) -> Part | None:
        """Where it starts and stops, if it is some leaves that stand side by side."""
        if self.sources != (0,) or self.region is None or self.region[0].step is not None:
            return None
        return self.region[0].start, self.region[0].stop


class Finder:
    """Finds operands among blocks."""

    def __init__(self, blocks: Sequence[Block], constants: Index) -> None:
        self.blocks, self.constants = blocks, constants
        self._starts = np.array([block.start for block in blocks], np.int64)

    def axis(self, index: Index) -> int | None:
        """The axis of a block along which the last axis of `index` runs, if it covers the block."""
        home = np.unique(self.home(index))
        if len(home) > 1 or home[0] < 0:
            return None
        block = self.blocks[home[0]]
        natural = np.arange(block.start, block.start + block.size)
        for a, length in enumerate(block.shape):
            if index.size == block.size and index.shape[-1] == length:
                others = tuple(n for b, n in enumerate(block.shape) if b != a)
                if np.array_equal(
                    np.moveaxis(index.reshape(*others, length), -1, a).ravel(), natural
                ):
                    return a
        return None

    def whole(self, k: int) -> Operand:
        """All of a block."""
        return Operand(self.blocks[k].shape, None, (k,))

    def home(self, index: Index) -> Index:
        """The block of each register, -1 for constants."""
        found = np.searchsorted(self._starts, np.where(index < CONSTANT, index, 0), "right") - 1
        return np.where(index < CONSTANT, found, -1)

    def find(self, index: Index) -> Operand:
        """The operand with these registers and constants."""
        home = self.home(index)
        used = np.unique(home)
        mixed = bool(used.size and used[0] < 0)
        if mixed and len(used) == 1:
            return constant(self.constants[index - CONSTANT])
        sources = tuple(int(k) for k in used[mixed:])
        sizes = [self.blocks[k].size for k in sources]
        if len(sources) == 1 and not mixed:
            return self._entries(sources[0], index)
        if len(sources) > FEW and sum(sizes) > 2 * index.size:
            sources = tuple(range(sources[-1] + 1))  # the vector of all before is made once
            sizes = [block.size for block in self.blocks[: len(sources)]]
        count = len(self.constants) * mixed
        starts = np.zeros(len(self.blocks), np.int64)
        starts[list(sources)] = count + np.cumsum([0, *sizes[:-1]])
        place = index - self._starts[home] + starts[home]
        if mixed:
            place = np.where(home < 0, index - CONSTANT, place)
        natural = np.array_equal(place.ravel(), np.arange(count + sum(sizes)))
        return Operand(index.shape, None, sources, mixed, None if natural else place)

    def _entries(self, k: int, index: Index) -> Operand:
        """Entries of one block: all, or a region of it, in their order or transposed, or some."""
        block = self.blocks[k]
        place = index - block.start
        axes = np.unravel_index(place.ravel(), block.shape) if block.shape else ()
        region = tuple([_progression(axis) for axis in axes])
        found = np.arange(block.size).reshape(block.shape)[region]
        if found.size == place.size:
            whole = None if found.size == block.size else region
            if np.array_equal(place.ravel(), found.ravel()):
                return Operand(index.shape, None, (k,), region=whole)
            if place.ndim > 1 and np.array_equal(place.swapaxes(-1, -2).ravel(), found.ravel()):
                return Operand(index.shape, None, (k,), region=whole, turned=True)
        return Operand(index.shape, None, (k,), index=place)


def _progression(places: Index) -> slice:
    """The slice of the places, if they are evenly spaced; else of the lowest to the highest."""
    low, high = int(places.min()), int(places.max())
    step = int(places[places > low].min()) - low if high > low else 1
    return slice(low, high + 1, step if step > 1 else None)


def constant(values: Index) -> Operand:
    """The operand that always has these values."""
    return Operand(values.shape, values if values.shape else float(values))


def thin(index: Index) -> Index:
    """The same without the axes along which nothing changes: they broadcast."""
    for axis, length in enumerate(index.shape):
        first = index.take([0], axis)
        if length > 1 and (index == first).all():
            index = first
    while index.ndim and index.shape[0] == 1:
        index = index[0]
    return index


class Values:
    """The values of blocks while a lifted function runs, and operands made of them; `parts` are
    leaves of their own, by where they stand among all, where they are wanted."""

    def __init__(
        self, blocks: Sequence[Block], constants: Index, parts: Mapping[Part, Any] | None = None
    ) -> None:
        self._blocks, self._constants = blocks, constants
        self._parts = parts or {}
        self._values: dict[int, Any] = {}
        self._joined: dict[tuple[tuple[int, ...], bool], Any] = {}

    def __setitem__(self, k: int, value: Any) -> None:
        self._values[k] = value

    def get(self, operand: Operand, transposed: bool = False) -> Any:
        """An operand in its shape, or the transpose of a matrix."""
        found = self._natural(operand)
        if operand.turned is transposed:
            return found
        axes = (*range(len(operand.shape) - 2), -1, -2)
        return ops.permute_dims(found, axes=axes) if operand.sources else np.transpose(found, axes)

    def _natural(self, operand: Operand) -> Any:
        """The entries in the order in which they stand."""
        if not operand.sources:
            return operand.constant
        if operand.index is not None:
            index = operand.index
            flat = self._flat(operand.sources, operand.mixed)
            return ops.getitem(flat, index=index if index.ndim else int(index))
        if len(operand.sources) > 1 or operand.mixed:
            return shaped(self._flat(operand.sources, operand.mixed), operand.stands)
        found = None if operand.part is None else self._parts.get(operand.part)
        if found is None:
            found = self._values[operand.sources[0]]
            if operand.region is not None:
                found = ops.getitem(found, index=operand.region)
        return shaped(found, operand.stands)

    def _flat(self, sources: tuple[int, ...], mixed: bool) -> Any:
        if len(sources) == 1 and not mixed:
            return shaped(self._values[sources[0]], (self._blocks[sources[0]].size,))
        found = self._joined.get((sources, mixed))
        if found is None:
            before: tuple[int, ...] = ()
            parts = [self._constants] if mixed else []
            if sources == tuple(range(len(sources))):  # what is longer by some blocks
                known = [s for s, m in self._joined if m == mixed and s == sources[: len(s)]]
                if known:
                    before = max(known, key=len)
                    parts = [self._joined[before, mixed]]
            parts += [self._flat((k,), False) for k in sources[len(before) :]]
            found = self._joined[sources, mixed] = ops.concat(parts, axis=0)
        return found


def shaped(value: Any, shape: Shape) -> Any:
    """The same entries in another shape."""
    return value if shape_of(value) == shape else ops.reshape(value, shape=shape)
