"""Every step of a derivation held against the gradient that its name stands for.

A step that is not right "follows" when it is right as soon as the names above it have their true
values: the derivation is run again below them. A name that is added to (`dW += ...`, or once per
turn of a loop) is judged by what each step adds: a part of the gradient, in any order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...graph.node import Node, raw
from .pairs import Pairs
from .steps import Step, is_numeric, steps
from .trace import Instance, Record, Trace
from .truth import Truth, Vector

FEW = 10  # parts of a gradient that are tried in every combination
RIGHT, WRONG, FOLLOWS, PARTLY, UNJUDGED = "right", "wrong", "follows", "partly", ""

Equal = Callable[[Node, Any, Vector], bool]  # whether a value is one, up to rounding and shape


@dataclass(eq=False)
class Judged:
    """A step, by its place among the steps, and the node whose gradient it stands for. `last` where
    the name has its final value; a step before it may be a sum of only some `parts` of it."""

    index: int
    step: Step
    node: Node | None = None
    last: bool = True
    verdict: str = UNJUDGED
    parts: tuple[int, ...] | None = None
    found: Node | None = None  # whose gradient it is by its value, where the name says nothing
    above: list[Judged] = field(default_factory=list)  # what is not right of the steps before it

    def wanted(self, truth: Truth) -> Vector:
        """What it should be."""
        assert self.node is not None
        if self.parts is None:
            return truth.gradient(self.node)
        parts = truth.parts(self.node)
        return sum((parts[i] for i in self.parts), np.zeros(np.shape(parts[0])))


class Judge:
    """Judges the steps of one run."""

    def __init__(self, trace: Trace, truth: Truth, pairs: Pairs, equal: Equal) -> None:
        self.trace, self.truth, self.pairs, self.equal = trace, truth, pairs, equal
        self.rows = [Judged(i, step) for i, step in enumerate(steps(trace))]
        self.off: list[Judged] = []  # what is not right so far

    def run(self, whole: Node | None = None) -> list[Judged]:
        """The steps, judged; `whole` is what a returned value without a name stands for."""
        numeric = [r for r in self.rows if is_numeric(r.step.value)]
        turns = self._paired(numeric, whole)
        final = {id(row): turn[-1] for turn in turns for row in turn}
        for row in numeric:
            if row.node is not None:
                mates = next(t for t in turns if t[-1] is final[id(row)])
                self._judge(row, mates)
            else:
                row.found = self._by_value(row.step.value)
        return numeric

    # --- which node a step stands for

    def _paired(self, rows: list[Judged], whole: Node | None) -> list[list[Judged]]:
        """The steps that build one gradient up, each time it is built, given their node."""
        self._learn_from_keys(rows)
        groups: dict[tuple[str, Any], list[Judged]] = {}
        for row in rows:
            groups.setdefault((row.step.name, row.step.key), []).append(row)
        found: list[list[Judged]] = []
        for (name, key), group in groups.items():
            if not name and key is None:
                nodes = [whole] if whole is not None else []
                turns = [group]
            elif key is not None:
                nodes = [n for n in (self.pairs.named(key),) if n is not None]
                turns = [group]
            else:
                nodes, turns = self._in_turn(name, group)
            if nodes:
                found += self._matched(turns, nodes)
        return found

    def _learn_from_keys(self, rows: list[Judged]) -> None:
        """A name whose value a dict holds under a key stands for what the key names."""
        named: dict[int, str] = {
            id(r.step.record.value): r.step.name for r in rows if r.step.key is None
        }
        for row in list(rows):
            node = None if row.step.key is None else self.pairs.named(row.step.key)
            name = named.get(id(row.step.record.value))
            if node is not None and name:
                self.pairs.learn(name, node)
                rows.remove(row)  # judged where it has that name

    def _in_turn(self, name: str, group: list[Judged]) -> tuple[list[Node], list[list[Judged]]]:
        """The nodes that a name stands for one after the other, and its steps for each."""
        turns: list[list[Judged]] = []
        seen: set[int] = set()
        for row in group:
            place = id(row.step.instance.statement)
            if place in seen or not turns:
                turns.append([])
                seen = set()
            seen.add(place)
            turns[-1].append(row)
        node = self.pairs.node(name)
        if len(turns) > 1:
            family = self.pairs.family(name, self._order)
            if len(family) > 1:
                return family, turns
        return ([] if node is None else [node]), [group]

    @property
    def _order(self) -> list[Node]:
        """The user's nodes, those next to the loss first."""
        tape = self.truth.tape
        known = [n for n, twin in self.truth.of.items() if twin in tape.g]
        return sorted(known, key=lambda n: tape.position[self.truth.of[n]])

    def _matched(self, turns: list[list[Judged]], nodes: list[Node]) -> Iterator[list[Judged]]:
        """Give every turn its node: one that it is right for, or else the next."""
        at = 0
        for turn in turns:
            value = turn[-1].step.value
            right = (
                i
                for i in range(at, len(nodes))
                if self.equal(nodes[i], value, self.truth.gradient(nodes[i]))
            )
            i = next(right, at) if len(nodes) > 1 else 0
            if i >= len(nodes):
                return
            at = i + 1
            for row in turn:
                row.node, row.last = nodes[i], row is turn[-1]
            yield turn

    def _by_value(self, value: Any) -> Node | None:
        array = np.asarray(value)
        if array.size < 2 or array.dtype.kind != "f" or np.ptp(array) == 0:
            return None
        nodes = (n for n in self._order if not self.truth.jacobians)
        return next((n for n in nodes if self.equal(n, value, self.truth.gradient(n))), None)

    # --- the verdicts

    def _judge(self, row: Judged, turn: list[Judged]) -> None:
        assert row.node is not None
        node, value = row.node, row.step.value
        row.above = list(self.off)
        if row.last:
            truth = self.truth.gradient(node)
            row.verdict = RIGHT
            if not self.equal(node, value, truth):
                again = self._again(row)
                follows = is_numeric(again) and self.equal(node, again, truth)
                row.verdict = FOLLOWS if follows else WRONG
                self.off.append(row)
            return
        self._judge_part(row, turn)

    def _judge_part(self, row: Judged, turn: list[Judged]) -> None:
        """Judge a step before the last of its name."""
        assert row.node is not None
        node, final = row.node, turn[-1]
        row.verdict = PARTLY
        if self.equal(node, final.step.value, self.truth.gradient(node)):
            return
        parts = self.truth.parts(node)
        at = turn.index(row)
        if len(parts) < 2 or not turn[at + 1].step.adds:
            row.verdict = UNJUDGED
            return
        held = turn[at - 1].parts if at else ()
        sums = self._sums(len(parts), held)
        again = self._again(row)
        for value, verdict in ((row.step.value, PARTLY), (again, FOLLOWS)):
            for row.parts in sums:
                if is_numeric(value) and self.equal(node, value, row.wanted(self.truth)):
                    row.verdict = verdict
                    if verdict is FOLLOWS:
                        self.off.append(row)
                    return
        row.parts, row.verdict = held, WRONG
        base = row.wanted(self.truth) if held is not None else np.zeros(np.shape(parts[0]))
        open_ = [i for i in range(len(parts)) if i not in (held or ())]
        if open_:
            likely = max(open_, key=lambda i: _likeness(row.step.value, base, parts[i]))
            row.parts = (*(held or ()), likely)
        self.off.append(row)

    def _sums(self, count: int, held: tuple[int, ...] | None) -> list[tuple[int, ...]]:
        """What a partial sum may be: nothing, what was held and one more part; of few parts any."""
        found = [(), *((*(held or ()), i) for i in range(count) if i not in (held or ()))]
        if count <= FEW:
            sizes = range(2, count)
            found += itertools.chain(*(itertools.combinations(range(count), k) for k in sizes))
        return found

    def _again(self, row: Judged) -> Any:
        """The value of a step if the names above it were right."""
        before = {r.step.record: r.wanted(self.truth) for r in row.above}
        try:
            with np.errstate(all="ignore"):
                return raw(self.trace.again(before, row.step.record))
        except Exception:  # the true values do not fit what follows
            return None


def _likeness(value: Any, base: Vector, part: Vector) -> float:
    """How nearly what was added points where a part does."""
    try:
        added = np.ravel(np.asarray(value, dtype=float) - base)
    except ValueError:
        return -1.0
    if added.shape != np.ravel(part).shape:
        return -1.0
    size = float(np.linalg.norm(added) * np.linalg.norm(part)) or 1.0
    return abs(float(added @ np.ravel(part))) / size


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


def line(row: Judged, trace: Trace, truth: Truth) -> Line | None:
    """A judged step as it is in a run, on the same data or on other; None where that went another
    way."""
    known = steps(trace)
    if row.node is None or row.index >= len(known):
        return None
    step = known[row.index]
    if step.instance.statement is not row.step.instance.statement:
        return None
    before = {known[r.index].record: r.wanted(truth) for r in row.above}
    return Line(trace, step.record, step.instance, row.node, row.wanted(truth), before)
