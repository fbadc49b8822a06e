"""The rule of one step as a small graph, which can be run with one place of it changed.

Its leaves are the step's cotangent G, its result and its inputs; what lies between them and what
the input is handed are the operations at which a slip of the pen can happen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..backprop.tangents import recorded_step
from ..graph.node import Node
from ..notation.write import write

Vector = Any  # a float64 NumPy array
How = Callable[..., Vector]  # what is computed of an operation's operands in its place
DEPTH = 12  # no rule nests deeper


class Rule:
    """`node`'s rule for its input `index`, recorded: `order` lists its operations, inputs first."""

    def __init__(self, node: Node, index: int, G: Node, root: Node) -> None:
        self.node, self.index, self.G, self.root = node, index, G, root
        self.order = _operations(root, {G, node, *node.parents()})
        self.carries = {G}  # what depends on the cotangent
        for m in self.order:
            if any(x in self.carries for x in m.parents()):
                self.carries.add(m)

    @cached_property
    def subtracts(self) -> bool:
        """Whether digits may be lost in it: whether it adds or subtracts anything."""
        return any(m.op is not None and m.op.name in ("add", "subtract") for m in self.order)

    @cached_property
    def leaves(self) -> dict[Node, int | None]:
        """The result (None) and the inputs (their number) that the rule looks at."""
        used = {x for m in self.order for x in m.parents()} - {self.G}
        places = {x: i for i, x in enumerate(self.node.inputs) if isinstance(x, Node)}
        return {x: i for x, i in [(self.node, None), *places.items()] if x in used}

    def run(
        self,
        g: Vector,
        at: Collection[Node] = (),
        how: How | None = None,
        swapped: Mapping[Node, Vector] | None = None,
        adjust: Callable[[Node, Vector], Vector] | None = None,
    ) -> Vector:
        """The rule with some operations done as `how`, and other values for some leaves.
        `adjust(m, value)` may change every value before others use it."""
        values: dict[Node, Vector] = {self.G: g, **(swapped or {})}
        if self.root is self.G:
            return g
        for m in self.order:
            here = m in at
            if here or any(x in values for x in m.parents()):
                pairs = zip(m.inputs, m.operands, strict=True)
                operands = [values.get(x, a) if isinstance(x, Node) else a for x, a in pairs]
                if here:
                    assert how is not None
                    values[m] = np.asarray(how(*operands))
                else:
                    values[m] = m.op.forward(np, *operands, **m.params)  # type: ignore[union-attr]
                if adjust is not None:
                    values[m] = adjust(m, values[m])
        return values.get(self.root, self.root.data)

    def written(self, m: Node, label: Callable[[Node], str], cotangent: str) -> str:
        """An operation or a leaf of it as text; `label` tells what nodes of the graph are called."""
        names: dict[int, Any] = {id(x): label(x) for x in (self.node, *self.node.parents())}
        names[id(self.G)] = cotangent
        return str(names[id(m)]) if id(m) in names else write(m, names, depth=DEPTH)


def rule_of(node: Node, index: int) -> Rule | None:
    """The rule of a step; None for one that cannot be recorded."""
    recorded = recorded_step(node, index)
    return Rule(node, index, *recorded) if recorded else None


def _operations(root: Node, leaves: Collection[Node]) -> list[Node]:
    found: dict[Node, None] = {}
    stack: list[tuple[Node, Iterator[Node]]] = [(root, iter(root.parents()))]
    while stack and root not in leaves:
        m, inputs = stack[-1]
        x = next(inputs, None)
        if x is None:
            stack.pop()
            if m.op is not None:
                found[m] = None
        elif x not in found and x not in leaves:
            stack.append((x, iter(x.parents())))
    return list(found)
