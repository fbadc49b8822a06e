"""The places of a line: what they should be, what an edit gives there, how likely it is."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import Any, cast

import numpy as np

from ...graph.clock import spend, spent
from ..code.expressions import same
from ..code.forms import CannotRecord
from ..code.library import name_in
from ..code.trace import Instance, Record, Trace
from .known import Known, Role, agrees
from .offered import turning
from .pool import Pool, is_size
from .rows import Edit, is_numeric
from .slipped import settings
from .undo import leaves_open, undone
from .written import FAILS

Vector = Any  # a NumPy array, or a number
Values = dict[Record, Any]  # what some records have instead
Edits = Sequence[Edit]

GROWS = 4  # how many times the entries of a place or of the goal an edit may give
MANY = 10_000  # entries that anything may have
AGAIN = 1  # microseconds of a record that is run again
EFFORT = 30_000  # records that are run to see where a value of the graph belongs
SHORT = 5  # parts of an expression of another line that may be a size


@dataclass(eq=False)
class Goal:
    """A line to mend: what it assigns, what that should be, and where edits may be made.

    `grade(edits)` runs the derivation with them on fresh data: 0 where it is right on what tells
    most, more where on data alone that hold more of the recorded ones, None where not on these
    either. `ends(edits)` tells whether the last value of the name is right then as well;
    `spread(edits)` tells how much is right then of all that is wrong, which is `most`;
    `after(edit)` is the search for what is still wrong with one edit. `changed` are other records
    that have been set right; `outside` are names that the derivation reads beside its own.
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
    after: Callable[[Edit], Any] = lambda edit: None
    spread: Callable[[Edits], int] = lambda edits: 0
    most: int = 0


