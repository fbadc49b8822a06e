"""Which single mistake turns the gradient into the claim?

A mistake at one step adds some delta to the cotangent of that step's input, and the rest of the
sweep carries it down to the claimed node. The sweep is linear in it, so one random direction u of
the claimed node tells nearly all: <u, J^T delta> = <J u, delta>. The tangents J u of all nodes are
computed once, forwards; then each hypothetical mistake costs one inner product, and only those that
agree are carried down in full and compared entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from math import isfinite
from typing import Any

import numpy as np

from ..backprop.chain import contribution, fit
from ..backprop.flow import Step, flow
from ..backprop.tangents import tangents
from ..graph.context import enable_grad
from ..graph.node import Node, fresh, raw
from .claims import Claim
from .faults import Fault, faults, misreadings
from .kinds import RARITY, known
from .rules import Rule, computed
from .scales import Scales
from .shadows import Shadow, is_square, shadows
from .tape import Site, Tape, Vector, carried, largest, op_of

MANY = 300  # nodes above which nothing foreign is looked for
LARGE = 1_000  # nodes above which only single mistakes at single steps are looked for
HUGE = 10_000  # nodes above which these are in a step's rule, not in the values that it looks at
ONE, TWO = 1.0, 2.0  # what one mistake costs, and two
BUDGET = 100_000  # steps that a report may spend on the same mistake at many: about a second
COARSEST = 1e-3  # how far an explanation may be off, relative to the claim, whatever the rounding
VANISHING = 1e-12  # a part of the gradient so small, relative to the whole, tells nothing
MOST = 60  # guesses of one sort that are verified in full, the simplest first
TRIALS = 500_000  # steps that this may take: a second in a large graph


class Catalogue:
    """`catalogue(node, index)`: the faults of one step of a tape or a shadow, made once, those of
    its rule or (misread) of the values in it; and the budget for the long searches."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self._budget = BUDGET
        self.kept: dict[tuple[int, ...], Any] = {}  # what others find out for a shape
        self._known: dict[tuple[Node, int, bool], list[Fault]] = {}

    @cached_property
    def shadows(self) -> list[Shadow]:
        """The functions that the user wrote out in several steps."""
        return shadows(self.tape)

    def spend(self, steps: int) -> bool:
        """Take `steps` out of the budget; False once it is used up."""
        self._budget -= steps
        return self._budget >= 0

    def __call__(self, node: Node, index: int, misread: Rule | None = None) -> list[Fault]:
        key, at = (node, index, misread is not None), (self.tape, node, index)
        if key not in self._known:
            made = misreadings(*at, misread) if misread else faults(*at)
            self._known[key] = list(made) if node.data.size else []
        return self._known[key]


@dataclass(frozen=True)
class Explanation:
    """A mistake, or two, that reproduces a claim. `sites` are what one adds, and at which nodes;
    `anywhere` says it where others like it, made elsewhere, give the same numbers."""

    kind: str
    cost: float
    text: str
    where: str = ""
    other_kinds: tuple[str, ...] = ()
    sites: Sequence[Site] = ()
    anywhere: str = ""

    def __post_init__(self) -> None:
        for kind in (self.kind, *self.other_kinds):
            known(kind)

    @property
    def said(self) -> tuple[str, str, str]:
        """What it says, on whatever data."""
        return self.kind, self.text, self.where

    @property
    def rank(self) -> float:
        """What to sort by: of equal costs the commoner kind comes first."""
        return self.cost + RARITY[self.kind]


@dataclass(frozen=True, eq=False)
class Guess:
    """A mistake that adds `delta` to the cotangent of `x`, said to be made at the node `step`."""

    kind: str
    cost: float
    words: Callable[[], str]
    step: Node
    x: Node
    delta: Vector
    projected: float
    anywhere: str = ""


