"""The reference that a backward pass is held against: this engine, or differences of forward."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from .. import differences
from ..check.claims import Allowance
from ..check.code.derivation import watched
from ..check.rounding import MARGIN, Rounding
from ..check.tape import Tape
from ..graph.node import Node
from ..tensor import Tensor
from .arrays import in_double
from .callables import Function
from .probes import Probe, size_of

ROUNDINGS = 3  # draws from which the conditioning is measured
NUDGE = 4.0  # the relative size of those draws, in units of the precision
RESTLESS = 1000  # times the gradient: no more is believed of the conditioning
SETTLED = 1e-3  # of a slope: one so precise needs no smaller steps
DIGITS = 1e-9  # how closely differences have to agree with the engine
LIBRARY = 1e-8  # how closely a library's functions are the ones named: softplus is x beyond 20
FIRST_STEPS = tuple(differences.FIRST_STEP * s for s in (1.0, 0.3, 1e-3, 1e-6))
SUSPECTS = 40  # entries that are off and surely looked into: whether they are kinks
OFTEN = 2.0  # seconds between two words on what is being done
WEAK = 0.05  # a bound above this part of the largest entry tells nothing
AVERAGED = 30  # roundings that are believed to be independent
SHOWN = 6  # entries that tell in which shape a gradient came
LARGEST = 200  # entries of the inputs whose gradients differences give, one by one
EXACT = 1e-8  # how precise such a gradient has to be, relative to the largest entry
WIDE = "float64"  # the precision of a reference that is exact
FEWEST = 2  # entries that are judged by differences however long it takes
# Of the time, for the entries of large inputs: where a direction has told, and where none does.
SHARE, HALF = 0.2, 0.5

Index = tuple[int, ...]


@dataclass
class Clock:
    """The time that looking for the cause, and what is no verdict yet, may take; what takes long
    is said on the way."""

    seconds: float
    start: float = field(default_factory=time.monotonic)
    said: float = 0.0

    def past(self, share: float = 1.0) -> bool:
        """Whether that share of the time is over."""
        return time.monotonic() - self.start > share * self.seconds

    def tell(self, what: str) -> None:
        """Say what is being done, when nothing was said for a while."""
        passed = time.monotonic() - self.start
        if passed - self.said > OFTEN:
            print(f"check_function: {what} ({passed:.0f} s)", file=sys.stderr, flush=True)
            self.said = passed


@dataclass
class Trial:
    """One input's gradient on one probe in one dtype: the claim, the reference (NaN where it was
    not computed), and where they differ."""

    oracle: Oracle
    place: int
    dtype: str
    claim: np.ndarray
    expected: np.ndarray
    counts: bool = True  # or it only serves to explain what another shows
    wrong: bool = False
    elsewhere: bool = False
    error: float = 0.0
    caught: float = np.inf
    judged: int = 0
    kinked: set[Index] = field(default_factory=set)
    unsettled: set[Index] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.function, self.probe = self.oracle.function, self.oracle.probe
        self.name, self.x = self.function.names[self.place], self.probe.values[self.place]

    def settle(self, off: np.ndarray, distance: np.ndarray, bound: np.ndarray) -> None:
        """Take in which entries are off, by how much, and the bounds they were held to."""
        known = ~np.isnan(self.expected)
        for index in (*self.kinked, *self.unsettled):
            known[index] = False
        size = float(np.max(np.abs(self.expected[known]), initial=0.0)) or 1.0
        self.off, self.wrong, self.judged = off, bool(off.any()), int(known.sum())
        self.error = float(np.max(distance[known], initial=0.0)) / size
        if self.judged:
            self.caught = float(np.max(bound[known], initial=0.0)) / size
        if self.caught > WEAK and not self.wrong and self.expected[known].any():
            self._as_a_whole(known, bound)

    def _as_a_whole(self, known: np.ndarray, bound: np.ndarray) -> None:
        """Judge what is too weak entry by entry by one factor on all: rounding averages out."""
        e = self.expected[known] / np.max(np.abs(self.expected[known]))
        size = float(np.sum(e * e)) * float(np.max(np.abs(self.expected[known])))
        slope = float(np.sum((self.claim[known] - self.expected[known]) * e)) / size
        allowed = float(np.sum(bound[known] * np.abs(e))) / size / min(self.judged, AVERAGED) ** 0.5
        self.caught = min(self.caught, allowed)
        if not abs(slope) <= allowed:
            self.wrong, self.off = True, known


@dataclass(frozen=True)
class Court:
    """What all trials have in common; `largest` is the largest gradient of each input so far."""

    function: Function
    allowance: Allowance
    entries: int
    rng: np.random.Generator
    clock: Clock
    largest: dict[int, float] = field(default_factory=dict)

    def outputs(self, probe: Probe) -> list[np.ndarray]:
        """What forward gives on a probe, in the precision of the reference."""
        with in_double(probe.templates):
            return self.function.value(probe.cast(self.function.wide))[0]


class Oracle:
    """The gradients of sum(dy * forward) on one probe, in float64."""

    def __init__(self, court: Court, probe: Probe, dys: list[np.ndarray]) -> None:
        self.court, self.probe, self.dys = court, probe, dys
        self.function, self.rng, self.clock = court.function, court.rng, court.clock
        self.slopes: dict[tuple[int, Index | None, int], differences.Slope] = {}
        self.moved: dict[str, list[list[np.ndarray | None]]] = {}
        self.graph = record(court.function, probe, dys)
        self.exact: dict[int, np.ndarray] | None = None
        if self.graph is not None:
            tape = Tape(self.graph.root, self.graph.seed, {})
            twins = {i: tape.twin.get(x) for i, x in self.graph.leaves.items()}
            self.twins = {i: t for i, t in twins.items() if t is not None and t in tape.g}
            zeros = {i: np.zeros(v.shape) for i, v in probe.arrays.items()}
            self.exact = zeros | {i: tape.g[t] for i, t in self.twins.items()}
            if self.agrees(self.exact):
                self.rounding = Rounding(tape, self.twins.values())
            else:
                self.exact = self.graph = None
        self.kind = "this engine"
        if self.exact is None:
            self.exact = self._by_library()
            self.kind = "differences" if self.exact is None else "the library's own gradients"

    def _by_library(self) -> dict[int, np.ndarray] | None:
        """The gradients that the inputs' library has of what forward does, where differences agree;
        None where it has none of its own."""
        own = self.function.by_library()
        if own is None or self.function.wide != WIDE:
            return None
        exact = {i: np.zeros(v.shape) for i, v in self.probe.arrays.items()}
        try:
            with in_double(self.probe.templates):
                found = own.gradients(self.probe.cast(WIDE), self.dys)[0]
        except Exception:  # NumPy has none, and a forward may be more than a library differentiates
            return None
        exact |= {i: g for i in exact if (g := found[i]) is not None}
        return exact if self.agrees(exact) else None

    def along(self, directions: Mapping[int, np.ndarray], *, first: int = 0) -> differences.Slope:
        """The derivative along directions of some inputs, by differences; with smaller steps than
        the `first` if they do not settle."""

        @cache
        def phi(t: float) -> float:
            there = {i: self.probe.values[i] + t * d for i, d in directions.items()}
            ys = self.court.outputs(self.probe.moved(there))
            known = (float(np.finfo(y.dtype).eps) if y.dtype.kind == "f" else 0.0 for y in ys)
            self.precision = max(self.function.grain, *known)
            return float(sum(np.sum(d * y) for d, y in zip(self.dys, ys, strict=True)))

        plain = abs(phi(0.0))
        lengths = (np.linalg.norm(d) / size_of(self.probe.values[i]) for i, d in directions.items())
        scale = 1 / float(np.linalg.norm(list(lengths)))
        best = differences.UNKNOWN
        for h in FIRST_STEPS[first:]:
            found = differences.slope(phi, scale, first=h, eps=self.precision)
            best = found if found.error < best.error else best
            if best.error <= SETTLED * abs(best.value) or best.error <= DIGITS * plain / scale:
                break
        return best

    def agrees(self, exact: dict[int, np.ndarray]) -> bool:
        """Whether differences along a random direction confirm the engine."""
        directions = {
            i: self.rng.normal(size=v.shape) * size_of(v) for i, v in self.probe.arrays.items()
        }
        slope = self.along(directions)
        terms = [exact[i] * d for i, d in directions.items()]
        claimed, size = (sum(float(np.sum(f(t))) for t in terms) for f in (np.positive, np.abs))
        return not slope.known or slope.distance(claimed) <= DIGITS * size

    def slope(self, i: int, index: Index | None, *, first: int = 0) -> differences.Slope:
        """The derivative with respect to one entry, or without one along the input's random
        direction, by differences; kept for the other dtypes."""
        if (i, index, first) not in self.slopes:
            self.clock.tell(f"differences of forward on {self.probe.title}")
            direction = self._direction(i)
            if index is not None:
                direction = np.zeros(direction.shape)
                direction[index] = 1.0
            self.slopes[i, index, first] = self.along({i: direction}, first=first)
        return self.slopes[i, index, first]

    def _direction(self, i: int) -> np.ndarray:
        shape: tuple[int, ...] = self.probe.values[i].shape
        return np.asarray(np.random.default_rng((i, 1)).normal(size=shape))

    def judge(self, i: int, claim: np.ndarray, eps: float, dtype: str) -> Trial:
        """Hold one claimed gradient of precision `eps` against the reference."""
        shape = self.probe.values[i].shape
        expected = np.full(shape, np.nan) if self.exact is None else self.exact[i]
        trial = Trial(self, i, dtype, claim, expected)
        if claim.shape != shape:
            trial.wrong = True
            for index in islice(np.ndindex(shape), 0 if self.exact else SHOWN):
                expected[index] = self.slope(i, index).value
        elif self.exact is not None:
            self._against_exact(i, trial, eps)
        else:
            self._against_differences(i, trial, eps)
        return trial

    def _against_exact(self, i: int, trial: Trial, eps: float) -> None:
        expected, bound = trial.expected, np.zeros(trial.expected.shape)
        if self.graph is None:
            size = np.abs(expected) + self._estimated_spread(i, trial, eps)
            bound = MARGIN * eps * size
            apart = np.abs(trial.claim - expected) > bound
            if not apart.all():  # there the library's function may be another, nearly
                bound = np.where(apart, np.maximum(bound, LIBRARY * size), bound)
        elif i in self.twins:
            bound = self.rounding.blur(self.twins[i], eps).tolerance
        bound = np.maximum(bound, self.court.allowance.of(expected))
        distance = np.abs(trial.claim - expected)
        off = ~(distance <= bound)
        suspects = np.random.default_rng(i).permutation(np.argwhere(off))  # in every dtype alike
        for looked, at in enumerate(suspects):  # one that is no kink is enough
            index = tuple(map(int, at))
            late = self.clock.past() and looked >= SUSPECTS
            slope = differences.UNKNOWN if late else self.slope(i, index)
            if slope.known and not slope.distance(float(trial.claim[index])) <= bound[index]:
                break
            off[index] = False
            (trial.kinked if slope.known else trial.unsettled).add(index)
        trial.settle(off, distance, bound)

    def _against_differences(self, i: int, trial: Trial, eps: float) -> None:
        claim, shape, expected = trial.claim, trial.claim.shape, trial.expected
        spread, allowance = self._estimated_spread(i, trial, eps), self.court.allowance
        draw = np.random.default_rng(i)  # in every dtype the same entries, and direction
        picks = draw.choice(claim.size, min(claim.size, self.court.entries), replace=False)
        picks = np.concatenate([np.flatnonzero(~np.isfinite(claim))[:1], picks])
        chosen = [tuple(map(int, at)) for at in np.argwhere(np.ones(shape))[picks]]
        sampled, agrees = len(chosen) < claim.size, None
        share, fewest = 1.0, FEWEST
        if sampled and self.probe.large:  # one direction says more than many entries
            agrees = self._agrees_along(i, trial, eps, spread)
            share, fewest = (HALF, FEWEST) if agrees is None else (SHARE, 1)
        bound, distance, off = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
        for tried, index in enumerate(chosen):
            if self.clock.past(share) and tried >= fewest:
                break
            slope = self.slope(i, index)
            slack = MARGIN * eps * (abs(slope.value) + spread[index])
            slack = max(slack, float(allowance.of(slope.value)))
            off[index] = slope.known and not slope.distance(float(claim[index])) <= slack
            if off[index] and agrees is not False:
                slope = self.slope(i, index, first=1)  # cry wolf twice
            if not slope.known:
                trial.unsettled.add(index)
                off[index] = False
                continue
            if not slope.smooth:
                trial.kinked.add(index)
            expected[index], bound[index] = slope.value, slack + slope.error
            distance[index] = slope.distance(float(claim[index]))
            off[index] = not distance[index] <= slack
        trial.settle(off, distance, bound)
        if sampled and not off.any():
            agrees = self._agrees_along(i, trial, eps, spread) if agrees is None else agrees
            trial.wrong = trial.elsewhere = agrees is False

    def _agrees_along(self, i: int, trial: Trial, eps: float, spread: np.ndarray) -> bool | None:
        """Whether the claim agrees along a random direction; None where that does not settle."""
        slope, direction, claim = self.slope(i, None, first=1), self._direction(i), trial.claim
        finite = np.where(np.isfinite(claim), claim, 0.0)
        bounds = MARGIN * eps * (np.abs(finite) + spread)
        bounds = np.maximum(bounds, self.court.allowance.of(finite))
        if not (slope.known and slope.smooth):
            return None
        claimed = float(np.sum(claim * direction))
        return slope.distance(claimed) <= float(np.sum(np.abs(direction) * bounds))

    def _estimated_spread(self, i: int, trial: Trial, eps: float) -> np.ndarray:
        """How far each entry moves, per unit of relative change, when all data moves by a few times
        its precision: from backward itself, which rounds then as it does. No more than `RESTLESS`
        times the gradient, so that none excuses itself."""
        claim, nudge = trial.claim, NUDGE * eps
        size = float(np.max(np.abs(claim), initial=0.0, where=np.isfinite(claim)))
        largest = max(self.court.largest.get(i, 0.0), size)
        self.court.largest[i] = largest
        spread = np.full(claim.shape, largest)
        for moved in self._nudged(nudge, trial.dtype):
            change = np.abs((claim if moved[i] is None else moved[i]) - claim) / nudge
            spread = np.maximum(spread, np.where(np.isfinite(change), change, 0.0))
        return np.asarray(np.minimum(spread, RESTLESS * largest))

    def _nudged(self, nudge: float, dtype: str) -> list[list[np.ndarray | None]]:
        """The claims on data that is moved by `nudge`, relatively: for all inputs the same."""

        def nudged(v: np.ndarray) -> np.ndarray:
            return np.asarray(v * (1 + nudge * self.rng.normal(size=v.shape)))

        for _ in range(ROUNDINGS if dtype not in self.moved else 0):
            probe = self.probe.moved({k: nudged(v) for k, v in self.probe.arrays.items()})
            found = self.function.gradients(probe.cast(dtype), list(map(nudged, self.dys)))[0]
            self.moved.setdefault(dtype, []).append(found)
        return self.moved[dtype]


@dataclass(frozen=True)
class Graph:
    """forward as this engine recorded it: the `root`, its gradient `seed` (the upstream, None where
    that is part of the graph), the leaf of each differentiable input, and forward's own names."""

    root: Node
    seed: np.ndarray | None
    leaves: Mapping[int, Node]
    names: Mapping[str, Any] = field(default_factory=dict)


