"""The function that a graph of scalars is lifted to."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...graph.node import Scalar
from .blocks import Block, Blocks, Each, Index, Sum
from .operands import Finder, Operand, Values
from .steps import MATMUL, Product, Step, SumStep, steps
from .sums import Levels
from .walk import CONSTANT, Scalars

WORTH = 20  # numbers a group, at least, for arrays to be faster than scalars


class NoMatrices(Exception):
    """A graph in which too few numbers are computed alike."""


class Lifted:
    """A graph of Values as a function of one array: `lifted(p)` is the root, where p has the values
    of `leaves`, in that order, as a vector. Made of this engine's ops, so p may be a `Tensor`, an
    array of any library, or a traced one. `steps` say how each of `blocks` is computed."""

    def __init__(self, graph: Scalars, levels: Levels) -> None:
        found = Blocks(graph, levels)
        registers = _place(found, len(graph.leaves))
        self.blocks: list[Block] = found.blocks
        self.constants = np.array(graph.constants)
        self.leaves: list[Any] = [None] * len(graph.leaves)
        at = [i for i, kind in enumerate(graph.kinds) if kind is None]
        for leaf, i in zip(graph.leaves, at, strict=True):
            self.leaves[registers[found.register[i]]] = leaf
        finder = Finder(self.blocks, self.constants)
        self.steps: list[Step] = steps(found.made, finder)
        self.root: Operand = finder.find(np.array(registers[found.register[-1]]))
        self._recorded = [
            (registers[found.register[i]], node)
            for node, i in graph.places.items()
            if i < CONSTANT and found.register[i] >= 0
        ]

    @property
    def matmuls(self) -> int:
        """How many blocks are matrix products."""
        return sum(
            isinstance(step, SumStep)
            and any(isinstance(part, Product) and part.how is MATMUL for part in step.parts)
            for step in self.steps
        )

    def __call__(self, p: Any) -> Any:
        values = Values(self.blocks, self.constants)
        values[0] = p
        for step in self.steps:
            values[step.block] = step.run(values)
        return values.get(self.root)


def lift(root: Scalar) -> Lifted:
    """The graph below `root` as a function of arrays; `NoMatrices` where there is no pattern."""
    graph = Scalars(root)
    levels = Levels(graph)
    return Lifted(graph, levels)


def _place(found: Blocks, count: int) -> Index:
    """New registers: the leaves in the order in which the matrix products use them, the largest
    product first, so that a layer's weights are one matrix."""
    place = np.full(count, -1, np.int64)
    products = [
        (step.block, step.products)
        for step in found.made
        if isinstance(step, Sum) and step.products is not None and step.products.matmul
    ]
    products.sort(key=lambda pair: -found.blocks[pair[0]].size * pair[1].left.shape[-1])
    used = []
    for block, some in products:
        rest = next(step.rest for step in found.made if step.block == block)  # type: ignore[union-attr]
        used += [some.left.ravel(), some.right.ravel(), np.moveaxis(rest, -1, 0).ravel()]
    order = np.concatenate([*used, np.arange(count)])
    order = order[order < count]
    _, first = np.unique(order, return_index=True)
    place[order[np.sort(first)]] = np.arange(count)
    size = found.blocks[-1].start + found.blocks[-1].size
    registers = np.concatenate([place, np.arange(count, size)])

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