class Search:
    """The part of the graph between the user's nearest claims (or the loss) and one claim.

    `g` holds the cotangents the user's derivation should go by: those of the claims above, as the
    user has them. `region` lists the nodes a mistake can sit at, consumers first. `unit` is that of
    the last digit, where the claim was typed with few.
    """

    def __init__(
        self,
        tape: Tape,
        catalogue: Catalogue,
        claim: Claim,
        above: Mapping[Node, Claim],
        value: Vector | None = None,
        unit: Vector | None = None,
    ) -> None:
        self.tape, self.catalogue, self.claim, self.target = tape, catalogue, claim, claim.node
        self.value, self.unit = claim.value if value is None else value, unit
        self.above = {n: c for n, c in above.items() if n is not claim.node}
        self.blocked = {n: c.value for n, c in self.above.items()}
        self.region = tape.above(self.target, self.blocked)
        self.small, self.large = len(self.region) <= MANY, len(self.region) > LARGE
        self.inside = set(self.region)
        self.g = self.swept(contribution)
        self._read = claim.read
        self.expected = self._read(self.g[self.target])
        size, grain = largest(self.value), 100 * max(claim.eps, 1e-14)
        self.grain = grain * size
        self.tolerance = 10 * claim.tolerance + self.grain
        if self.value.shape == self.expected.shape and self.matches(self.expected):
            self.tolerance = 10 * claim.tolerance + grain * np.abs(self.value)
        self.tolerance = np.minimum(self.tolerance, COARSEST * size)  # beside a far larger truth
        if unit is not None:
            self.tolerance = self.tolerance + unit
        self._u = self._read(np.random.default_rng(7).standard_normal(self.target.shape))
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
    def open(self) -> list[Node]:
        """The nodes of the region whose cotangent a mistake can change."""
        return [x for x in self.region if x not in self.blocked and x is not self.tape.root]

    @cached_property
    def edges(self) -> list[tuple[Node, int, Node]]:
        """(consumer, index, input) for every step of the region, consumers first."""
        return [(n, i, x) for x in self.open for n, i in self.tape.consumers[x]]

    @cached_property
    def scales(self) -> Scales:
        """The numbers that may be factors."""
        return Scales(self.tape, self.edges)

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

    def carry(self, sites: Iterable[Site]) -> Vector:
        """The claimed node's gradient when deltas are added at some nodes."""
        moved = carried(sites, self.region, self.inside, self.blocked)
        return self.expected + moved.get(self.target, 0.0)

    def agrees(self, projected: Any, sign: float = 1.0) -> Any:
        """Whether a projection, or each of an array of them, may be that of the claim."""
        size = abs(projected) + abs(self.goal) + abs(self.base)
        return abs(projected - sign * self.goal) <= self.slack + 1e-7 * size

    def explained(
        self, kind: str, cost: float, text: str, step: Node, sites: Sequence[Site] = ()
    ) -> Explanation:
        """One mistake, at a step of the graph."""
        return Explanation(kind, ONE + cost, text, self.tape.step(step), sites=sites)

    def matches(self, predicted: Vector) -> bool:
        """Whether a mistake's gradient is the claim, entry by entry."""
        if predicted.shape != self.value.shape:
            return False
        tolerance = self.tolerance
        if tolerance.shape != predicted.shape:
            tolerance = self.grain + 10 * largest(self.claim.tolerance)
        return bool((np.abs(self._read(predicted) - self.value) <= tolerance).all())

    def explains(self, predicted: Vector) -> bool:
        """Whether it is the claim, and not the right gradient as well."""
        return self.matches(predicted) and not (
            predicted.shape == self.expected.shape
            and bool((np.abs(self._read(predicted) - self.expected) <= self.claim.tolerance).all())
        )

    def verified(self, guesses: Iterable[Guess]) -> Iterator[Explanation]:
        """Those of some guesses that explain the claim."""
        agreeing = [guess for guess in guesses if self.agrees(guess.projected)]
        agreeing.sort(key=lambda guess: guess.cost)
        for guess in agreeing[: min(MOST, TRIALS // len(self.region))]:
            sites = [(guess.x, guess.delta)]
            if self.explains(self.carry(sites)):
                found = self.explained(guess.kind, guess.cost, guess.words(), guess.step, sites)
                yield replace(found, anywhere=guess.anywhere)

    def guess(
        self,
        x: Node,
        value: Vector,
        kind: str,
        cost: float,
        text: str,
        step: Node | None = None,
        anywhere: str = "",
    ) -> Guess:
        """The guess that a node's cotangent is `value` instead."""
        delta = value - self.g[x]
        projected, at = self.base + self.project(x, delta), x if step is None else step
        return Guess(kind, cost, lambda: text, at, x, delta, projected, anywhere)

    def apply(self, node: Node, index: int, fault: Fault, g: Vector) -> Vector | None:
        """What a fault hands on, in whatever shape; None where it cannot be computed."""
        c, x, op = computed(fault.apply, g), node.inputs[index], op_of(node)
        if c is None or c.shape == x.shape:
            return c
        try:
            return fit(c, x, op, index) if op.elementwise else np.broadcast_to(c, x.shape)
        except ValueError:
            return c

    def guesses(self, n: Node, i: int, g: Vector, misread: Rule | None = None) -> Iterator[Guess]:
        """The faults that can be made at a step, given its cotangent."""
        x, tape, right = n.inputs[i], self.tape, contribution(n, i, g)
        for fault in self.catalogue(n, i, misread):
            c = self.apply(n, i, fault, g)
            if c is None or c.shape != x.shape:
                continue
            delta = c - right
            projected = self.base + self.project(x, delta)
            if isfinite(projected):  # as all of c is
                words = lambda fault=fault: fault.words(tape, n, i)  # noqa: E731
                yield Guess(fault.kind, fault.cost, words, n, x, delta, projected)

    @cached_property
    def steps(self) -> list[tuple[Node, int, Vector]]:
        """Where a mistake can be made, with the cotangents there; a function that was written out
        in several steps, such as x * x, is one."""
        found = [(n, i, self.g[n]) for n, i, _ in self.edges if self.large or not is_square(n)]
        written = () if self.large else self.catalogue.shadows
        inside = (s for s in written if {s.x, s.y} <= self.inside and s.x not in self.blocked)
        return found + [(s.node, 0, self.g[s.y]) for s in inside]

    @cached_property
    def singles(self) -> list[Guess]:
        """Every applicable fault of the rule at every step, of a large graph's steps where it may
        explain the claim."""
        steps = self.steps
        if self.large:
            telling = (self._may_explain(alike) for alike in self._sorts)
            steps = [step for found in map(compress, self._sorts, telling) for step in found]
        return [guess for step in steps for guess in self.guesses(*step)]

    @cached_property
    def _sorts(self) -> list[list[tuple[Node, int, Vector]]]:
        """The steps, those that differ in the numbers alone together."""
        sorts: dict[Any, list[tuple[Node, int, Vector]]] = {}
        for step in self.steps:
            sorts.setdefault(_sort(*step[:2]), []).append(step)
        return [*sorts.values()]

    def _may_explain(self, alike: Sequence[tuple[Node, int, Vector]]) -> Vector:
        """At which of some steps that differ in the numbers alone a mistake may explain the claim:
        they are one step, of arrays of those numbers."""
        n, i, _ = alike[0]
        if len(alike) == 1:
            return [True]
        columns = zip(*(m.operands for m, _, _ in alike), strict=True)
        held = [fresh(None, np.array(column, dtype=float)) for column in columns]
        inputs = [x if at is None else held[at] for x, at in zip(n.inputs, _firsts(n), strict=True)]
        g = np.array([g for *_, g in alike], dtype=float)
        down = np.array([self.tangents[m.inputs[i]] for m, _, _ in alike], dtype=float)
        try:
            with enable_grad():
                twin = op_of(n)(*inputs, **n.params)
            right, found = contribution(twin, i, g), np.zeros(len(alike), dtype=bool)
        except Exception:  # an op of the user's, of numbers alone
            return np.ones(len(alike), dtype=bool)
        for fault in faults(self.tape, twin, i):
            c = self.apply(twin, i, fault, g)
            if c is not None and c.shape == g.shape:
                found |= np.isfinite(c) & self.agrees(self.base + down * (c - right))
        return found

    @cached_property
    def misread(self) -> list[Guess]:
        """The same with another value in the rule, where it looks at any."""
        rules = ((alike, self.tape.rule(*alike[0][:2])) for alike in self._sorts)
        steps = ((step, rule) for alike, rule in rules if rule and rule.places for step in alike)
        return [guess for step, rule in steps for guess in self.guesses(*step, rule)]


def _sort(n: Node, i: int) -> Any:
    """What steps from numbers to a number have in common that differ in the numbers alone; of
    others, the step itself."""
    if n.shape or not op_of(n).elementwise or any(np.ndim(a) for a in n.operands):
        return n, i
    places = zip(n.inputs, _firsts(n), strict=True)
    inputs = (repr(raw(x)) if at is None else at for x, at in places)
    return n.op, i, repr(n.params), *inputs


def _firsts(n: Node) -> list[int | None]:
    """Of each input the place at which it is one first; None of one that is no node."""
    first: dict[int, int] = {}
    return [
        first.setdefault(id(x), k) if isinstance(x, Node) else None for k, x in enumerate(n.inputs)
    ]
