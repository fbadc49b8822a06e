"""Steps that stand for a multiple of a gradient: dz = p - y where dW = X.T @ dz / m.

What is computed from a step tells: held at its gradient and at twice that, the others show for
which multiple they are right. That is whole, or one over a whole number: rows, a sign; or a number
that has a name there.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...graph.node import Node, raw
from ..scales import Scales
from .judged import FOLLOWS, RIGHT, UNJUDGED, WRONG, Judged, Multiple
from .pairs import Pairs
from .steps import may_be_gradient, steps
from .trace import Record, Trace
from .truth import Truth
from .turns import counted

TWO = 2  # of a square


@dataclass(eq=False)
class Multiples:
    """Finds them. `is_(row, value)` tells whether a value is what a step stands for, `again(row)`
    what it would be if all above it were right."""

    trace: Trace
    truth: Truth
    pairs: Pairs
    is_: Callable[[Judged, Any], bool]
    again: Callable[[Judged], Any]
    _between: dict[Judged, set[Record]] = field(default_factory=dict)
    _uses: dict[Judged, list[Judged]] = field(default_factory=dict)

    def among(self, rows: Sequence[Judged]) -> dict[int, Multiple]:
        """The multiples that steps stand for, by their place."""
        judged = [r for r in rows if r.node is not None and r.last and r.verdict != UNJUDGED]
        open_ = [r for r in judged if r.rated is None]
        off = [r for r in open_ if r.verdict != RIGHT]
        if off:
            self._follow(judged)
            self._from_below(off)
        return {r.index: r.multiple for r in open_ if r.multiple is not None}

    def misnamed(self, rows: Sequence[Judged]) -> list[Judged]:
        """What its name says is wrong though what is computed from it is right as it is, and would
        not be with the gradient: it stands for something else, the gradient of a part, or for its
        entries in another arrangement."""
        keyed = {r.step.name for r in rows if r.step.returned or r.step.key is not None}
        found = []
        for row in self._uses:
            if row.verdict == WRONG and row.multiple is None and row.final:
                found += [row] * self._is_left(row)
                told = {self._told(row, use) for use in self._uses[row]}
                tell = {(True, False), (True, True)} if self._moved(row) else {(True, False)}
                tells = told & tell or {fits for _, fits in told} == {None}
                if tells and (False, True) not in told and not self._is_claimed(row, keyed):
                    found.append(row)
        return found or self._of_others(rows, keyed)

    def _of_others(self, rows: Sequence[Judged], keyed: set[str]) -> list[Judged]:
        """The same of what is no gradient of a leaf, in any turn of a loop, where all that is wrong
        has a name that is no node's: of what is right in the end something would not be."""
        wrong = [r for r in rows if r.verdict == WRONG and r.multiple is None]
        ends = [r for r in rows if r.verdict == RIGHT and r.final and r.last]
        for row in wrong:
            if row.node is None or row.node.op is None or self._is_claimed(row, keyed):
                return []
            below = self.trace.below([row.step.record])
            felt = [end for end in ends if end.step.record in below]
            if not felt or all(self._told(row, end)[1] for end in felt):
                return []
        return wrong

    def _is_claimed(self, row: Judged, keyed: set[str]) -> bool:
        """Whether a name is a key's, or is handed back, and not under the key of another node, as
        of the first state: {"dh0": dh_next}."""
        name, result = row.step.name, self.trace.result
        site: Any = None if result is None else result.site
        found = zip(site.keys, site.values, strict=True) if isinstance(site, ast.Dict) else ()
        keys = [k for k, e in found if isinstance(e, ast.Name) and e.id == name]
        of = [self.pairs.named(k.value) for k in keys if isinstance(k, ast.Constant)]
        handed = name in self.trace.handed_back and all(x is None or x is row.node for x in of)
        return name in keyed or handed

    def _is_left(self, row: Judged) -> bool:
        """Whether a step only leaves a value in an object, to be carried on, say, where an
        intermediate result is kept too."""
        of = row.step.attribute
        kept = of is not None and not isinstance(of[0], Node) and not row.step.record.users
        return kept and row.node is not None and row.node.op is not None

    def _moved(self, row: Judged) -> bool:
        """Whether a step has the entries of the gradient in another arrangement."""
        assert row.node is not None
        g, value = (np.asarray(x) for x in (self.truth.gradient(row.node), row.step.value))
        other = g.shape != value.shape and g.size == value.size
        return other and np.allclose(np.sort(np.ravel(g)), np.sort(np.ravel(value)))

    def _told(self, row: Judged, use: Judged) -> tuple[bool, bool | None]:
        """Whether what uses a step is right with it as it is, and with the gradient in every turn
        of a loop, None where that does not fit there; where it is not right what else is wrong
        above it is put right."""
        wrong = [r for r in self._uses if r.verdict != RIGHT]
        gradient = {r.step.record: r.wanted(self.truth) for r in wrong if r.step.of == row.step.of}
        beside = [r for r in wrong if use in self._uses[r] and r.step.of != row.step.of]
        beside = [] if use.verdict == RIGHT else beside
        others = {r.step.record: r.wanted(self.truth) for r in beside}
        right, either = (self._is_with(use, x) for x in (others, {**others, **gradient}))
        return bool(right), either

    def _is_with(self, use: Judged, changes: dict[Record, Any]) -> bool | None:
        """Whether a step is right with some changes; None where they do not fit what follows, or
        what it is then its shape."""
        try:
            with np.errstate(all="ignore"):
                value = raw(self.trace.again(changes, use.step.record))
        except Exception:
            return None
        if np.shape(value) != np.shape(use.step.value):
            return None
        return may_be_gradient(value) and self.is_(use, value)

    def _follow(self, judged: Sequence[Judged]) -> None:
        """Note what is computed from each step, with no other in between."""
        records = [r.step.record for r in judged]
        for row in judged:
            felt = {row.step.record, *self.trace.below([row.step.record], blocked=records)}
            self._between[row] = felt - {row.step.record}
            uses = (r for r in judged if not felt.isdisjoint(r.step.record.operands))
            self._uses[row] = [r for r in uses if r.index > row.index]

    def _from_below(self, off: list[Judged]) -> None:
        """Of what is not right: the multiple that it is, or the number of rows, or half of it, that
        all its uses ask for, or one with a name: a 1/N stands there, likelier than that it is one
        too many; where they, being wrong, ask for nothing, what it is. Another number is likelier
        one that they lost: the 2 of a square."""
        rows = {n / k for n in Scales(self.truth.tape).sizes for k in (1, TWO)} - {TWO}
        while off:
            for row in reversed(off):
                row.multiple, votes = None, self._votes(row)
                open_ = votes or {c: use for use in self._uses[row][:1] for c in rows}
                mine = (c for c in open_ if self.is_(row, np.asarray(row.step.value) / c))
                only = next(iter(votes), 1.0)
                told = len(votes) == 1 and only in {*rows, *_called(votes[only])}
                self._set(row, next(mine, only if told else 1.0), open_)
            # What is right if all above is, is so for a multiple too, or is none.
            follows = [r for r in off if r.multiple is not None and r.verdict == FOLLOWS]
            lone = [r for r in follows if not self.is_(r, self.again(r))]
            if not lone:
                break
            off = [r for r in off if r not in lone]
            for row in lone:
                row.multiple = None

    def _set(self, row: Judged, scale: float, by: dict[float, Judged]) -> None:
        row.multiple = None if scale == 1 else Multiple(scale, by[scale], self._on)

    def _votes(self, row: Judged) -> dict[float, Judged]:
        """The multiples for which what uses a step is right, and one that says so for each."""
        votes: dict[float, Judged] = {}
        for other in self._uses[row]:
            scale = self._asked(row, other, self.trace, self.truth)
            if scale:
                votes.setdefault(scale, other)
        return votes

    def _on(self, row: Judged, trace: Trace, truth: Truth) -> float:
        """The multiple in a run on other data: the number of rows may be another."""
        multiple = row.multiple
        taken = None if multiple is None else multiple.taken
        if taken is None or trace is self.trace or len(steps(trace)) <= taken.index:
            return _scale(row)
        return self._asked(row, taken, trace, truth) or _scale(row)

    def _asked(self, row: Judged, other: Judged, trace: Trace, truth: Truth) -> float | None:
        """How many times the gradient a step has to be for another to be right; None where no
        multiple is, 0 where the other does not feel it."""
        assert row.node is not None
        g, known = truth.gradient(row.node), steps(trace)
        record, end = known[row.index].record, known[other.index].record
        beside = [r for r in self._uses if r is not row and other in self._uses[r]]
        changes = {known[r.index].record: r.wanted(truth) for r in beside if r.verdict != RIGHT}
        below = None
        if trace is self.trace:
            felt = self._between[row].union(*(self._between[r] for r in beside))
            below = sorted({*felt, end}, key=lambda r: r.index)
        try:
            with np.errstate(all="ignore"):
                once, twice = (
                    np.asarray(
                        raw(trace.again({**changes, record: c * g}, end, below)), dtype=float
                    )
                    for c in (1, 2)
                )
                if not np.any(twice - once):
                    return 0.0
                wanted = np.asarray(other.wanted(truth))
                return counted(twice - once, wanted - 2 * once + twice, _called(other))
        except Exception:  # the gradient does not fit what follows
            return None


def _scale(row: Judged) -> float:
    return 1.0 if row.multiple is None else row.multiple.scale


def _called(use: Judged) -> set[float]:
    """The numbers with names that the line of a step reads, but lengths, and one over them."""
    at = use.step.instance
    read = {n.id for n in ast.walk(at.statement) if isinstance(n, ast.Name)}
    found = (raw(at.names[n].value) for n in read if n in at.names)
    sizes = {abs(v) for v in found if isinstance(v, float)} - {0.0, 1.0, TWO}
    return {*sizes, *(1 / n for n in sizes)}
