"""The edit of the user's source that makes a line right, found on the recorded run.

What the line should have been is carried down its expression by undoing operations, and what would
give that is looked up at each place; where no single value is wanted, an edit is run. What is found
is ranked as a person would put it, and counts only if it is right on fresh data as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ...graph.clock import spent
from ..code.library import name_in
from ..code.source import replaced
from ..code.trace import Record
from ..slips import FAR, FARTHEST, LIKELY, ODD
from .alike import alike
from .composites import whole
from .farther import everywhere, farther, run_farther, run_forwards
from .likely import Ranked
from .looked import Place, looked_up
from .masked import branches, masked
from .places import Values, Vector, setting_of
from .pool import NAME
from .rows import Edit, is_numeric
from .slipped import edits
from .undo import operation
from .whole import heads, left_out, sliced, started, statements
from .written import FAILS, shown

PARTLY = 99  # the grade of what is right on the way and not in the end
DOUBTFUL = 1_000  # that of what may be a coincidence
CONFIRMED = 12  # edits that are confirmed when there is no more time, the likeliest first
DEAREST = 1.0  # two edits are not farther-fetched together
NEAR_BY = 3  # turns of the search that are quick
# Of the time, by each turn's end.
SHARES = (0.33, 0.45, 0.48, 0.62, 0.82, 0.9, 0.95, 1.0)
# What is likelier is not held against what is searched for in the next turns.
ENOUGH = (ODD, FAR, FAR, FAR, ODD + FARTHEST, ODD + FARTHEST, np.inf, np.inf)
SECOND = 0.9  # a second edit costs so much more than the place it has in the table
TERMS = ("add", "subtract")
FACTORS, LEAST = ("multiply", "divide"), 2  # a larger number that is a length is called by its name
SLICES = 6  # that are tried in other lines
FAVOUR = 0.35  # how much likelier an edit may be than its row says


class Hit(NamedTuple):
    """Edits that make the line right on the recorded data, and how far-fetched they are."""

    rank: float
    edits: tuple[Edit, ...]
    grade: int = 0


class Search(Ranked):
    """The edits that reach a goal, the likeliest first."""

    confirmed = 0  # edits that were run on fresh data
    spent = 0.0  # the seconds that it took

    def run(self, turns: int, budget: float) -> Hit | None:
        """The likeliest edit, first where nothing is right yet; else the likeliest two. What was
        not searched for in so many turns, or in the time, is searched for when it is run again."""
        start = spent() - self.spent
        for k, turn in enumerate(self._turns[:turns]):
            self.until = start + SHARES[k] * budget
            for hit in turn:
                if hit is None:
                    break
                self.found.append(hit)
            if min((hit.rank for hit in self.found), default=np.inf) < ENOUGH[k]:
                hit = self._confirmed(self.found)
                if hit is not None and hit.grade < (DOUBTFUL if k > 0 else 1):
                    return hit
        self.spent = spent() - start
        return self.best if turns == len(SHARES) else None

    @property
    def best(self) -> Hit | None:
        """The likeliest of all that were found."""
        return self._confirmed(self.found)

    @cached_property
    def found(self) -> list[Hit]:
        """What makes the line right on the recorded data, so far."""
        return []

    @cached_property
    def _turns(self) -> Sequence[Iterator[Hit | None]]:
        """What is searched for, the likeliest first; None where a turn will be gone on with."""
        free = [e for e in self.places if e not in self.frozen]
        rest = [e for e in self.places if e in self.frozen]
        wanted = self.sought
        return (
            self._near(free, wanted),
            self._statements(),
            self._whole(),
            self._far(free, wanted),
            self._run(free, wanted),
            self._after(),
            chain(self._near(rest, wanted), self._run(rest, wanted)),
            self._two(free),
        )

    def _confirmed(self, hits: Iterable[Hit]) -> Hit | None:
        """The likeliest that is right on the fresh data that tell most."""
        graded = []
        ranked = sorted(hits, key=lambda h: (round(h.rank, 4), -self._line(h)))
        for k, hit in enumerate(ranked):
            grade = self._grade(hit)
            if grade is not None:
                graded.append(hit._replace(grade=grade))
            if grade == 0:
                return self._widest(graded[-1], ranked[k + 1 :])
        return min(graded, key=lambda hit: hit.grade, default=None)

    def _widest(self, hit: Hit, others: Iterable[Hit]) -> Hit:
        """Of what is not much less likely, what puts more right: several lines have one cause."""
        most, best = self._spread(hit), hit
        for other in others:
            if most == self.goal.most or other.rank > hit.rank + ODD:
                break
            if self._spread(other) > most and self._grade(other) == 0:
                most, best = self._spread(other), other
        return best

    def _spread(self, hit: Hit) -> int:
        """How much of all that is wrong an edit puts right."""
        key = tuple((e.place, shown(e.new)) for e in hit.edits)
        if key not in self.spreads:
            self.spreads[key] = self.goal.spread(hit.edits)
        return self.spreads[key]

    def _grade(self, hit: Hit) -> int | None:
        """How much fresh data tell for it; None where they tell against it, and for all but one
        of those that are right here and not in the end."""
        key = tuple((e.place, shown(e.new)) for e in hit.edits)
        if key not in self.grades and (self.confirmed < CONFIRMED or not self.late()):
            whole, grade = self.goal.ends(hit.edits), None
            if whole or PARTLY not in self.grades.values():
                self.confirmed += 1
                grade = self.goal.grade(hit.edits)
            self.grades[key] = grade if whole or grade is None else PARTLY
        return self.grades.get(key)

    def _line(self, hit: Hit) -> int:
        """How far down an edit is: the record of its place, or the first of its line."""
        place = hit.edits[0].place
        records = self.places.get(place)
        if records is None:
            lines = (r for r in self.above if r.instance and r.instance.statement is place)
            return next((r.index for r in lines), -1)
        return records[0].index

    def _near(self, places: Sequence[ast.expr], wanted: Values) -> Iterator[Hit | None]:
        """What one slip may be, undone, and what is looked up: line by line, the last first, so
        that what is found is tried while there is time; None where there is no more."""
        best = np.inf
        for line in self._by_line(places):
            while self.late():
                yield None
            every = (e for p in line for e in chain(self._slips(p), self._lookups(p, wanted)))
            found = [self._ranked(edit) for edit in every]
            self.tried += [edit for edit in found if edit.rank < ODD + FAR]
            run = (p for p in line if self._is_run(p, wanted))
            forwards = (edit for p in run for edit in run_forwards(self._place(p, wanted)))
            likely = [edit for edit in forwards if edit.rank < FARTHEST]
            self.tried += likely
            for some in (found, likely):
                for hit in self._hits(some, wanted, best):
                    best = min(best, hit.rank) if self._stands(hit) else best
                    yield hit

    def _by_line(self, places: Sequence[ast.expr]) -> list[list[ast.expr]]:
        """Places in the groups of the statements that they are in, the last first."""
        found: dict[ast.AST | None, list[ast.expr]] = {}
        for p in reversed(places):
            instance = self.places[p][0].instance
            found.setdefault(None if instance is None else instance.statement, []).append(p)
        return list(found.values())

    def _run(self, places: Sequence[ast.expr], wanted: Values) -> Iterator[Hit]:
        """What is farther-fetched, and is to be run."""
        for p in reversed(places):
            if not self.late() and self._is_run(p, wanted):
                at = self._place(p, wanted)
                if not is_numeric(at.value):  # another edit has made it nothing
                    continue
                far = (edit for edit in run_forwards(at) if edit.rank >= FARTHEST)
                yield from self._hits(chain(far, run_farther(at)), wanted)

    def _far(self, places: Sequence[ast.expr], wanted: Values) -> Iterator[Hit]:
        """What is farther-fetched."""
        for line in self._by_line(places):
            open_ = (p for p in line if not self.late())
            yield from self._hits((e for p in open_ for e in self._farther(p, wanted)), wanted)

    def _hits(self, found: Iterable[Edit], wanted: Values, best: float = np.inf) -> Iterator[Hit]:
        """The edits that reach the goal, up to those that can no longer be the likeliest."""
        for edit in sorted(found, key=lambda edit: edit.rank):
            if edit.rank - FAVOUR > best or self.late():
                return
            if self.reaches(edit, self.base, wanted) and not self._disguised(edit):
                hit = Hit(self.rank(edit, self.base), (self.simplified(edit),))
                if hit.rank < best and self._stands(hit):
                    best = hit.rank
                yield hit

    def _stands(self, hit: Hit) -> bool:
        """Whether a hit is right in the end, on other data too: a coincidence cuts nothing off."""
        return self.goal.ends(hit.edits) and self._grade(hit) == 0

    def _confirming(self, found: Iterable[Edit]) -> Iterator[Hit]:
        """Those of some edits of whole lines that are right; only a run can tell."""
        for edit in found:
            if not self.late() and self.goal.grade((edit,)) is not None:
                yield Hit(edit.rank, (edit,))

    def _statements(self) -> Iterator[Hit]:
        """Assignments that are slips as such."""
        found = (r.instance.statement for r in chain(*self.places.values()) if r.instance)
        return self._confirming(
            e for s in dict.fromkeys(found) for e in statements(s, self.known.constants)
        )

    @cached_property
    def _slices(self) -> list[ast.expr]:
        """The slices that the derivation takes somewhere, and all but the first."""
        nodes = (n for n in ast.walk(self.trace.definition) if isinstance(n, ast.Subscript))
        taken = (n.slice for n in nodes if any(isinstance(x, ast.Slice) for x in ast.walk(n.slice)))
        found = list({ast.dump(e): e for e in taken}.values())[:SLICES]
        return [*found, ast.Slice(ast.Constant(1), None, None)]

    def _after(self) -> Iterator[Hit]:
        """The line's assignment as such a slip, and one more in what is left without it."""
        own = self.goal.record.instance
        found = statements(own.statement, self.known.constants) if own is not None else ()
        for first in sorted(found, key=lambda edit: edit.rank):
            other = self.goal.after(first) if not self.late() else None
            left = (self.until - spent()) / SHARES[0]
            hit = None if other is None else other.run(1, left)
            if hit is not None and len(hit.edits) == 1:
                yield Hit(SECOND + first.rank + hit.rank, _both(first, *hit.edits))
                return

    def _whole(self) -> Iterator[Hit]:
        """Heads of loops, and lines that are left out."""
        numpy = next((name_in(r.instance) for r in self.above if r.instance), "np")
        yield from self._confirming(heads(self.trace, numpy))
        body = getattr(self.trace.definition, "body", None)
        yield from self._confirming(started(body) if isinstance(body, list) else ())
        record = self.goal.record
        if record.instance is not None:
            alike = {n for n, r in record.instance.names.items() if _has_shape(r.value, record)}
            yield from self._confirming(sliced(record.instance.statement, self._slices, alike))
        value = self.value(record)
        found = left_out(self.trace, record, value, self.truth, self.pool, self.constants)
        yield from self._confirming(sorted(found, key=lambda e: e.rank)[:CONFIRMED])

    def _slips(self, e: ast.expr) -> Iterator[Edit]:
        instance, setting = self._place(e, {}).pool.instance, setting_of(self.places[e][0])
        return edits(e, lambda x: instance.value(x, self.base), name_in(instance), setting)

    def _ranked(self, edit: Edit) -> Edit:
        """An edit, far-fetched where it is one number for another that has a name: of factors a
        length for another, or one that is so many times the other, and a term."""
        numbers: list[Any] = [getattr(e, "value", None) for e in (edit.place, edit.new)]
        if not all(type(n) in (int, float) and n for n in numbers):
            return edit
        named = self._place(edit.place, {}).pool.named
        old, new = map(abs, numbers)
        done = {operation(r)[0] for r in self.places[edit.place][0].users}
        lengths = min(old, new) > LEAST and named(old) and named(new)
        ratio = max(new / old, old / new)
        factor = lengths or (ratio > LEAST and not _is_common(new) and named(ratio))
        odd = factor if done & {*FACTORS} else done & {*TERMS} and new > 1 and named(new)
        return edit._replace(rank=edit.rank + FARTHEST) if odd else edit

    def _place(
        self, e: ast.expr, wanted: Mapping[Record, Any], values: Values | None = None
    ) -> Place:
        """A place where what is wanted is known, or else where much is not 0: not a first turn."""
        records = self.places[e]
        known = (r for r in reversed(records) if r in wanted)
        record = next(known, records[len(records) // 2])
        assert record.instance is not None
        value = self.value(record, values)
        return Place(e, value, self.pool(record.instance), self.constants)

    def _sought(self, e: ast.expr, wanted: Values) -> Vector | None:
        """What is wanted of a place, where it was run last of all turns of which that is known."""
        return next((wanted[r] for r in reversed(self.places[e]) if r in wanted), None)

    def _lookups(self, e: ast.expr, wanted: Values) -> Iterator[Edit]:
        at, w = self._place(e, wanted), self._sought(e, wanted)
        if isinstance(e, ast.Name):  # a name that is wrong beside another slip
            names = (i for i in at.pool.items if i.tier == NAME)
            same = (i for i in names if i.value.shape == np.shape(at.value))
            self.tried += [at.edit(at.item(i), "other", ODD + i.rank) for i in same]
        yield from alike(at, at.pool.instance.source.tree)
        if w is not None:
            yield from looked_up(at, w)
            yield from masked(at, w)
            yield from whole(at, w)
        else:
            yield from branches(at, self.places[e][-1], wanted, self.value)

    def _is_run(self, e: ast.expr, wanted: Values) -> bool:
        """Whether edits are to be run: not all is known that is wanted, or other turns may be wrong
        too."""
        records = self.places[e]
        return len(records) > 1 or records[0] in self.loose or self._sought(e, wanted) is None

    def _farther(self, e: ast.expr, wanted: Values) -> Iterator[Edit]:
        at, w = self._place(e, wanted), self._sought(e, wanted)
        self.tried += list(everywhere(at))
        if w is not None:
            yield from farther(at, w)

    def _two(self, places: Sequence[ast.expr]) -> Iterator[Hit]:
        """One edit, the likeliest first, and then what is wanted at each other place."""
        best = np.inf
        inside = {e: set(ast.walk(e)) for e in places}
        self.tried.sort(key=lambda edit: edit.rank)
        slips = {e: [edit for edit in self.tried if edit.place is e] for e in places}
        for first in self.tried:
            if self.late() or first.rank + SECOND > best + LIKELY:
                return
            if first.place not in inside:
                continue
            try:
                values = self.apply(first, self.base)
            except FAILS:
                continue
            if not _finite(self.value(self.goal.record, values)):
                continue
            wanted = self.wanted(values)
            for e in places:
                if e in inside[first.place] or first.place in inside[e]:
                    continue
                at, w = self._place(e, wanted, values), self._sought(e, wanted)
                if w is None or not is_numeric(at.value):
                    continue
                for second in chain(slips[e], looked_up(at, w)):
                    rank = first.rank + second.rank
                    if rank <= DEAREST and self.reaches(second, values, wanted):
                        best = min(best, SECOND + rank)
                        yield Hit(SECOND + rank, (first, second))


def _both(first: Edit, second: Edit) -> tuple[Edit, ...]:
    """Two edits, of which the second may be in what the first has made."""
    if second.place in set(ast.walk(first.new)):
        return (first._replace(new=replaced(first.new, {second.place: second.new})),)
    return first, second


def _has_shape(v: Any, of: Record) -> bool:
    """Whether a value has the shape of a record's."""
    return is_numeric(v) and np.ndim(v) > 0 and np.shape(v) == np.shape(of.value)


def _is_common(n: float) -> bool:
    """Whether it is a number that formulas have."""
    return n in (1, 2, 0.5)


def _finite(v: Any) -> bool:
    return is_numeric(v) and bool(np.isfinite(np.asarray(v, dtype=float)).all())
