"""How far rounding moves a gradient: measured, so that no right claim is called wrong and no error
that shows is let pass."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from ..backprop.chain import contribution
from ..backprop.flow import flow
from ..backprop.replay import replay
from ..graph.node import Node
from .rules import Rule, done
from .tape import Tape, Vector, largest, op_of

MARGIN = 30.0  # rounding errors allowed, in units of the measured conditioning times eps
FINEST = 1e-14  # float64 has digits to spare: a form of the formula that loses two is right
WEAK = 0.4  # eps to this power, 5e-7 in float64, 2e-3 in float32, is close; a bound above is weak

EPS = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}

_SHAKE = 1e-13  # so little that a condition of 1e10 does not look like a jump
_WIDTH = np.float64(12.0**0.5 * _SHAKE)  # of uniform noise of that mean square
DRAWS = 3
_FAINT = 1e-3  # of what is weak
_JUMP = 1e-3  # a step that moves by so much of its size may have jumped

Shake = Callable[[Vector], Vector]


@dataclass(frozen=True)
class Blur:
    """What rounding does to one gradient: the absolute `tolerance` per entry, the coarsest
    precision `eps` that it comes from, and the `size` of what it is measured against: the largest
    entry, or the largest of the terms where these cancel to 0 (`zero`)."""

    tolerance: Vector
    eps: float
    size: float
    zero: bool

    @property
    def limit(self) -> float:
        """The smallest error, relative to `size`, that shows at every entry."""
        return largest(self.tolerance) / (self.size or 1.0)

    @property
    def faint(self) -> bool:
        """Whether it is far from hiding anything."""
        return bool(largest(self.tolerance) <= _FAINT * self.eps**WEAK * self.size)

    def hides(self, error: Vector, expected: Vector, allowed: Vector) -> bool:
        """Whether a claim that is off by so much may be wrong for all that can be told: rounding
        alone may do as much where the claim does not agree closely. (By chance none would.)"""
        loose = self.tolerance > np.maximum(self.eps**WEAK * self.size, allowed)
        return bool((loose & (error > self.eps**WEAK * np.abs(expected))).any())


def precision(value: Any) -> float:
    """The relative precision of an array's floating dtype, that of float64 for any other."""
    return _precision_of(getattr(value, "dtype", None))


@cache
def _precision_of(dtype: Any) -> float:
    return EPS.get(str(dtype).rpartition(".")[2], EPS["float64"])  # torch.float32 is a dtype too


