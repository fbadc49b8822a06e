"""Which single mistake turns the gradient into the claim?

A mistake at one step adds some delta to the cotangent of that step's input, and the rest of the
sweep carries it down to the claimed node. The sweep is linear in it, so one random direction u of
the claimed node tells nearly all: <u, J^T delta> = <J u, delta>. The tangents J u of all nodes are
computed once, forwards; then each hypothetical mistake costs one inner product, and only those that
agree are carried down in full and compared entry by entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..backprop.chain import contribution, fit
from ..graph.node import Node
from .catalogue import Catalogue
from .claims import Claim
from .faults import Fault
from .tape import Tape, Vector

LARGE = 1_000  # nodes above which functions written out in several steps are not looked for


@dataclass
class Explanation:
    """A mistake, or two, that reproduces a claim. `sites` are what it adds, and at which nodes."""

    kind: str
    cost: float
    text: str
    where: str = ""
    sites: list[tuple[Node, Vector]] = field(default_factory=list)
    other_kinds: tuple[str, ...] = ()


class Search:
    """The part of the graph between the user's nearest claims (or the loss) and one claim.

    `g` holds the cotangents the user's derivation should go by: those of the claims above, as the
    user has them. `region` lists the nodes a mistake can sit at, consumers first.
    """

    def __init__(
        self,
        tape: Tape,
        catalogue: Catalogue,
        claim: Claim,
        blocked: Mapping[Node, Vector],
        value: Vector | None = None,
        unit: Vector | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.tape, self.claim, self.target = tape, claim, claim.node
        self.value = claim.value if value is None else value
        self.blocked = {n: v for n, v in blocked.items() if n is not claim.node}
        self.region = self._region()
        self.g = self._cotangents()
        self.inside = set(self.region)
        self.expected = self.g[self.target]
        size = float(np.max(np.abs(self.value), initial=0.0))
        grain = max(claim.eps, 1e-14)
        self.grain = 100 * grain * size
        self.tolerance = 10 * claim.tolerance + self.grain
        if self.value.shape == self.expected.shape and self.matches(self.expected):
            self.tolerance = 10 * claim.tolerance + 100 * grain * np.abs(self.value)
        if unit is not None:  # the numbers were typed with few digits
            self.tolerance = self.tolerance + unit
        self._u = np.random.default_rng(7).standard_normal(self.target.shape)
        self.base = float(np.sum(self._u * self.expected))
        self.slack = float(np.sum(np.abs(self._u) * self.tolerance))

    @cached_property
    def goal(self) -> float:
        """<u, the claim>."""
        return float(np.sum(self._u * self.value))

    def _region(self) -> list[Node]:
        """The nodes that feel the claimed node without passing a claim in between."""
        found = {self.target}
        stack = [self.target]
        while stack:
            for node, _ in self.tape.consumers[stack.pop()]:
                if node not in found:
                    found.add(node)
                    if node not in self.blocked:
                        stack.append(node)
        return sorted(found, key=lambda n: self.tape.position[n])

    def _cotangents(self) -> dict[Node, Vector]:
        found: dict[Node, Vector] = {}
        for node in self.region:
            if node in self.blocked:
                found[node] = self.blocked[node]
            elif node is self.tape.root:
                found[node] = self.tape.g[node]
            else:
                parts = [contribution(n, i, found[n]) for n, i in self.edges_into(node)]
                found[node] = sum(parts[1:], parts[0])
        return found

    def edges_into(self, node: Node) -> list[tuple[Node, int]]:
        """The steps that contribute to a node's cotangent."""
        return self.tape.consumers[node]

    @cached_property
    def edges(self) -> list[tuple[Node, int, Node]]:
        """(consumer, index, input) for every step of the region, consumers first."""
        return [
            (n, i, x)
            for x in self.region
            if x not in self.blocked and x is not self.tape.root
            for n, i in self.edges_into(x)
        ]

    @cached_property
    def parts(self) -> dict[tuple[Node, int], Vector]:
        """What each step contributes."""
        return {(n, i): contribution(n, i, self.g[n]) for n, i, _ in self.edges}

    @cached_property
    def tangents(self) -> dict[Node, Vector]:
        """How every node moves when the claimed one moves along u; none beyond other claims."""
        found: dict[Node, Vector] = {self.target: self._u}
        for node in self.region[::-1]:
            if node is self.target or node in self.blocked:
                continue
            found[node] = _tangent(node, found)
        for node in self.blocked:
            found[node] = np.zeros(node.shape)
        return found

    def project(self, x: Node, delta: Vector) -> float:
        """<u, what a delta at x adds to the claimed gradient>."""
        return float(np.sum(self.tangents[x] * delta))

    def carry(self, sites: list[tuple[Node, Vector]]) -> Vector:
        """The claimed node's gradient when deltas are added at some nodes."""
        return self.expected + push(self.region, self.tape, sites, self.target, self.blocked)

    def agrees(self, projected: float, weight: float = 1.0) -> bool:
        """Whether a projection may be that of the claim."""
        size = abs(projected) + abs(self.goal) + abs(self.base)
        return abs(projected - self.goal) <= self.slack + 1e-7 * weight * size

    def matches(self, predicted: Vector) -> bool:
        """Whether a mistake's gradient is the claim, entry by entry."""
        if predicted.shape != self.value.shape:
            return False
        tolerance = self.tolerance
        if tolerance.shape != predicted.shape:
            tolerance = self.grain + 10 * float(np.max(self.claim.tolerance, initial=0.0))
        return bool((np.abs(predicted - self.value) <= tolerance).all())

    @cached_property
    def faults(self) -> list[tuple[Node, int, Node, Fault]]:
        """The catalogue over all steps of the region."""
        return [(n, i, x, fault) for n, i, x in self.edges for fault in self.catalogue(n, i)]

    def apply(self, node: Node, index: int, fault: Fault, g: Vector) -> Vector | None:
        """What a fault hands on, in whatever shape; None where it cannot be computed."""
        try:
            with np.errstate(all="ignore"):
                c = np.asarray(fault.apply(g))
        except (ValueError, IndexError, np.linalg.LinAlgError):
            return None
        x = node.inputs[index]
        assert node.op is not None
        if c.shape == x.shape:
            return c
        try:
            if node.op.elementwise:
                return fit(c, x, node.op, index)
            return np.broadcast_to(c, x.shape)
        except ValueError:
            return c

    @cached_property
    def singles(self) -> list[tuple[Node, int, Node, Fault, Vector, float]]:
        """Every applicable fault with the delta that it adds, and the projection of the result."""
        found = []
        for n, i, x, fault in self.faults:
            c = self.apply(n, i, fault, self.g[n])
            if c is None or c.shape != x.shape or not np.isfinite(c).all():
                continue
            delta = c - self.parts[n, i]
            found.append((n, i, x, fault, delta, self.base + self.project(x, delta)))
        return found

    @cached_property
    def written_out(self) -> list[tuple[Node, int, Node, Fault, Vector, float]]:
        """The same for functions that the user wrote out in several steps."""
        found: list[tuple[Node, int, Node, Fault, Vector, float]] = []
        if len(self.region) > LARGE:
            return found
        for shadow, x, y in self.catalogue.shadows:
            if x not in self.inside or y not in self.inside or x in self.blocked:
                continue
            right = contribution(shadow, 0, self.g[y])
            for fault in self.catalogue(shadow, 0):
                c = self.apply(shadow, 0, fault, self.g[y])
                if c is not None and c.shape == x.shape and np.isfinite(c).all():
                    delta = c - right
                    projected = self.base + self.project(x, delta)
                    found.append((shadow, 0, x, fault, delta, projected))
        return found

    def in_other_shapes(self) -> Iterator[tuple[Node, int, Fault, Vector]]:
        """Faults at the last step into the claimed node whose result does not have its shape."""
        for n, i in self.edges_into(self.target):
            for fault in self.catalogue(n, i):
                c = self.apply(n, i, fault, self.g[n])
                if c is not None and c.shape != self.target.shape:
                    yield n, i, fault, c


