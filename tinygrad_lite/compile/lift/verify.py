"""A lifted function held against the graph that it was made of, number by number."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...backprop.replay import recorded
from ...graph.node import topological_order
from .blocks import Index
from .function import Lifted
from .operands import Values, shaped
from .steps import Product, Step, SumStep, Term, Total
from .walk import CONSTANT, Scalars

_SAME = 1e-9  # two libraries' functions of the same number, relatively
_ROUNDING = 1e-13  # of the terms of a sum, times their number


def difference(lifted: Lifted, graph: Scalars) -> str | None:
    """Where a step of `lifted`, given the numbers that were recorded, gives others than were
    recorded; None if nowhere. No number is off by more than rounding, and no step builds on the
    last one's, so that nothing hides behind a tolerance."""
    wanted = _recorded(lifted, graph, {})
    found = _compare(lifted, wanted)
    if found is not None:  # a leaf may have been set after it was used: the numbers of then
        root = next(reversed(graph.places))
        found = _compare(lifted, _recorded(lifted, graph, recorded(topological_order(root))))
    return found


def _recorded(lifted: Lifted, graph: Scalars, then: dict[Any, Any]) -> Index:
    """The recorded number of every register; NaN where there is none, which `known` says."""
    places = [(i, node) for node, i in graph.places.items() if i < CONSTANT]
    numbers = np.array([then.get(node, node._data) for _, node in places])
    registers = lifted.registers[[i for i, _ in places]]
    wanted = np.ma.masked_all(lifted.blocks[-1].start + lifted.blocks[-1].size)
    wanted[registers[registers >= 0]] = numbers[registers >= 0]
    return wanted


def _compare(lifted: Lifted, wanted: Any) -> str | None:
    values = Values(lifted.blocks, lifted.constants)
    count = len(lifted.leaves)
    values[0] = wanted.data[:count]
    with np.errstate(all="ignore"):
        for step in lifted.steps:
            block = lifted.blocks[step.block]
            got = np.asarray(step.run(values))
            here = wanted[block.start : block.start + block.size].reshape(block.shape)
            want = np.where(np.ma.getmaskarray(here), got, here.data)
            near = np.abs(got - want) <= _SAME * np.abs(want) + _slack(step, values)
            if not (near | (got == want) | ((got != got) & (want != want))).all():
                return f"block {step.block} of shape {block.shape} was recorded with other numbers"
            values[step.block] = want
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
            terms = prod(part.operand.shape[-1:]) if isinstance(part, Total) else 1
            total += terms * size(part.operand)
    return _ROUNDING * 10 * total
