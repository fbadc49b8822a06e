"""Which single mistake turns the gradient into the claim?

A mistake at one step adds some delta to the cotangent of that step's input, and the rest of the
sweep carries it down to the claimed node. The sweep is linear in it, so one random direction u of
the claimed node tells nearly all: <u, J^T delta> = <J u, delta>. The tangents J u of all nodes are
computed once, forwards; then each hypothetical mistake costs one inner product, and only those that
agree are carried down in full and compared entry by entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..backprop.chain import contribution, fit
from ..backprop.flow import Step, flow
from ..backprop.tangents import tangents
from ..graph.node import Node
from .catalogue import Catalogue
from .claims import Claim
from .faults import Fault
from .kinds import RARITY, known
from .tape import Site, Tape, Vector, carried

LARGE = 1_000  # nodes above which functions written out in several steps are not looked for
ONE, TWO = 1.0, 2.0  # what one mistake costs, and two
VANISHING = 1e-12  # a part of the gradient so small, relative to the whole, tells nothing


@dataclass
class Explanation:
    """A mistake, or two, that reproduces a claim. `sites` are what it adds, and at which nodes."""

    kind: str
    cost: float
    text: str
    where: str = ""
    sites: Iterable[Site] = ()
    other_kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind in (self.kind, *self.other_kinds):
            known(kind)

    @property
    def rank(self) -> float:
        """What to sort by: of equal costs the commoner kind comes first."""
        return self.cost + RARITY[self.kind]


class Guess(NamedTuple):
    """A fault at the step from `node` to `x`, its input number `which`: what it adds there, and the
    projection of the gradient that it would give."""

    node: Node
    which: int
    x: Node
    fault: Fault
    delta: Vector
    projected: float


class Changed(NamedTuple):
    """A node whose gradient has been changed as a whole."""

    node: Node
    kind: str
    cost: float
    text: str
    value: Vector


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
        self.region = tape.above(self.target, self.blocked)
        self.inside = set(self.region)
        self.g = self.swept(contribution)
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

    def swept(self, step: Step) -> dict[Node, Vector]:
        """The cotangents of the region, given the claims above, by other steps than the right."""
        seeds = {self.tape.root: self.tape.g[self.tape.root], **self.blocked}
        return flow(self.region, seeds, step, within=self.inside, fixed=self.blocked)

    @cached_property
    def edges(self) -> list[tuple[Node, int, Node]]:
        """(consumer, index, input) for every step of the region, consumers first."""
        return [
            (n, i, x)
            for x in self.region
            if x not in self.blocked and x is not self.tape.root
            for n, i in self.tape.consumers[x]
        ]

    @cached_property
    def parts(self) -> dict[tuple[Node, int], Vector]:
        """What each step contributes."""
        return {(n, i): contribution(n, i, self.g[n]) for n, i, _ in self.edges}

    @cached_property
    def tangents(self) -> dict[Node, Vector]:
        """How every node moves when the claimed one moves along u; none beyond other claims."""
        open_ = [n for n in self.region if n not in self.blocked]
        return tangents(open_, {self.target: self._u})

    def project(self, x: Node, delta: Vector) -> float:
        """<u, what a delta at x adds to the claimed gradient>."""
        return float(np.vdot(self.tangents[x], delta))

    def moved(self, sites: Iterable[Site]) -> dict[Node, Vector]:
        """What deltas at some nodes add to the cotangents of the region."""
        return carried(sites, self.region, self.inside, self.blocked)

    def carry(self, sites: Iterable[Site]) -> Vector:
        """The claimed node's gradient when deltas are added at some nodes."""
        return self.expected + self.moved(sites).get(self.target, 0.0)

    def agrees(self, projected: float) -> bool:
        """Whether a projection may be that of the claim."""
        size = abs(projected) + abs(self.goal) + abs(self.base)
        return abs(projected - self.goal) <= self.slack + 1e-7 * size

    def explained(
        self, kind: str, cost: float, text: str, step: Node, sites: Iterable[Site] = ()
    ) -> Explanation:
        """One mistake, at a step of the graph."""
        return Explanation(kind, ONE + cost, text, self.tape.step(step), sites)

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

    def guess(
        self, n: Node, i: int, x: Node, fault: Fault, g: Vector, right: Vector
    ) -> Guess | None:
        """A fault at a step, given the step's cotangent and what it rightly hands on."""
        c = self.apply(n, i, fault, g)
        if c is None or c.shape != x.shape or not np.isfinite(c).all():
            return None
        delta = c - right
        return Guess(n, i, x, fault, delta, self.base + self.project(x, delta))

    @cached_property
    def singles(self) -> list[Guess]:
        """Every applicable fault at every step."""
        made = (
            self.guess(n, i, x, fault, self.g[n], self.parts[n, i])
            for n, i, x, fault in self.faults
        )
        return [guess for guess in made if guess]

    @cached_property
    def written_out(self) -> list[Guess]:
        """The same for functions that the user wrote out in several steps."""
        found: list[Guess] = []
        if len(self.region) > LARGE:
            return found
        for node, x, y in self.catalogue.shadows:
            if {x, y} <= self.inside and x not in self.blocked:
                right = contribution(node, 0, self.g[y])
                made = (
                    self.guess(node, 0, x, f, self.g[y], right) for f in self.catalogue(node, 0)
                )
                found += [guess for guess in made if guess]
        return found