def push(
    order: list[Node],
    tape: Tape,
    sites: list[tuple[Node, Vector]],
    target: Node,
    blocked: Mapping[Node, Any],
) -> Vector:
    """What deltas at some nodes add to the gradient of `target`; nodes in `blocked` pass nothing
    on."""
    moved: dict[Node, Vector] = {}
    for x, delta in sites:
        moved[x] = moved[x] + delta if x in moved else delta
    for node in order:
        if node in blocked or node is tape.root:
            continue
        for n, i in tape.consumers[node]:
            if n in moved and n not in blocked:
                c = contribution(n, i, moved[n])
                moved[node] = moved[node] + c if node in moved else c
    return moved.get(target, np.zeros(target.shape))


def _tangent(node: Node, tangents: Mapping[Node, Vector]) -> Vector:
    """How a node moves when its inputs move along their tangents."""
    op = node.op
    assert op is not None
    moving = [
        (i, tangents[x]) for i, x in enumerate(node.inputs) if isinstance(x, Node) and x in tangents
    ]
    operands = node.operands
    if op.elementwise:
        total: Any = 0.0
        with np.errstate(all="ignore"):
            for i, t in moving:
                rule = op.rules[i]
                local = rule(np, node.data, *operands, **node.params) if callable(rule) else rule
                total = total + local * t
        return np.broadcast_to(np.asarray(total, dtype=float), node.shape)
    # Central difference: exact for sums, products and moves of entries, close enough for the rest.
    size = max(float(np.max(np.abs(t), initial=0.0)) for _, t in moving)
    if size == 0:
        return np.zeros(node.shape)
    scale = max(float(np.max(np.abs(operands[i]), initial=0.0)) for i, _ in moving) or 1.0
    h = 1e-5 * scale / size
    ends = []
    for sign in (h, -h):
        at = list(operands)
        for i, t in moving:
            at[i] = operands[i] + sign * t
        ends.append(np.asarray(op.forward(np, *at, **node.params)))
    return (ends[0] - ends[1]) / (2 * h)
