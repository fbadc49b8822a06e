"""A lifted function held against the graph that it was made of, number by number."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...backprop.replay import recorded
from ...graph.node import topological_order
from .blocks import Index
from .function import Lifted
from .operands import Values
from .steps import Product, Step, SumStep
from .walk import CONSTANT, Scalars

_SAME = 1e-9  # two libraries' functions of the same number, relatively
_ROUNDING = 1e-13  # of the terms of a sum, times their number


def difference(lifted: Lifted, graph: Scalars) -> str | None:
    """Where a step of `lifted`, given the numbers that were recorded, gives others than were
    recorded; None if nowhere. No number is off by more than rounding, and no step builds on the
    last one's, so that nothing hides behind a tolerance."""
    registers = lifted.registers.tolist()
    kept = [node for node, i in graph.places.items() if i < CONSTANT and registers[i] >= 0]
    at = lifted.registers[lifted.registers >= 0]
    known = np.zeros(lifted.blocks[-1].start + lifted.blocks[-1].size, bool)
    known[at] = True
    wanted = np.zeros(known.shape)
    numbers = wanted[at] = np.array([node._data for node in kept])
    if not np.array_equal(wanted[at], numbers, equal_nan=True):
        return "numbers that are computed alike were recorded with other numbers"
    found = _compare(lifted, wanted, known)
    if found is not None:  # a leaf may have been set after it was used: the numbers of then
        then = recorded(topological_order(next(reversed(graph.places))))
        wanted[at] = [then.get(node, node._data) for node in kept]
        found = _compare(lifted, wanted, known)
    return found


def _compare(lifted: Lifted, wanted: Index, known: Index) -> str | None:
    values = Values(lifted.blocks, lifted.constants)
    values[0] = wanted[: len(lifted.leaves)]
    with np.errstate(all="ignore"):
        for step in lifted.steps:
            block = lifted.blocks[step.block]
            here = slice(block.start, block.start + block.size)
            got = np.ravel(step.run(values))
            want = np.where(known[here], wanted[here], got)
            near = np.abs(got - want) <= _SAME * np.abs(want) + _slack(step, values)
            if not (near | (got == want) | ((got != got) & (want != want))).all():
                return f"block {step.block} of shape {block.shape} was recorded with other numbers"
            values[step.block] = want.reshape(block.shape)
    return None


def _slack(step: Step, values: Values) -> Any:
    """What rounding may have changed in a block: of a sum, by the size of its terms."""

    def size(operand: Any) -> Any:
        found = np.abs(values.get(operand))
        return np.max(found, where=np.isfinite(found), initial=0.0)

    if not isinstance(step, SumStep):
        return _ROUNDING * max((float(size(z)) for z in step.given), default=0.0)
    total = 0.0
    for part in step.parts:
        if isinstance(part, Product):
            terms = prod(part.right.shape[-1:])
            total += terms * size(part.right) * size(part.left)
        else:
            terms = 1 if part.axis is None else part.operand.shape[part.axis]
            total += terms * size(part.operand)
    return _ROUNDING * 10 * total
