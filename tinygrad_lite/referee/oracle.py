"""The reference that a backward pass is held against: this engine, or differences of forward."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from .. import differences
from ..check.rounding import MARGIN, Rounding
from ..check.tape import Tape
from ..tensor import Tensor
from .hints import Graph, Trial
from .probes import Function, Probe, size_of

ROUNDINGS = 3  # draws from which the conditioning is measured
NUDGE = 1e-6  # the relative size of those draws
RESTLESS = 1000  # times the gradient: no more is believed of the conditioning
DIGITS = 1e-9  # how closely differences have to agree with the engine


class Oracle:
    """The gradients of sum(dy * forward) on one probe, in float64."""

    def __init__(
        self,
        function: Function,
        probe: Probe,
        dys: list[np.ndarray],
        entries: int,
        rng: np.random.Generator,
    ) -> None:
        self.function, self.probe, self.dys = function, probe, dys
        self.entries, self.rng = entries, rng
        self.graph = record(function, probe, dys)
        self.exact: list[Any] | None = None
        if self.graph is not None:
            E, leaves = self.graph
            tape = Tape(E, names={})
            twins = [None if x is None else tape.twin.get(x) for x in leaves]
            self.exact = [
                tape.g[t] if t in tape.g else np.zeros(np.shape(v))
                for t, v in zip(twins, probe.values, strict=True)
            ]
            if all(map(self._agrees, range(len(leaves)))):
                self.rounding = Rounding(tape, [t for t in twins if t is not None and t in tape.g])
                self.twins = twins
            else:
                self.exact = self.graph = None
        self.kind = "differences" if self.exact is None else "this engine"

    def along(self, i: int, direction: np.ndarray, *, first: float) -> differences.Slope:
        """The derivative along a direction of input i, by differences."""
        x = self.probe.values[i]

        def phi(t: float) -> float:
            moved = self.probe.moved({i: x + t * direction}, "")
            ys = self.function.value(moved.cast(self.function.wide))[0]
            self.precision = max(
                float(np.finfo(y.dtype).eps) if y.dtype.kind == "f" else 0.0 for y in ys
            )
            return float(sum(np.sum(d * y) for d, y in zip(self.dys, ys, strict=True)))

        phi(0.0)
        scale = size_of(x) / max(1.0, float(np.linalg.norm(direction)))
        return differences.slope(phi, scale, first=first, eps=self.precision)

    def _agrees(self, i: int) -> bool:
        """Whether differences along a random direction confirm the engine for input i."""
        if self.exact is None or not self.probe.floats[i]:
            return True
        direction = np.asarray(self.rng.normal(size=self.probe.values[i].shape))
        slope = self.along(i, direction, first=differences.FIRST_STEP)
        terms = self.exact[i] * direction
        slack = DIGITS * float(np.abs(terms).sum())
        return not slope.known or slope.distance(float(terms.sum())) <= slack

    def entry(self, i: int, index: tuple[int, ...], *, first: float) -> differences.Slope:
        """The derivative with respect to one entry, by differences."""
        direction = np.zeros(self.probe.values[i].shape)
        direction[index] = 1.0
        return self.along(i, direction, first=first)

    def _estimated_spread(self, i: int, claim: np.ndarray) -> np.ndarray:
        """How far each entry moves when all data moves, per unit of relative change, from backward
        itself; no more than `RESTLESS` times the gradient, so that none excuses itself."""
        calm = self.function.gradients(self.probe.cast(self.function.wide), self.dys)[i]
        spread = np.full(claim.shape, 0.1 * float(np.max(np.abs(claim), initial=0.0)))
        for _ in range(ROUNDINGS):
            nudged = {
                k: v * (1 + NUDGE * self.rng.normal(size=v.shape))
                for k, v in enumerate(self.probe.values)
                if self.probe.floats[k]
            }
            dys = [d * (1 + NUDGE * self.rng.normal(size=d.shape)) for d in self.dys]
            arguments = self.probe.moved(nudged, "").cast(self.function.wide)
            moved = self.function.gradients(arguments, dys)[i]
            if calm is not None and moved is not None:
                change = np.abs(moved - calm) / NUDGE
                spread = np.maximum(spread, np.where(np.isfinite(change), change, 0.0))
        return np.asarray(np.minimum(spread, RESTLESS * np.max(np.abs(claim), initial=0.0)))

    def judge(self, i: int, claim: np.ndarray, eps: float, dtype: str) -> Trial:
        """Hold one claimed gradient against the reference."""
        x = self.probe.values[i]
        expected = np.full(x.shape, np.nan) if self.exact is None else self.exact[i]
        trial = Trial(
            *(self.function.names[i], dtype, claim.astype(np.float64), x),
            *(self.probe, self.dys, self.graph, expected),
        )
        if claim.shape != x.shape:
            trial.wrong = True
        elif self.exact is not None:
            self._against_engine(i, trial, eps)
        else:
            self._against_differences(i, trial, self._estimated_spread(i, claim), eps)
        return trial

    def _against_engine(self, i: int, trial: Trial, eps: float) -> None:
        expected = trial.expected
        twin = self.twins[i]
        bound = np.zeros(expected.shape)
        if twin is not None and twin in self.rounding.tape.g:
            bound = self.rounding.blur(twin, eps).tolerance
        off = ~(np.abs(trial.claim - expected) <= bound)
        for index in map(tuple, np.argwhere(off)[:200]):
            slope = self.entry(i, index, first=differences.FIRST_STEP)
            if not slope.known or slope.distance(float(trial.claim[index])) <= bound[index]:
                off[index] = False
                trial.kinked.add(index)
        trial.settle(off, np.abs(trial.claim - expected), bound)

    def _against_differences(self, i: int, trial: Trial, spread: np.ndarray, eps: float) -> None:
        claim, shape, expected = trial.claim, trial.claim.shape, trial.expected
        everywhere = chosen = list(np.ndindex(*shape))
        if len(everywhere) > self.entries:
            picks = self.rng.choice(len(everywhere), size=self.entries, replace=False)
            chosen = [everywhere[k] for k in picks]
        bound, distance, off = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
        for index in chosen:
            slope = self.entry(i, index, first=differences.FIRST_STEP)
            slack = MARGIN * eps * (abs(slope.value) + spread[index])
            if slope.known and not slope.distance(float(claim[index])) <= slack:
                slope = self.entry(i, index, first=0.3 * differences.FIRST_STEP)  # cry wolf twice
            if not slope.known or not slope.smooth:
                trial.kinked.add(index)
            if not slope.known:
                continue
            expected[index], bound[index] = slope.value, slack + slope.error
            distance[index] = slope.distance(float(claim[index]))
            off[index] = not distance[index] <= slack
        trial.settle(off, distance, bound)
        if len(chosen) < len(everywhere) and not off.any():
            direction = np.asarray(self.rng.normal(size=shape))
            slope = self.along(i, direction, first=0.1 * differences.FIRST_STEP)
            allowed = MARGIN * eps * float(np.sum(np.abs(direction) * (np.abs(claim) + spread)))
            if slope.known and slope.smooth:
                claimed = float(np.sum(claim * direction))
                trial.wrong = trial.elsewhere = not slope.distance(claimed) <= allowed


def record(function: Function, probe: Probe, dys: list[np.ndarray]) -> Graph | None:
    """sum(dy * forward) recorded by this engine, and its leaves (None for a constant input); None
    when `forward` does not run on Tensors."""
    leaves = [
        Tensor(v, name=name) if d else None
        for v, d, name in zip(probe.values, probe.floats, function.names, strict=True)
    ]
    arguments = [
        t if x is None else x for x, t in zip(leaves, copy.deepcopy(probe.templates), strict=True)
    ]
    try:
        result = function.forward(*arguments)
        ys = list(result)[: function.outputs] if isinstance(result, (tuple, list)) else [result]
        if len(ys) != len(dys) or any(y.shape != d.shape for y, d in zip(ys, dys, strict=True)):
            return None
        E = sum((y * d).sum() for y, d in zip(ys, dys, strict=True))
    except Exception:  # whatever forward does that a Tensor does not
        return None
    return (E, leaves) if isinstance(E, Tensor) and E.op is not None else None