class Places:
    """The places of a line where edits may be made; `tried` may be the first of two."""

    def __init__(self, goal: Goal) -> None:
        self.goal, self.trace, self.known = goal, goal.trace, goal.known
        self.truth = np.asarray(goal.truth, dtype=float)
        self.base: Values = dict(goal.changed)
        self.until = np.inf
        self.within = self.trace.above(goal.record)
        self.parts = _parts_above(goal.record)  # of what a function returns only what is used
        self.above = sorted(self.parts, key=lambda r: r.index)
        self.pools: dict[int, Pool] = {}
        self.tried: list[Edit] = []  # what may be the first of two edits
        self.loose: set[Record] = set()  # of which some entries, or signs, may be anything
        self.grades: dict[tuple[tuple[ast.AST, str], ...], int | None] = {}  # on fresh data
        self.spreads: dict[tuple[tuple[ast.AST, str], ...], int] = {}
        self.placed: Values = {}  # values of the graph, where they belong
        self.effort = EFFORT
        self._below: dict[ast.expr, list[Record]] = {}
        if self.base:
            self.base = self._rerun(self.trace.below(self.base, goal.record), self.base)

    def late(self) -> bool:
        """Whether the time is up."""
        return spent() > self.until

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
        """What lies inside of a part whose value is right already, but for exponents: x ** 2 is,
        where x ** 3 is meant; in a loop of what the graph computes."""
        found: set[ast.expr] = set()
        for e, records in self.places.items():
            if not isinstance(e, (ast.BinOp, ast.Call)) or np.size(records[0].value) < 2:
                continue
            roles = {self.known.role(self.value(r)) for r in records if not self._is_goal(r)}
            if roles == {Role.VALUE} or (len(records) == 1 and roles - {Role.NOTHING}):
                found.update(x for x in ast.walk(e) if x is not e and isinstance(x, ast.expr))
        powers = (e for e in self.places if isinstance(e, ast.BinOp) and isinstance(e.op, ast.Pow))
        return found - {e.right for e in powers}

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
                turning(instance.source.defining(instance.statement) or self.trace.definition),
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

    @cached_property
    def sought(self) -> Values:
        """What is wanted as the line stands; where that cannot be told by undoing operations, a
        value of the graph that makes the goal right there."""
        return self.wanted(self.base, self._placed)

    def wanted(self, values: Values, placed: Callable[[Record], Any] | None = None) -> Values:
        """What records should have been for the goal to be right, as far as that can be told by
        undoing operations, or as it is `placed`."""
        found: Values = {self.goal.record: self.truth}
        for r in reversed(self.above):
            if r not in found:
                w = self.placed.get(r) if placed is None else placed(r)
                if w is None:
                    continue
                found[r] = w
            entry = _entry_of(r)
            if entry is not None:
                found.setdefault(entry, found[r])
            operands = [self.value(x, values) for x in r.operands]
            for k, x in enumerate(r.operands):
                if x in found or (not x.operands and x.site is None):
                    continue
                if sum(u in self.parts for u in x.users) == 1:
                    w = found[r] if r.compute is same else undone(r, found[r], operands, k)
                    if w is not None:
                        found[x] = w
                        if r in self.loose or leaves_open(r, k):
                            self.loose.add(x)
        return found

    def _placed(self, record: Record) -> Vector | None:
        """A value of the graph that makes the goal right if a step has it: what a derivation gives
        a name is a cotangent, mostly."""
        if record.site not in self._assigned or not is_numeric(record.value):
            return None
        if self.known.role(self.value(record)) is Role.VALUE:
            return None
        below = self.trace.below([record], within=self.within)
        for v in self.known.of_shape(np.shape(record.value)):
            self.effort -= len(below)
            if self.effort < 0:
                return None
            try:
                found = self._rerun(below, {**self.base, record: v})
            except FAILS:
                continue
            if agrees(self.value(self.goal.record, found), self.truth):
                self.placed[record] = v
                return v
        return None

    @cached_property
    def _assigned(self) -> set[ast.AST | None]:
        """What is given a name, or returned, and its entries."""
        instances = dict.fromkeys(r.instance for r in self.above if r.instance)
        found = [getattr(i.statement, "value", None) for i in instances]
        entries = (e for x in found if isinstance(x, (ast.Tuple, ast.List)) for e in x.elts)
        return {*found, *entries} - {None}

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
                self._refuse_grown(new[r], r)
            elif r.compute is same and r not in self.goal.changed:  # by far the most
                x = r.operands[0]
                new[r] = new.get(x, x.value)
            elif r not in self.goal.changed:
                new[r] = r.compute(*[new.get(x, x.value) for x in r.operands])
                spend(AGAIN, new[r])
                if getattr(new[r], "size", 0) > MANY:  # as with an axis more in every turn
                    self._refuse_grown(new[r], r)
        return new

    def _refuse_grown(self, value: Any, r: Record) -> None:
        """`ValueError` where a record would have many times its entries, or the goal's."""
        before = np.size(r.value) if is_numeric(r.value) else 0
        if is_numeric(value) and np.size(value) > GROWS * max(before, self.truth.size):
            raise ValueError("so many entries")

    def reaches(self, edit: Edit, values: Values, wanted: Values) -> bool:
        """Whether the goal is right with an edit, on the recorded data."""
        records = self.places[edit.place]
        try:
            told = len(records) == 1 and records[0] in wanted and records[0] not in self.loose
            if told and records[0].instance is not None:
                made, w = records[0].instance.value(edit.new, values), wanted[records[0]]
                moved = np.size(made) == w.size and np.shape(made) != w.shape  # it is reshaped
                if not moved and not agrees(made, w, broadcast=True):
                    return False
            found = self.apply(edit, values)
            return agrees(self.value(self.goal.record, found), self.truth)
        except (*FAILS, CannotRecord):
            return False


def _parts_above(wanted: Record) -> set[Record]:
    """All that a record depends on, itself included; of a tuple that is unpacked the entry."""
    found, stack = {wanted}, [wanted]
    while stack:
        record = stack.pop()
        entry = _entry_of(record)
        for x in record.operands if entry is None else (entry,):
            if x not in found:
                found.add(x)
                stack.append(x)
    return found


def _entry_of(record: Record) -> Record | None:
    """The part of a tuple that was written out which a record is, once that was unpacked."""
    if not isinstance(record.compute, itemgetter):
        return None
    (entries,), k = record.operands, cast(Any, record.compute.__reduce__())[1][0]
    whole = entries.operands[0] if entries.compute is list else entries
    while whole.compute is same:  # as where a function has returned it
        (whole,) = whole.operands
    written = isinstance(whole.site, (ast.Tuple, ast.List)) and type(k) is int
    return whole.operands[k] if written and len(whole.operands) > k else None


def _is_read(e: Any) -> bool:
    """Whether it is read, and short."""
    if isinstance(e, (ast.BinOp, ast.Call)):
        parts = [n for n in ast.walk(e) if isinstance(n, ast.expr)]
        sizes = {n for x in parts if is_size(x) for n in ast.walk(x) if n is not x}
        return sum(n not in sizes for n in parts) <= SHORT
    return isinstance(e.ctx, ast.Load)


def setting_of(record: Record) -> str:
    """What sort of number a place is, if it is no factor."""
    assert record.instance is not None
    assert record.site is not None
    return settings(record.instance.source.tree).get(record.site, "")
