"""The function that a graph of scalars is lifted to."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from ...notation.words import counted
from .blocks import Block, Blocks, Each, Index, Sum
from .operands import Finder, Operand, Part, Values
from .steps import Product, Step, SumStep, steps
from .sums import Levels
from .walk import Scalars

_WORTH = 3  # numbers a group, at least, before anything is built

# Nanoseconds of a value with its gradient, about, which say whether arrays are faster than scalars.
_NUMBER, _CALL, _ENTRY, _PICKED, _PRODUCT = 1000, 3000, 3, 20, 0.2


class NoMatrices(Exception):
    """Why a graph stays one of scalars."""


class Lifted:
    """A graph of Values as a function of one array: `lifted(p)` is the root, where p has the values
    of `leaves`, in that order, as a vector. Made of this engine's ops, so p may be a `Tensor`, an
    array of any library, or a traced one.

    `steps` say how each of `blocks` is computed; `registers` where each number of the graph stands,
    -1 for those that are part of a sum.
    """

    def __init__(self, graph: Scalars, levels: Levels) -> None:
        found = Blocks(graph, levels)
        moved = _place(found, len(graph.leaves))
        registers = np.array(found.register)
        self.registers: Index = np.where(registers < 0, -1, moved[registers])
        self.blocks: list[Block] = found.blocks
        self.constants = np.array(graph.constants)
        self.leaves: list[Any] = [None] * len(graph.leaves)
        places = self.registers[[i for i, kind in enumerate(graph.kinds) if kind is None]]
        for leaf, place in zip(graph.leaves, places.tolist(), strict=True):
            self.leaves[place] = leaf
        finder = Finder(self.blocks, self.constants)
        self.steps: list[Step] = steps(found.made, finder)
        self.root: Operand = finder.find(self.registers[-1])

    def parts(self) -> list[Part]:
        """Where the leaves that are used side by side stand, each in at most one part."""
        found: list[Part] = []
        used = {operand.part for step in self.steps for operand in step.operands()} - {None}
        for start, stop in sorted(used, key=lambda part: (part[0] - part[1], part)):  # type: ignore
            if all(stop <= a or b <= start for a, b in found):
                found.append((start, stop))
        return sorted(found)

    @property
    def picked(self) -> int:
        """How many entries are looked up one by one: a measure of disorder."""
        operands = [operand for step in self.steps for operand in step.operands()]
        return sum(operand.index.size for operand in operands if operand.index is not None)

    def __call__(
        self,
        p: Any,
        parts: Mapping[Part, Any] | None = None,
        names: Mapping[int, str] | None = None,
    ) -> Any:
        values = Values(self.blocks, self.constants, parts)
        values[0] = p
        for step in self.steps:
            values[step.block] = y = step.run(values)
            if names and step.block in names and y.name is None:
                y.name = names[step.block]
        return values.get(self.root)


def lift(graph: Scalars) -> Lifted:
    """A graph of scalars as a function of arrays. Raises `NoMatrices` where scalars are faster."""
    levels = Levels(graph)
    numbers, count = len(graph.kinds) - len(graph.leaves), len(levels.groups)
    if numbers >= _WORTH * count:
        lifted = Lifted(graph, levels)
        count = len(lifted.steps)
        if _nanoseconds(lifted) < _NUMBER * numbers:
            return lifted
    raise NoMatrices(f"{counted(numbers, 'number')} would be {counted(count, 'array operation')}")


def _nanoseconds(lifted: Lifted) -> float:
    total = 0.0
    for step in lifted.steps:
        total += _CALL + _ENTRY * prod(step.shape)
        for operand in step.operands():
            if operand.index is not None:
                total += _CALL + _PICKED * operand.index.size
            if len(operand.sources) > 1:
                total += _CALL + _ENTRY * sum(lifted.blocks[k].size for k in operand.sources)
        if isinstance(step, SumStep):
            for part in step.parts:
                if isinstance(part, Product):
                    total += _PRODUCT * prod(step.shape) * prod(part.right.shape[-1:])
    return total


def _place(found: Blocks, count: int) -> Index:
    """New registers: the leaves in the order in which the matrix products use them, the largest
    product first, so that a layer's weights are one matrix."""
    used: list[tuple[int, list[Index]]] = []
    for step in found.made:
        if isinstance(step, Sum) and step.products is not None and step.products.matmul:
            some = step.products
            work = found.blocks[step.block].size * some.left.shape[-1]
            used.append(
                (-work, [np.swapaxes(some.left, -1, -2), some.right, np.moveaxis(step.rest, -1, 0)])
            )
    used.sort(key=lambda pair: pair[0])
    order = np.concatenate([*(z.ravel() for _, some in used for z in some), np.arange(count)])
    order, first = np.unique(order[order < count], return_index=True)
    size = found.blocks[-1].start + found.blocks[-1].size
    registers = np.arange(size)
    registers[order[np.argsort(first)]] = np.arange(count)

    def moved(index: Index) -> Index:
        return np.where(index < size, registers[np.minimum(index, size - 1)], index)

    for step in found.made:
        if isinstance(step, Each):
            step.operands = [moved(z) for z in step.operands]
            continue
        step.rest = moved(step.rest)
        if step.products is not None:
            some = step.products
            some.right, some.left = moved(some.right), moved(some.left)
            if some.matmul:  # the order of the products in a sum is free
                right, left = (z.reshape(-1, z.shape[-1])[0] for z in (some.right, some.left))
                columns = np.lexsort((right, left))
                some.right, some.left, some.signs = (
                    z[..., columns] for z in (some.right, some.left, some.signs)
                )
    return registers
