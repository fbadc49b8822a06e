"""Every step of a derivation held against the gradient that its name stands for.

A step that is not right "follows" when it is right as soon as the names above it have their true
values: the derivation is run again below them. A name that is added to (`dW += ...`, or once per
turn of a loop) is judged by what each step adds: a part of the gradient, in any order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...graph.node import Node, raw
from .judged import FEW, FOLLOWS, PARTLY, RIGHT, UNJUDGED, WRONG, Equal, Judged, Multiple, sums_of
from .multiples import Multiples
from .pairing import Pairing
from .pairs import Pairs
from .steps import may_be_gradient, steps
from .trace import Trace
from .truth import Truth, Vector
from .turns import counted
from .updates import scale_of


class Judge:
    """Judges the steps of one run."""

    def __init__(self, trace: Trace, truth: Truth, pairs: Pairs, equal: Equal) -> None:
        self.trace, self.truth, self.pairs, self.equal = trace, truth, pairs, equal
        self.off: list[Judged] = []  # what is not right so far
        self.sign = -1.0  # of what reads like a step down, and is neither added nor subtracted
        self.multiples: dict[int, Multiple] = {}  # that steps stand for, by their place
        self._anew: dict[Judged, Any] = {}

    def run(self) -> list[Judged]:
        """The steps, judged.

        A name in a loop that is no node's is judged by what its values say only where that accounts
        for what is wrong below it, and leaves no more lines wrong.
        """
        rows = self._named()
        if _wrong_lines(rows):
            rows = self._otherwise(rows)
        wrong = [row.index for row in rows if row.verdict == WRONG]
        if wrong:
            guessed = self._run(guessing=True)
            better = {row.index for row in guessed if row.verdict != WRONG}
            fewer = len(_wrong_lines(guessed)) <= len(_wrong_lines(rows))
            if fewer and not better.isdisjoint(wrong):
                return guessed
        return rows

    def _named(self) -> list[Judged]:
        """The steps, judged by what their names say."""
        self.multiples = {}
        while True:
            rows = self._run(guessing=False)
            multiples = Multiples(self.trace, self.truth, self.pairs, self._is, self._again)
            self.multiples = multiples.among(rows)
            misnamed = multiples.misnamed(rows)
            self.pairs.given |= dict.fromkeys((row.step.name for row in misnamed), None)
            if not misnamed:
                return self._run(guessing=False) if self.multiples else rows

    def _otherwise(self, rows: list[Judged]) -> list[Judged]:
        """The steps, judged by what their names may say as well, where that leaves fewer wrong
        lines: a step's size for a step down, an activation for what it was computed from."""
        undirected = [r for r in rows if r.rated is not None and r.step.update is None]
        shifted = self._shifted(rows)
        trials: list[tuple[dict[str, Node], float]] = [({}, 1.0)] * (len(undirected) > 1)
        for given, sign in (*trials, *[(shifted, -1.0)] * bool(shifted)):
            kept = dict(self.pairs.given), self.multiples, self.sign
            self.pairs.given |= given
            self.sign = sign
            again = self._named()
            fewer = len(_wrong_lines(rows)) - len(_wrong_lines(again))
            if fewer > 0 or (fewer == 0 and sign > 0 and self._point_up(undirected)):
                return again
            self.pairs.given, self.multiples, self.sign = kept
        return rows

    def _point_up(self, rows: Sequence[Judged]) -> bool:
        """Whether most steps point where the gradients do."""
        pairs = [(r.step.value, self.truth.gradient(r.node)) for r in rows if r.node is not None]
        return bool(sum(np.sign(np.sum(np.multiply(*pair))) for pair in pairs) > 0)

    def _shifted(self, rows: Sequence[Judged]) -> dict[str, Node]:
        """The names of what is wrong that may be meant for what their activation was computed from:
        da2 = (dz3 @ W3.T) * relu'(z2)."""
        nodes: dict[str, set[Node]] = {}
        for row in rows:
            if row.node is not None and row.step.key is None:
                nodes.setdefault(row.step.name, set()).add(row.node)
        wrong = {row.step.name for row in rows if row.verdict in (WRONG, FOLLOWS)}
        once = {n: of.pop() for n, of in nodes.items() if len(of) == 1}
        found = {n: self._before_activation(once[n]) for n in wrong & once.keys()}
        claimed = self.trace.handed_back
        return {n: of for n, of in found.items() if of is not once[n] and n not in claimed}

    def _before_activation(self, node: Node) -> Node:
        """What a node was computed from entry by entry, up to what has a name."""
        while (of := self._entrywise(node)) is not None:
            node = of
            if node in self.pairs.names:
                break
        return node

    def _entrywise(self, node: Node) -> Node | None:
        """The one node of its shape that a node is computed from, entry by entry."""
        of = [x for x in node.inputs if isinstance(x, Node) and x.shape == node.shape]
        alone = len(of) == 1 and node.op is not None and node.op.elementwise
        return of[0] if alone and of[0] in self.truth.of else None

    def _run(self, *, guessing: bool) -> list[Judged]:
        self.off, self._anew = [], {}
        pairing = Pairing(self.trace, self.truth, self.pairs, self.equal, guessing)
        every = [Judged(i, step) for i, step in enumerate(steps(self.trace))]
        for row in {row.step.of: row for row in every}.values():
            row.final = True
        numeric = [row for row in every if may_be_gradient(row.step.value)]
        turns = pairing.paired(numeric)
        of = {id(row): turn for turn in turns for row in turn}
        own = {r for r in numeric if r.step.inside is None and r.step.update is None}
        numeric = [r for r in numeric if r.node is not None or r in own]
        for row in numeric:
            if row.node is not None:
                row.rated = self._rated(row)
                row.multiple = row.rated or self.multiples.get(row.index)
                self._judge(row, of[id(row)])
            else:
                row.found = pairing.by_value(row.step.value)
        return numeric

    def _rated(self, row: Judged) -> Multiple | None:
        """The multiple of the gradient that an update is, or what is times a rate; what makes a
        right gradient wrong is none."""
        assert row.node is not None
        step, g = row.step, self.truth.gradient(row.node)
        if step.update is None:
            scale, plain = scale_of(step.name, step.line, self.trace, self.sign), 1.0
        else:
            scale = step.update[1]
            plain = float(np.copysign(1.0, scale))
        if scale is None:
            return None
        value = np.asarray(step.value, dtype=float)
        right = (k for k in (scale, plain) if self.equal(row.node, value / k, g))
        k = next(right, scale)
        return None if k == 1 else Multiple(k, None, lambda *_: k)

    # --- the verdicts

    def _judge(self, row: Judged, turn: list[Judged]) -> None:
        assert row.node is not None
        value = row.step.value
        row.off = self.off
        if self._moved_on(row, turn):
            return
        if row.last:
            row.verdict = RIGHT
            if not self._is(row, value):
                again = self._again(row)
                follows = may_be_gradient(again) and self._is(row, again)
                row.verdict = FOLLOWS if follows else WRONG
                self.off.append(row)
            return
        self._judge_part(row, turn)

    def _is(self, row: Judged, value: Any) -> bool:
        """Whether a value is what a step stands for."""
        assert row.node is not None
        return self.equal(row.node, row.unscaled(value), self.truth.gradient(row.node))

    def _moved_on(self, row: Judged, turn: list[Judged]) -> bool:
        """Give a step its node: where the name held its gradient before, and that was changed other
        than by adding to it (dh[h <= 0] = 0), it is what its node was computed from; but where only
        now it holds that, and had a multiple before (dp = dp / n). Whether it stands for nothing:
        what it moved on to cannot be told, and nothing reads it, as after a loop's last turn."""
        assert row.node is not None
        node, g, at = row.node, self.truth.gradient(row.node), turn.index(row)
        of, unread = self._entrywise(node), node.op is not None and self._is_unread(row, turn[:at])
        if (of is None and not unread) or self.equal(node, row.step.value, g):
            return False
        for k, before in enumerate(turn[:at]):
            added = any(r.step.adds or not r.step.builds for r in turn[k + 1 : at + 1])
            values = self._values(before) if unread or not added else ()
            if any(may_be_gradient(v) and counted(g, np.asarray(v)) is not None for v in values):
                if of is None or added:
                    row.node = None
                    return True
                row.node = of
        return False

    def _is_unread(self, row: Judged, before: list[Judged]) -> bool:
        """Whether nothing reads what the last turn of a loop hands on, as it did of other turns."""
        step, own = row.step, row.step.line.statement
        if step.record.users or step.name in self.trace.handed_back:
            return False
        return any(r.step.line.statement is own and r.step.record.users for r in before)

    def _values(self, row: Judged) -> Iterator[Any]:
        """The value of a step that was judged, and what it would be if the names above were right,
        which is asked of it by all that have its name."""
        yield row.step.value
        if row.above:
            if row not in self._anew:
                self._anew[row] = self._again(row)
            yield self._anew[row]

    def _judge_part(self, row: Judged, turn: list[Judged]) -> None:
        """Judge a step before the last of its name."""
        assert row.node is not None
        node, final = row.node, turn[-1]
        parts = self.truth.parts(node)
        at = turn.index(row)
        later = turn[at + 1 :]
        if self.equal(node, row.step.value, self.truth.gradient(node)):
            row.verdict = RIGHT
            return
        if len(parts) < 2 or not all(r.step.adds or not r.step.builds for r in later):
            return
        held = turn[at - 1].parts if at else ()
        sums = sums_of(len(parts), held)
        if at and not row.step.builds:  # it overwrites
            sums = [some for some in sums if set(held or ()) <= set(some)]
        done = self.equal(node, final.step.value, self.truth.gradient(node))
        again = row.step.value if done else self._again(row)
        for value, verdict in ((row.step.value, PARTLY), (again, FOLLOWS)):
            for row.parts in sums:
                if may_be_gradient(value) and self.equal(node, value, row.wanted(self.truth)):
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
            own = row.step.line.statement
            turns = sum(r.step.line.statement is own for r in turn)
            if len(parts) > FEW or turns == len(parts):  # of a loop, which goes through in order
                ahead = not held or (held[-1] > held[-2] if len(held) > 1 else not held[0])
                open_ = [open_[0], open_[-1]] if not held else [open_[0] if ahead else open_[-1]]
            likely = max(open_, key=lambda i: _likeness(row.step.value, base, parts[i]))
            row.parts = (*(held or ()), likely)
        self.off.append(row)

    def _again(self, row: Judged) -> Any:
        """The value of a step if the names above it were right."""
        before = {r.step.record: r.wanted(self.truth) for r in row.above}
        try:
            with np.errstate(all="ignore"):
                return raw(self.trace.again(before, row.step.record))
        except Exception:  # the true values do not fit what follows
            return None


def _wrong_lines(rows: Sequence[Judged]) -> set[ast.AST]:
    return {row.step.instance.statement for row in rows if row.verdict == WRONG}


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
