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

    def line(self, trace: Trace, truth: Truth) -> Line | None:
        """It as it is in a run, on the same data or on other; None where that went another way."""
        known = steps(trace)
        if self.node is None or self.index >= len(known):
            return None
        step = known[self.index]
        if step.instance.statement is not self.step.instance.statement:
            return None
        before = {known[r.index].record: r.wanted(truth) for r in self.above}
        return Line(trace, step.record, step.instance, self.node, self.wanted(truth), before)


class Judge:
    """Judges the steps of one run."""

    def __init__(self, trace: Trace, truth: Truth, pairs: Pairs, equal: Equal) -> None:
        self.trace, self.truth, self.pairs, self.equal = trace, truth, pairs, equal
        self.off: list[Judged] = []  # what is not right so far
        self.guessing = False  # whether names in loops stand for what their values say

    def run(self, whole: Node | None = None) -> list[Judged]:
        """The steps, judged; `whole` is what a returned value without a name stands for.

        A name in a loop that is no node's is judged by what its values say only where that accounts
        for what is wrong below it.
        """
        rows = self._run(whole)
        wrong = [row.index for row in rows if row.verdict == WRONG]
        if wrong:
            self.guessing = True
            guessed = self._run(whole)
            by_index = {row.index: row for row in guessed}
            if any(by_index[index].verdict != WRONG for index in wrong):
                self._only_what_counts(guessed, {row.index for row in rows if row.node is not None})
                return guessed
        return rows

    def _run(self, whole: Node | None) -> list[Judged]:
        self.off = []
        every = [Judged(i, step) for i, step in enumerate(steps(self.trace))]
        numeric = [row for row in every if is_numeric(row.step.value)]
        turns = self._paired(numeric, whole)
        of = {id(row): turn for turn in turns for row in turn}
        for row in numeric:
            if row.node is not None:
                self._judge(row, of[id(row)])
            else:
                row.found = self._by_value(row.step.value)
        return numeric

    def _only_what_counts(self, rows: list[Judged], named: set[int]) -> None:
        """Take back what was guessed of steps that nothing follows from."""
        follows = [row for row in rows if row.verdict == FOLLOWS and row.index in named]
        felt: set[Record] = set().union(*(self.trace.above(row.step.record) for row in follows))
        for row in rows:
            if (
                row.verdict in (WRONG, FOLLOWS)
                and row.index not in named
                and row.step.record not in felt
            ):
                row.verdict = UNJUDGED

    # --- which node a step stands for

    def _paired(self, rows: list[Judged], whole: Node | None) -> list[list[Judged]]:
        """The steps that build one gradient up, each time it is built, given their node."""
        self._learn_from_keys(rows)
        groups: dict[tuple[str, Any], list[Judged]] = {}
        for row in rows:
            groups.setdefault((row.step.name, row.step.key), []).append(row)
        chosen = {names: self._nodes(*names, group, whole) for names, group in groups.items()}
        taken = {node for nodes, _ in chosen.values() for node in nodes}
        found: list[list[Judged]] = []
        for (name, key), (nodes, turns) in chosen.items():
            if not nodes and key is None:
                loose = self.pairs.loosely(name, np.shape(turns[-1][-1].step.value))
                nodes = [] if loose is None or loose in taken else [loose]
            if not nodes and len(turns) > 1 and self.guessing:
                nodes = self._nameless(turns)
            if nodes:
                found += self._matched(turns, nodes)
        return found

    def _nameless(self, turns: list[list[Judged]]) -> list[Node]:
        """What a name in a loop stands for by its values: those nodes made alike of which it is the
        gradient most often."""
        values = [turn[-1].step.value for turn in turns]
        found: list[tuple[int, list[Node]]] = []
        for node in self._order:
            if any(self.equal(node, v, self.truth.gradient(node)) for v in values[:FEW]):
                alike = self._alike(node)
                hits = sum(
                    self.equal(n, v, self.truth.gradient(n))
                    for n, v in zip(alike, values, strict=False)
                )
                found.append((hits, alike))
        return max(reversed(found), key=lambda f: f[0], default=(0, []))[
            1
        ]  # the farthest of equals

    def _alike(self, node: Node | None) -> list[Node]:
        """The nodes that are made as one is: by the same operations, in its shape."""

        def made(x: Node) -> Any:
            return x.op, x.shape, [p.op if isinstance(p, Node) else None for p in x.inputs]

        if node is None or node.op is None:
            return []
        return [x for x in self._order if made(x) == made(node)]

    def _nodes(
        self, name: str, key: Any, group: list[Judged], whole: Node | None
    ) -> tuple[list[Node], list[list[Judged]]]:
        """The nodes that a name or a key stands for one after the other, and its steps for each."""
        if key is None and name:
            return self._in_turn(name, group)
        node = whole if key is None else self.pairs.named(key)
        return ([] if node is None else [node]), [group]

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
        """The same for a name: one node, or one for each turn of a loop."""
        turns: list[list[Judged]] = []
        for row in group:
            if not turns or not row.step.builds:
                turns.append([])
            turns[-1].append(row)
        node = self.pairs.node(name)
        if len(turns) == 1:
            return ([] if node is None else [node]), turns
        if len({id(turn[-1].step.instance.statement) for turn in turns}) < len(turns):  # a loop
            family = self.pairs.family(name, self._alike(node), self._order)
            if len(family) > 1:
                return family, turns
        turns = self._overwritten(turns, node)
        return ([] if node is None else [node]), turns

    def _overwritten(self, turns: list[list[Judged]], node: Node | None) -> list[list[Judged]]:
        """The turns of a name that stands for one node: those that one overwrites, though they are
        parts of the gradient, go before it; others are of something else."""
        if node is None or self.equal(node, turns[-1][-1].step.value, self.truth.gradient(node)):
            return turns if node is None else turns[-1:]
        sums = self._sums(len(self.truth.parts(node)), ())[1:]
        held: list[Judged] = []
        for turn in turns[:-1]:
            for row in turn:
                row.node = node
                for row.parts in sums:
                    if self.equal(node, row.step.value, row.wanted(self.truth)):
                        row.last = False
                        held.append(row)
                        break
                else:
                    row.node = row.parts = None
        return [[*held, *turns[-1]]]

    @property
    def _order(self) -> list[Node]:
        """The user's nodes, those next to the loss first."""
        tape = self.truth.tape
        known = [n for n, twin in self.truth.of.items() if twin in tape.g]
        return sorted(known, key=lambda n: tape.position[self.truth.of[n]])

    def _matched(self, turns: list[list[Judged]], nodes: list[Node]) -> Iterator[list[Judged]]:
        """Give every turn its node: one that it is right for, or else the next."""
        at, open_ = 0, len(turns) > len(nodes) + 1 > 2  # which turn is whose cannot be told
        for turn in turns if len(nodes) > 1 else turns[-1:]:
            value = turn[-1].step.value
            right = (
                i
                for i in range(at, len(nodes))
                if self.equal(nodes[i], value, self.truth.gradient(nodes[i]))
            )
            i = next(right, None if open_ else at) if len(nodes) > 1 else 0
            if i is None:
                continue
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
        value = row.step.value
        row.above = list(self.off)
        node = self._moved_on(row, turn)
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

    def _moved_on(self, row: Judged, turn: list[Judged]) -> Node:
        """The node of a step: where the name held its gradient before, and that was changed other
        than by adding to it (dh[h <= 0] = 0), it is what its node was computed from."""
        assert row.node is not None
        at, node = turn.index(row), row.node
        for k, before in enumerate(turn[:at]):
            later = turn[k + 1 : at + 1]
            if any(r.step.adds or not r.step.builds for r in later):
                continue
            if self.equal(node, before.step.value, self.truth.gradient(node)):
                of = [x for x in node.inputs if isinstance(x, Node) and x.shape == node.shape]
                if len(of) == 1 and node.op is not None and node.op.elementwise:
                    row.node = of[0]
        return row.node

    def _judge_part(self, row: Judged, turn: list[Judged]) -> None:
        """Judge a step before the last of its name."""
        assert row.node is not None
        node, final = row.node, turn[-1]
        parts = self.truth.parts(node)
        at = turn.index(row)
        later = turn[at + 1 :]
        if len(parts) < 2 or not all(r.step.adds or not r.step.builds for r in later):
            return
        held = turn[at - 1].parts if at else ()
        sums = self._sums(len(parts), held)
        if at and not row.step.builds:  # it overwrites
            sums = [some for some in sums if set(held or ()) <= set(some)]
        done = self.equal(node, final.step.value, self.truth.gradient(node))
        again = row.step.value if done else self._again(row)
        for value, verdict in ((row.step.value, PARTLY), (again, FOLLOWS)):
            for row.parts in sums:
                if is_numeric(value) and self.equal(node, value, row.wanted(self.truth)):
                    row.verdict = verdict if row.parts else UNJUDGED
                    if verdict is FOLLOWS:
                        self.off.append(row)
                    return
        if done:
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
