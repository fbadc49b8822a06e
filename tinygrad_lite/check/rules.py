"""The rule of one step as a small graph, which can be run with one place of it changed.

Its leaves are the step's cotangent G, its result and its inputs; what lies between them and what
the input is handed are the operations at which a slip of the pen can happen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..backprop.chain import fit, is_constant, slope
from ..backprop.recording import RECORDING
from ..backprop.tangents import recorded_step
from ..derive.step import called, write
from ..graph.context import recording_rules
from ..graph.node import Node, fresh, raw
from ..notation.mathematics import ATOM, Written

Vector = Any  # a float64 NumPy array
How = Callable[..., Vector]  # what is computed of an operation's operands in its place
DEPTH, NESTED = 12, 2  # no rule nests deeper; of the graph so much is shown


class Constant(NamedTuple):
    """A constant factor of a rule, what it is called, and whether it counts entries."""

    value: float
    words: str
    counts: bool


class Rule:
    """`node`'s rule for its input `index`, recorded: `order` lists its operations, inputs first."""

    def __init__(self, node: Node, index: int, G: Node, root: Node) -> None:
        self.node, self.index, self.G, self.root = node, index, G, root
        self.order = _operations(root, {G, node, *node.parents()})

    @cached_property
    def carries(self) -> set[Node]:
        """What depends on the cotangent."""
        found = {self.G}
        for m in self.order:
            if any(x in found for x in m.parents()):
                found.add(m)
        return found

    def made_by(self, *names: str) -> Iterator[Node]:
        """Its operations of some sorts."""
        return (m for m in self.order if m.op is not None and m.op.name in names)

    def has(self, *names: str) -> bool:
        """Whether there is an operation of one of some sorts."""
        return next(self.made_by(*names), None) is not None

    @property
    def smooth(self) -> bool:
        """Whether it is computed of numbers alone, without steps: of no mask, no index, no sign."""
        return not any(
            x.constant or _is_step(x) if isinstance(x, Node) else np.ndim(x)
            for m in self.order
            for x in (m, *m.inputs)
        )

    @cached_property
    def turns(self) -> bool:
        """Whether it has a minus, and what it hands on has the other sign."""
        turned = self.has("negative") and np.any(self.run(np.ones(self.node.shape)) < 0)
        return bool(turned) or any(c.value < 0 for c in self.constants)

    @cached_property
    def places(self) -> list[int | None]:
        """What it looks at: the step's result (None), and inputs by their number, arrays that are
        constants among them."""
        node, used = self.node, {x for m in self.order for x in m.parents()}
        found: list[int | None] = [None] if node in used else []
        for j, x in enumerate(node.inputs):
            fixed = node.op is not None and j in node.op.untouched
            if x in used if isinstance(x, Node) else np.ndim(x) and not fixed:
                found.append(j)
        return found

    def run(
        self,
        g: Vector,
        at: Mapping[Node, How] | None = None,
        swapped: Mapping[Node, Vector] | None = None,
        adjust: Callable[[Node, Vector], Vector] | None = None,
    ) -> Vector:
        """The rule with what is done `at` some operations instead, and other values for leaves; of
        a node it is recorded. `adjust(m, value)` may change every value before others use it."""
        values: dict[Node, Vector] = {self.G: g, **(swapped or {})}
        at = at or {}
        kept = isinstance(g, Node)
        for m, parents, given in self._operations:
            if m in at or not values.keys().isdisjoint(parents):
                operands = [
                    values.get(x, x if kept else a) if isinstance(x, Node) else a for x, a in given
                ]
                value = at[m](*operands) if m in at else done(m, *operands)
                value = value if isinstance(value, Node) else np.asarray(value)
                values[m] = value if adjust is None else adjust(m, value)
        return values.get(self.root, self.root.data)

    @cached_property
    def _operations(self) -> list[tuple[Node, tuple[Node, ...], list[tuple[Any, Any]]]]:
        """Each of its operations, its inputs, and what it was given for them."""
        return [
            (m, tuple(m.parents()), list(zip(m.inputs, m.operands, strict=True)))
            for m in self.order
        ]

    @cached_property
    def constants(self) -> list[Constant]:
        """The constant factors, each with what it is called and whether it counts entries."""
        found = []
        for m in self.made_by("multiply", "divide"):
            for k, x in enumerate(m.inputs):
                value = float(raw(x)) if is_number(x) else 1.0
                if value in (0.0, 1.0) or not np.isfinite(value):
                    continue
                below = k == 1 and m.op is not None and m.op.name == "divide"
                c = 1 / value if below else value
                if self._is_factor(m, k, c):
                    whole = abs(c) < 1 and abs(1 / c - round(1 / c)) < 1e-9
                    words = f"the divisor {1 / c:g}" if whole else f"the factor {c:g}"
                    found.append(Constant(c, words, isinstance(x, Node)))
        return found

    def _is_factor(self, m: Node, k: int, c: float) -> bool:
        """Whether the rule without a constant c, operand k of an operation, is 1/c of itself."""
        without = lambda *a: done(m, *(1.0 if j == k else v for j, v in enumerate(a)))  # noqa: E731
        ones = np.ones(self.node.shape)
        return np.allclose(self.run(ones, {m: without}) * c, self.run(ones), rtol=1e-9, atol=0)

    def written(self, m: Node, names: Mapping[int, str], cotangent: str) -> str:
        """An operation or a leaf of it as text; `names` tells what the graph's nodes are called."""
        leaves = self.node, *self.node.parents()
        known: dict[int, Any] = {**names, **{id(x): called(x, names, NESTED) for x in leaves}}
        known[id(self.G)] = Written(cotangent, ATOM)
        return str(known[id(m)].body) if id(m) in known else write(m, known, depth=DEPTH)


def rule_of(node: Node, index: int) -> Rule | None:
    """The rule of a step; None for one that cannot be recorded."""
    recorded = recorded_step(node, index)
    return Rule(node, index, *recorded) if recorded else None


def in_form(node: Node, index: int, form: Callable[..., Node]) -> Rule:
    """The rule of a step of an elementwise op, with its local derivative in another form."""
    G = fresh(node, np.ones_like(node.data))
    with recording_rules():
        c = ops.multiply(G, form(RECORDING, node, *node.inputs, **node.params))
        return Rule(node, index, G, fit(c, node.inputs[index], node.op, index))  # type: ignore[arg-type]


def done(m: Node, *operands: Vector, **settings: Any) -> Vector:
    """What the op of a node computes of other operands, with some settings changed; of nodes it is
    recorded."""
    assert m.op is not None
    if any(isinstance(a, Node) for a in operands):
        return m.op(*operands, **{**m.params, **settings})
    return m.op.forward(np, *operands, **{**m.params, **settings})


def computed(how: Callable[..., Any], *operands: Any) -> Vector | None:
    """What is computed of some operands that the user has not given; None where it cannot be: a
    matrix may be singular there, and an op of the user's refuse it, with whatever error."""
    try:
        return np.asarray(how(*operands))
    except Exception:
        return None


def is_number(x: Any) -> bool:
    """Whether an operand is a constant number: one as typed, or a size."""
    return np.ndim(raw(x)) == 0 and (not isinstance(x, Node) or (x.op is not None and x.op.plain))


def _is_step(x: Node) -> bool:
    """Whether a value is that of a sign, say, whose derivative is 0 wherever it has one."""
    op = x.op
    if op is None or not op.elementwise:
        return False
    return all(is_constant(op, i) and not slope(x, i) for i in range(len(x.inputs)))


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