def record(function: Function, probe: Probe, dys: list[np.ndarray]) -> Graph | None:
    """The graph of forward; None when it does not run on Tensors."""
    leaves = {i: Tensor(v, name=function.names[i]) for i, v in probe.arrays.items()}
    flat = [leaves.get(i, t) for i, t in enumerate(copy.deepcopy(probe.templates))]
    try:
        with watched(function.written.forward) as names:
            result = function.result(flat)
        ys = list(result)[: function.outputs] if isinstance(result, (tuple, list)) else [result]
        if len(ys) != len(dys) or any(y.shape != d.shape for y, d in zip(ys, dys, strict=True)):
            return None
        first, *others = [(y * d).sum() for y, d in zip(ys, dys, strict=True)]
        root, seed = (sum(others, first), None) if others else (ys[0], dys[0])
    except Exception:  # whatever forward does that a Tensor does not
        return None
    recorded = isinstance(root, Tensor) and root.op is not None
    return Graph(root, seed, leaves, names) if recorded else None


def standing_for(oracle: Oracle, *known: np.ndarray) -> Graph | None:
    """A graph of the inputs that has their gradients, of the sum of their products with these, and
    that knows some arrays: as factors of 0. None where only differences give gradients, and that
    takes long."""
    found = _by_differences(oracle) if oracle.exact is None else oracle.exact
    if found is None:
        return None
    leaves = {i: Tensor(v, name=oracle.function.names[i]) for i, v in oracle.probe.arrays.items()}
    terms = [leaf.reshape(-1) @ found[i].ravel() for i, leaf in leaves.items()]
    terms += [(0.0 * terms[0] * y).sum() for y in known]
    return Graph(sum(terms[1:], terms[0]), None, dict(leaves))


def _by_differences(oracle: Oracle) -> Mapping[int, np.ndarray] | None:
    """The gradients of the inputs, entry by entry; None where that takes long."""
    found: dict[int, np.ndarray] = {}
    if sum(v.size for v in oracle.probe.arrays.values()) > LARGEST:
        return None
    for i, v in oracle.probe.arrays.items():
        slopes = []
        for index in np.ndindex(v.shape):
            slope = oracle.slope(i, index)
            if oracle.clock.past() or not (slope.known and slope.smooth):
                return None
            slopes.append(slope)
        size = max((abs(s.value) for s in slopes), default=0.0)
        if any(s.error > EXACT * max(size, EXACT) for s in slopes):
            return None
        found[i] = np.reshape([s.value for s in slopes], v.shape)
    return found
