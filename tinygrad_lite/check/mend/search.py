"""The edit of the user's source that makes a line right, found on the recorded run.

What the line should have been is carried down its expression by undoing operations, and what would
give that is looked up at each place; where no single value is wanted, an edit is run. What is found
is ranked as a person would put it, and counts only if it is right on fresh data as well.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ..code.expressions import same
from ..code.trace import Instance, Record, Trace
from ..slips import FAR, FARTHEST, LIKELY, NEAR, ODD
from .alike import alike
from .farther import everywhere, farther, run_forwards
from .known import Known, Role, agrees
from .looked import Place, looked_up, proportional
from .pool import NAME, Pool
from .rows import Edit, edits, is_numeric, settings
from .undo import undone
from .whole import heads, left_out, lists, statements
from .written import FAILS, shown

Vector = Any  # a NumPy array, or a number
Values = dict[Record, Any]  # what some records have instead
Edits = Sequence[Edit]

CONFIRMED = 12  # edits that are confirmed at most, the likeliest first
DEAREST = 1.0  # two edits are not farther-fetched together
SHARES = (0.5, 0.6, 0.8, 0.9, 0.9, 1.0)  # of the time, by the end of each turn of the search
ENOUGH = 0.6  # what is likelier is not held against what is searched for next
SECOND = 0.9  # a second edit costs so much more than the place it has in the table
FAVOUR = 0.35  # how much likelier an edit may be than its row says
GROWS = 4  # how many times the entries of a place or of the goal an edit may give
SHORT = 5  # parts of an expression of another line that may be a size
LONG = 0.004  # what every token of the place that is replaced costs


class Hit(NamedTuple):
    """Edits that make the line right on the recorded data, and how far-fetched they are."""

    rank: float
    edits: tuple[Edit, ...]


@dataclass(eq=False)
class Goal:
    """A line to mend: what it assigns, what that should be, and where edits may be made.

    `confirms(edits)` runs the derivation with them on fresh data. `changed` are earlier records
    that have been set right; `outside` are names that the derivation reads beside its own.
    """

    trace: Trace
    record: Record
    truth: Vector
    confirms: Callable[[Edits], bool]
    known: Known
    allowed: Callable[[Record], bool] = lambda record: True
    changed: Mapping[Record, Any] = field(default_factory=dict)
    outside: Sequence[str] = ()
    budget: float = 2.0


class Search:
    """The edits that reach a goal, the likeliest first."""

    def __init__(self, goal: Goal) -> None:
        self.goal, self.trace, self.known = goal, goal.trace, goal.known
        self.truth = np.asarray(goal.truth, dtype=float)
        self.base: Values = dict(goal.changed)
        self.until = time.thread_time() + goal.budget
        above = self.trace.above(goal.record)
        self.above = sorted(above, key=lambda r: r.index)
        self.within = above
        self.pools: dict[int, Pool] = {}
        self.tried: list[Edit] = []  # what may be the first of two edits
        self.refused: set[tuple[tuple[ast.AST, str], ...]] = set()  # not right on fresh data
        self._below: dict[ast.expr, list[Record]] = {}
        if self.base:
            self.base = self._rerun(self.trace.below(self.base, goal.record), self.base)

    def late(self) -> bool:
        """Whether the time is up."""
        return time.thread_time() > self.until

    # --- places

    @cached_property
    def places(self) -> dict[ast.expr, list[Record]]:
        """The expressions of the line, and their records."""
        found: dict[ast.expr, list[Record]] = {}
        for r in self.above:
            if r.site is None or not self.goal.allowed(r) or not is_numeric(r.value):
                continue
            if _setting(r) not in ("axis", "target"):
                found.setdefault(r.site, []).append(r)
        return found

    @cached_property
    def frozen(self) -> set[ast.expr]:
        """What lies inside of a part whose value is right already."""
        found: set[ast.expr] = set()
        for e, records in self.places.items():
            if len(records) != 1 or not isinstance(e, (ast.BinOp, ast.Call)):
                continue
            if np.size(records[0].value) < 2:
                continue
            if self.known.role(self.value(records[0])) and not self._is_goal(records[0]):
                found.update(x for x in ast.walk(e) if x is not e and isinstance(x, ast.expr))
        return found

    def _is_goal(self, record: Record) -> bool:
        """Whether a record is all of the goal."""
        at = self.goal.record
        while at is not record and len(at.operands) == 1 and at.value is at.operands[0].value:
            at = at.operands[0]
        return at is record

    def value(self, record: Record, values: Values | None = None) -> Any:
        """A record's value, with what was set right before it."""
        if values is not None and record in values:
            return values[record]
        return self.base.get(record, record.value)

    def pool(self, instance: Instance) -> Pool:
        """What can be looked up where a record was made."""
        key = id(instance)
        if key not in self.pools:
            numpy = self.numpy(instance)
            self.pools[key] = Pool(instance, self.goal.outside, numpy, self._elsewhere)
        return self.pools[key]

    @cached_property
    def _elsewhere(self) -> list[ast.expr]:
        """Entries, transposes and sizes that the derivation has somewhere."""
        tree: Any = self.trace.definition
        sorts = (ast.Subscript, ast.Attribute, ast.BinOp, ast.Call)
        found = (n for n in ast.walk(tree) if isinstance(n, sorts))
        return list({ast.dump(e): e for e in found if _is_read(e)}.values())

    def numpy(self, instance: Instance) -> str:
        """What NumPy is called there."""
        for name, record in instance.names.items():
            if record.value is np:
                return name
        for name in ("np", "numpy", "xp"):
            try:
                if instance.outside(name) is np:
                    return name
            except (KeyError, AttributeError):
                continue
        return "np"

    @cached_property
    def constants(self) -> frozenset[float]:
        """The numbers that may be factors."""
        values = (r.value for r in self.above if isinstance(r.site, ast.Constant))
        numbers = {abs(float(v)) for v in values if type(v) in (int, float)}
        found = {2.0, 0.5, 3.0, 4.0} | numbers | self.known.constants
        found |= {2 * c for c in found} | {c / 2 for c in found} | {1 / c for c in found if c}
        return frozenset(found - {0.0, 1.0})

    # --- what a place should be, and what an edit gives

    def wanted(self, values: Values) -> Values:
        """What records should have been for the goal to be right, as far as that can be told."""
        found: Values = {self.goal.record: self.truth}
        for r in reversed(self.above):
            if r not in found:
                continue
            operands = [self.value(x, values) for x in r.operands]
            for k, x in enumerate(r.operands):
                if x in found or (not x.operands and x.site is None):
                    continue
                if sum(u in self.within for u in x.users) == 1:
                    w = found[r] if r.compute is same else undone(r, found[r], operands, k)
                    if w is not None:
                        found[x] = w
        return found

    def apply(self, edit: Edit, values: Values) -> Values:
        """The values of what feels an edit."""
        if edit.place not in self._below:
            records = self.places[edit.place]
            below = {*self.trace.below(records, self.goal.record), *records}
            self._below[edit.place] = sorted(below, key=lambda r: r.index)
        return self._rerun(self._below[edit.place], values, edit)

    def _rerun(self, below: Iterable[Record], values: Values, edit: Edit | None = None) -> Values:
        new = dict(values)
        for r in below:
            if edit is not None and r.site is edit.place and r.instance is not None:
                new[r] = r.instance.value(edit.new, new)
                if np.size(new[r]) > GROWS * max(np.size(r.value), self.truth.size):
                    raise ValueError("so many entries")
            elif r not in self.goal.changed:
                new[r] = r.compute(*[new.get(x, x.value) for x in r.operands])
        return new

    def reaches(self, edit: Edit, values: Values, wanted: Values) -> bool:
        """Whether the goal is right with an edit, on the recorded data."""
        records = self.places[edit.place]
        try:
            if len(records) == 1 and records[0] in wanted and records[0].instance is not None:
                made = records[0].instance.value(edit.new, values)
                if not agrees(made, wanted[records[0]], broadcast=True):
                    return False
            found = self.apply(edit, values)
            return agrees(self.value(self.goal.record, found), self.truth)
        except FAILS:
            return False

    # --- ranking

    def rank(self, edit: Edit, values: Values) -> float:
        """How far-fetched an edit is: one that gives a cotangent is likely, one that breaks what is
        right is not."""
        record = self.places[edit.place][0]
        kept = {id(n) for n in ast.walk(edit.new)}
        cost = edit.rank + LONG * sum(id(n) not in kept for n in ast.walk(edit.place))
        cost += self._unlikely(edit, record)
        whole = self._is_goal(record)
        if edit.kind == "transpose" and isinstance(edit.place, (ast.Name, ast.Attribute)):
            pass
        elif isinstance(edit.place, ast.Name) and isinstance(edit.new, ast.Name):
            cost += FAR if self._multiple(record, edit) else -LIKELY
        else:
            cost += (0.0, LIKELY, FAR + LIKELY, FAR + LIKELY)[self.known.role(self.value(record))]
        if whole:
            return cost + (FAR if edit.kind == "other" else 0.0)
        found = self.apply(edit, values)
        inside = [r for r in found if r.instance is record.instance and not self._is_goal(r)]
        if edit.kind == "transpose":
            inside = [r for r in inside if r is not record]
        new = max((self.known.role(found[r]) for r in inside), default=Role.NOTHING)
        own = self.known.role(self.value(record, found))
        return cost - (0.0, LIKELY, LIKELY, ODD + NEAR)[new] - NEAR * (own is Role.COTANGENT)

    def _unlikely(self, edit: Edit, record: Record) -> float:
        """What it costs that something stands where people write it elsewhere: an array made anew
        of which a part is taken, a number or a term inside of a product."""
        around, new = _around(record), edit.new
        if isinstance(around, (ast.Subscript, ast.Attribute)):
            return 0.0 if isinstance(new, (ast.Name, ast.Subscript, ast.Attribute)) else FAR
        scaled = isinstance(new, ast.BinOp) and edit.place in (new.left, new.right)
        if scaled and isinstance(new.op, (ast.Mult, ast.Div)):
            product = isinstance(around, ast.BinOp) and not isinstance(
                around.op, (ast.Add, ast.Sub)
            )
            return NEAR if product or isinstance(around, (ast.UnaryOp, ast.Call)) else 0.0
        return 0.0

    def _disguised(self, edit: Edit) -> bool:
        """Whether it is a function that changes nothing here: |x| of what is positive is x."""
        if not isinstance(edit.new, ast.Call):
            return False
        record = self.places[edit.place][0]
        assert record.instance is not None
        read = record.instance.value
        value, arguments = read(edit.new, self.base), [read(x, self.base) for x in edit.new.args]
        return any(np.array_equal(value, a) for a in arguments if is_numeric(a) and np.ndim(a))

    def _multiple(self, record: Record, edit: Edit) -> bool:
        """Whether a name's value is but a multiple of the other's: its sign, say, is wrong."""
        assert record.instance is not None
        a = np.asarray(self.value(record), dtype=float)
        b = np.asarray(record.instance.value(edit.new), dtype=float)
        return a.size > 1 and proportional(a, b)

    # --- the search

    def run(self) -> Hit | None:
        """The likeliest edit, first where nothing is right yet; else the likeliest two."""
        free = [e for e in self.places if e not in self.frozen]
        rest = [e for e in self.places if e in self.frozen]
        wanted = self.wanted(self.base)
        turns = (
            chain(self._statements(), self._near(free, wanted)),
            self._near(rest, wanted),
            self._whole(),
            self._far(free, wanted),
            self._far(rest, wanted),
            self._two(free),
        )
        found: list[Hit] = []
        start = self.until - self.goal.budget
        for k, (hits, share) in enumerate(zip(turns, SHARES, strict=True)):
            self.until = start + share * self.goal.budget
            found += hits
            if min((hit.rank for hit in found), default=np.inf) < (ENOUGH if k < 2 else np.inf):
                hit = self._confirmed(found)
                if hit is not None:
                    return hit
        return self._confirmed(found)

    def _confirmed(self, hits: Iterable[Hit]) -> Hit | None:
        """The likeliest that is right on fresh data."""
        for hit in sorted(hits, key=lambda h: (round(h.rank, 4), -self._line(h))):
            key = tuple((e.place, shown(e.new)) for e in hit.edits)
            if key not in self.refused and len(self.refused) < CONFIRMED:
                if self.goal.confirms(hit.edits):
                    return hit
                self.refused.add(key)
        return None

    def _line(self, hit: Hit) -> int:
        """How far down an edit is: the record of its place."""
        records = self.places.get(hit.edits[0].place)
        return records[0].index if records else -1

    def _near(self, places: Sequence[ast.expr], wanted: Values) -> Iterator[Hit]:
        """What one slip may be, undone, and what is looked up."""
        open_ = (p for p in places if not self.late())
        found = [e for p in open_ for e in chain(self._slips(p), self._lookups(p, wanted))]
        self.tried += [edit for edit in found if edit.rank < ODD + FAR]
        yield from self._hits(found, wanted)
        run = {p: self._runs(p, wanted) for p in reversed(places) if not self.late()}
        likely = [e for made in run.values() for e in made if e.rank < FARTHEST]
        self.tried += likely
        yield from self._hits(likely, wanted)
        for made in run.values():
            yield from self._hits((e for e in made if e.rank >= FARTHEST), wanted)

    def _far(self, places: Sequence[ast.expr], wanted: Values) -> Iterator[Hit]:
        """What is farther-fetched."""
        open_ = (p for p in places if not self.late())
        return self._hits((edit for p in open_ for edit in self._farther(p, wanted)), wanted)

    def _hits(self, found: Iterable[Edit], wanted: Values) -> Iterator[Hit]:
        """The edits that reach the goal, up to those that can no longer be the likeliest."""
        best = np.inf
        for edit in sorted(found, key=lambda edit: edit.rank):
            if self.late() or edit.rank - FAVOUR > best:
                return
            if self.reaches(edit, self.base, wanted) and not self._disguised(edit):
                hit = Hit(self.rank(edit, self.base), (edit,))
                best = min(best, hit.rank)
                yield hit

    def _confirming(self, found: Iterable[Edit]) -> Iterator[Hit]:
        """Those of some edits of whole lines that are right; only a run can tell."""
        for edit in found:
            if not self.late() and self.goal.confirms((edit,)):
                yield Hit(edit.rank, (edit,))

    def _statements(self) -> Iterator[Hit]:
        """Assignments that are slips as such."""
        found = (r.instance.statement for r in chain(*self.places.values()) if r.instance)
        return self._confirming(e for s in dict.fromkeys(found) for e in statements(s))

    def _whole(self) -> Iterator[Hit]:
        """Heads of loops, and lines that are left out."""
        numpy = next((self.numpy(r.instance) for r in self.above if r.instance), "np")
        yield from self._confirming(heads(self.trace, numpy))
        yield from self._confirming(lists(r for r in self.above if self.goal.allowed(r)))
        record = self.goal.record
        found = left_out(self.trace, record, self.truth, self.pool, self.constants)
        yield from self._confirming(sorted(found, key=lambda e: e.rank)[:CONFIRMED])

    def _slips(self, e: ast.expr) -> Iterator[Edit]:
        instance, setting = self._place(e, {}).pool.instance, _setting(self.places[e][0])
        return edits(e, lambda x: instance.value(x, self.base), self.numpy(instance), setting)

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

    def _runs(self, e: ast.expr, wanted: Values) -> list[Edit]:
        """What is to be run: nothing is known to be wanted, or other turns may be wrong too."""
        if len(self.places[e]) == 1 and self._sought(e, wanted) is not None:
            return []
        return list(run_forwards(self._place(e, wanted)))

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


def _is_read(e: Any) -> bool:
    """Whether it is read, and short."""
    if isinstance(e, (ast.BinOp, ast.Call)):
        return sum(isinstance(n, ast.expr) for n in ast.walk(e)) <= SHORT
    return isinstance(e.ctx, ast.Load)


def _setting(record: Record) -> str:
    """What sort of number a place is, if it is no factor."""
    assert record.instance is not None
    assert record.site is not None
    return settings(record.instance.source.tree).get(record.site, "")


@lru_cache(maxsize=32)
def _parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {x: n for n in ast.walk(tree) for x in ast.iter_child_nodes(n)}


def _around(record: Record) -> ast.AST | None:
    """What a place is a part of."""
    assert record.instance is not None
    assert record.site is not None
    return _parents(record.instance.source.tree).get(record.site)


def _finite(v: Any) -> bool:
    return is_numeric(v) and bool(np.isfinite(np.asarray(v, dtype=float)).all())
