"""The places of a line: what they should be, what an edit gives there, how likely it is."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any, cast

import numpy as np

from ..code.expressions import same
from ..code.library import name_in
from ..code.trace import Instance, Record, Trace
from ..slips import FAR, LIKELY, NEAR, ODD
from .known import Known, Role, agrees
from .looked import proportional
from .pool import Pool, turning
from .rows import Edit, is_numeric
from .slipped import settings
from .undo import undone
from .written import FAILS

Vector = Any  # a NumPy array, or a number
Values = dict[Record, Any]  # what some records have instead
Edits = Sequence[Edit]

GROWS = 4  # how many times the entries of a place or of the goal an edit may give
SHORT = 5  # parts of an expression of another line that may be a size
LONG, ADDED = 0.004, 0.01  # what every part costs that is replaced, and that there is more


@dataclass(eq=False)
class Goal:
    """A line to mend: what it assigns, what that should be, and where edits may be made.

    `grade(edits)` runs the derivation with them on fresh data: 0 where it is right on what tells
    most, more where on data alone that hold more of the recorded ones, None where not on these
    either. `ends(edits)` tells whether the last value of the name is right then as well,
    `others(edits)` how many other lines that are wrong; `after(edit)` is the search for what is
    still wrong with one edit; `several` where more lines than this one are wrong. `changed` are
    other records that have been set right; `outside` are names that the derivation reads beside
    its own.
    """

    trace: Trace
    record: Record
    truth: Vector
    grade: Callable[[Edits], int | None]
    known: Known
    allowed: Callable[[Record], bool] = lambda record: True
    changed: Mapping[Record, Any] = field(default_factory=dict)
    outside: Sequence[str] = ()
    ends: Callable[[Edits], bool] = lambda edits: True
    others: Callable[[Edits], int] = lambda edits: 0
    after: Callable[[Edit], Any] = lambda edit: None
    several: bool = False


class Places:
    """The places of a line where edits may be made; `tried` may be the first of two."""

    def __init__(self, goal: Goal) -> None:
        self.goal, self.trace, self.known = goal, goal.trace, goal.known
        self.truth = np.asarray(goal.truth, dtype=float)
        self.base: Values = dict(goal.changed)
        self.until = np.inf
        above = self.trace.above(goal.record)
        self.above = sorted(above, key=lambda r: r.index)
        self.within = above
        self.pools: dict[int, Pool] = {}
        self.tried: list[Edit] = []  # what may be the first of two edits
        self.grades: dict[tuple[tuple[ast.AST, str], ...], int | None] = {}  # on fresh data
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
            if setting_of(r) not in ("axis", "target"):
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
            numpy = name_in(instance)
            self.pools[key] = Pool(
                instance,
                self.base,
                self.goal.outside,
                numpy,
                self._elsewhere,
                self._turning,
                self._divisors,
                self.known.made,
            )
        return self.pools[key]

    @cached_property
    def _divisors(self) -> set[str]:
        """What the derivation divides by somewhere."""
        nodes = (n for n in ast.walk(self.trace.definition) if isinstance(n, ast.BinOp))
        return {ast.dump(n.right) for n in nodes if isinstance(n.op, ast.Div)}

    @cached_property
    def _turning(self) -> Mapping[str, float]:
        return turning(self.trace.definition)

    @cached_property
    def _elsewhere(self) -> list[ast.expr]:
        """Entries, transposes and sizes that the derivation has somewhere."""
        tree: Any = self.trace.definition
        sorts = (ast.Subscript, ast.Attribute, ast.BinOp, ast.Call)
        found = (n for n in ast.walk(tree) if isinstance(n, sorts))
        return list({ast.dump(e): e for e in found if _is_read(e)}.values())

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
            entry = _entry_of(r)
            if entry is not None:
                found.setdefault(entry, found[r])
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
        new, place = dict(values), None if edit is None else edit.place
        for r in below:
            if edit is not None and r.site is place and r.instance is not None:
                new[r] = r.instance.value(edit.new, new)
                before = np.size(r.value) if is_numeric(r.value) else 0
                if is_numeric(new[r]) and np.size(new[r]) > GROWS * max(before, self.truth.size):
                    raise ValueError("so many entries")
            elif r.compute is same and r not in self.goal.changed:  # by far the most
                x = r.operands[0]
                new[r] = new.get(x, x.value)
            elif r not in self.goal.changed:
                new[r] = r.compute(*[new.get(x, x.value) for x in r.operands])
        return new

    def reaches(self, edit: Edit, values: Values, wanted: Values) -> bool:
        """Whether the goal is right with an edit, on the recorded data."""
        records = self.places[edit.place]
        try:
            if len(records) == 1 and records[0] in wanted and records[0].instance is not None:
                made, w = records[0].instance.value(edit.new, values), wanted[records[0]]
                moved = np.size(made) == w.size and np.shape(made) != w.shape  # it is reshaped
                if not moved and not agrees(made, w, broadcast=True):
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
        if id(edit.place) in kept:  # something is put around all of it
            kept = set()
        cost = edit.rank + LONG * sum(id(n) not in kept for n in ast.walk(edit.place))
        cost += ADDED * max(_parts(edit.new) - _parts(edit.place), 0)
        cost += self._unlikely(edit, record)
        whole = self._is_goal(record)
        if isinstance(edit.place, ast.Name) and isinstance(edit.new, ast.Name):
            cost += FAR if self._multiple(record, edit) else -LIKELY
        elif _drops_number(edit):
            cost += LIKELY * _is_called(edit, record)
        elif not _reads_otherwise(edit):
            known = FAR if isinstance(edit.place, ast.Name) and not kept else FAR + LIKELY
            cost += (0.0, LIKELY, known, known)[self.known.role(self.value(record))]
        if whole:
            return cost + (FAR if edit.kind == "other" else 0.0)
        found = self.apply(edit, values)
        inside = [r for r in found if r.instance is record.instance and not self._is_goal(r)]
        if edit.kind == "transpose":
            inside = [r for r in inside if r is not record]
        roles = {r: self.known.role(found[r]) for r in inside}
        lost = [r for r, role in roles.items() if role is Role.NOTHING and r is not record]
        if any(self.known.role(self.value(r)) for r in lost):  # a value of the graph, until then
            cost += LIKELY
        new = max(roles.values(), default=Role.NOTHING)
        own = self.known.role(self.value(record, found))
        return cost - (0.0, LIKELY, LIKELY, ODD + NEAR)[new] - NEAR * (own is Role.COTANGENT)

    def _unlikely(self, edit: Edit, record: Record) -> float:
        """What it costs that something stands where people write it elsewhere: an array made anew
        of which a part is taken, a number or a term inside of a product."""
        around, new = _around(record), edit.new
        if isinstance(around, (ast.Subscript, ast.Attribute)):
            return 0.0 if isinstance(new, (ast.Name, ast.Subscript)) else FAR
        scaled = isinstance(new, ast.BinOp) and edit.place in (new.left, new.right)
        if scaled and type(self.value(record)) is int:  # a size
            return ODD
        if scaled and isinstance(new.op, (ast.Mult, ast.Div)):
            product = isinstance(around, ast.BinOp) and not isinstance(
                around.op, (ast.Add, ast.Sub)
            )
            return NEAR if product or isinstance(around, (ast.UnaryOp, ast.Call)) else 0.0
        if not isinstance(around, ast.BinOp):
            return 0.0
        if isinstance(around.op, (ast.Add, ast.Sub)):  # a - -b
            return FAR * (edit.kind == "sign" and edit.place is around.right)
        below = edit.place is around.right and not isinstance(around.op, ast.Mult)
        odd = edit.kind == "sign" and below  # a sign in a denominator
        return NEAR * (odd or scaled or edit.kind == "shape")

    def _disguised(self, edit: Edit) -> bool:
        """Whether it is a function that changes nothing here, |x| of what is positive, or leaves
        the one around it with nothing to do, or the part with all of it, which it stands for."""
        record = self.places[edit.place][0]
        found = self.apply(edit, self.base)
        around = (u for u in record.users if isinstance(u.site, (ast.Call, ast.Subscript)))
        now = (u for u in around if u in found and _same(found[u], found[record]))
        if any(not _same(u.value, record.value) for u in now):
            return True
        if not isinstance(edit.new, ast.Call):
            return False
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


def _entry_of(record: Record) -> Record | None:
    """The part of a tuple that was written out which a record is, once that was unpacked."""
    if not isinstance(record.compute, itemgetter):
        return None
    (entries,), k = record.operands, cast(Any, record.compute.__reduce__())[1][0]
    whole = entries.operands[0] if entries.compute is list else entries
    written = isinstance(whole.site, (ast.Tuple, ast.List)) and type(k) is int
    return whole.operands[k] if written and len(whole.operands) > k else None


def _is_read(e: Any) -> bool:
    """Whether it is read, and short."""
    if isinstance(e, (ast.BinOp, ast.Call)):
        return sum(isinstance(n, ast.expr) for n in ast.walk(e)) <= SHORT
    return isinstance(e.ctx, ast.Load)


def _drops_number(edit: Edit) -> bool:
    """Whether it only leaves out a number by which something was multiplied or divided."""
    e = edit.place
    return (
        isinstance(e, ast.BinOp)
        and isinstance(e.op, (ast.Mult, ast.Div))
        and (
            (isinstance(e.left, ast.Constant) and edit.new is e.right)
            or (isinstance(e.right, ast.Constant) and edit.new is e.left)
        )
    )


def _is_called(edit: Edit, record: Record) -> bool:
    """Whether the number that is left out has a name in its line: 2 of 2 * r / k where k is 2."""
    assert record.instance is not None
    names = record.instance.names
    used = {n.id for n in ast.walk(record.instance.statement) if isinstance(n, ast.Name)}
    numbers = [n.value for n in (edit.place.left, edit.place.right) if isinstance(n, ast.Constant)]
    return any(names[n].value in numbers for n in used if n in names and _counts(names[n].value))


def _counts(v: Any) -> bool:
    return isinstance(v, (int, np.integer))


def _reads_otherwise(edit: Edit) -> bool:
    """Whether it only transposes what is read, or reads other entries of it."""
    if edit.kind == "transpose" and isinstance(edit.place, (ast.Name, ast.Attribute)):
        return True
    new = edit.new
    entries = isinstance(edit.place, ast.Subscript) and isinstance(new, ast.Subscript)
    return entries and edit.place.value is new.value


def _parts(e: ast.AST) -> int:
    return sum(isinstance(n, ast.expr) for n in ast.walk(e))


def setting_of(record: Record) -> str:
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


def _same(a: Any, b: Any) -> bool:
    """Whether two arrays have the same entries, in any shape."""
    return is_numeric(a) and np.size(a) > 1 and np.array_equal(np.ravel(a), np.ravel(b))
