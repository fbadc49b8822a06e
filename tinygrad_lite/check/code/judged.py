"""A step of a derivation with its verdict, and as a line that should have another value."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...graph.node import Node, raw
from .steps import Step, steps
from .trace import Instance, Record, Trace
from .truth import Truth, Vector

NEAR = 1e-6  # relative to the largest entry: float32 in another order of summation
FEW = 10  # parts of a gradient that are tried in every combination
RIGHT, WRONG, FOLLOWS, PARTLY, UNJUDGED = "right", "wrong", "follows", "partly", ""
UNSEEN = "unseen"  # 0, as the gradient is whatever the step says

Equal = Callable[[Node, Any, Vector], bool]  # whether a value is one, up to rounding and shape


@dataclass(frozen=True, eq=False)
class Line:
    """A step that should be `wanted`, in one run: its record (None where it raised an error), the
    statement's instance, and the true values of what is wrong above it."""

    trace: Trace
    record: Record | None
    instance: Instance
    node: Node
    wanted: Vector
    before: Mapping[Record, Vector]


@dataclass(eq=False, repr=False)
class Judged:
    """A step, by its place among the steps, and the node whose gradient it stands for. `last` where
    the name has its final value; a step before it may be a sum of only some `parts` of it."""

    index: int
    step: Step
    node: Node | None = None
    last: bool = True
    final: bool = False  # no step of its name comes after it
    verdict: str = UNJUDGED
    parts: tuple[int, ...] | None = None
    multiple: Multiple | None = None  # of the gradient that it stands for, where it is none
    rated: Multiple | None = None  # the multiple that it is as an update, times a rate
    found: Node | None = None  # whose gradient it is by its value, where the name says nothing
    off: list[Judged] = field(default_factory=list)  # what is not right, of all steps

    @property
    def above(self) -> list[Judged]:
        """What is not right of the steps before it."""
        return [r for r in self.off if r.index < self.index]

    def _is_apart(self, row: Judged) -> bool:
        return not self.last or row.step.of != self.step.of

    def wanted(self, truth: Truth, trace: Trace | None = None) -> Vector:
        """What it should be, in a run on other data where that is given."""
        assert self.node is not None
        if self.parts is not None:
            return truth.sum(self.node, self.parts)
        whole = truth.gradient(self.node)
        multiple = self.multiple
        if multiple is None:
            return whole
        return whole * (multiple.scale if trace is None else multiple.on(self, trace, truth))

    def unscaled(self, value: Any) -> Any:
        """What a value of it says of the gradient itself."""
        return value if self.multiple is None else np.asarray(value) / self.multiple.scale

    def line(self, trace: Trace, truth: Truth) -> Line | None:
        """It as it is in a run, on the same data or on other; None where that went another way. All
        else is put right, but not what a final value has been built up from: a line that is left
        out may have to stand further down."""
        known = steps(trace)
        step = known[self.index] if self.index < len(known) else None
        if self.final:  # wherever an edit has put it
            step = next((s for s in reversed(known) if s.of == self.step.of), step)
        elif step is not None and step.line.statement is not self.step.line.statement:
            return None
        if self.node is None or step is None:
            return None
        before = self._before(known, step, trace, truth)
        return Line(trace, step.record, step.line, self.node, self.wanted(truth, trace), before)

    def _before(
        self, known: Sequence[Step], step: Step, trace: Trace, truth: Truth
    ) -> dict[Record, Vector]:
        """The true values of what is not right beside a step, in a run."""
        return {
            known[r.index].record: r.wanted(truth, trace)
            for r in self.off
            if r is not self and self._is_apart(r) and r.index < len(known)
            if known[r.index].of == r.step.of and known[r.index].record is not step.record
        }

    def entry(self, trace: Trace, truth: Truth) -> Entry | None:
        """The first entries that were set and are wrong, where an array is set part by part, none
        of them twice."""
        mine = [s for s in steps(trace) if s.of == self.step.of]
        parts = [(s, raw(s.part.value)) for s in mine if s.part is not None]
        if not (self.last and self.parts is None and self.node is not None):
            return None
        if len(parts) < 2 or len(mine) - len(parts) > 1:
            return None
        wanted = np.asarray(self.wanted(truth))
        times = np.zeros(wanted.shape)
        wrong = []
        for step, value in parts:
            part = wanted[step.place]
            np.add.at(times, step.place, 1)
            if np.shape(value) != part.shape or times.max() > 1 or not np.any(part):
                return None  # or the place is wrong
            if not np.allclose(value, part, NEAR, NEAR * np.abs(wanted).max(initial=0)):
                wrong.append(step)
        return Entry(self, steps(trace).index(wrong[0])) if wrong else None

    def end(self, trace: Trace, truth: Truth) -> Line | None:
        """What its name has in the end of a run, where that is right by itself."""
        last = next((s for s in reversed(steps(trace)) if s.of == self.step.of), None)
        if last is None or self.node is None or not (self.final and self.verdict == RIGHT):
            return None
        return Line(trace, last.record, last.instance, self.node, self.wanted(truth, trace), {})


@dataclass(frozen=True, eq=False)
class Entry:
    """Entries of an array that a step set, the first that are wrong, as dx[t] in a loop: a line of
    one turn, where `row` is what the array should be."""

    row: Judged
    index: int

    def line(self, trace: Trace, truth: Truth) -> Line | None:
        """It as it is in a run, on the same data or on other; None where that went another way."""
        known, row = steps(trace), self.row
        step = known[self.index] if self.index < len(known) else row.step
        if step.part is None or step.of != row.step.of or row.node is None:
            return None
        before, wanted = row._before(known, step, trace, truth), row.wanted(truth, trace)
        return Line(trace, step.part, step.instance, row.node, wanted[step.place], before)


@dataclass(frozen=True, eq=False)
class Multiple:
    """What a step stands for that is `scale` times the gradient, as dz = p - y where dW = X.T @ dz
    / m: the step that takes the factor up, none of an update, and the scale of a step `on` other
    data."""

    scale: float
    taken: Judged | None
    on: Callable[[Judged, Trace, Truth], float]

    def __str__(self) -> str:
        if self.taken is None:
            return f"{self.scale:.6g} x the gradient, for a step of descent"
        name, key = self.taken.step.name, self.taken.step.key
        by = f"{name}[{key!r}]" if isinstance(key, str) else name
        where = f"{by} is computed" if by else "it is used"
        return f"{self.scale:.6g} x the gradient, a factor that is taken up where {where}"


def sums_of(count: int, held: tuple[int, ...] | None) -> list[tuple[int, ...]]:
    """What a partial sum may be: nothing, what was held and one more part; of few parts any."""
    found = [(), *((*(held or ()), i) for i in range(count) if i not in (held or ()))]
    if count <= FEW:
        sizes = range(2, count)
        found += itertools.chain(*(itertools.combinations(range(count), k) for k in sizes))
    return found
