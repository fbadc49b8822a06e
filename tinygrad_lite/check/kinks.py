"""Kinks: where a function has a corner, every slope between its two sides is a fair claim."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..backprop.chain import fit
from ..graph.node import Node
from .claims import Claim, Comparison, compare
from .faults import bends, pulled
from .rules import computed
from .tape import Site, Tape, Vector, largest, op_of

SLACK = 1e-9  # how far outside of its two sides a slope may be, by rounding

Sites = list[Site]


class Kinks:
    """The steps of a tape that sit on a corner: relu(0), |0|, ties of a maximum, a clip's bound."""

    def __init__(self, tape: Tape, eps: float) -> None:
        self.tape = tape
        self.near = 1e-9 if eps < 1e-10 else 30 * eps

    @cached_property
    def sides(self) -> list[tuple[Node, list[Sites]]]:
        """Every kinked op's result, with what each side of the corner adds to its inputs."""
        made = (n for n in self.tape.order if n in self.tape.g and n.op)
        return [(n, options) for n in made if self._turns(n) and (options := self._options(n))]

    def _turns(self, node: Node) -> bool:
        """Whether a step may have a corner: of an op on whole arrays, its rule tells."""
        if op_of(node).elementwise:
            return bends(op_of(node))
        flowing = (i for i, x in enumerate(node.inputs) if isinstance(x, Node) and x in self.tape.g)
        rules = (self.tape.rule(node, i) for i in flowing)
        return not all(rule is not None and rule.smooth for rule in rules)

    def _options(self, node: Node) -> list[Sites]:
        g = self.tape.g[node]
        inputs = ((i, x) for i, x in enumerate(node.inputs) if isinstance(x, Node))
        flowing = {i: x for i, x in inputs if x in self.tape.g}
        calm = {i: _handed(node, i, g) for i in flowing}
        options: list[Sites] = []
        for index in flowing:
            a, operands = node.operands[index], list(node.operands)
            sizes = np.maximum(1.0, np.abs(a))  # of each entry: a mask may add -1e9, or -inf
            scale = self.near * np.where(np.isfinite(sizes), sizes, 0.0)
            ramp = np.linspace(1.0, 2.0, a.size).reshape(a.shape)
            steps = (scale, -scale, scale * ramp, -scale * ramp)
            for step in steps if a.size > 1 else steps[:2]:
                operands[index] = a + step
                sites: Sites = []
                for i, c in calm.items():
                    there = computed(_handed, node, i, g, operands)
                    if there is None:
                        continue
                    change = there - c
                    size = max(largest(c), 1e-3 * largest(change + c))
                    jump = np.abs(change) > 1e-3 * size
                    if jump.any() and np.isfinite(change).all():
                        sites.append((flowing[i], np.where(jump, change, 0.0)))
                if sites and not any(_same(sites, known) for known in options):
                    options.append(sites)
        return options

    def reading(self, claim: Claim) -> tuple[Comparison, str] | None:
        """If a claim is the gradient with other slopes at the corners: how close, and the note."""
        above = set(self.tape.above(claim.node))
        there = [
            (node, options)
            for node, options in self.sides
            if node in above and any(x in above for x, _ in options[0])
        ]
        carry = self.tape.carried
        effects = [[carry(sites, claim.node) for sites in options] for _, options in there]
        tries = [e for options in effects for e in options]
        for k in range(max(map(len, effects), default=0)):  # the same side at every corner
            tries.append(np.sum([o[min(k, len(o) - 1)] for o in effects], axis=0))
        missing = claim.value - claim.expected
        for e in tries:
            weight = float(np.sum(e * e))
            share = float(np.sum(e * missing)) / weight if weight else 0.0
            if not 0 < share <= 1 + SLACK:
                continue
            compared = compare(claim.value, claim.expected + share * e, 10 * claim.tolerance)
            if compared.right:
                where = " and ".join(self.tape.step(node) for node, _ in there[:2])
                between = "a slope between those of both sides, as valid as any,"
                what = "a valid one-sided derivative" if abs(share - 1) <= SLACK else between
                return compared, f"{what} at the kink of  {where}"
        return None


def _handed(node: Node, index: int, g: Vector, operands: Sequence[Vector] = ()) -> Vector:
    return fit(pulled(node, index, g, operands), node.inputs[index], op_of(node), index)


def _same(one: Sites, two: Sites) -> bool:
    return len(one) == len(two) and all(
        x is y and np.array_equal(a, b) for (x, a), (y, b) in zip(one, two, strict=True)
    )