class Rounding:
    """How far the gradients of a tape move when every value and every contribution is moved at
    random by so little, relatively: in units of that, per entry.

    Within the rules of array ops too, since log softmax's G - p sum(G) loses digits where p is near
    1. In a graph of several dtypes the coarser nodes are also moved by themselves.
    """

    def __init__(self, tape: Tape, targets: Iterable[Node], *, draws: int = DRAWS) -> None:
        self.tape, self.targets = tape, list(targets)
        self._precise = self._precisions()
        self._coarse = {eps for eps in self._precise.values() if eps > FINEST}
        self._all = _Spread(tape.g, self.targets)
        moved = {eps: {n for n in tape.g if self._precise[n] == eps} for eps in self._coarse}
        fewer = {eps: nodes for eps, nodes in moved.items() if len(nodes) < len(tape.g)}
        self._some = {eps: _Spread(nodes, self.targets) for eps, nodes in fewer.items()}
        self.draw(draws)

    def draw(self, times: int) -> None:
        """Move everything so many times more."""
        for spread in (self._all, *self._some.values()):
            for _ in range(times):
                try:
                    shaken = self._shaken(spread.moved, spread.rng)
                except Exception:  # a matrix becomes singular, an op of the user's refuses it
                    shaken = {x: np.full(x.shape, np.inf) for x in self.targets}
                for x, worst in spread.worst.items():
                    change = np.abs(shaken[x] - self.tape.g[x]) / _SHAKE
                    change = np.where(np.isnan(change), np.inf, change)
                    spread.worst[x] = np.maximum(worst, change)

    def blur(self, node: Node, eps: float) -> Blur:
        """That of the gradient of `node` against a claim of precision `eps`."""
        g = self.tape.g[node]
        own = max(self._precise[node], eps)
        every = self._all.worst[node] + np.abs(g)
        every = every + 1e-9 * np.max(every, initial=0.0)
        found, coarsest = max(own, FINEST) * every, own
        for coarse in self._coarse:
            moved = self._some.get(coarse, self._all).worst[node]
            if coarse > own and moved.any():
                found, coarsest = found + coarse * moved, max(coarsest, coarse)
        tolerance = np.maximum(MARGIN * found, np.finfo(np.float64).tiny)
        size, worst = largest(g), largest(tolerance)
        noise = MARGIN * EPS["float64"] * largest(every)  # in our own g
        zero = not size or (size <= noise and worst <= _JUMP * self._terms[node])
        return Blur(tolerance, coarsest, self._terms[node] if zero else size, zero)

    def _precisions(self) -> dict[Node, float]:
        """The precision in which the user's graph holds each node of the tape; what a fused op was
        written out into has that of its result."""
        own = {new: precision(old.data) for old, new in self.tape.twin.items()}
        known = dict(own)
        for node in self.tape.order:
            eps = known.setdefault(node, EPS["float64"])
            for x in node.parents():
                if x not in own:
                    known[x] = max(known.get(x, 0.0), eps)
        return known

    def _shaken(self, moved: Container[Node], rng: np.random.Generator) -> Mapping[Node, Vector]:
        def shake(a: Any) -> Any:
            drawn = rng.random(a.shape, dtype=np.float32) if np.ndim(a) else rng.random()
            return np.asarray(a * (1.0 + _WIDTH * (drawn - 0.5)))

        matrices = {id(a): shake(a) for a in self._constants} if self.tape.root in moved else {}
        twin = replay(
            self.tape.root,
            constants=matrices,
            adjust=lambda old, value: shake(value) if old in moved else value,
        )

        def shaken(node: Node, index: int, g: Vector) -> Vector:
            calm, c = contribution(node, index, g), contribution(twin[node], index, g)
            plain = op_of(node).elementwise and not self._coarse
            rule = None if plain else self.tape.rule(node, index)
            if rule is not None and node in moved and rule.has("add", "subtract"):
                c = self._replayed(rule, g, twin, shake)[1]  # differences of its own lose digits
            size = _size(node, g, calm)
            steady = np.abs(c - calm) <= _JUMP * size
            if not steady.all():  # it jumped, or is ill-conditioned, or NaN: a moved maximum
                rule = rule or self.tape.rule(node, index)
                same, again = (False, c) if rule is None else self._replayed(rule, g, twin)
                c = again if same else np.where(steady, c, calm)
            return shake(c) if node in moved else c

        return flow(self.tape.order, {self.tape.root: self.tape.seed}, shaken, within=self.tape.g)

    @property
    def _constants(self) -> list[Any]:
        """Constant matrices: a solution is as uncertain as its matrix is rounded."""
        arrays = (
            a
            for node in self.tape.g
            if node.op is not None and not node.op.elementwise
            for i, a in enumerate(node.inputs)
            if not isinstance(a, Node) and i not in node.op.untouched
        )
        return [a for a in arrays if getattr(a, "dtype", None) == np.float64]

    def _replayed(
        self, rule: Rule, g: Vector, twin: Mapping[Node, Node], shake: Shake | None = None
    ) -> tuple[bool, Vector]:
        """A rule on moved inputs, and whether its masks and indices stayed what they were: then it
        has not jumped, whatever it gives."""
        node, same = rule.node, True
        moved = {x: twin[x].data for x in (node, *node.parents())}
        if shake is None or not op_of(node).elementwise:  # else its result is rounded by itself
            given = zip(node.inputs, node.operands, strict=True)
            moved[node] = done(node, *(moved[x] if isinstance(x, Node) else a for x, a in given))

        def watched(m: Node, value: Vector) -> Vector:
            nonlocal same
            if m.constant:  # a mask or an index is no number
                same = same and np.array_equal(m.data, value)
                return value
            return value if shake is None else shake(value)

        c = rule.run(g, swapped=moved, adjust=watched)
        return same, c

    @cached_property
    def _terms(self) -> dict[Node, float]:
        """How large the terms of each gradient are: what it is when none cancel."""
        rng = np.random.default_rng(1)

        def uneven(node: Node, index: int, g: Vector) -> Vector:
            return contribution(node, index, g * rng.uniform(0.5, 1.5, np.shape(g)))

        seeds: dict[Node, Vector] = {self.tape.root: self.tape.seed}
        found = flow(self.tape.order, seeds, uneven, within=self.tape.g)
        return {x: largest(found[x]) for x in self.targets}


class _Spread:
    """How far gradients move when the nodes `moved` are: the worst that was drawn."""

    def __init__(self, moved: Container[Node], targets: Iterable[Node]) -> None:
        self.moved, self.rng = moved, np.random.default_rng(0)
        self.worst = {x: np.zeros(x.shape) for x in targets}


def _size(node: Node, g: Vector, c: Vector) -> Any:
    """What a contribution is large or small against: its cotangent too, because a saturated
    function's slope is small and ill-conditioned without any kink."""
    if op_of(node).elementwise and g.shape == c.shape:
        return np.maximum(np.abs(g), np.abs(c))
    return max(largest(c), largest(g))
